"""The best score on train against what was spent: evaluations, wall time, dollars."""

from collections.abc import Sequence

import msgspec
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.plots.style import OURS, THEIRS, duration_axis, label_lines, new_figure
from results.subject import Subject, Yardstick
from results.timeline import Improvement, Moment, improvements

MOST_MARKERS = 60
"""With more improvements than this, the curve alone is drawn."""
_STRETCH = 2.0
"""How many times the height of the curve the picture may have, to show lines that are farther away."""


class Spent(msgspec.Struct, frozen=True):
    """An axis: what was spent at each improvement, and in the end."""

    label: str
    at: list[float]
    end: float


def anytime_figure(subject: Subject) -> Figure | str:
    """The picture, or why there is none."""
    found = improvements(subject.moments)
    if not found:
        return "no program has a score yet"
    axes_of_spending = _spending(subject.moments, found)
    figure = new_figure(3.4 * len(axes_of_spending) + 2.2, 3.9, f"Best score so far, run {subject.run.name}")
    all_axes: list[Axes] = list(figure.subplots(1, len(axes_of_spending), sharey=True, squeeze=False)[0])
    scores = [one.score for one in found]
    drawn, beyond = _levels(subject.yardstick, min(scores), max(scores))
    for axes, spent in zip(all_axes, axes_of_spending, strict=True):
        _draw_levels(axes, drawn, subject.yardstick)
        axes.step(
            [*spent.at, max(spent.end, spent.at[-1])],
            [*scores, scores[-1]],
            where="post",
            color=OURS,
            linewidth=1.8,
            marker="o" if len(found) <= MOST_MARKERS else None,
            markersize=3.5,
            markevery=list(range(len(found))),
            label="best program",
            clip_on=False,
        )
        axes.set_xlabel(spent.label)
        end = max(spent.end, spent.at[-1]) or 1.0
        axes.set_xlim(0.0, 1.03 * end)
    levels = [one for one, _ in drawn] + scores
    room = 0.06 * ((max(levels) - min(levels)) or abs(max(levels)) * 0.1 or 1.0)
    all_axes[0].set_ylim(min(levels) - room, max(levels) + room)
    all_axes[0].set_ylabel("score on train" + _one(subject.yardstick))
    label_lines(all_axes[-1], [*drawn, (scores[-1], f"best program {scores[-1]:.4f}")])
    if beyond:
        figure.supxlabel(f"off the chart: {', '.join(beyond)}", x=0.01, ha="left", fontsize=8)
    return figure


def _spending(moments: Sequence[Moment], found: Sequence[Improvement]) -> list[Spent]:
    last = moments[-1]
    factor, unit = duration_axis(last.seconds)
    spending = [
        Spent(
            "evaluated programs", [float(one.moment.evaluations) for one in found], float(last.evaluations)
        ),
        Spent(
            f"wall time ({unit})",
            [one.moment.seconds / factor for one in found],
            last.seconds / factor,
        ),
    ]
    if last.usd > 0.0:
        spending.append(Spent("spent on models (USD)", [one.moment.usd for one in found], last.usd))
    return spending


def _levels(
    yardstick: Yardstick | None, low: float, high: float
) -> tuple[list[tuple[float, str]], list[str]]:
    """Lines to draw, each with its name, and the names of those too far away."""
    if yardstick is None:
        return [], []
    lines = [(score, f"{name} {score:.4f}") for name, score in yardstick.baselines.items()]
    if yardstick.bound is not None:
        lines.append((yardstick.bound, f"bound {yardstick.bound:.4f}"))
    low, high = min(low, 1.0), max(high, 1.0)
    allowed = _STRETCH * max(high - low, 0.02)
    drawn: list[tuple[float, str]] = []
    beyond: list[str] = []
    for score, text in sorted(lines, key=lambda line: max(low - line[0], line[0] - high)):
        reach = max(high, score) - min(low, score)
        if reach <= allowed:
            low, high = min(low, score), max(high, score)
            drawn.append((score, text))
        else:
            beyond.append(text)
    return drawn, beyond


def _draw_levels(axes: Axes, levels: Sequence[tuple[float, str]], yardstick: Yardstick | None) -> None:
    for score, text in levels:
        is_bound = yardstick is not None and text.startswith("bound ") and score == yardstick.bound
        axes.axhline(
            score,
            color="black" if is_bound else THEIRS,
            linewidth=1.4 if is_bound or score == 1.0 else 0.8,
            linestyle=(0, (1, 1.5)) if is_bound else "--" if score == 1.0 else (0, (6, 4)),
            label=text,
        )


def _one(yardstick: Yardstick | None) -> str:
    return "" if yardstick is None else f"\n(1 is {yardstick.reference})"
