"""The table at the end of a run: every published baseline and the evolved program, on every split."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from evolve.archive.records import ScoredEvaluation
from evolve.problem import Direction, Split
from evolve.scoring import gap

EVOLVED = "evolved"


class Contestant(msgspec.Struct, frozen=True):
    """A baseline, or the program that a run found, with what it earned on each split."""

    name: str
    scores: dict[Split, float | None]
    gaps: dict[Split, float | None]
    """The mean over instances of the gap to the bound; 0.2 is 20 % worse. None where it cannot be said."""


def contestants(
    baselines: Mapping[Split, Mapping[str, ScoredEvaluation]],
    evolved: Mapping[Split, ScoredEvaluation] | None,
    bounds: Mapping[str, float],
    direction: Direction,
) -> list[Contestant]:
    """All baselines and, last, the evolved program; `bounds` by the instance's name."""
    by_name: dict[str, dict[Split, ScoredEvaluation]] = {}
    for split, found in baselines.items():
        for name, evaluation in found.items():
            by_name.setdefault(name, {})[split] = evaluation
    if evolved is not None:
        by_name[EVOLVED] = dict(evolved)
    return [
        Contestant(
            name=name,
            scores={split: evaluation.score for split, evaluation in found.items()},
            gaps={split: _mean_gap(evaluation, bounds, direction) for split, evaluation in found.items()},
        )
        for name, found in by_name.items()
    ]


def comparison_rows(found: Sequence[Contestant], splits: Sequence[Split]) -> list[dict[str, Any]]:
    """Rows for printing: scores, and gaps in per cent where there are any."""
    with_gaps = any(value is not None for one in found for value in one.gaps.values())
    rows = []
    for one in found:
        row: dict[str, Any] = {"program": one.name}
        row |= {split.value: one.scores.get(split) for split in splits}
        if with_gaps:
            row |= {f"gap_{split.value}": _per_cent(one.gaps.get(split)) for split in splits}
        rows.append(row)
    return rows


def _mean_gap(
    evaluation: ScoredEvaluation, bounds: Mapping[str, float], direction: Direction
) -> float | None:
    gaps = [
        gap(outcome.value, bounds[outcome.instance], direction)
        for outcome in evaluation.outcomes
        if outcome.value is not None and outcome.instance in bounds
    ]
    complete = evaluation.score is not None and len(gaps) == len(evaluation.outcomes)
    return sum(gaps) / len(gaps) if gaps and complete else None


def _per_cent(value: float | None) -> str | None:
    return None if value is None else f"{100.0 * value:.1f} %"
