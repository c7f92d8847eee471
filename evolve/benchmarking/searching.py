"""One cell: a normal run in the comparison's archive, or a search in a made-up space."""

import asyncio
import math

from sqlalchemy import text

from evolve.archive.engine import Archive, open_archive
from evolve.archive.history import History
from evolve.benchmarking.cells import Cell, Finished
from evolve.benchmarking.curves import Curve
from evolve.benchmarking.driving import Drive
from evolve.benchmarking.suites import AnySpace, Suite
from evolve.config import Course, make_settings
from evolve.loading import ProblemReference, load_problem
from evolve.observer import Committed, Started
from evolve.outside import LiveOutside
from evolve.registry import STRATEGY, find
from evolve.running import open_run, search_with, surroundings

_POINTS = text("SELECT evaluations, score FROM best_so_far WHERE run_id = :run ORDER BY proposal")


def search(suite: Suite, cell: Cell, evaluations: int, archive_url: str) -> Finished:
    """Do a cell; a run that was begun before goes on.

    Raises:
        UserError: The problem or the strategy is not what it has to be.
        InfrastructureError: Evaluations fail on this machine.
    """
    space = suite.space(cell.problem)
    if space is not None:
        curve = _in_space(space, cell, evaluations)
        return Finished(cell, curve, math.exp(space.optimum))
    archive = open_archive(archive_url)
    try:
        return Finished(cell, asyncio.run(_run(archive, suite, cell, evaluations)), None)
    finally:
        archive.close()


def _in_space(space: AnySpace, cell: Cell, evaluations: int) -> Curve:
    return Drive(space, find(STRATEGY, cell.strategy), cell.seed, Course().lag).run(evaluations)


async def _run(archive: Archive, suite: Suite, cell: Cell, evaluations: int) -> Curve:
    """One worker evaluates: comparisons use a machine's cores by doing several cells at the same time."""
    settings = make_settings(
        {
            "seed": cell.seed,
            "strategy": cell.strategy,
            "operators": dict(suite.operators),
            "max_evaluations": evaluations,
            "workers": 1,
            "archive": archive.name,
        }
    )
    loaded = load_problem(ProblemReference(cell.problem))
    run = open_run(archive, loaded, settings, cell.name)
    async with surroundings(archive, loaded, settings, run, _Silent()) as given:
        await search_with(given, LiveOutside, crowns=False)
    with archive.reading() as connection:
        points = connection.execute(_POINTS, {"run": run.id}).all()
    return Curve(
        tuple((int(point.evaluations), float(point.score)) for point in points),
        History(archive, run.id).progress().evaluations,
    )


class _Silent:
    """Nobody watches a single cell."""

    def preparing(self, what: str) -> None:
        """Says nothing."""

    def started(self, event: Started) -> None:
        """Says nothing."""

    def committed(self, event: Committed) -> None:
        """Says nothing."""
