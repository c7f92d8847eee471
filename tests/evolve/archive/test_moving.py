"""Runs move between archives, whichever their databases, without loss."""

import datetime
import multiprocessing
import os
import secrets
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from evolve.archive import moving
from evolve.archive.cache import cache_outcomes, cached_outcomes
from evolve.archive.contents import contents_digest
from evolve.archive.digest import run_digest
from evolve.archive.engine import Archive, open_archive
from evolve.archive.evaluations import add_evaluation, add_program, baseline_programs, program_key
from evolve.archive.models import (
    Base,
    Evaluation,
    Instance,
    Lease,
    LlmCall,
    Program,
    Proposal,
    Run,
    table_of,
)
from evolve.archive.moving import copy_run
from evolve.archive.pruning import remove_prompts, remove_run
from evolve.archive.records import now
from evolve.archive.runs import find_run, get_run, list_runs
from evolve.archive.simplified import add_simplified
from evolve.archive.tickets import issue_ticket, record_told
from evolve.errors import UserError
from evolve.problem import Outcome
from tests.evolve.archive.rows import (
    Search,
    all_rows,
    evaluation_of,
    go_on,
    program_of,
    split_keys,
    start_search,
)
from tests.support.postgres import NewUrl, Server

CALL = {
    "proposal": 1,
    "call": 0,
    "operator": "edit",
    "model": "own/model",
    "prompt_hash": "h",
    "prompt": [{"role": "user", "content": "improve it \u2713"}],
    "cut": ["tried"],
    "error": None,
    "tokens_in": 10,
    "tokens_out": 5,
    "tokens_cached": 0,
    "tokens_reasoning": 0,
    "reserved_usd": 0.5,
    "reserved_tokens": 100,
    "latency_seconds": 1.5,
    "request_id": "r",
}


def fill(archive: Archive, name: str = "search", until: int = 12) -> Search:
    """A run with something in every table."""
    search = start_search(archive, name)
    go_on(search, until)
    assert search.run.reference_id is not None
    with archive.writing() as connection:
        if not baseline_programs(connection, search.run.reference_id):
            baseline = add_program(connection, search.run.reference_id, program_of(1000), baseline="first")
            add_evaluation(connection, baseline, evaluation_of(1.0), _keys(archive, search, "train"))
        champion = program_key(connection, search.run.id, program_of(1).id)
        assert champion is not None
        for split in ("validation", "test"):
            add_evaluation(connection, champion, evaluation_of(1.5, split), _keys(archive, search, split))
        connection.execute(update(Run).where(Run.id == search.run.id).values(champion_id=champion))
        for attempt, (status, answer, cost) in enumerate([("timeout", None, None), ("ok", "yes", 0.25)]):
            values: dict[str, Any] = {
                "status": status,
                "answer": answer,
                "cost_usd": cost,
                "is_final": status == "ok",
            }
            values |= {"run_id": search.run.id, "attempt": attempt, "started_at": now()}
            missing = {"tokens_cache_write": 0} if "tokens_cache_write" in table_of(LlmCall).c else {}
            connection.execute(insert(LlmCall).values(**CALL, **values, **missing))
        ticket = issue_ticket(
            connection,
            run_id=search.run.id,
            token=secrets.token_hex(8),
            parents=[program_of(0).id],
            inspirations=[],
            context={"island": 0},
            seen=3,
            expires_at=now(),
        )
        record_told(connection, ticket.id, "def solve(x): ...")
        cache_outcomes(
            connection, search.run.reference_id, program_of(1).id, [Outcome(instance="a", value=2.0)]
        )
    search.lease.give_back()
    return search


def _keys(archive: Archive, search: Search, split: str) -> dict[str, int]:
    return split_keys(archive, search, split)


def contents(archive: Archive, name: str) -> tuple[str, str]:
    """The digests of a run, over what it decided and over everything."""
    with archive.reading() as connection:
        run = find_run(connection, name)
        assert run is not None
        return run_digest(connection, run.id), contents_digest(connection, run.id)


def counts(archive: Archive) -> dict[str, int]:
    """How many rows each table has."""
    with archive.reading() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar_one()
            for table in Base.metadata.sorted_tables
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def target_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of an archive that is not there yet; with `archive`, every pair of databases is tried."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/target.db"
        return
    server: Server = request.getfixturevalue("postgres")
    with server.new_urls() as new:
        yield new()


@pytest.fixture
def target(target_url: str) -> Iterator[Archive]:
    opened = open_archive(target_url)
    yield opened
    opened.close()


def test_copy_is_the_same_run_under_other_keys(archive: Archive, target: Archive) -> None:
    fill(target, "between", 5)
    with target.writing() as connection:  # so that keys are not the same by chance
        connection.execute(insert(Program).values(run_id=2, hash="x", source="x"))
    search = fill(archive)
    before = counts(target)
    moved = copy_run(archive, target, search.run)
    assert (moved.run, moved.was_there, moved.programs) == ("search", False, 10)
    assert contents(target, "search") == contents(archive, "search")
    after = counts(target)
    rows = counts(archive)
    shared = {"archive_info", "lease", "instance", "cached_outcome"}
    assert set(before) == set(rows), "a table is new: teach moving.py about it"
    for table in set(rows) - shared:
        own = {"run": 1, "program": 1, "evaluation": 1, "outcome": 2}.get(table, 0)  # of the reference run
        assert after[table] - before[table] == rows[table] - own > 0, table
    assert {name: after[name] for name in shared} == {name: before[name] for name in shared}


def test_copy_into_a_new_archive_has_everything_but_leases(archive: Archive, target: Archive) -> None:
    search = fill(archive)
    copy_run(archive, target, search.run)
    assert counts(target) == counts(archive)
    with target.reading() as connection:
        found = find_run(connection, "search")
        assert found is not None
        assert found.reference_id is not None
        assert cached_outcomes(connection, found.reference_id, program_of(1).id)["a"].value == 2.0
        champion = connection.scalar(select(Program.hash).where(Program.id == found.champion_id))
        assert champion == program_of(1).id
        assert connection.scalar(select(func.count()).select_from(Lease)) == 0


def test_copy_there_and_back_again(archive: Archive, target: Archive, tmp_path: Path) -> None:
    search = fill(archive)
    copy_run(archive, target, search.run)
    third = open_archive(f"sqlite:///{tmp_path}/third.db")
    with target.reading() as connection:
        (run,) = list_runs(connection)
    copy_run(target, third, run, "renamed")
    assert contents(third, "renamed") == contents(archive, "search")
    third.close()


def _named_rows(archive: Archive) -> dict[str, list[str]]:
    """Every row of every table, with names in the place of keys; not by what `moving` itself goes by."""
    tables = Base.metadata.tables
    with archive.reading() as connection:
        rows = {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in tables.items()
            if name != "lease"
        }
    runs = {row["id"]: row["name"] for row in rows["run"]}
    programs = {row["id"]: (runs[row["run_id"]], row["hash"]) for row in rows["program"]}
    evaluations = {row["id"]: (programs[row["program_id"]], row["split"]) for row in rows["evaluation"]}
    instances = {row["id"]: (runs[row["run_id"]], row["name"]) for row in rows["instance"]}
    names: dict[str, dict[int, Any]] = {
        "run_id": runs,
        "reference_id": runs,
        "champion_id": programs,
        "program_id": programs,
        "evaluation_id": evaluations,
        "instance_id": instances,
    }

    def named(name: str, value: Any) -> Any:
        if isinstance(value, datetime.datetime):
            return value.astimezone(datetime.UTC)
        return names[name].get(value) if name in names else value

    return {
        table: sorted(
            repr({name: named(name, value) for name, value in row.items() if name != "id"}) for row in found
        )
        for table, found in rows.items()
    }


def test_every_row_is_the_same_there_and_back_again(
    archive: Archive, target: Archive, new_url: NewUrl
) -> None:
    search = fill(archive)
    _simplify(archive, search, 3)
    copy_run(archive, target, search.run)
    third = open_archive(new_url())
    with target.reading() as connection:
        copy_run(target, third, get_run(connection, "search"))
    expected = _named_rows(archive)
    assert all(expected.values())
    assert _named_rows(target) == expected
    assert _named_rows(third) == expected
    third.close()


def _simplify(archive: Archive, search: Search, number: int) -> None:
    """Put a simpler form of a program on record."""
    keys = {"train": (evaluation_of(1.25), _keys(archive, search, "train"))}
    add_simplified(archive, search.run, program_of(1).id, program_of(100 + number), "shorter", keys)


def test_simpler_forms_are_completed_and_removed_with_their_run(archive: Archive, target: Archive) -> None:
    search = fill(archive)
    _simplify(archive, search, 1)
    copy_run(archive, target, search.run)
    _simplify(archive, search, 2)
    with target.reading() as connection:
        there = get_run(connection, "search")
    own = Search(there, search.lease, search.journal, search.history)
    _simplify(target, own, 3)
    for _ in range(2):
        assert copy_run(archive, target, search.run).was_there
    query = (
        select(Proposal.number, Program.hash, Evaluation.score)
        .join(Program, Program.id == Proposal.program_id)
        .join(Run, Run.id == Proposal.run_id)
        .join(Evaluation, Evaluation.program_id == Program.id)
        .where(Run.kind == "simplified")
        .order_by(Proposal.number)
    )
    with target.reading() as connection:
        found = [tuple(row) for row in connection.execute(query)]
    assert found == [(place, program_of(100 + n).id, 1.25) for place, n in enumerate((1, 3, 2))]
    remove_run(target, there)
    with target.reading() as connection:
        assert connection.execute(query).all() == []


def test_copying_twice_changes_nothing(archive: Archive, target: Archive) -> None:
    search = fill(archive)
    copy_run(archive, target, search.run)
    before = all_rows(target)
    again = copy_run(archive, target, search.run)
    assert again.was_there
    assert all_rows(target) == before


def test_copied_run_goes_on_as_the_first_would(archive: Archive, target: Archive) -> None:
    search = fill(archive)
    copy_run(archive, target, search.run)
    for one in (archive, target):
        go_on(start_search(one), 20)
    assert contents(target, "search")[0] == contents(archive, "search")[0]


def test_other_run_of_that_name_is_kept(archive: Archive, target: Archive) -> None:
    search = fill(archive)
    fill(target, "search", 5)
    before = all_rows(target)
    with pytest.raises(UserError, match=r"has another run 'search'; copy this one .* --as NAME"):
        copy_run(archive, target, search.run)
    assert all_rows(target) == before
    copy_run(archive, target, search.run, "another")
    assert contents(target, "another") == contents(archive, "search")


def test_copy_under_a_second_name_beside_the_first_is_refused(archive: Archive, target: Archive) -> None:
    """Its tickets would be there twice, and nobody knew which is meant."""
    search = fill(archive)
    copy_run(archive, target, search.run)
    before = all_rows(target)
    with pytest.raises(UserError, match="has tickets of this run already"):
        copy_run(archive, target, search.run, "another")
    assert all_rows(target) == before


def test_reference_is_completed_where_a_part_of_it_is_there(archive: Archive, target: Archive) -> None:
    search = fill(archive)
    go_on(start_search(target, "between"), 2)
    with target.reading() as connection:
        assert connection.scalar(select(func.count()).where(Program.baseline.is_not(None))) == 0
    copy_run(archive, target, search.run)
    assert contents(target, "search") == contents(archive, "search")
    with target.reading() as connection:
        assert connection.scalar(select(func.count()).where(Program.baseline == "first")) == 1


def test_other_instances_under_one_name_are_refused(archive: Archive, target: Archive) -> None:
    search = fill(archive)
    fill(target, "between", 3)
    with target.writing() as connection:
        connection.execute(update(Instance).where(Instance.name == "a").values(bound=0.25))
    before = all_rows(target)
    with pytest.raises(UserError, match="different instances of 'sums@1': a"):
        copy_run(archive, target, search.run)
    assert all_rows(target) == before


def _copy_slowly(source_url: str, target_url: str) -> None:
    moving.CHUNK = 5
    inserted = moving._Mover._insert

    def slowly(self: moving._Mover, model: type[Base], rows: list[moving.Row]) -> None:
        inserted(self, model, rows)
        time.sleep(0.03)

    moving._Mover._insert = slowly  # type: ignore[method-assign]  # in this process only
    source, target = open_archive(source_url, read_only=True), open_archive(target_url)
    with source.reading() as connection:
        runs = list_runs(connection)
    copy_run(source, target, runs[0])


def test_killed_in_the_middle_leaves_nothing_of_the_run(
    archive: Archive, archive_url: str, target_url: str
) -> None:
    search = fill(archive, until=40)
    archive.close()
    open_archive(target_url).close()
    halves = 0
    for delay in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5):
        child = multiprocessing.get_context("fork").Process(
            target=_copy_slowly, args=(archive_url, target_url)
        )
        child.start()
        child.join(delay)
        if child.is_alive():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGKILL)
            child.join()
        target = open_archive(target_url)
        with target.reading() as connection:
            found = find_run(connection, "search")
            rows = connection.scalar(select(func.count()).where(LlmCall.run_id > 0))
        target.close()
        if found is None:
            assert rows == 0
            halves += 1
        else:
            break
    assert halves > 0
    target = open_archive(target_url)
    copy_run(archive, target, search.run)
    assert contents(target, "search") == contents(archive, "search")
    target.close()


# Removing.


def test_removed_run_leaves_nothing_and_others_as_they_were(archive: Archive) -> None:
    kept = fill(archive, "kept")
    before, rows = contents(archive, "kept"), counts(archive)
    gone = fill(archive, "gone", 20)
    remove_run(archive, gone.run)
    assert contents(archive, "kept") == before
    assert counts(archive) == rows
    archive.vacuum()
    go_on(start_search(archive, "kept"), 15)
    assert kept.history.progress().committed == 15
    go_on(start_search(archive, "gone"), 5)


def test_run_that_is_worked_on_is_not_removed(archive: Archive) -> None:
    search = fill(archive)
    start_search(archive)
    before = all_rows(archive)
    for remove in (remove_run, remove_prompts):
        with pytest.raises(UserError, match="is working on the run 'search'"):
            remove(archive, search.run)
    assert all_rows(archive) == before


def test_only_prompts_are_removed(archive: Archive) -> None:
    search = fill(archive)
    digest = contents(archive, "search")[0]
    before = counts(archive)
    assert remove_prompts(archive, search.run) == 2
    assert remove_prompts(archive, search.run) == 0
    with archive.reading() as connection:
        rows = connection.execute(
            select(LlmCall.prompt, LlmCall.prompt_hash, LlmCall.answer).order_by(LlmCall.attempt)
        ).all()
    assert [tuple(row) for row in rows] == [(None, "h", None), (None, "h", "yes")]
    assert contents(archive, "search")[0] == digest
    assert counts(archive) == before
