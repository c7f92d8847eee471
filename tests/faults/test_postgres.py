"""A whole run of the real command line on a PostgreSQL server: killed, continued, and beside others."""

import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from evolve.archive.engine import open_archive
from tests.faults.runs import EVALUATIONS, undisturbed_digest
from tests.support import curve
from tests.support.command import Running, evolve, start
from tests.support.postgres import NewUrl, Server


@pytest.fixture(params=["postgresql"])
def new_url(request: pytest.FixtureRequest, postgres: Server) -> Any:
    """These tests are about servers."""
    with postgres.new_urls() as new:
        yield new


def _start(url: str, cwd: Path, name: str = "faulty", seed: int = 5) -> Running:
    budget = ("--max-evaluations", str(EVALUATIONS))
    of_run = ("--name", name, "--seed", str(seed), "--workers", "2", "--archive", url)
    return start("run", curve.FOLDER, *of_run, *budget, cwd=cwd)


def _committed(url: str) -> int:
    archive = open_archive(url, any_revision=True)
    try:
        with archive.reading() as connection:
            if not connection.exec_driver_sql("SELECT to_regclass('strategy_state')").scalar():
                return -1
            return int(
                connection.exec_driver_sql(
                    "SELECT coalesce(max(number), -1) FROM strategy_state"
                ).scalar_one()
            )
    finally:
        archive.close()


def _digest(url: str, cwd: Path, name: str = "faulty") -> str:
    done = evolve("digest", name, "--archive", url, cwd=cwd)
    assert done.code == 0, done.err
    return done.out.strip()


def test_killed_run_goes_on_to_the_same_end(new_url: NewUrl, undisturbed: str, tmp_path: Path) -> None:
    """`undisturbed` was made on SQLite."""
    url = new_url()
    for commits in (3, 20, 40):
        process = _start(url, tmp_path)
        deadline = time.monotonic() + 120
        while _committed(url) < commits and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert process.poll() is None, process.communicate()[1]
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    resumed = evolve("resume", "faulty", "--archive", url, cwd=tmp_path)
    assert resumed.code == 0, resumed.err
    assert _digest(url, tmp_path) == undisturbed
    assert [one.name for one in tmp_path.glob("*.db")] == []


def test_several_controllers_write_to_one_archive(new_url: NewUrl, undisturbed: str, tmp_path: Path) -> None:
    """They start at once, so they make the archive, the problem's reference run and its baselines at once."""
    url = new_url()
    seeds = {"faulty": 5, "other": 6, "third": 7}
    started = [_start(url, tmp_path, name, seed) for name, seed in seeds.items()]
    for process in started:
        _, err = process.communicate(timeout=180)
        assert process.returncode == 0, err
    runs = evolve("runs", "--format", "json", "--archive", url, cwd=tmp_path).json()
    assert {row["run"]: row["status"] for row in runs} == dict.fromkeys(seeds, "finished")
    assert _digest(url, tmp_path) == undisturbed
    alone = undisturbed_digest(tmp_path / "alone", EVALUATIONS, "--seed", "6")
    assert _digest(url, tmp_path, "other") == alone


def test_second_controller_on_one_run_is_refused(new_url: NewUrl, undisturbed: str, tmp_path: Path) -> None:
    url = new_url()
    started = [_start(url, tmp_path) for _ in range(2)]
    ends = [(process.communicate(timeout=180)[1], process.returncode) for process in started]
    assert sorted(code for _, code in ends) in ([0, 2], [0, 0]), ends
    for err, code in ends:
        if code == 2:
            assert "is working on the run 'faulty'" in err
    assert _digest(url, tmp_path) == undisturbed


def test_reading_commands_answer_as_on_sqlite(new_url: NewUrl, tmp_path: Path) -> None:
    url = new_url()
    process = _start(url, tmp_path)
    _, err = process.communicate(timeout=180)
    assert process.returncode == 0, err
    moved = evolve("archive", "copy", "--all", "--to", "sqlite:///copy.db", "--archive", url, cwd=tmp_path)
    assert moved.code == 0, moved.err
    for words in (("top",), ("runs",), ("show", "line"), ("query", "lineage"), ("query", "leaderboard")):
        answers = [
            evolve(*words, "--format", "json", "--archive", one, cwd=tmp_path)
            for one in (url, "sqlite:///copy.db")
        ]
        assert [one.code for one in answers] == [0, 0], answers
        assert answers[0].json() == answers[1].json(), words
    replayed = evolve("replay", "faulty", "--format", "json", "--archive", url, cwd=tmp_path)
    assert replayed.json()["identical"], replayed.err
