"""Programs and their evaluations, as rows."""

import math
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert, select

from evolve.archive.models import Evaluation, Instance, Outcome, Program, table_of
from evolve.archive.records import ScoredEvaluation
from evolve.problem import Outcome as ProblemOutcome
from evolve.problem import Status
from evolve.program import Program as ProgramText
from evolve.texts import storable

_ADD_PROGRAM = insert(table_of(Program))
_ADD_EVALUATION = insert(table_of(Evaluation))
_ADD_OUTCOMES = insert(table_of(Outcome))


def add_program(
    connection: Connection, run_id: int, program: ProgramText, baseline: str | None = None
) -> int:
    """Add a program to a run; its key."""
    result = connection.execute(
        _ADD_PROGRAM,
        {
            "run_id": run_id,
            "hash": program.id,
            "baseline": baseline,
            "skeleton": program.skeleton or None,
            "source": program.source,
        },
    )
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def add_evaluation(
    connection: Connection, program_id: int, evaluation: ScoredEvaluation, instances: Mapping[str, int]
) -> int:
    """Add an evaluation with its outcomes; `instances` has the keys of the split's instances by name.

    Values and metrics that are not finite numbers are left out: what was not measured has no number.
    """
    result = connection.execute(
        _ADD_EVALUATION,
        {
            "program_id": program_id,
            "split": evaluation.split,
            "status": evaluation.status.value,
            "score": evaluation.score,
            "cpu_seconds": evaluation.cpu_seconds,
            "isolation": evaluation.isolation,
        },
    )
    key = result.inserted_primary_key
    assert key is not None
    rows = [
        {
            "evaluation_id": int(key[0]),
            "instance_id": instances[outcome.instance],
            "status": outcome.status.value,
            "value": outcome.value if outcome.value is not None and math.isfinite(outcome.value) else None,
            "score": evaluation.scores.get(outcome.instance),
            "cpu_seconds": outcome.cpu_seconds,
            "metrics": {name: x for name, x in outcome.metrics.items() if math.isfinite(x)} or None,
            "feedback": storable(outcome.feedback) or None,
        }
        for outcome in evaluation.outcomes
    ]
    if rows:
        connection.execute(_ADD_OUTCOMES, rows)
    return int(key[0])


def program_key(connection: Connection, run_id: int, program_hash: str) -> int | None:
    """The key of a run's program, or None where the run does not have it."""
    return connection.scalar(select(Program.id).where(Program.run_id == run_id, Program.hash == program_hash))


def baseline_programs(connection: Connection, reference_id: int) -> dict[str, int]:
    """The keys of a reference run's baselines, by published name, in the order in which they were added."""
    rows = connection.execute(
        select(Program.baseline, Program.id)
        .where(Program.run_id == reference_id, Program.baseline.is_not(None))
        .order_by(Program.id)
    )
    return {str(row.baseline): row.id for row in rows}


def load_evaluation(connection: Connection, program_key: int, split: str) -> ScoredEvaluation | None:
    """A program's evaluation on a split with all its outcomes, or None where there is none."""
    head = connection.execute(
        select(Evaluation.id, Evaluation.status, Evaluation.score, Evaluation.isolation).where(
            Evaluation.program_id == program_key, Evaluation.split == split
        )
    ).one_or_none()
    if head is None:
        return None
    rows = connection.execute(
        select(Outcome, Instance.name)
        .join(Instance, Instance.id == Outcome.instance_id)
        .where(Outcome.evaluation_id == head.id)
        .order_by(Instance.position)
        .with_only_columns(*Outcome.__table__.columns, Instance.name)
    ).all()
    return ScoredEvaluation(
        split=split,
        status=Status(head.status),
        score=head.score,
        scores={row.name: row.score for row in rows if row.score is not None},
        outcomes=tuple(_outcome(row, head.isolation) for row in rows),
    )


def _outcome(row: Any, isolation: str) -> ProblemOutcome:
    return ProblemOutcome(
        instance=row.name,
        status=Status(row.status),
        value=row.value,
        metrics=row.metrics or {},
        feedback=row.feedback or "",
        cpu_seconds=row.cpu_seconds,
        isolation=isolation,
    )
