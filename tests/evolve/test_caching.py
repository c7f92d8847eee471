"""Expensive outcomes are kept the moment they are there, and not paid for twice."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import pytest

from evolve import caching
from evolve.archive.engine import Archive, open_archive
from evolve.caching import CachingExecutor
from evolve.execution.base import ExecutorSettings
from evolve.execution.isolation import IsolationLevel
from evolve.judging import reference_run
from evolve.loading import ProblemReference, load_problem
from evolve.problem import Outcome, Split, Status
from tests.support import curve

SOURCE = "def answer(x):\n    return x\n"
SAME = "def answer(x):\n    # the same program\n    return x\n"


class Counting:
    """Answers at once and counts what it was asked."""

    isolation = IsolationLevel.FULL

    def __init__(self, status: Status = Status.OK) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._status = status

    @classmethod
    async def start(cls, settings: ExecutorSettings) -> Self:
        return cls()

    async def submit(self, source: str, split: Split, instances: Sequence[str]) -> list[Outcome]:
        self.asked.append(tuple(instances))
        if self._status is not Status.OK:
            return [Outcome(instance=instances[0], status=self._status, feedback="no")]
        return [
            Outcome(instance=name, value=0.1 + index, metrics={"m": 1.5}, cpu_seconds=0.25, isolation="full")
            for index, name in enumerate(instances)
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return open_archive(f"sqlite:///{tmp_path / 'a.db'}")


@pytest.fixture
def reference_id(archive: Archive) -> int:
    return reference_run(archive, load_problem(ProblemReference(str(curve.FOLDER)))).id


def submit(executor: CachingExecutor, source: str, *names: str) -> list[Outcome]:
    return asyncio.run(executor.submit(source, Split.TRAIN, names))


def test_what_was_expensive_is_not_paid_for_twice(
    archive: Archive, reference_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "EXPENSIVE_S", 0.0)
    inner = Counting()
    first = submit(CachingExecutor(inner, archive, reference_id), SOURCE, "x1", "x2")
    again = CachingExecutor(inner, archive, reference_id)
    assert submit(again, SAME, "x1", "x2") == first
    assert submit(again, SOURCE, "x2") == first[1:]
    assert inner.asked == [("x1", "x2")]
    submit(again, SOURCE, "x1", "x2", "x3")
    assert inner.asked[1:] == [("x1", "x2", "x3")]


def test_what_was_cheap_leaves_nothing_in_the_archive(archive: Archive, reference_id: int) -> None:
    inner = Counting()
    executor = CachingExecutor(inner, archive, reference_id)
    submit(executor, SOURCE, "x1")
    submit(executor, SOURCE, "x1")
    assert len(inner.asked) == 2


def test_failures_are_not_kept(archive: Archive, reference_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "EXPENSIVE_S", 0.0)
    for status in (Status.CRASHED, Status.TIMEOUT, Status.INFRASTRUCTURE):
        inner = Counting(status)
        source = f"def answer(x):\n    return '{status.value}'\n"
        for _ in range(2):
            outcomes = submit(CachingExecutor(inner, archive, reference_id), source, "x1", "x2")
            assert [one.status for one in outcomes] == [status]
        assert len(inner.asked) == 2


def test_another_version_of_the_problem_starts_afresh(
    archive: Archive, reference_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(caching, "EXPENSIVE_S", 0.0)
    inner = Counting()
    submit(CachingExecutor(inner, archive, reference_id), SOURCE, "x1")
    other = load_problem(ProblemReference("job_shop_dispatching"))
    submit(CachingExecutor(inner, archive, reference_run(archive, other).id), SOURCE, "x1")
    assert len(inner.asked) == 2


def test_what_does_not_parse_is_passed_on(archive: Archive, reference_id: int) -> None:
    inner = Counting(Status.CRASHED)
    submit(CachingExecutor(inner, archive, reference_id), "def answer(x:\n", "x1")
    assert inner.asked == [("x1",)]
