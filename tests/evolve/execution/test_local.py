"""Local workers that die, are stopped, or are abandoned."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest

from evolve.execution.base import Executor, ExecutorSettings
from evolve.execution.local import LocalExecutor
from evolve.loading import ProblemReference
from evolve.problem import Outcome, Split, Status
from tests.support import curve
from tests.support.processes import Process, survivors, tree, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
X1 = ("x1",)
SLOW = "import time\ndef answer(x):\n    time.sleep({})\n    return x * x\n"


@asynccontextmanager
async def started(workers: int) -> AsyncIterator[Executor]:
    reference = ProblemReference(f"{curve.FOLDER}/")
    executor = await LocalExecutor.start(ExecutorSettings(reference, workers, None))
    try:
        yield executor
    finally:
        left = family()
        await executor.close()
        assert survivors(left) == []


def workers() -> list[Process]:
    return [one for one in tree(os.getpid()) if "evolve.execution.worker" in one.command]


def family() -> list[Process]:
    """The workers and all that is below them; other tests may keep processes of their own."""
    return [one for worker in workers() for one in tree(worker.pid)]


def zygotes() -> list[Process]:
    return [one for one in family() if "sandbox_runner.zygote" in one.command]


def kill(found: list[Process], number: signal.Signals) -> None:
    """Signal them all; a candidate has its end with its zygote."""
    for process in found:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


def check(outcomes: list[Outcome]) -> None:
    assert [(one.status, one.value) for one in outcomes] == [(Status.OK, 4.0)]


@pytest.mark.parametrize("count", [1, 4])
def test_all_workers_killed_while_they_are_idle(count: int) -> None:
    async def inside() -> None:
        async with started(count) as executor:
            for worker in workers():
                os.kill(worker.pid, signal.SIGKILL)
            check(await executor.submit(curve.GOOD, Split.TRAIN, X1))
            await asyncio.gather(*(executor.submit(curve.GOOD, Split.TRAIN, X1) for _ in range(count)))

    asyncio.run(inside())


def test_all_workers_killed_at_work() -> None:
    async def inside() -> None:
        async with started(2) as executor:
            jobs = [asyncio.create_task(executor.submit(SLOW.format(0.3), Split.TRAIN, X1)) for _ in range(4)]
            await asyncio.sleep(0.15)
            for worker in workers():
                os.kill(worker.pid, signal.SIGKILL)
            for outcomes in await asyncio.gather(*jobs):
                check(outcomes)

    asyncio.run(inside())


def test_worker_that_dies_of_every_job_is_infrastructure() -> None:
    async def kill_workers(idle: int) -> None:
        """Kill a worker whenever its sandbox has one process more than when it is idle, for a while."""
        seen: set[int] = set()
        while True:
            now = {one.pid for one in zygotes()}
            if len(now) > idle and now == seen:
                os.kill(workers()[0].pid, signal.SIGKILL)
            seen = now
            await asyncio.sleep(0.25)

    async def inside() -> None:
        async with started(1) as executor:
            killer = asyncio.create_task(kill_workers(len(zygotes())))
            (outcome,) = await executor.submit(SLOW.format(3.0), Split.TRAIN, X1)
            killer.cancel()
            assert outcome.status is Status.INFRASTRUCTURE
            assert "worker process ended" in outcome.feedback

    asyncio.run(inside())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_zygotes_killed_idle_and_at_work(number: signal.Signals) -> None:
    async def inside() -> None:
        async with started(2) as executor:
            kill(zygotes(), number)
            check(await executor.submit(curve.GOOD, Split.TRAIN, X1))
            job = asyncio.create_task(executor.submit(SLOW.format(0.4), Split.TRAIN, X1))
            await asyncio.sleep(0.2)
            kill(zygotes(), signal.SIGKILL)
            check(await job)

    asyncio.run(inside())


def test_worker_that_is_stopped_for_a_while_goes_on() -> None:
    async def inside() -> None:
        async with started(1) as executor:
            (worker,) = workers()
            job = asyncio.create_task(executor.submit(SLOW.format(0.2), Split.TRAIN, X1))
            await asyncio.sleep(0.1)
            os.kill(worker.pid, signal.SIGSTOP)
            await asyncio.sleep(1.0)
            assert not job.done()
            os.kill(worker.pid, signal.SIGCONT)
            check(await job)
            assert [one.pid for one in workers()] == [worker.pid]

    asyncio.run(inside())


def test_submission_that_is_cancelled_gives_its_worker_back() -> None:
    async def inside() -> None:
        async with started(1) as executor:
            for _ in range(2):
                job = asyncio.create_task(executor.submit(SLOW.format(30), Split.TRAIN, X1))
                await asyncio.sleep(0.1)
                job.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await job
            check(await asyncio.wait_for(executor.submit(curve.GOOD, Split.TRAIN, X1), 20))

    asyncio.run(inside())


def test_closed_in_the_middle_of_everything() -> None:
    async def inside() -> None:
        async with started(2) as executor:
            jobs = [asyncio.create_task(executor.submit(SLOW.format(30), Split.TRAIN, X1)) for _ in range(5)]
            await asyncio.sleep(0.3)
            for job in jobs:
                job.cancel()
            await asyncio.gather(*jobs, return_exceptions=True)

    asyncio.run(inside())


@pytest.mark.parametrize("after_s", [0.0, 0.02, 0.05, 0.1])
def test_start_that_is_cancelled_leaves_nothing(after_s: float) -> None:
    left: list[Process] = []

    async def inside() -> None:
        reference = ProblemReference(f"{curve.FOLDER}/")
        start = asyncio.create_task(LocalExecutor.start(ExecutorSettings(reference, 2, None)))
        await asyncio.sleep(after_s)
        left.extend(family())
        start.cancel()
        with pytest.raises(asyncio.CancelledError):
            await start

    asyncio.run(inside())
    assert survivors(left) == []
    wait_until(lambda: workers() == [], 2.0, "no worker is left")


def test_worker_ends_with_its_controller_in_the_middle_of_an_evaluation() -> None:
    async def inside() -> None:
        executor = await LocalExecutor.start(ExecutorSettings(ProblemReference(f"{curve.FOLDER}/"), 1, None))
        job = asyncio.create_task(executor.submit(SLOW.format(30), Split.TRAIN, X1))
        await asyncio.sleep(0.3)
        assert not job.done()
        os.kill(os.getpid(), signal.SIGKILL)

    before = {one.pid for one in tree(os.getpid())}
    controller = os.fork()
    if controller == 0:
        asyncio.run(inside())
        os._exit(1)
    seen: dict[int, Process] = {}
    deadline = time.monotonic() + 20
    while not os.waitid(os.P_PID, controller, os.WEXITED | os.WNOHANG | os.WNOWAIT):
        seen |= {one.pid: one for one in tree(controller) if one.pid not in before}
        assert time.monotonic() < deadline
        time.sleep(0.02)
    _, status = os.waitpid(controller, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    assert len(seen) >= 4  # controller, worker, zygote and candidate
    assert survivors(list(seen.values())) == []


def test_workers_stay_on_their_cores_only_where_there_is_one_for_every_core() -> None:
    cores = os.sched_getaffinity(0)

    async def places(count: int) -> list[set[int]]:
        async with started(count):
            return [os.sched_getaffinity(one.pid) for one in workers()]

    found = asyncio.run(places(len(cores)))
    assert sorted(found, key=min) == [{core} for core in sorted(cores)]
    if len(cores) > 1:
        assert asyncio.run(places(1)) == [cores]
