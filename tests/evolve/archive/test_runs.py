import datetime
import multiprocessing
from typing import Any

import pytest
from sqlalchemy.exc import IntegrityError

from evolve.archive.engine import Archive, open_archive
from evolve.archive.records import RunRecord
from evolve.archive.runs import (
    add_instances,
    count_proposals,
    find_or_create_run,
    find_run,
    get_run,
    latest_run,
    list_runs,
    set_status,
    update_settings,
)
from evolve.errors import UserError
from tests.evolve.archive.rows import LAG, go_on, start_search


def _create(archive: Archive, name: str, **fields: Any) -> RunRecord:
    return find_or_create_run(
        archive,
        **{
            "name": name,
            "kind": "search",
            "reference_id": None,
            "problem": "sums",
            "problem_version": "1",
            "fingerprint": "f",
            "seed": 2**62,
            "settings": {"course": {"operators": {"b": 1.0, "a": 2.0}}},
            "problem_reference": {"locator": "sums"},
            **fields,
        },
    )


def test_run_is_made_once_and_found_by_its_name(archive: Archive) -> None:
    made = _create(archive, "one")
    assert _create(archive, "one", seed=1, fingerprint="other") == made
    with archive.reading() as connection:
        assert find_run(connection, "one") == made
        assert find_run(connection, "on") is None
        assert list_runs(connection) == [made]
    assert made.seed == 2**62
    assert list(made.settings["course"]["operators"]) == ["b", "a"]
    assert (made.status, made.reason, made.seconds) == ("running", "", 0.0)


def test_time_of_creation_has_its_time_zone(archive: Archive) -> None:
    before = datetime.datetime.now(datetime.UTC)
    created = _create(archive, "one").created_at
    assert before <= created <= datetime.datetime.now(datetime.UTC)


def test_several_processes_may_make_the_same_run(archive_url: str) -> None:
    open_archive(archive_url).close()
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[int] = context.Queue()
    barrier = context.Barrier(4)

    def make() -> None:
        archive = open_archive(archive_url)
        barrier.wait()
        queue.put(_create(archive, "one").id)

    children = [context.Process(target=make) for _ in range(4)]
    for child in children:
        child.start()
    assert len({queue.get(timeout=60) for _ in children}) == 1
    for child in children:
        child.join()


def test_run_that_cannot_be_made_is_not_taken_for_another(archive: Archive) -> None:
    _create(archive, "search-2")
    with pytest.raises(IntegrityError):
        _create(archive, "search", reference_id=99)


def test_name_may_be_shortened_where_only_one_fits(archive: Archive) -> None:
    long, short, other = (_create(archive, name) for name in ("sums-12ab", "sums", "moe-77"))
    with archive.reading() as connection:
        assert get_run(connection, "sums") == short
        assert get_run(connection, "sums-") == long
        assert get_run(connection, "m") == other
        with pytest.raises(UserError, match=r"'s' fits several runs: sums-12ab, sums"):
            get_run(connection, "s")
        with pytest.raises(UserError, match=r"unknown run 'mow-77'; did you mean 'moe-77'\?"):
            get_run(connection, "mow-77")


def test_reference_runs_are_not_what_people_mean(archive: Archive) -> None:
    _create(archive, "sums@1", kind="reference")
    with archive.reading() as connection:
        assert list_runs(connection) == []
        assert len(list_runs(connection, "reference")) == 1
        with pytest.raises(UserError, match="unknown run 'sums@1'; there is none"):
            get_run(connection, "sums@1")
        with pytest.raises(UserError, match="the archive holds no run yet; start one with `evolve run"):
            latest_run(connection)


def test_latest_run_is_the_one_made_last(archive: Archive) -> None:
    for name in ("b", "a"):
        _create(archive, name)
    with archive.reading() as connection:
        assert latest_run(connection).name == "a"


def test_status_and_settings_are_those_of_the_last_start(archive: Archive) -> None:
    run = _create(archive, "one")
    other = _create(archive, "other")
    set_status(archive, run.id, "finished", "max_time")
    update_settings(archive, run.id, {"budget": {"max_time": 3.0}})
    with archive.reading() as connection:
        now = get_run(connection, "one")
        assert get_run(connection, "other") == other
    assert (now.status, now.reason, now.settings) == ("finished", "max_time", {"budget": {"max_time": 3.0}})


def test_proposals_are_counted_by_status(archive: Archive) -> None:
    search = start_search(archive)
    go_on(search, 8)
    go_on(start_search(archive, "other"), 1)
    with archive.reading() as connection:
        counted = count_proposals(connection, search.run.id)
    assert counted == {"accepted": 3, "not_better": 2, "failed": 2, "duplicate": 2, "selected": LAG}


def test_instances_are_recorded_once(archive: Archive) -> None:
    run = _create(archive, "sums@1", kind="reference")
    instances = [("z", 1.5), ("a", None), ("é", 0.1)]
    with archive.writing() as connection:
        first = add_instances(connection, run.id, "train", instances)
        again = add_instances(connection, run.id, "train", instances)
    assert list(first) == ["z", "a", "é"]
    assert first == again


def test_instance_in_two_splits_is_the_users_mistake(archive: Archive) -> None:
    run = _create(archive, "sums@1", kind="reference")
    with archive.writing() as connection:
        add_instances(connection, run.id, "train", [("a", None), ("b", None)])
        with pytest.raises(UserError, match="the instance 'b' is in the splits train and test"):
            add_instances(connection, run.id, "test", [("c", None), ("b", None)])


def test_instances_that_are_not_those_of_before_are_refused(archive: Archive) -> None:
    run = _create(archive, "sums@1", kind="reference")
    with archive.writing() as connection:
        add_instances(connection, run.id, "train", [("a", None), ("b", None)])
        for others in (["b", "a"], ["a"], ["a", "b", "c"]):
            with pytest.raises(UserError, match="the instances of the split train are not those"):
                add_instances(connection, run.id, "train", [(name, None) for name in others])
