"""Controllers, workers and zygotes that are killed, stopped or interrupted at any moment."""

import os
import random
import shutil
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.faults.runs import FaultyRun, end_session

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=pytest.mark.benchmark)])
def test_controller_killed_at_random_moments(faulty: FaultyRun, undisturbed: str, count: int) -> None:
    """Moments between the start of the process and its end; where it ends first, a new run is begun."""
    moments = random.Random(count)
    kills = finished = 0
    while kills < count:
        process = faulty.start()
        deadline = time.monotonic() + moments.uniform(0.0, 1.6)
        while time.monotonic() < deadline and process.poll() is None:
            faulty.look()
            time.sleep(0.02)
        if process.poll() is None:
            faulty.kill()
            kills += 1
            continue
        assert faulty.end().code == 0
        assert faulty.digest() == undisturbed
        finished += 1
        for file in faulty.folder.glob("evolve.db*"):
            file.unlink()
    faulty.check_nothing_is_left()
    assert faulty.finish() == undisturbed
    print(
        f"\n{kills} kills at random moments, {finished + 1} runs: every digest is that of an undisturbed run"
    )


@pytest.mark.benchmark
def test_every_killed_run_ends_with_the_digest_of_one_that_was_not(tmp_path: Path, undisturbed: str) -> None:
    """Each run is killed once, at a random moment between its start and its end, and then gone on with."""
    moments = random.Random("moments")
    kills = identical = 0
    while kills < 200:
        run = FaultyRun(tmp_path / f"run-{kills}")
        process = run.start()
        deadline = time.monotonic() + moments.uniform(0.0, 2.0)
        while time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        if process.poll() is not None:  # it was over before; this one does not count
            shutil.rmtree(run.folder)
            continue
        run.kill()
        kills += 1
        identical += run.finish() == undisturbed
        run.check_nothing_is_left()
    print(f"\n{kills} runs killed at a random moment and gone on with: {identical} identical digests")
    assert identical == kills


def test_whole_process_group_killed(faulty: FaultyRun, undisturbed: str) -> None:
    for commits in (0, 20):
        process = faulty.start()
        assert faulty.wait_for(commits)
        end_session(process)
        faulty.end()
    faulty.check_nothing_is_left()
    assert faulty.finish() == undisturbed


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_interrupted_at_random_moments(faulty: FaultyRun, undisturbed: str, number: signal.Signals) -> None:
    moments = random.Random(int(number))
    for _ in range(4):
        process = faulty.start()
        time.sleep(moments.uniform(0.2, 1.4))
        if process.poll() is not None:
            break
        faulty.look()
        process.send_signal(number)
        done = faulty.end()
        assert done.code in (0, 130, -number), done.err
    faulty.check_nothing_is_left()
    assert faulty.finish() == undisturbed


def test_all_workers_killed(faulty: FaultyRun, undisturbed: str) -> None:
    faulty.start()
    for commits in (2, 25):
        assert faulty.wait_for(commits)
        for worker in faulty.worker_processes():
            os.kill(worker.pid, signal.SIGKILL)
    assert faulty.end().code == 0
    assert faulty.digest() == undisturbed
    faulty.check_nothing_is_left()


def test_zygotes_killed(faulty: FaultyRun, undisturbed: str) -> None:
    faulty.start()
    for commits in (2, 25):
        assert faulty.wait_for(commits)
        for zygote in faulty.zygote_processes():
            try:
                os.kill(zygote.pid, signal.SIGKILL)
            except ProcessLookupError:  # a candidate that has ended
                continue
    done = faulty.end()
    assert done.code == 0, done.err
    assert faulty.digest() == undisturbed
    faulty.check_nothing_is_left()


def test_everything_stopped_for_a_second(faulty: FaultyRun, undisturbed: str) -> None:
    faulty.start()
    assert faulty.wait_for(5)
    family = faulty.look()
    stopped = [family[0], *faulty.worker_processes()]
    for one in stopped:
        os.kill(one.pid, signal.SIGSTOP)
    time.sleep(1.0)
    for one in stopped:
        os.kill(one.pid, signal.SIGCONT)
    assert faulty.end().code == 0
    assert faulty.digest() == undisturbed
    faulty.check_nothing_is_left()
