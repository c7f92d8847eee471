"""Evaluations with scores: a program's outcomes beside those of the published baselines.

The baselines of a problem version are evaluated once for an archive. They live in a run of their own, of
the kind `reference`, which also holds the instances; every search run on that version points to it.
"""

import asyncio
from collections.abc import Mapping

import msgspec

from evolve.archive.engine import Archive
from evolve.archive.evaluations import (
    add_evaluation,
    add_program,
    baseline_programs,
    load_evaluation,
    program_key,
)
from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.archive.runs import add_instances, find_or_create_run, instance_ids
from evolve.errors import UserError
from evolve.execution.base import Executor
from evolve.execution.isolation import IsolationLevel
from evolve.loading import LoadedProblem
from evolve.problem import InfrastructureError, Outcome, Split, Status
from evolve.program import Program, ProgramError
from evolve.racing import clearly_worse, first_stage
from evolve.scoring import Reference, ScoreError, choose_reference, judge, merits


def reference_run(archive: Archive, loaded: LoadedProblem) -> RunRecord:
    """The run that holds a problem version's instances and baselines, made where it is not there yet."""
    return find_or_create_run(
        archive,
        name=f"{loaded.name}@{loaded.version}",
        kind="reference",
        reference_id=None,
        problem=loaded.name,
        problem_version=loaded.version,
        fingerprint=loaded.version,
        seed=0,
        settings={},
        problem_reference={},
    )


class Judge:
    """Evaluates programs of one problem and says what they are worth."""

    def __init__(self, archive: Archive, loaded: LoadedProblem, executor: Executor, run: RunRecord) -> None:
        self._archive = archive
        self._loaded = loaded
        self._executor = executor
        self._run = run
        self._names: dict[Split, tuple[str, ...]] = {}
        self._references: dict[Split, Reference] = {}
        self._baselines: dict[Split, dict[str, ScoredEvaluation]] = {}

    @property
    def isolation(self) -> IsolationLevel:
        """The isolation under which programs are evaluated here."""
        return self._executor.isolation

    @property
    def prepared(self) -> tuple[Split, ...]:
        """The splits that are ready."""
        return tuple(self._references)

    def names(self, split: Split) -> tuple[str, ...]:
        """The names of a prepared split's instances, in order."""
        return self._names[split]

    def baselines(self, split: Split) -> Mapping[str, ScoredEvaluation]:
        """The baselines' evaluations on a prepared split, by published name."""
        return self._baselines[split]

    def reference(self, split: Split) -> Reference:
        """The yardstick of a prepared split."""
        return self._references[split]

    def instance_keys(self, split: Split) -> dict[str, int]:
        """The archive's keys of a prepared split's instances."""
        with self._archive.reading() as connection:
            return instance_ids(connection, self._run.id, split.value)

    def merits(self, evaluation: ScoredEvaluation) -> tuple[float, ...]:
        """What an evaluation with a score reached in each objective that repeats, higher is better."""
        assert evaluation.score is not None
        return merits(evaluation.score, evaluation.outcomes, self._loaded.problem.objectives)

    async def prepare(self, split: Split) -> None:
        """Make a split ready: record its instances and bounds, and have every baseline evaluated on it.

        Raises:
            UserError: The split is empty, or no baseline is valid on it.
            InfrastructureError: A baseline could not be evaluated on this machine.
        """
        if split in self._references:
            return
        self._record_instances(split)
        outcomes = await self._baseline_outcomes(split)
        try:
            self._references[split] = choose_reference(
                {name: _values(found) for name, found in outcomes.items() if self._complete(split, found)},
                self._loaded.problem.objective.direction,
            )
        except ScoreError as error:
            raise UserError(f"{self._loaded.name}, split {split.value}: {error}") from error
        expected = len(self._names[split])
        self._baselines[split] = {
            name: self._add_up(split, found, expected) for name, found in outcomes.items()
        }
        self._store_baselines(split)

    async def evaluate(
        self, source: str, split: Split, rival: Mapping[str, float] | None = None
    ) -> ScoredEvaluation:
        """Evaluate a program on the instances of a prepared split.

        Against a rival, given by its score on each instance, the program runs on a few instances first,
        and on the rest only if it is not clearly worse there; else its status is `stopped`.

        Raises:
            InfrastructureError: It could not be evaluated on this machine, after retries.
            UserError: The problem's evaluator measured something that cannot be scored.
        """
        names = self._names[split]
        first = names if rival is None else first_stage(names)
        evaluation = self._add_up(split, await self._outcomes(source, split, first), len(first))
        if len(first) == len(names) or rival is None or evaluation.score is None:
            return evaluation
        if clearly_worse(evaluation.scores, rival):
            return msgspec.structs.replace(evaluation, status=Status.STOPPED, score=None)
        rest = tuple(name for name in names if name not in evaluation.scores)
        outcomes = [*evaluation.outcomes, *await self._outcomes(source, split, rest)]
        position = {name: index for index, name in enumerate(names)}
        return self._add_up(split, sorted(outcomes, key=lambda one: position[one.instance]), len(names))

    def _record_instances(self, split: Split) -> None:
        instances = self._loaded.instances(split)
        if not instances:
            raise UserError(f"{self._loaded.name} has no instances on the split {split.value}")
        self._names[split] = tuple(instance.name for instance in instances)
        bounds = [(instance.name, self._loaded.problem.bound(instance)) for instance in instances]
        with self._archive.writing() as connection:
            add_instances(connection, self._run.id, split.value, bounds)

    async def _baseline_outcomes(self, split: Split) -> dict[str, list[Outcome]]:
        """Each baseline's outcomes, from the archive where it has them."""
        found: dict[str, list[Outcome]] = {}
        with self._archive.reading() as connection:
            for name, key in baseline_programs(connection, self._run.id).items():
                stored = load_evaluation(connection, key, split.value)
                if stored is not None:
                    found[name] = list(stored.outcomes)
        missing = [name for name in self._loaded.baselines if name not in found]
        fresh = await asyncio.gather(
            *(self._outcomes(self._loaded.baselines[name], split, self._names[split]) for name in missing)
        )
        found.update(zip(missing, fresh, strict=True))
        return {name: found[name] for name in self._loaded.baselines}

    async def _outcomes(self, source: str, split: Split, names: tuple[str, ...]) -> list[Outcome]:
        outcomes = await self._executor.submit(source, split, names)
        failed = next((one for one in outcomes if one.status is Status.INFRASTRUCTURE), None)
        if failed is not None:
            raise InfrastructureError(f"evaluations fail on this machine: {failed.feedback}")
        return outcomes

    def _store_baselines(self, split: Split) -> None:
        """Write the baselines that the archive does not have yet; another process may have been faster."""
        with self._archive.writing() as connection:
            instances = instance_ids(connection, self._run.id, split.value)
            known = baseline_programs(connection, self._run.id)
            for name, evaluation in self._baselines[split].items():
                key = known.get(name)
                if key is None:
                    program = _parse_baseline(name, self._loaded.baselines[name])
                    if program_key(connection, self._run.id, program.id) is not None:
                        raise UserError(f"the baseline {name} is the same program as another one")
                    key = add_program(connection, self._run.id, program, baseline=name)
                if load_evaluation(connection, key, split.value) is None:
                    add_evaluation(connection, key, evaluation, instances)

    def _complete(self, split: Split, outcomes: list[Outcome]) -> bool:
        valid = [one for one in outcomes if one.status is Status.OK and one.value is not None]
        return len(valid) == len(self._names[split])

    def _add_up(self, split: Split, outcomes: list[Outcome], expected: int) -> ScoredEvaluation:
        try:
            judgement = judge(outcomes, expected, self._references[split])
        except ScoreError as error:
            raise UserError(f"{self._loaded.name}, split {split.value}: {error}") from error
        return ScoredEvaluation(
            split=split.value,
            status=judgement.status,
            score=judgement.score,
            scores=judgement.scores,
            outcomes=tuple(outcomes),
        )


def _values(outcomes: list[Outcome]) -> dict[str, float]:
    return {one.instance: one.value for one in outcomes if one.value is not None}


def _parse_baseline(name: str, source: str) -> Program:
    try:
        return Program.parse(source)
    except ProgramError as error:
        raise UserError(f"the baseline {name} is not a program: {error}") from error
