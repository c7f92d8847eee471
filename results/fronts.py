"""Programs by several objectives: what was reached in each, and which programs no other one beats in both."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, Connection, func, select

from evolve.archive.models import Evaluation, Outcome, Program
from evolve.problem import Direction, Objective, Split, Status


class Reached(msgspec.Struct, frozen=True):
    """What a program reached in the objectives, as means over the instances of train."""

    program: str
    """Its hash."""
    baseline: str | None
    values: tuple[float, ...]
    """In the order of the objectives."""


def read_reached(connection: Connection, run_id: int, objectives: Sequence[Objective]) -> list[Reached]:
    """The valid programs of a run, or a reference run's baselines, in the order in which they were made.

    A program is left out where an objective was not measured on every instance.
    """
    measures = [_measure(place, objective) for place, objective in enumerate(objectives)]
    rows = connection.execute(
        select(Program.hash, Program.baseline, *(func.avg(one) for one in measures))
        .join(Evaluation, Evaluation.program_id == Program.id)
        .join(Outcome, Outcome.evaluation_id == Evaluation.id)
        .where(
            Program.run_id == run_id,
            Evaluation.split == Split.TRAIN.value,
            Evaluation.status == Status.OK.value,
        )
        .group_by(Program.id, Program.hash, Program.baseline)
        .having(*(func.count(one) == func.count() for one in measures))
        .order_by(Program.id)
    )
    return [Reached(program, baseline, tuple(map(float, values))) for program, baseline, *values in rows]


def pareto_front(
    points: Sequence[tuple[float, float]], directions: tuple[Direction, Direction]
) -> list[tuple[float, float]]:
    """The points that no other one beats: none is as good in both objectives and better in one.

    From the best in the first objective to the best in the second; equal points are told once.
    """
    signs = [1.0 if direction is Direction.MINIMISE else -1.0 for direction in directions]
    ordered = sorted({(signs[0] * first, signs[1] * second) for first, second in points})
    front: list[tuple[float, float]] = []
    for first, second in ordered:
        if not front or second < front[-1][1]:
            front.append((first, second))
    return [(signs[0] * first, signs[1] * second) for first, second in front]


def _measure(place: int, objective: Objective) -> ColumnElement[Any]:
    if place == 0:
        return Outcome.value.expression
    if objective.metric == "cpu_seconds":
        return Outcome.cpu_seconds.expression
    measure: ColumnElement[Any] = Outcome.metrics[objective.metric].as_float()
    return measure
