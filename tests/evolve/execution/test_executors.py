"""What every executor has to do, whatever is behind it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evolve.errors import UserError
from evolve.execution.base import Executor, ExecutorSettings
from evolve.loading import ProblemReference
from evolve.problem import Split, Status
from evolve.registry import EXECUTOR, find, names
from tests.support import curve
from tests.support.processes import tree

X1 = ("x1",)
ALL = ("x1", "x2", "x3")


@asynccontextmanager
async def started(name: str, workers: int = 1, **changes: object) -> AsyncIterator[Executor]:
    settings = {"reference": ProblemReference(str(curve.FOLDER)), "workers": workers, "min_isolation": None}
    kind: type[Executor] = find(EXECUTOR, name)
    executor = await kind.start(ExecutorSettings(**(settings | changes)))  # type: ignore[arg-type]
    try:
        yield executor
    finally:
        await executor.close()


def run(name: str, use: Callable[[Executor], Awaitable[None]], workers: int = 1) -> None:
    async def inside() -> None:
        async with started(name, workers) as executor:
            await use(executor)

    asyncio.run(inside())


@pytest.fixture(params=names(EXECUTOR))
def executor_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_outcomes_come_in_the_order_of_the_instances(executor_name: str) -> None:
    async def use(executor: Executor) -> None:
        outcomes = await executor.submit(curve.GOOD, Split.TRAIN, ALL)
        assert [one.instance for one in outcomes] == list(ALL)
        assert [one.value for one in outcomes] == [4.0, 4.0, 4.0]
        assert {one.isolation for one in outcomes} == {executor.isolation.value}
        assert all(one.cpu_seconds >= 0.0 for one in outcomes)

    run(executor_name, use)


@pytest.mark.parametrize("status", [name for name in curve.PROGRAMS_BY_STATUS if name != "ok"])
def test_a_failure_has_its_status_and_ends_the_evaluation(executor_name: str, status: str) -> None:
    async def use(executor: Executor) -> None:
        outcomes = await executor.submit(curve.PROGRAMS_BY_STATUS[status], Split.TRAIN, ALL)
        assert [one.instance for one in outcomes] == ["x1"]
        assert outcomes[0].status is Status(status)
        assert outcomes[0].value is None
        after = await executor.submit(curve.GOOD, Split.TRAIN, X1)
        assert after[0].status is Status.OK

    run(executor_name, use)


def test_a_crash_is_explained_with_the_programs_own_lines(executor_name: str) -> None:
    async def use(executor: Executor) -> None:
        (outcome,) = await executor.submit(curve.PROGRAMS_BY_STATUS["crashed"], Split.TRAIN, X1)
        assert "ZeroDivisionError" in outcome.feedback
        assert "line 2" in outcome.feedback
        assert "sandbox_runner" not in outcome.feedback

    run(executor_name, use)


def test_a_value_that_beats_its_bound_is_suspect(executor_name: str, tmp_path: Path) -> None:
    folder = tmp_path / "loose"
    folder.mkdir()
    for file in curve.FOLDER.rglob("*.*"):
        target = folder / file.relative_to(curve.FOLDER)
        target.parent.mkdir(exist_ok=True)
        target.write_text(file.read_text().replace("return 1.0\n\n\nproblem", "return 3.5\n\n\nproblem"))

    async def inside() -> None:
        exact = "def answer(x):\n    return x * x + 3\n"
        async with started(executor_name, reference=ProblemReference(str(folder))) as executor:
            (outcome,) = await executor.submit(exact, Split.TRAIN, X1)
            assert outcome.status is Status.SUSPECT
            assert outcome.value == 1.0

    asyncio.run(inside())


def test_many_submissions_at_once_do_not_mix(executor_name: str) -> None:
    async def use(executor: Executor) -> None:
        async def one(number: int) -> float | None:
            source = f"def answer(x):\n    return x * x + 3 + {number}\n"
            return (await executor.submit(source, Split.TRAIN, X1))[0].value

        assert await asyncio.gather(*map(one, range(20))) == [1.0 + number for number in range(20)]

    run(executor_name, use, workers=2)


def test_a_problem_that_does_not_load_is_the_users_mistake(executor_name: str, tmp_path: Path) -> None:
    async def inside() -> None:
        with pytest.raises(UserError, match=r"problem\.py"):
            async with started(executor_name, reference=ProblemReference(f"{tmp_path}/")):
                pass

    asyncio.run(inside())


def test_a_worker_that_is_killed_is_replaced_and_its_job_done_again() -> None:
    slow = "import time\ndef answer(x):\n    time.sleep(0.4)\n    return x * x\n"

    async def use(executor: Executor) -> None:
        job = asyncio.create_task(executor.submit(slow, Split.TRAIN, X1))
        await asyncio.sleep(0.2)
        os.kill(_workers()[0], signal.SIGKILL)
        (outcome,) = await job
        assert outcome.status is Status.OK
        assert outcome.value == 4.0

    run("local", use)


def test_nothing_is_left_after_closing() -> None:
    async def use(executor: Executor) -> None:
        assert len(_workers()) == 2

    run("local", use, workers=2)
    assert _workers() == []


def _workers() -> list[int]:
    """Other tests in this process may keep children of their own."""
    return [one.pid for one in tree(os.getpid()) if "evolve.execution.worker" in one.command]
