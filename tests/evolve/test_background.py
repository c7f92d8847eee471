import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolve.archive.history import History
from evolve.background import RunBackground
from evolve.config import Budget, Course
from evolve.operators.base import Draft, Note, Request, Role
from evolve.problem import Split
from evolve.program import Program
from evolve.shelf import Shelf
from tests.support.searches import InProcessExecutor, Search, load_curve, opened_search, source_of

COURSE = Course(operators={"thinker": 1.0}, lag=4)


class Thinker:
    """An operator that says what it did; every fifth time it writes a note."""

    name = "thinker"
    role = Role.ORDINARY
    needs_model = False

    async def propose(self, request: Request) -> Draft | Note:
        if request.number % 5 == 0:
            return Note(f"note {request.number}")
        return Draft(source_of(f"{request.number}.5"), f"idea {request.number}")


@pytest.fixture
def search(tmp_path: Path) -> Iterator[Search]:
    loaded = load_curve()
    url = f"sqlite:///{tmp_path / 'evolve.db'}"
    with opened_search(url, InProcessExecutor(loaded), loaded, COURSE) as opened:
        asyncio.run(opened.judge.prepare(Split.TRAIN))
        go_on(opened, 8)
        yield opened


def go_on(search: Search, evaluations: int) -> None:
    asyncio.run(search.controller([Thinker()], COURSE, Budget(max_evaluations=evaluations)).run())


def told(search: Search, seen: int) -> dict[str, Any]:
    """All that a background says."""
    history = History(search.archive, search.run.id)
    background = RunBackground(history, Shelf(history, {}), seen)
    skeleton = Program.parse(source_of("1.5")).skeleton
    return {
        "tried": background.tried(99),
        "by": background.tried(2, "thinker"),
        "best": background.best(3),
        "note": background.note(),
        "size": background.family_size(skeleton),
        "family": background.family(skeleton, 2),
    }


def test_later_commits_change_nothing(search: Search) -> None:
    before = [told(search, seen) for seen in range(-1, 7)]
    go_on(search, 16)
    assert [told(search, seen) for seen in range(-1, 7)] == before
    assert told(search, 12) != before[-1]


def test_what_is_told(search: Search) -> None:
    found = told(search, 6)
    assert [(one.number, one.idea) for one in found["tried"]] == [
        (number, f"idea {number}") for number in (1, 2, 3, 4, 6)
    ]
    assert [one.idea for one in found["by"]] == ["note 5", "idea 6"]
    assert found["note"] == "note 5"
    scores = [one.score for one in found["best"]]
    assert scores == sorted(scores, reverse=True)
    assert found["size"] == 5
    assert [one.id for one in found["family"]] == [Program.parse(source_of(f"{n}.5")).id for n in (4, 6)]
    assert all(one.score is not None and one.parent_score is not None for one in found["tried"])


def test_nothing_before_the_first_commit(search: Search) -> None:
    assert told(search, -1) == {
        "tried": (), "by": (), "best": (), "note": None, "size": 0, "family": (),
    }  # fmt: skip
