"""Populations are told by the strategy that wrote the state."""

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
    assert populations_in({"strategy": {"seed": "a", "champion": "b", "best": 1.0}}, "best_of_n") == []


@pytest.mark.parametrize("strategy", names(STRATEGY))
def test_a_state_that_another_version_wrote_is_not_understood(strategy: str) -> None:
    members = [{"program": "a" * 32, "score": 1.0, "signature": "b" * 16, "size": 3}]
    for state in ({}, {"best": 1.0}, {"islands": [members]}, {"members": members}, {"members": 7}):
        assert populations_in({"strategy": state}, strategy) == []
    assert populations_in({}, strategy) == []


def test_a_strategy_that_is_not_installed_has_none() -> None:
    assert populations_in({"strategy": {"members": ""}}, "gone") == []


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
