import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve import shelf as shelf_module
from evolve.archive.history import History
from evolve.assembly import baselines_of
from evolve.config import Budget, Course
from evolve.operators.base import ParentProgram
from evolve.problem import Split, Status
from evolve.shelf import Shelf, as_parent
from tests.support.searches import Constants, InProcessExecutor, Search, load_curve, opened_search, source_of

COURSE = Course(operators={"constants": 1.0}, lag=4)


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Search]:
    """A run with programs that have scores and one that has none."""
    loaded = load_curve()
    url = f"sqlite:///{tmp_path / 'evolve.db'}"
    with opened_search(url, InProcessExecutor(loaded), loaded, COURSE) as opened:
        asyncio.run(opened.judge.prepare(Split.TRAIN))
        operator = Constants(values=10**6, faults={3: source_of("'no number'")})
        asyncio.run(opened.controller([operator], COURSE, Budget(max_evaluations=6)).run())
        yield opened


class CountingHistory(History):
    """Counts how often programs are read."""

    reads = 0

    def program(self, program_hash: str):  # type: ignore[no-untyped-def]  # as the base has it
        self.reads += 1
        return super().program(program_hash)


def test_programs_come_from_the_archive_once_and_as_they_were_committed(search: Search) -> None:
    history = CountingHistory(search.archive, search.run.id)
    shelf = Shelf(history, {})
    hashes = history.progress().hashes
    for program_hash in (*hashes, *hashes):
        found = shelf.program(program_hash)
        stored = History(search.archive, search.run.id).program(program_hash)
        assert (found.id, found.source) == (program_hash, stored.source)
        assert stored.evaluation is not None
        assert found == as_parent(program_hash, stored.source, stored.evaluation)
        assert (found.score is None) == (stored.evaluation.status is not Status.OK)
    assert history.reads == len(hashes)
    failed = [shelf.program(one) for one, number in hashes.items() if number == 3]
    assert [one.score for one in failed] == [None]
    assert failed[0].outcomes[0].status is Status.INVALID


def test_baselines_are_at_hand_and_never_replaced(search: Search) -> None:
    baselines = baselines_of(search.loaded, search.judge)
    history = CountingHistory(search.archive, search.run.id)
    shelf = Shelf(history, baselines)
    name = next(iter(baselines))
    shelf.put(ParentProgram(name, "another source", 9.0))
    assert shelf.program(name) is baselines[name]
    assert shelf.program(name).baseline is not None
    assert history.reads == 0


def test_only_the_latest_are_kept(search: Search, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf_module, "RECENT", 2)
    history = CountingHistory(search.archive, search.run.id)
    shelf = Shelf(history, {})
    first, second, third, *_ = history.progress().hashes
    for one in (first, second, first, third):  # the second has not been used for longest
        shelf.program(one)
    assert history.reads == 3
    shelf.program(first)
    shelf.program(third)
    assert history.reads == 3
    shelf.program(second)
    assert history.reads == 4


def test_a_program_without_an_evaluation_has_no_score() -> None:
    assert as_parent("a" * 32, "x", None) == ParentProgram("a" * 32, "x", None)
