"""All cells of a comparison, in several processes side by side."""

import asyncio
import os
import sys
from collections import deque
from collections.abc import Callable, Sequence

import msgspec

from evolve.benchmarking.cells import Cell, Finished, Folder, Manifest, code_version
from evolve.benchmarking.suites import Suite
from evolve.benchmarking.worker import Answer, Job
from evolve.errors import UserError
from evolve.llm.keys import without_secrets
from evolve.registry import STRATEGY, find, names

YARDSTICK = "best_of_n"
"""The strategy that all others are set beside."""
_LONGEST_ANSWER = 64 * 2**20


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """What is compared."""

    suite: Suite
    strategies: tuple[str, ...]
    seeds: int
    evaluations: int

    @property
    def cells(self) -> list[Cell]:
        """Seed by seed, so that a comparison that was cut short is as fair as it is long."""
        return [
            Cell(problem, strategy, seed)
            for seed in range(1, self.seeds + 1)
            for problem in self.suite.names
            for strategy in self.strategies
        ]


def plan(suite: Suite, strategies: Sequence[str], seeds: int | None, evaluations: int | None) -> Comparison:
    """A comparison of strategies, all if none are named; the yardstick is always one of them.

    Raises:
        UserError: A strategy does not exist.
    """
    chosen = dict.fromkeys([YARDSTICK, *(strategies or names(STRATEGY))])
    for name in chosen:
        find(STRATEGY, name)
    return Comparison(
        suite=suite,
        strategies=tuple(chosen),
        seeds=seeds or suite.seeds,
        evaluations=evaluations or suite.evaluations,
    )


async def compare(
    comparison: Comparison, folder: Folder, processes: int, progress: Callable[[int, int], None]
) -> list[Finished]:
    """Do all cells that are not finished; returns all of the comparison's, in the order of its plan.

    Args:
        comparison: What to do.
        folder: Where finished cells are kept.
        processes: How many at the same time.
        progress: Told how many cells are finished, and of how many.

    Raises:
        UserError: A cell cannot be done, or the folder holds another comparison.
    """
    folder.open(Manifest(comparison.suite, comparison.evaluations, code_version()))
    cells = comparison.cells
    done = {one.cell: one for one in folder.finished(cells)}
    waiting = deque(cell for cell in cells if cell not in done)

    def keep(finished: Finished) -> None:
        folder.keep(finished)
        done[finished.cell] = finished
        progress(len(done), len(cells))

    progress(len(done), len(cells))
    workers = [
        asyncio.create_task(_work(comparison, folder, waiting, keep))
        for _ in range(min(processes, len(waiting)))
    ]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return [done[cell] for cell in cells]


async def _work(
    comparison: Comparison, folder: Folder, waiting: deque[Cell], keep: Callable[[Finished], None]
) -> None:
    """Do cells, one after another, in a process that ends with this task."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "evolve.benchmarking.worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=without_secrets(os.environ),
        limit=_LONGEST_ANSWER,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        while waiting:
            cell = waiting.popleft()
            job = Job(comparison.suite, cell, comparison.evaluations, folder.archive)
            process.stdin.write(msgspec.json.encode(job) + b"\n")
            await process.stdin.drain()
            line = await process.stdout.readline()
            answer = msgspec.json.decode(line, type=Answer) if line else Answer(None, "its process ended")
            if answer.finished is None:
                raise UserError(f"{cell.problem} with {cell.strategy}, seed {cell.seed}: {answer.trouble}")
            keep(answer.finished)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
