"""What a comparison shows: quality, anytime curves, performance profiles, and each strategy beside best-of-n.

Quality puts problems on one scale: the logarithm of a score, 0 at the score of the program that all
searches of the problem start from, and 1 at the best score there is, or where that is not known, at the
best that any search of the comparison reached. All figures rest on equal evaluations. A search that found
nothing with a score has quality 0.

Intervals are percentiles of a bootstrap over seeds, drawn apart for each problem; a performance profile is
the share of searches whose quality is at least so much. Both as Agarwal et al. recommend (NeurIPS 2021,
arXiv:2108.13264, sections 4.1 and 4.2). Problems are fixed: nothing is said about others.
"""

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from evolve.benchmarking.cells import Finished
from evolve.benchmarking.comparing import YARDSTICK, Comparison
from evolve.problem import Floats
from results.statistics import log_ratio, mean_interval

RESAMPLES = 2000
LEVEL = 95.0
"""Per cent."""
MOMENTS = 40
"""Of an anytime curve, evenly spaced on a logarithmic scale."""
LEVELS = 101
"""Of a performance profile."""
_CHUNK = 100

Row = dict[str, Any]


class Analysis(msgspec.Struct, frozen=True):
    """Tables, as rows by column."""

    strategies: list[Row]
    """One for each strategy, the best first."""
    problems: list[Row]
    """One for each problem and strategy."""
    searches: list[Row]
    """One for each search."""
    anytime: list[Row]
    """Mean quality after so many evaluations."""
    profiles: list[Row]
    """The share of searches of at least so much quality."""


def analyse(comparison: Comparison, finished: Sequence[Finished]) -> Analysis:
    """The figures of a comparison all of whose cells are finished."""
    moments = _moments(comparison.evaluations)
    table = _qualities(comparison, finished, moments)
    finals = {name: values[:, :, -1] for name, values in table.items()}
    means = {name: _resampled_means(values) for name, values in finals.items()}
    problems = _problem_rows(comparison, finished, finals)
    return Analysis(
        strategies=_strategy_rows(comparison, finals, means, problems),
        problems=problems,
        searches=_search_rows(finished),
        anytime=_anytime_rows(table, moments),
        profiles=_profile_rows(finals),
    )


def _moments(evaluations: int) -> list[int]:
    steps = (evaluations ** (place / (MOMENTS - 1)) for place in range(MOMENTS))
    return sorted({*(round(step) for step in steps), evaluations})


def _qualities(
    comparison: Comparison, finished: Sequence[Finished], moments: Sequence[int]
) -> dict[str, Floats]:
    """For each strategy an array of shape (problems, seeds, moments)."""
    scales = {name: _scale(name, finished) for name in comparison.suite.names}
    shape = len(comparison.suite.names), comparison.seeds, len(moments)
    table = {name: np.zeros(shape) for name in comparison.strategies}
    place = {name: index for index, name in enumerate(comparison.suite.names)}
    for one in finished:
        base, best = scales[one.cell.problem]
        row = table[one.cell.strategy][place[one.cell.problem], one.cell.seed - 1]
        for index, moment in enumerate(moments):
            score = one.curve.at(moment)
            if score is not None and best > base:
                row[index] = math.log(score / base) / math.log(best / base)
    return table


def _scale(problem: str, finished: Sequence[Finished]) -> tuple[float, float]:
    """The scores whose qualities are 0 and 1. They are equal where no search got anywhere."""
    mine = [one for one in finished if one.cell.problem == problem]
    firsts = [one.curve.points[0][1] for one in mine if one.curve.points]
    if not firsts:
        return 1.0, 1.0
    finals = [one.curve.final for one in mine if one.curve.final is not None]
    optimum = mine[0].optimum
    return min(firsts), max(finals) if optimum is None else optimum


def _drawn(problems: int, seeds: int, purpose: int) -> NDArray[np.int64]:
    """Which seeds each resample has of each problem: shape (resamples, problems, seeds)."""
    generator = np.random.Generator(np.random.PCG64(purpose))
    return generator.integers(0, seeds, size=(RESAMPLES, problems, seeds))


def _resampled_means(values: Floats) -> Floats:
    """The means of resamples, of shape (resamples, n or 1).

    Args:
        values: Of shape (problems, seeds) or (problems, seeds, n).
    """
    cube = values if values.ndim == 3 else values[:, :, None]
    problems, seeds, _ = cube.shape
    drawn = _drawn(problems, seeds, 0)
    rows = np.arange(problems)[:, None]
    parts = [
        cube[rows[None], drawn[start : start + _CHUNK]].mean(axis=(1, 2))
        for start in range(0, RESAMPLES, _CHUNK)
    ]
    return np.concatenate(parts)


def _interval(resampled: Floats) -> tuple[float, float]:
    tail = (100.0 - LEVEL) / 2
    low, high = np.percentile(resampled, [tail, 100.0 - tail])
    return float(low), float(high)


def _strategy_rows(
    comparison: Comparison, finals: dict[str, Floats], means: dict[str, Floats], problems: list[Row]
) -> list[Row]:
    rows = []
    for name in comparison.strategies:
        low, high = _interval(means[name][:, 0])
        difference = finals[name] - finals[YARDSTICK]
        least, most = _interval(_resampled_means(difference)[:, 0])
        verdicts = [row["verdict"] for row in problems if row["strategy"] == name]
        own = name == YARDSTICK
        rows.append(
            {
                "strategy": name,
                "quality": float(finals[name].mean()),
                "low": low,
                "high": high,
                "gain": None if own else float(difference.mean()),
                "gain_low": None if own else least,
                "gain_high": None if own else most,
                "better": None if own else verdicts.count("better"),
                "undecided": None if own else verdicts.count("undecided"),
                "worse": None if own else verdicts.count("worse"),
                "problems": len(comparison.suite.names),
            }
        )
    return sorted(rows, key=lambda row: (-row["quality"], row["strategy"]))


def _problem_rows(
    comparison: Comparison, finished: Sequence[Finished], finals: dict[str, Floats]
) -> list[Row]:
    scores = {one.cell: one.curve.final for one in finished}
    cells = {(cell.problem, cell.strategy, cell.seed): cell for cell in scores}
    rows: list[Row] = []
    for place, problem in enumerate(comparison.suite.names):
        for strategy in comparison.strategies:
            pairs = [
                (scores[cells[problem, strategy, seed]], scores[cells[problem, YARDSTICK, seed]])
                for seed in range(1, comparison.seeds + 1)
            ]
            own = [first for first, _ in pairs if first is not None]
            row: Row = {
                "problem": problem,
                "strategy": strategy,
                "median_score": float(np.median(own)) if own else None,
                "quality": float(finals[strategy][place].mean()),
            }
            rows.append(row | _beside_yardstick(strategy, pairs))
    return rows


def _beside_yardstick(strategy: str, pairs: Sequence[tuple[float | None, float | None]]) -> Row:
    """The geometric mean of the ratios to best-of-n's scores with the same seeds, with Student's interval."""
    if strategy == YARDSTICK:
        return {"ratio": None, "ratio_low": None, "ratio_high": None, "verdict": None}
    logs = [log_ratio(one, other) for one, other in pairs if one is not None and other is not None]
    interval = mean_interval(logs, LEVEL) if len(logs) == len(pairs) else None
    if interval is None:
        return {"ratio": None, "ratio_low": None, "ratio_high": None, "verdict": "undecided"}
    verdict = "better" if interval.low > 1.0 else "worse" if interval.high < 1.0 else "undecided"
    return {
        "ratio": math.exp(math.fsum(logs) / len(logs)),
        "ratio_low": interval.low,
        "ratio_high": interval.high,
        "verdict": verdict,
    }


def _search_rows(finished: Sequence[Finished]) -> list[Row]:
    return [
        {
            "problem": one.cell.problem,
            "strategy": one.cell.strategy,
            "seed": one.cell.seed,
            "evaluations": one.curve.evaluations,
            "score": one.curve.final,
        }
        for one in finished
    ]


def _anytime_rows(table: dict[str, Floats], moments: Sequence[int]) -> list[Row]:
    rows: list[Row] = []
    for strategy, values in table.items():
        resampled = _resampled_means(values)
        for index, moment in enumerate(moments):
            low, high = _interval(resampled[:, index])
            quality = float(values[:, :, index].mean())
            rows.append(
                {"strategy": strategy, "evaluations": moment, "quality": quality, "low": low, "high": high}
            )
    return rows


def _profile_rows(finals: dict[str, Floats]) -> list[Row]:
    levels = np.linspace(0.0, 1.0, LEVELS)
    rows: list[Row] = []
    for strategy, values in finals.items():
        reached = (values[:, :, None] >= levels - 1e-9).astype(np.float64)
        resampled = _resampled_means(reached)
        for index, level in enumerate(levels):
            low, high = _interval(resampled[:, index])
            share = float(reached[:, :, index].mean())
            rows.append(
                {"strategy": strategy, "quality": float(level), "share": share, "low": low, "high": high}
            )
    return rows
