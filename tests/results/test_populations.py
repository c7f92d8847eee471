"""Populations are found in whatever state a strategy writes."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from evolve.archive.engine import open_archive
from evolve.archive.records import RunRecord
from evolve.archive.runs import get_run
from evolve.config import Budget, Course
from evolve.registry import STRATEGY, names
from results.populations import populations_in, read_populations
from results.timeline import read_moments
from tests.support.searches import Constants, searched


def member(letter: str, score: float) -> dict[str, object]:
    return {"program": letter * 32, "score": score, "signature": "s", "size": 3}


def test_islands_are_in_their_order_with_their_best_first() -> None:
    state = {"strategy": {"islands": [[member("a", 1.0), member("b", 2.0)], [], [member("c", 0.5)]]}}
    found = populations_in(state)
    assert [one.name for one in found] == ["island 0", "island 1", "island 2"]
    assert [place.program[0] for place in found[0].members] == ["b", "a"]
    assert found[1].best is None
    assert found[2].best is not None
    assert found[2].best.score == 0.5


def test_niches_by_name_may_hold_one_program_each() -> None:
    state = {"strategy": {"niches": {"1,2": member("a", 1.0), "3,4": [member("b", 2.0)]}, "count": 7}}
    assert [(one.name, len(one.members)) for one in populations_in(state)] == [
        ("niches 1,2", 1),
        ("niches 3,4", 1),
    ]


def test_members_may_be_lists_that_begin_with_program_and_score() -> None:
    state = {
        "strategy": {
            "members": [["a" * 32, 1, "s", [2.0]], ["b" * 32, 2.5, "s", [1.0]]],
            "recent": [[1.0, 2.0]],
        }
    }
    (found,) = populations_in(state)
    assert found.name == "members"
    assert [(place.program[0], place.score) for place in found.members] == [("b", 2.5), ("a", 1.0)]


@pytest.mark.parametrize("strategy", [name for name in names(STRATEGY) if name != "best_of_n"])
def test_every_strategy_that_keeps_programs_is_understood(strategy: str, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'evolve.db'}"
    course = Course(operators={"constants": 1.0}, strategy=strategy, lag=3)
    asyncio.run(searched(url, [Constants(values=400)], course, Budget(max_evaluations=20)))
    archive = open_archive(url, create=False, read_only=True)
    with archive.reading() as connection:
        run = get_run(connection, "search")
        best = max(one.score for one in read_moments(connection, run.id) if one.score is not None)
        found = read_populations(connection, run.id)
    archive.close()
    assert max(view.best.score for view in found if view.best is not None) == best


def test_a_strategy_without_populations_has_none() -> None:
    assert populations_in({"strategy": {"seed": "a", "champion": "b", "best": 1.0}}) == []
    assert populations_in({"strategy": {"waiting": [], "names": ["a"], "pairs": [["a", 1.0]]}}) == []


def test_the_islands_of_a_run_hold_its_programs(connection: Connection, run: RunRecord) -> None:
    found = read_populations(connection, run.id)
    assert [one.name for one in found] == ["island 0", "island 1", "island 2"]
    scores = {
        row.hash: row.score
        for row in connection.execute(
            text(
                "SELECT hash, score FROM program JOIN evaluation ON program_id = program.id"
                " WHERE run_id = :run AND split = 'train'"
            ),
            {"run": run.id},
        )
    }
    for view in found:
        assert view.members
        assert all(scores[one.program] == one.score for one in view.members)
