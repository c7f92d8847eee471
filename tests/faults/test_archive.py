"""An archive that is locked, full, or wanted by several controllers; and clocks that jump."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.faults.runs import FaultyRun, opened
from tests.support.command import evolve

JUMPING_CLOCK = """
import datetime, itertools, sys, time
real = time.time
jumps = itertools.cycle([0.0, 86400.0, -86400.0, 1e8, 3600.0])
time.time = lambda: real() + next(jumps)

class Jumping(datetime.datetime):
    @classmethod
    def now(cls, zone=None):
        return super().now(zone) + datetime.timedelta(seconds=next(jumps))

datetime.datetime = Jumping
from evolve.cli import main
main(sys.argv[1:])
"""
BUSY_BRIEFLY = """
import sys
import evolve.archive.engine as engine
engine.BUSY_TIMEOUT_MS = engine.open_archive.__kwdefaults__["busy_timeout_ms"] = 500
from evolve.cli import main
main(sys.argv[1:])
"""


def test_locked_for_a_moment(faulty: FaultyRun, undisturbed: str) -> None:
    faulty.start()
    assert faulty.wait_for(5)
    for _ in range(3):
        with opened(faulty.archive, 10.0) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(0.5)
            other.rollback()
        time.sleep(0.02)
    done = faulty.end()
    assert done.code == 0, done.err
    assert faulty.digest() == undisturbed
    faulty.check_nothing_is_left()


def test_locked_for_longer_than_anybody_waits(faulty: FaultyRun, undisturbed: str) -> None:
    faulty.start_by([sys.executable, "-c", BUSY_BRIEFLY])
    assert faulty.wait_for(5)
    with opened(faulty.archive, 10.0) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        done = faulty.end()
        assert time.monotonic() - started < 10.0
        other.rollback()
    assert done.code == 1
    assert "another process holds it locked" in done.complaint()
    assert "resume faulty" in done.err
    faulty.check_nothing_is_left()
    assert faulty.finish() == undisturbed


@pytest.mark.skipif(
    os.geteuid() != 0 and not os.environ.get("CI"), reason="mounts a small file system, which takes root"
)
def test_disk_is_full(faulty: FaultyRun, undisturbed: str) -> None:
    faulty.folder.mkdir(exist_ok=True)
    size = ["-o", "size=600k"]
    mounted = subprocess.run(["mount", "-t", "tmpfs", *size, "evolve-test", faulty.folder], text=True)
    if mounted.returncode:
        assert not os.environ.get("CI"), "in CI nothing is skipped, and this machine does not let us mount"
        pytest.skip("this machine does not let us mount")
    try:
        (faulty.folder / "ballast").write_bytes(b"x" * 100_000)
        faulty.start()
        done = faulty.end()
        assert done.code == 1
        assert "the disk is full; free some space" in done.complaint()
        assert "resume faulty" in done.err
        before = faulty.committed()
        (faulty.folder / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=32m", faulty.folder], check=True)
        assert faulty.committed() == before
        assert faulty.finish() == undisturbed
        faulty.check_nothing_is_left()
    finally:
        subprocess.run(["umount", faulty.folder], check=True)


def test_clock_that_jumps(faulty: FaultyRun, undisturbed: str) -> None:
    for commits in (10, 30):
        faulty.start_by([sys.executable, "-c", JUMPING_CLOCK])
        if faulty.wait_for(commits):
            faulty.kill()
    faulty.start_by([sys.executable, "-c", JUMPING_CLOCK])
    done = faulty.end()
    assert done.code == 0, done.err
    assert faulty.digest() == undisturbed
    with opened(faulty.archive) as connection:
        (seconds,) = connection.execute("SELECT seconds FROM run WHERE kind = 'search'").fetchone()
    assert 0.0 < seconds < 60.0
    faulty.check_nothing_is_left()


@pytest.mark.parametrize("apart_s", [0.0, 0.6])
def test_two_controllers_on_one_run(faulty: FaultyRun, undisturbed: str, apart_s: float) -> None:
    first = FaultyRun(faulty.folder, 60)
    first.start()
    time.sleep(apart_s)
    faulty.start()
    ends = [one.end() for one in (first, faulty)]
    # One does the run; the other is refused, or comes so late that there is nothing left to do.
    assert sorted(end.code for end in ends) in ([0, 2], [0, 0])
    for end in ends:
        if end.code == 2:
            assert "is working on the run 'faulty'" in end.complaint()
    assert faulty.digest() == undisturbed
    faulty.check_nothing_is_left()


def test_controller_that_is_refused_changes_nothing(faulty: FaultyRun) -> None:
    """Not even the budget with which `evolve resume` goes on."""
    long = FaultyRun(faulty.folder, 99_999)
    long.start()
    assert long.wait_for(3)
    faulty.start()
    assert faulty.end().code == 2
    long.kill(signal.SIGTERM)
    with opened(faulty.archive) as connection:
        (settings,) = connection.execute("SELECT settings FROM run WHERE name = 'faulty'").fetchone()
    assert json.loads(settings)["budget"]["max_evaluations"] == 99_999


def test_two_runs_in_one_archive_at_once(faulty: FaultyRun, undisturbed: str, tmp_path: Path) -> None:
    other = FaultyRun(faulty.folder, 60, "--name", "other", "--seed", "6")
    faulty.start()
    other.start()
    for one in (faulty, other):
        done = one.end()
        assert done.code == 0, done.err
    assert faulty.digest() == undisturbed
    alone = FaultyRun(tmp_path / "alone", 60, "--name", "other", "--seed", "6")
    alone.start()
    assert alone.end().code == 0
    digests = [evolve("digest", "other", cwd=folder).out for folder in (faulty.folder, alone.folder)]
    assert digests[0] == digests[1] != ""
    faulty.check_nothing_is_left()


def test_controller_that_slept_while_another_took_over_commits_nothing(
    faulty: FaultyRun, undisturbed: str
) -> None:
    faulty.start()
    assert faulty.wait_for(5)
    assert faulty.process is not None
    os.kill(faulty.process.pid, signal.SIGSTOP)
    with opened(faulty.archive, 10.0) as connection:
        connection.execute(
            "UPDATE lease SET machine = 'elsewhere', renewed_at = '2020-01-01 00:00:00.000000'"
        )
    second = FaultyRun(faulty.folder)
    second.start()
    assert second.end().code == 0
    assert second.digest() == undisturbed
    rows = dump(faulty.archive)
    os.kill(faulty.process.pid, signal.SIGCONT)
    done = faulty.end()
    assert done.code == 1
    assert "another process has taken this run over" in done.complaint()
    assert dump(faulty.archive) == rows
    faulty.check_nothing_is_left()


def dump(archive: Path) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table but the cache, where a slow evaluation may be added at any time."""
    with opened(archive) as connection:
        return {
            name: rows(connection, name)
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if name != "cached_outcome"
        }


def rows(connection: sqlite3.Connection, table: str) -> list[tuple[object, ...]]:
    return connection.execute(f"SELECT * FROM {table}").fetchall()
