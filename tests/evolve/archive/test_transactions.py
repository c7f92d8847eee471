"""What holds of every transaction, whatever the database."""

import os
import re
import time
from collections.abc import Callable

import pytest
from sqlalchemy import insert, text, update
from sqlalchemy.exc import IntegrityError

from evolve.archive.engine import Archive, open_archive
from evolve.archive.models import Program, Run
from evolve.archive.runs import list_runs
from evolve.errors import ArchiveError
from tests.evolve.archive.children import FORK, in_children
from tests.evolve.archive.rows import check_whole, go_on, start_search


def _run_names(url: str) -> list[str]:
    archive = open_archive(url, create=False, read_only=True)
    try:
        with archive.reading() as connection:
            return [run.name for run in list_runs(connection)]
    finally:
        archive.close()


def test_writing_is_rolled_back_when_the_block_raises(archive: Archive) -> None:
    search = start_search(archive)
    with pytest.raises(KeyError), archive.writing() as connection:
        connection.execute(update(Run).where(Run.id == search.run.id).values(seconds=99.0))
        raise KeyError
    assert search.history.progress().seconds == 0.0


def test_reading_sees_one_state_while_others_write(archive: Archive, archive_url: str) -> None:
    search = start_search(archive)
    go_on(search, 2)
    reader = open_archive(archive_url, read_only=True)
    count = text("SELECT count(*) FROM program")
    with reader.reading() as connection:
        before = connection.scalar(count)
        go_on(search, 6)
        assert connection.scalar(count) == before
    with reader.reading() as connection:
        assert connection.scalar(count) != before
    reader.close()


def test_reading_does_not_wait_for_a_writer(archive: Archive, archive_url: str) -> None:
    start_search(archive)
    other = open_archive(archive_url, busy_timeout_ms=1)
    with archive.writing() as connection:
        connection.execute(update(Run).values(seconds=1.0))
        assert _run_names(archive_url) == ["search"]
        with other.reading() as reading:
            assert [run.seconds for run in list_runs(reading)] == [0.0]
    other.close()


def test_writer_takes_its_lock_when_it_begins(archive: Archive, archive_url: str) -> None:
    """So that two who read and then write cannot both go on from the same state."""
    other = open_archive(archive_url, busy_timeout_ms=1)
    with (
        archive.writing(),
        pytest.raises(ArchiveError, match="locked; wait for that process"),
        other.writing(),
    ):
        pytest.fail("two writers at the same time")
    with other.writing() as connection:
        assert list_runs(connection) == []
    other.close()


def test_dangling_references_are_refused(archive: Archive) -> None:
    with pytest.raises(IntegrityError), archive.writing() as connection:
        connection.execute(insert(Program).values(run_id=99, hash="h", source=""))


@pytest.mark.parametrize("attempt", range(3))
def test_several_processes_may_make_the_same_archive(archive_url: str, attempt: int) -> None:
    barrier = FORK.Barrier(5)

    def make() -> str:
        barrier.wait()
        archive = open_archive(archive_url)
        try:
            return start_search(archive, f"run {os.getpid()}").run.name
        finally:
            archive.close()

    made = in_children([make] * 5)
    assert all(re.fullmatch(r"run \d+", one) for one in made), made
    assert sorted(_run_names(archive_url)) == sorted(made)


def test_read_only_archive_takes_nothing(archive: Archive, archive_url: str) -> None:
    search = start_search(archive)
    reader = open_archive(archive_url, read_only=True)
    with pytest.raises(ArchiveError, match="read-only"), reader.writing() as connection:
        connection.execute(update(Run).values(seconds=1.0))
    with pytest.raises(ArchiveError, match="read-only"), reader.reading() as connection:
        connection.execute(text("DELETE FROM run"))
    assert check_whole(archive, search) == -1
    reader.close()


def test_runs_are_committed_side_by_side(archive_url: str) -> None:
    """Each from a process of its own; what they come to is what one alone comes to."""
    open_archive(archive_url).close()
    barrier = FORK.Barrier(3)

    def work(name: str) -> Callable[[], object]:
        def inside() -> int:
            archive = open_archive(archive_url)
            try:
                barrier.wait()
                search = start_search(archive, name)
                go_on(search, 40)
                return check_whole(archive, search)
            finally:
                archive.close()

        return inside

    assert in_children([work(name) for name in ("a", "b", "c")]) == ["40"] * 3
    assert sorted(_run_names(archive_url)) == ["a", "b", "c"]


@pytest.mark.parametrize("new_url", ["postgresql"], indirect=True)
def test_on_a_server_commits_of_other_runs_do_not_wait(archive: Archive, archive_url: str) -> None:
    first, second = start_search(archive, "first"), start_search(archive, "second")
    go_on(first, 0)
    go_on(second, 0)
    other = open_archive(archive_url, busy_timeout_ms=1)
    with archive.writing(beside_others=True) as connection:
        first.lease.check(connection)
        with other.writing(beside_others=True) as beside:
            second.lease.check(beside)
        with (
            pytest.raises(ArchiveError, match="holds it locked"),
            other.writing(beside_others=True) as beside,
        ):
            first.lease.check(beside)
        with pytest.raises(ArchiveError, match="holds it locked"), other.writing():
            pytest.fail("this one wants to be alone")
    other.close()


def test_waiting_for_a_lock_ends(archive: Archive, archive_url: str) -> None:
    other = open_archive(archive_url, busy_timeout_ms=300)
    started = time.monotonic()
    with archive.writing(), pytest.raises(ArchiveError, match="wait for that process"), other.writing():
        pytest.fail("two writers at the same time")
    assert 0.2 < time.monotonic() - started < 20
    other.close()
