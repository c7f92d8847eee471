import datetime
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select, update

from evolve.archive.engine import Archive, open_archive
from evolve.archive.lease import DEAD_AFTER_S, RunLease
from evolve.archive.models import Lease
from evolve.archive.records import now
from evolve.errors import ArchiveError, UserError
from tests.evolve.archive.rows import Search, all_rows, commit_of, go_on, selected_of, start_search


def _change(archive: Archive, **values: Any) -> None:
    with archive.writing() as connection:
        assert connection.execute(update(Lease).values(**values)).rowcount == 1


def _renewed_at(archive: Archive) -> datetime.datetime:
    with archive.reading() as connection:
        return connection.execute(select(Lease.renewed_at)).scalar_one()


def test_run_that_is_worked_on_is_refused_in_words(archive: Archive, search: Search) -> None:
    with pytest.raises(
        UserError, match=r"process \d+ on .* is working on the run 'search' .* another --name"
    ):
        RunLease.take(archive, search.run.id, search.run.name)
    go_on(search, 1)


def test_runs_have_leases_of_their_own(archive: Archive, search: Search) -> None:
    other = start_search(archive, "other")
    go_on(other, 1)
    go_on(search, 1)


def test_lease_that_was_given_back_can_be_taken(archive: Archive, search: Search) -> None:
    search.lease.give_back()
    again = start_search(archive)
    search.lease.give_back()
    go_on(again, 1)


def test_lease_of_a_dead_process_can_be_taken_at_once(archive_url: str, archive: Archive) -> None:
    archive.close()
    child = multiprocessing.get_context("fork").Process(
        target=lambda: start_search(open_archive(archive_url))
    )
    child.start()
    child.join()
    assert child.exitcode == 0
    go_on(start_search(archive), 1)


def _hold(url: str) -> None:
    start_search(open_archive(url))
    time.sleep(60)


def _holder(url: str, archive: Archive) -> int:
    """A process that has the lease."""
    archive.close()
    child = multiprocessing.get_context("fork").Process(target=_hold, args=(url,), daemon=True)
    child.start()
    assert child.pid is not None
    deadline = time.monotonic() + 10
    while True:
        with archive.reading() as connection:
            process = connection.execute(select(Lease.process)).scalar_one_or_none()
        if process is not None:
            assert process.partition("@")[0] == str(child.pid)
            return child.pid
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_process_that_is_stopped_is_alive_until_it_is_killed(archive_url: str, archive: Archive) -> None:
    holder = _holder(archive_url, archive)
    os.kill(holder, signal.SIGSTOP)
    _change(archive, renewed_at=now() - datetime.timedelta(days=1))
    with pytest.raises(UserError, match=f"process {holder} on .* is working on the run"):
        start_search(archive)
    os.kill(holder, signal.SIGKILL)
    # It is a zombie until it is waited for, or gone already; either way it is dead at once.
    os.waitid(os.P_PID, holder, os.WEXITED | os.WNOWAIT)
    go_on(start_search(archive), 1)


def test_clock_that_was_set_back_does_not_make_a_process_immortal(archive_url: str, archive: Archive) -> None:
    holder = _holder(archive_url, archive)
    _change(archive, renewed_at=now() + datetime.timedelta(days=1))
    with pytest.raises(UserError, match=r"last sign of life 0 s ago"):
        start_search(archive)
    os.kill(holder, signal.SIGKILL)
    os.waitid(os.P_PID, holder, os.WEXITED | os.WNOWAIT)
    go_on(start_search(archive), 1)


def test_number_of_a_dead_process_that_is_used_again_is_no_sign_of_life(
    archive: Archive, search: Search
) -> None:
    with archive.reading() as connection:
        process = connection.execute(select(Lease.process)).scalar_one()
    _change(archive, process=f"{process.partition('@')[0]}@1")
    assert start_search(archive).run == search.run


@pytest.mark.parametrize(
    ("silent_s", "alive"), [(0.0, True), (DEAD_AFTER_S / 2, True), (DEAD_AFTER_S + 5, False)]
)
def test_process_on_another_machine_is_dead_when_it_is_silent(
    archive: Archive, search: Search, silent_s: float, alive: bool
) -> None:
    _change(archive, machine="elsewhere", renewed_at=now() - datetime.timedelta(seconds=silent_s))
    if alive:
        with pytest.raises(UserError, match="on elsewhere is working on the run"):
            start_search(archive)
    else:
        assert start_search(archive).run == search.run


def test_commit_and_renewal_are_signs_of_life(archive: Archive, search: Search) -> None:
    long_ago = now() - datetime.timedelta(days=1)
    signs: tuple[Callable[[], None], ...] = (
        search.lease.renew,
        lambda: search.journal.select_first(selected_of(0)),
        lambda: search.journal.commit(commit_of(0)),
    )
    for sign in signs:
        _change(archive, renewed_at=long_ago)
        sign()
        assert _renewed_at(archive) > long_ago + datetime.timedelta(hours=23)


def test_process_that_lost_its_lease_can_write_nothing(archive: Archive, search: Search) -> None:
    _change(archive, machine="elsewhere", renewed_at=now() - datetime.timedelta(days=1))
    taken_over = start_search(archive)
    before = all_rows(archive)
    writes: tuple[Callable[[], None], ...] = (
        lambda: search.journal.select_first(selected_of(0)),
        lambda: search.journal.commit(commit_of(0)),
        search.lease.renew,
    )
    for write in writes:
        with pytest.raises(ArchiveError, match="another process has taken this run over"):
            write()
    search.lease.give_back()
    assert all_rows(archive) == before
    go_on(taken_over, 0)


def test_there_is_one_lease_for_a_run(archive: Archive, search: Search) -> None:
    search.lease.give_back()
    start_search(archive)
    with archive.reading() as connection:
        assert connection.scalar(select(func.count()).select_from(Lease)) == 1
