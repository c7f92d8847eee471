import itertools
import multiprocessing
import os
import random
import signal
import time

import msgspec
import pytest
from sqlalchemy import select

from evolve.archive.digest import run_digest
from evolve.archive.engine import Archive, open_archive
from evolve.archive.evaluations import add_evaluation
from evolve.archive.journal import Journal
from evolve.archive.models import Program, Proposal, StrategyState
from evolve.archive.records import Progress
from evolve.errors import ArchiveError
from evolve.problem import Status
from tests.evolve.archive.rows import (
    LAG,
    all_rows,
    check_whole,
    commit_of,
    evaluation_of,
    go_on,
    program_of,
    selected_of,
    split_keys,
    start_search,
)


def test_new_run_has_nothing(archive: Archive) -> None:
    progress = start_search(archive).history.progress()
    assert progress == Progress(
        committed=-1, evaluations=0, seconds=0.0, state=None, selected=-1, waiting=(), hashes={}, best=None
    )


def test_first_proposal_waits(archive: Archive) -> None:
    search = start_search(archive)
    search.journal.select_first(selected_of(0))
    progress = search.history.progress()
    assert progress.waiting == (selected_of(0),)
    assert (progress.committed, progress.selected) == (-1, 0)


def test_progress_tells_all_that_was_committed(archive: Archive) -> None:
    search = start_search(archive)
    go_on(search, 10)
    progress = search.history.progress()
    made = [number for number in range(11) if commit_of(number).program is not None]
    assert progress.committed == 10
    assert progress.evaluations == len(made)
    assert progress.seconds == commit_of(10).seconds
    assert progress.state == commit_of(10).state
    assert progress.waiting == tuple(selected_of(number) for number in range(11, 11 + LAG))
    assert list(progress.hashes.items()) == [(program_of(number).id, number) for number in made]
    assert progress.best == 1.0 + 9 / 64
    assert check_whole(archive, search) == 10


def test_progress_is_the_same_after_reopening(archive_url: str) -> None:
    archive = open_archive(archive_url)
    search = start_search(archive)
    go_on(search, 7)
    before = search.history.progress()
    search.lease.give_back()
    archive.close()
    archive = open_archive(archive_url, create=False)
    assert start_search(archive).history.progress() == before
    archive.close()


def test_best_counts_neither_suspects_nor_other_splits(archive: Archive) -> None:
    search = start_search(archive)
    journal = search.journal
    journal.select_first(selected_of(0))
    journal.commit(commit_of(0))
    suspect = msgspec.structs.replace(commit_of(1), evaluation=evaluation_of(99.0, status=Status.SUSPECT))
    journal.commit(suspect)
    with archive.writing() as connection:
        key = connection.scalar(select(Program.id).where(Program.hash == program_of(0).id))
        assert key is not None
        add_evaluation(
            connection, key, evaluation_of(50.0, "validation"), split_keys(archive, search, "validation")
        )
    assert search.history.progress().best == 1.0


def test_runs_do_not_see_each_other(archive: Archive) -> None:
    one, other = start_search(archive, "one"), start_search(archive, "other")
    go_on(one, 4)
    assert other.history.progress().committed == -1
    go_on(other, 2)
    assert check_whole(archive, one) == 4
    assert check_whole(archive, other) == 2


def test_proposal_is_committed_only_once(archive: Archive) -> None:
    search = start_search(archive)
    go_on(search, 3)
    before = all_rows(archive)
    for number in (0, 1, 3):
        with pytest.raises(ArchiveError, match=rf"proposal {number} .*another process; is this run going on"):
            search.journal.commit(commit_of(number))
    with pytest.raises(ArchiveError, match="proposal 0 has been written by another process"):
        search.journal.select_first(selected_of(0))
    assert all_rows(archive) == before


def test_second_process_on_the_same_run_is_found_out(archive: Archive, archive_url: str) -> None:
    asleep = start_search(archive)
    go_on(asleep, 3)
    asleep.lease.give_back()
    other_archive = open_archive(archive_url)
    other = start_search(other_archive)
    before = all_rows(archive)
    with pytest.raises(ArchiveError, match="another process has taken this run over"):
        asleep.journal.commit(commit_of(4))
    assert all_rows(archive) == before
    go_on(other, 4)
    assert check_whole(archive, other) == 4
    other_archive.close()


def test_commits_leave_no_gap(archive: Archive) -> None:
    search = start_search(archive)
    go_on(search, 1)
    before = all_rows(archive)
    with pytest.raises(ArchiveError, match="proposal 3 cannot be committed before proposal 2"):
        search.journal.commit(commit_of(3))
    assert all_rows(archive) == before


def test_program_is_in_a_run_only_once(archive: Archive) -> None:
    search = start_search(archive)
    go_on(search, 0)
    before = all_rows(archive)
    again = msgspec.structs.replace(commit_of(1), program=program_of(0))
    with pytest.raises(ArchiveError, match="proposal 1"):
        search.journal.commit(again)
    assert all_rows(archive) == before


def test_what_is_finished_never_changes(archive: Archive) -> None:
    search = start_search(archive)
    go_on(search, 5)
    before = all_rows(archive)
    go_on(search, 20)
    after = all_rows(archive)
    for table in ("instance", "program", "evaluation", "outcome"):
        assert after[table][: len(before[table])] == before[table]
    committed = [row for row in before["proposal"] if "selected" not in row]
    assert after["proposal"][: len(committed)] == committed


def test_committed_proposal_says_when_and_a_waiting_one_does_not(archive: Archive) -> None:
    search = start_search(archive)
    go_on(search, 1)
    with archive.reading() as connection:
        moments = connection.scalars(select(Proposal.committed_at).order_by(Proposal.number)).all()
    assert [moment is None for moment in moments] == [False, False, *[True] * LAG]
    assert all(moment is None or moment.utcoffset() is not None for moment in moments)


def test_reason_of_any_characters_is_stored(archive: Archive) -> None:
    search = start_search(archive)
    go_on(search, 2)
    search.journal.commit(msgspec.structs.replace(commit_of(3), reason="half \ud83d, nul \0, whole é"))
    with archive.reading() as connection:
        reason = connection.scalar(select(Proposal.reason).where(Proposal.number == 3))
    assert reason == "half \\ud83d, nul \\x00, whole é"


@pytest.mark.parametrize("step", ["_finish_proposal", "_add_selected", "_keep_state"])
@pytest.mark.parametrize("number", [0, 1, 6])
def test_killed_inside_a_commit_nothing_of_it_is_there(
    archive: Archive, archive_url: str, step: str, number: int
) -> None:
    search = start_search(archive)
    if number > 0:
        go_on(search, number - 1)
    else:
        search.journal.select_first(selected_of(0))
    progress, rows = search.history.progress(), all_rows(archive)
    search.lease.give_back()
    archive.close()
    child = multiprocessing.get_context("fork").Process(target=_die_after, args=(archive_url, step, number))
    child.start()
    child.join()
    assert child.exitcode == -signal.SIGKILL
    assert all_rows(archive) == rows
    search = start_search(archive)
    assert search.history.progress() == progress
    go_on(search, number)
    assert check_whole(archive, search) == number


def _die_after(url: str, step: str, number: int) -> None:
    """Commit a proposal, and be killed when one step of that is done."""
    work = getattr(Journal, step)

    def work_and_die(*args: object) -> None:
        work(*args)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(Journal, step, work_and_die)
    start_search(open_archive(url)).journal.commit(commit_of(number))


def test_killed_at_any_moment_every_commit_is_whole(archive_url: str, archive: Archive) -> None:
    moments = random.Random(7)
    archive.close()
    reached = [-1]
    for _ in range(8):
        child = multiprocessing.get_context("fork").Process(target=_commit_without_end, args=(archive_url,))
        child.start()
        deadline = time.monotonic() + 10
        while _committed(archive_url) <= reached[-1] and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(moments.uniform(0.0, 0.02))
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        search = start_search(archive)
        reached.append(check_whole(archive, search))
        search.lease.give_back()
    assert all(after > before for before, after in itertools.pairwise(reached))
    interrupted, straight = start_search(archive), start_search(archive, "straight")
    go_on(straight, reached[-1])
    with archive.reading() as connection:
        assert run_digest(connection, interrupted.run.id) == run_digest(connection, straight.run.id)


def _commit_without_end(url: str) -> None:
    go_on(start_search(open_archive(url)), 10**6)


def _committed(url: str) -> int:
    archive = open_archive(url)
    with archive.reading() as connection:
        committed = connection.scalar(select(StrategyState.number))
    archive.close()
    return -1 if committed is None else committed
