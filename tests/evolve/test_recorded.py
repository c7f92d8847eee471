import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.archive.history import History
from evolve.config import Budget, Course
from evolve.errors import UserError
from evolve.execution.base import ExecutorSettings
from evolve.execution.isolation import IsolationLevel
from evolve.problem import Split, Status
from evolve.recorded import RecordedExecutor
from tests.support.searches import Constants, InProcessExecutor, Search, load_curve, opened_search, source_of

COURSE = Course(operators={"constants": 1.0}, lag=4)
NAMES = ["x1", "x2", "x3"]


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Search]:
    loaded = load_curve()
    url = f"sqlite:///{tmp_path / 'evolve.db'}"
    with opened_search(url, InProcessExecutor(loaded), loaded, COURSE) as opened:
        asyncio.run(opened.judge.prepare(Split.TRAIN))
        faults: dict[int, Exception | str] = {2: source_of("1 / 0")}
        asyncio.run(opened.controller([Constants(faults=faults)], COURSE, Budget(max_evaluations=6)).run())
        yield opened


def recorded(search: Search) -> RecordedExecutor:
    return RecordedExecutor(search.archive, search.loaded, search.run)


def test_outcomes_are_those_that_were_recorded(search: Search) -> None:
    executor, history = recorded(search), History(search.archive, search.run.id)
    assert executor.isolation is IsolationLevel.NONE
    for one in history.progress().hashes:
        stored = history.program(one)
        assert stored.evaluation is not None
        found = asyncio.run(executor.submit(stored.source, Split.TRAIN, NAMES))
        assert tuple(found) == tuple(stored.evaluation.outcomes)


def test_baselines_are_of_the_reference_run(search: Search) -> None:
    executor = recorded(search)
    for name, evaluation in search.judge.baselines(Split.TRAIN).items():
        found = asyncio.run(executor.submit(search.loaded.baselines[name], Split.TRAIN, NAMES))
        assert [one.value for one in found] == [one.value for one in evaluation.outcomes]


def test_some_instances_in_their_order_and_nothing_after_a_failure(search: Search) -> None:
    executor = recorded(search)
    seed = search.loaded.seed
    some = asyncio.run(executor.submit(seed, Split.TRAIN, ["x3", "x1"]))
    assert [one.instance for one in some] == ["x3", "x1"]
    failing = asyncio.run(executor.submit(source_of("1 / 0"), Split.TRAIN, NAMES))
    assert [(one.instance, one.status) for one in failing] == [("x1", Status.CRASHED)]


@pytest.mark.parametrize(
    ("source", "split"),
    [(source_of("x * 77.7"), Split.TRAIN), ("no program", Split.TRAIN), (None, Split.VALIDATION)],
)
def test_what_was_never_recorded_is_invalid(search: Search, source: str | None, split: Split) -> None:
    names = [one.name for one in search.loaded.instances(split)]
    found = asyncio.run(recorded(search).submit(source or search.loaded.seed, split, names))
    assert [(one.status, one.feedback) for one in found] == [(Status.INVALID, "not in the record")]


def test_it_is_no_plug_in(search: Search) -> None:
    with pytest.raises(UserError, match="evolve replay"):
        asyncio.run(RecordedExecutor.start(ExecutorSettings(search.loaded.reference, 1, None)))
