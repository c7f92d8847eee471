"""The populations of a run's strategy: who lives where, how good it is, and which operator made it."""

from collections import Counter

from matplotlib.figure import Figure
from sqlalchemy import Connection

from results.plots.style import THEIRS, look, new_figure, shortened
from results.populations import PopulationView, read_populations
from results.subject import Subject

MOST_SHOWN = 40
"""Populations that are drawn; of more the best ones."""


def niches_figure(connection: Connection, subject: Subject) -> Figure | str:
    """The picture, or why there is none."""
    populations = [one for one in read_populations(connection, subject.run.id) if one.members]
    if not populations:
        strategy = subject.run.settings.get("course", {}).get("strategy", "of the run")
        return f"the strategy {strategy} keeps no populations"
    left_out = max(0, len(populations) - MOST_SHOWN)
    if left_out:
        best_first = sorted(populations, key=lambda one: -_best(one))[:MOST_SHOWN]
        populations = [one for one in populations if one in best_first]
    return _drawn(subject, populations, left_out)


def _drawn(subject: Subject, populations: list[PopulationView], left_out: int) -> Figure:
    origins = {one.program: one.operator for one in subject.moments if one.program is not None}
    counts = Counter(origins.get(one.program, "baseline") for view in populations for one in view.members)
    figure = new_figure(
        8.2, 1.9 + 0.5 * len(populations), f"Populations after the last commit, run {subject.run.name}"
    )
    axes = figure.subplots()
    for index, (operator, _) in enumerate(counts.most_common()):
        style = look(index)
        points = [
            (member.score, row + _shift(place, len(view.members)))
            for row, view in enumerate(populations)
            for place, member in enumerate(view.members)
            if origins.get(member.program, "baseline") == operator
        ]
        axes.plot(
            [score for score, _ in points],
            [place for _, place in points],
            linestyle="none",
            marker=style.marker,
            markersize=5,
            markerfacecolor=style.color,
            markeredgecolor="white",
            markeredgewidth=0.4,
            label=f"made by {operator}",
        )
    if subject.leader is not None:
        crowned = [
            (member.score, row + _shift(place, len(view.members)))
            for row, view in enumerate(populations)
            for place, member in enumerate(view.members)
            if member.program == subject.leader.hash
        ]
        if crowned:
            axes.plot(
                [score for score, _ in crowned],
                [place for _, place in crowned],
                linestyle="none",
                marker="o",
                markersize=11,
                markerfacecolor="none",
                markeredgecolor="black",
                markeredgewidth=1.2,
                label=subject.leader_title,
            )
    scores = [member.score for view in populations for member in view.members]
    if min(scores) <= 1.0 <= max(scores) and subject.yardstick is not None:
        name = subject.yardstick.reference
        axes.axvline(1.0, color=THEIRS, linewidth=1.0, linestyle="--", label=name)
    rows = range(len(populations))
    axes.set_yticks(rows, [f"{shortened(one.name, 30)} ({len(one.members)})" for one in populations])
    axes.set_ylim(len(populations) - 0.5, -0.5)
    axes.set_ylabel("population (members),\neach with its best on top")
    axes.set_xlabel("score on train")
    axes.grid(axis="y", visible=False)
    if left_out:
        axes.set_title(f"the {MOST_SHOWN} best; {left_out} more are not shown")
    figure.legend(loc="outside lower left", ncols=4, fontsize=8)
    return figure


def _best(view: PopulationView) -> float:
    return view.members[0].score


def _shift(place: int, count: int) -> float:
    """Where in its row a member is drawn, so that equal scores do not hide each other."""
    return 0.0 if count == 1 else -0.3 + 0.6 * place / (count - 1)
