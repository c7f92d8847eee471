"""Makes the simpler form of a run's program in which it is exported; see `evolve.simplifying`.

The program that a run measured and committed stays as it is. What it comes to is evaluated too, and goes into
the archive beside the run, so that its scores are on record and its lineage leads back to it.
"""

import math
import time
from collections.abc import Callable

import msgspec
from sqlalchemy import Connection

from evolve.archive.engine import Archive
from evolve.archive.evaluations import load_evaluation
from evolve.archive.reading import RankedProgram
from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.archive.runs import find_run
from evolve.archive.simplified import KIND, add_simplified
from evolve.assembly import brief_of
from evolve.caching import CachingExecutor
from evolve.config import Resources
from evolve.errors import UserError
from evolve.execution.base import Executor
from evolve.execution.isolation import IsolationError
from evolve.judging import Judge, reference_run
from evolve.loading import LoadedProblem
from evolve.problem import InfrastructureError, Split, Status
from evolve.program import Program
from evolve.racing import races
from evolve.running import start_executor
from evolve.simplifying import simplify
from evolve.standing import load_recorded_problem

REPEATED = 1e-9
"""The relative difference at which a value that was measured again counts as the same."""


class NotSimplifiedError(Exception):
    """A program can only be exported as it is; the message says why."""


class Step(msgspec.Struct, frozen=True):
    """How far a simplification has come."""

    programs: int
    """Programs evaluated, the original not counted."""
    length: int
    """Characters of the program that was tried last."""
    seconds: float


class SimplifiedProgram(msgspec.Struct, frozen=True):
    """The simpler form of a program, with its score on each split where the original has one."""

    program: Program
    scores: dict[Split, float | None]
    programs: int
    """How many programs were evaluated on the way."""


def run_to_simplify(connection: Connection, found: RankedProgram) -> RunRecord:
    """The search run of a program that may be simplified.

    Raises:
        NotSimplifiedError: It is none of a search, or has no score.
    """
    if found.baseline is not None:
        raise NotSimplifiedError(f"{found.baseline} is a published baseline")
    run = find_run(connection, found.run)
    assert run is not None, "a program is one of a run"
    if run.kind == KIND:
        raise NotSimplifiedError("it is simplified already")
    if found.train is None or found.status != Status.OK.value:
        raise NotSimplifiedError("it has no score on train that counts")
    return run


async def simplify_program(
    archive: Archive,
    run: RunRecord,
    found: RankedProgram,
    resources: Resources,
    max_programs: int,
    observe: Callable[[Step], None],
) -> SimplifiedProgram:
    """The simplest form that is found of a program of `run`; it is in the archive then.

    Raises:
        NotSimplifiedError: There is nothing here to judge simpler forms by.
    """
    try:
        loaded = load_recorded_problem(run)
        executor = await start_executor(loaded, resources)
    except (UserError, IsolationError, InfrastructureError) as error:
        raise NotSimplifiedError(str(error)) from error
    try:
        await _check_repeatable(archive, loaded, executor, found)
        reference = reference_run(archive, loaded)
        cached = CachingExecutor(executor, archive, reference.id)
        attempt = _Attempt(archive, loaded, Judge(archive, loaded, cached, reference), found, observe)
        return await attempt.run(run, max_programs)
    except (UserError, InfrastructureError) as error:
        raise NotSimplifiedError(str(error)) from error
    finally:
        await executor.close()


class _Attempt:
    """One simplification, with the evaluations that it has come to."""

    def __init__(
        self,
        archive: Archive,
        loaded: LoadedProblem,
        judge: Judge,
        found: RankedProgram,
        observe: Callable[[Step], None],
    ) -> None:
        self._archive = archive
        self._loaded = loaded
        self._judge = judge
        self._found = found
        self._observe = observe
        self._evaluations: dict[tuple[str, Split], ScoredEvaluation] = {}
        self._tried: dict[str, None] = {}
        self._started_at = time.monotonic()

    async def run(self, run: RunRecord, max_programs: int) -> SimplifiedProgram:
        """Simplify, evaluate what it came to on test where the original was, and record it."""
        for split in (Split.TRAIN, Split.VALIDATION):
            await self._judge.prepare(split)
        try:
            made = await simplify(
                self._found.source, brief_of(self._loaded, self._judge), self._score, max_programs
            )
        except ValueError as error:
            raise NotSimplifiedError(str(error)) from error
        program = Program.parse(made.source)
        if program.id == self._found.hash:
            scores = {Split.TRAIN: self._found.train, Split.VALIDATION: made.validation}
            return SimplifiedProgram(program, {**scores, Split.TEST: self._found.test}, made.programs)
        splits = [Split.TRAIN, Split.VALIDATION]
        if self._found.test is not None:
            await self._judge.prepare(Split.TEST)
            splits.append(Split.TEST)
        evaluations = {split: await self._evaluation(program, split) for split in splits}
        self._record(run, program, evaluations)
        return SimplifiedProgram(
            program, {split: one.score for split, one in evaluations.items()}, made.programs
        )

    async def _score(self, source: str, split: Split) -> float | None:
        program = Program.parse(source)
        evaluation = await self._evaluation(program, split)
        if split is Split.TRAIN and program.id != self._found.hash:
            self._tried[program.id] = None
            seconds = time.monotonic() - self._started_at
            self._observe(Step(len(self._tried), len(source), seconds))
        return evaluation.score if evaluation.status is Status.OK else None

    async def _evaluation(self, program: Program, split: Split) -> ScoredEvaluation:
        """On train, against the original: what is clearly worse on a few instances is given up there."""
        key = program.id, split
        if key not in self._evaluations:
            original = self._evaluations.get((self._found.hash, split))
            raced = split is Split.TRAIN and original is not None and races(self._judge.names(split))
            rival = original.scores if raced and original is not None else None
            self._evaluations[key] = await self._judge.evaluate(program.source, split, rival)
        return self._evaluations[key]

    def _record(self, run: RunRecord, program: Program, evaluations: dict[Split, ScoredEvaluation]) -> None:
        before, after = len(self._found.source), len(program.source)
        add_simplified(
            self._archive,
            run,
            self._found.hash,
            program,
            f"simplified for export, from {before} to {after} characters",
            {split.value: (one, self._judge.instance_keys(split)) for split, one in evaluations.items()},
        )


async def _check_repeatable(
    archive: Archive, loaded: LoadedProblem, executor: Executor, found: RankedProgram
) -> None:
    """Check that the program's values on train come out as they are on record.

    Values that hang on measured time do not, and then no two programs can be told apart by single values.
    """
    judge = Judge(archive, loaded, executor, reference_run(archive, loaded))
    await judge.prepare(Split.TRAIN)
    with archive.reading() as connection:
        recorded = load_evaluation(connection, found.id, Split.TRAIN.value)
    assert recorded is not None, "the program has a score on train"
    again = await judge.evaluate(found.source, Split.TRAIN)
    for before, now in zip(recorded.outcomes, again.outcomes, strict=False):
        if not _same(before.value, now.value):
            raise NotSimplifiedError(
                f"its value on {before.instance} is {before.value} on record and {now.value} here, so simpler"
                " forms cannot be told from worse ones"
            )
    if again.status is not recorded.status:
        raise NotSimplifiedError(f"it is {again.status.value} here, and {recorded.status.value} on record")


def _same(before: float | None, now: float | None) -> bool:
    if before is None or now is None:
        return before is now
    return math.isclose(before, now, rel_tol=REPEATED)
