"""A run as its pictures and its report look at it: its best program, and what that is measured by."""

from collections.abc import Mapping

import msgspec
from sqlalchemy import Connection, select

from evolve.archive.evaluations import baseline_programs, load_evaluation
from evolve.archive.models import Instance
from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.errors import UserError
from evolve.loading import LoadedProblem, ProblemReference, load_problem
from evolve.problem import Direction, Split, Status
from evolve.scoring import geometric_mean
from results.programs import ProgramRecord, leader_of
from results.timeline import Moment, read_moments

Baselines = Mapping[Split, Mapping[str, ScoredEvaluation]]


class Yardstick(msgspec.Struct, frozen=True):
    """What a score on a split is read against."""

    reference: str
    """The best baseline, whose score is 1."""
    baselines: dict[str, float]
    """The score of each valid baseline, best first."""
    bound: float | None
    """The score that no valid program can exceed; None where not all instances have a bound."""


def recorded_problem(run: RunRecord) -> tuple[LoadedProblem | None, list[str]]:
    """The problem as it is now, and what a reader has to know where that is not the problem of the run."""
    try:
        loaded = load_problem(msgspec.convert(run.problem_reference, ProblemReference))
    except UserError as error:
        return None, [f"the problem cannot be loaded here ({error}), so gaps to bounds are left out"]
    if loaded.version != run.problem_version:
        return loaded, [
            f"the problem is of version {loaded.version} now and was {run.problem_version} in this run;"
            " the commands below make another run"
        ]
    return loaded, []


def read_baselines(connection: Connection, reference_id: int) -> dict[Split, dict[str, ScoredEvaluation]]:
    """The baselines' evaluations, by split and published name."""
    keys = baseline_programs(connection, reference_id)
    found: dict[Split, dict[str, ScoredEvaluation]] = {}
    for split in Split:
        for name, key in keys.items():
            evaluation = load_evaluation(connection, key, split.value)
            if evaluation is not None:
                found.setdefault(split, {})[name] = evaluation
    return found


def read_bounds(connection: Connection, reference_id: int) -> dict[str, float]:
    """The bound of each instance that has one, by the instance's name."""
    rows = connection.execute(
        select(Instance.name, Instance.bound).where(
            Instance.run_id == reference_id, Instance.bound.is_not(None)
        )
    )
    return {row.name: row.bound for row in rows}


def yardstick_of(
    baselines: Mapping[str, ScoredEvaluation], bounds: Mapping[str, float], direction: Direction | None
) -> Yardstick | None:
    """The yardstick of a split; None where no baseline is valid. Without a direction it has no bound."""
    scores = {
        name: one.score
        for name, one in baselines.items()
        if one.status is Status.OK and one.score is not None
    }
    if not scores:
        return None
    ordered = dict(sorted(scores.items(), key=lambda item: -item[1]))
    reference = next(iter(ordered))
    bound = None if direction is None else _best_score(baselines[reference], bounds, direction)
    return Yardstick(reference, ordered, bound)


def _best_score(
    reference: ScoredEvaluation, bounds: Mapping[str, float], direction: Direction
) -> float | None:
    """The score of a program that reaches the bound on every instance."""
    ratios: list[float] = []
    for outcome in reference.outcomes:
        bound = bounds.get(outcome.instance)
        if bound is None or outcome.value is None or bound <= 0.0 or outcome.value <= 0.0:
            return None
        own = reference.scores[outcome.instance]
        ratio = outcome.value / bound if direction is Direction.MINIMISE else bound / outcome.value
        ratios.append(own * ratio)
    return geometric_mean(ratios) if ratios else None


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """A run with what its pictures have in common."""

    run: RunRecord
    problem: LoadedProblem | None
    """As it is now; None where it cannot be loaded."""
    baselines: dict[Split, dict[str, ScoredEvaluation]]
    yardstick: Yardstick | None
    """On train."""
    leader: ProgramRecord | None
    """The champion or, while there is none, the best program so far."""
    moments: list[Moment]

    @property
    def leader_title(self) -> str:
        """What the leader is."""
        return "champion" if self.run.champion_id is not None else "best program so far"


def read_subject(connection: Connection, run: RunRecord) -> Subject:
    """Read what the pictures of a run have in common."""
    assert run.reference_id is not None, "a search run has a reference run"
    problem, _ = recorded_problem(run)
    baselines = read_baselines(connection, run.reference_id)
    return Subject(
        run=run,
        problem=problem,
        baselines=baselines,
        yardstick=yardstick_of(
            baselines.get(Split.TRAIN, {}),
            read_bounds(connection, run.reference_id),
            None if problem is None else problem.problem.objective.direction,
        ),
        leader=leader_of(connection, run),
        moments=read_moments(connection, run.id),
    )
