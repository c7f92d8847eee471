"""The champion's ancestors, step by step: score, operator, idea, and further parents."""

import itertools

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sqlalchemy import Connection

from results.lineage import Step, lineage_of, telling_steps
from results.plots.style import OURS, THEIRS, new_figure, shortened
from results.subject import Subject

_WIDTH = 92


def lineage_figure(connection: Connection, subject: Subject) -> Figure | str:
    """The picture, or why there is none."""
    if subject.leader is None:
        return "no program has a score yet"
    steps = lineage_of(connection, subject.leader)
    rows = telling_steps(steps)
    title = f"Lineage of the {subject.leader_title} {subject.leader.label}, run {subject.run.name}"
    figure = new_figure(10.5, 1.5 + 0.34 * len(rows), title)
    axes = figure.subplots()
    _draw_path(axes, rows)
    _label(axes, rows)
    if subject.yardstick is not None:
        name = subject.yardstick.reference
        axes.axvline(1.0, color=THEIRS, linewidth=1.0, linestyle="--", label=f"{name}, score 1")
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlabel("score on train")
    axes.set_ylabel("step")
    axes.grid(axis="y", visible=False)
    figure.legend(loc="outside lower left", ncols=4, fontsize=8)
    return figure


def _draw_path(axes: Axes, rows: list[Step | int]) -> None:
    path = [
        (row.program.train, place)
        for place, row in enumerate(rows)
        if isinstance(row, Step) and row.program.train is not None
    ]
    for (before, above), (after, below) in itertools.pairwise(path):
        is_whole = below - above == 1
        axes.plot(
            [before, after],
            [above, below],
            color=OURS,
            linewidth=1.4 if is_whole else 1.0,
            linestyle="-" if is_whole else (0, (1, 2)),
        )
    axes.plot(
        [score for score, _ in path],
        [place for _, place in path],
        color=OURS,
        linestyle="none",
        marker="o",
        markersize=5,
        label="program, below the one that it descends from",
    )
    sides = [
        (other.train, row.program.train, place)
        for place, row in enumerate(rows)
        if isinstance(row, Step)
        for other in row.others
        if other.train is not None
    ]
    for theirs, ours, place in sides:
        if ours is not None:
            axes.plot(
                [theirs, ours], [place - 0.5, place], color=THEIRS, linewidth=0.9, linestyle=(0, (2, 2))
            )
    if sides:
        axes.plot(
            [theirs for theirs, _, _ in sides],
            [place - 0.5 for _, _, place in sides],
            linestyle="none",
            marker="s",
            markersize=5,
            markerfacecolor="white",
            markeredgecolor=THEIRS,
            label="further parent",
        )


def _label(axes: Axes, rows: list[Step | int]) -> None:
    axes.set_yticks(range(len(rows)), [_name(row) for row in rows], fontsize=8)
    right = axes.twinx()
    right.set_ylim(len(rows) - 0.4, -0.6)
    right.set_yticks(range(len(rows)), [_words(row) for row in rows], fontsize=8)
    right.tick_params(axis="y", length=0)
    right.grid(visible=False)


def _name(row: Step | int) -> str:
    if isinstance(row, int):
        return ""
    program = row.program
    score = "no score" if program.train is None else f"{program.train:.4f}"
    if program.baseline is not None:
        return f"{program.baseline}  {score}"
    return f"#{program.number} {program.operator or ''}  {score}"


def _words(row: Step | int) -> str:
    if isinstance(row, int):
        return f"… {row} step{'s' if row > 1 else ''} that raised the score less"
    text = row.program.idea or row.change or ("the first program" if not row.diff else "")
    return shortened(text, _WIDTH)
