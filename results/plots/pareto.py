"""All programs by two objectives, and the front of those that no other one beats in both."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sqlalchemy import Connection

from evolve.problem import Direction, Objective
from results.fronts import Reached, pareto_front, read_reached
from results.plots.style import FAINT, OURS, look, new_figure
from results.subject import Subject


def pareto_figure(connection: Connection, subject: Subject) -> Figure | str:
    """The picture, with a panel for each objective beside the first; or why there is none."""
    if subject.problem is None:
        return "the problem cannot be loaded here, and its objectives are not in the archive"
    objectives = subject.problem.problem.objectives
    if len(objectives) < 2:
        return f"{subject.run.problem} has one objective"
    assert subject.run.reference_id is not None, "a search run has a reference run"
    panels = []
    for place in range(1, len(objectives)):
        pair = (objectives[0], objectives[place])
        ours = read_reached(connection, subject.run.id, pair)
        theirs = read_reached(connection, subject.run.reference_id, pair)
        if ours:
            panels.append((pair, ours, theirs))
    if not panels:
        return "no program has been measured in two objectives"
    figure = new_figure(3.9 * len(panels) + 1.9, 4.3, f"Objectives, means over train, run {subject.run.name}")
    for axes, (pair, ours, theirs) in zip(
        figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
    ):
        _draw(axes, subject, pair, ours, theirs)
    handles = {
        label: handle
        for axes in figure.axes
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(handles.values()), list(handles), loc="outside right center", fontsize=8)
    return figure


def _draw(
    axes: Axes,
    subject: Subject,
    pair: tuple[Objective, Objective],
    ours: list[Reached],
    theirs: list[Reached],
) -> None:
    axes.plot(
        [one.values[0] for one in ours],
        [one.values[1] for one in ours],
        linestyle="none",
        marker=".",
        markersize=4,
        color=FAINT,
        rasterized=True,
        label="programs of the run",
    )
    front = pareto_front(
        [(one.values[0], one.values[1]) for one in ours], (pair[0].direction, pair[1].direction)
    )
    axes.plot(
        [first for first, _ in front],
        [second for _, second in front],
        color=OURS,
        linewidth=1.2,
        drawstyle="steps-post",
        marker="o",
        markersize=4,
        label="front of the run",
    )
    for index, one in enumerate(theirs):
        style = look(index + 1)
        axes.plot(
            [one.values[0]],
            [one.values[1]],
            linestyle="none",
            marker=style.marker,
            markersize=6.5,
            markerfacecolor="white",
            markeredgecolor=style.color,
            markeredgewidth=1.4,
            label=one.baseline or one.program[:12],
        )
    leader = subject.leader
    crowned = [one for one in ours if leader is not None and one.program == leader.hash]
    if crowned:
        axes.plot(
            [crowned[0].values[0]],
            [crowned[0].values[1]],
            linestyle="none",
            marker="o",
            markersize=11,
            markerfacecolor="none",
            markeredgecolor="black",
            markeredgewidth=1.3,
            label=subject.leader_title,
        )
    axes.set_xlabel(_label(pair[0]))
    axes.set_ylabel(_label(pair[1]))


def _label(objective: Objective) -> str:
    better = "lower" if objective.direction is Direction.MINIMISE else "higher"
    return f"{objective.metric} ({objective.unit}), {better} is better"
