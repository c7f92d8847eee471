"""What was spent over time: dollars by model and by operator, CPU time of evaluations by operator."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sqlalchemy import Connection, func, select

from evolve.archive.models import LlmCall
from results.plots.style import duration_axis, look, new_figure
from results.subject import Subject

MOST_SERIES = 7
"""Operators or models that have a line of their own; the others share one."""
MOST_POINTS = 500
"""Of each line; more cannot be seen."""

Amounts = dict[str, dict[int, float]]
"""For each operator or model, what was spent at which commit, counted from 0."""


def spending_figure(connection: Connection, subject: Subject) -> Figure | str:
    """The picture, or why there is none."""
    moments = subject.moments
    if not moments:
        return "nothing has been committed yet"
    cpu: Amounts = {}
    for place, moment in enumerate(moments):
        cpu.setdefault(moment.operator, {})[place] = moment.cpu_seconds
    panels = _dollars(connection, subject)
    if any(any(series.values()) for series in cpu.values()):
        panels.append(("evaluations on train, by operator", "CPU time (s)", cpu))
    if not panels:
        return "neither CPU time nor money was spent"
    figure = new_figure(max(5.5, 3.9 * len(panels) + 0.6), 4.4, f"Spending, run {subject.run.name}")
    factor, unit = duration_axis(moments[-1].seconds)
    times = [moment.seconds / factor for moment in moments]
    all_axes = figure.subplots(1, len(panels), squeeze=False)[0]
    for axes, (title, label, amounts) in zip(all_axes, panels, strict=True):
        _draw(axes, times, label.rpartition("(")[2].removesuffix(")"), amounts)
        axes.set_title(title)
        axes.set_ylabel(label)
        axes.set_xlabel(f"wall time ({unit})")
    return figure


def _dollars(connection: Connection, subject: Subject) -> list[tuple[str, str, Amounts]]:
    """Two panels, by model and by operator; none where nothing was spent on committed proposals."""
    places = {moment.number: place for place, moment in enumerate(subject.moments)}
    by_model: Amounts = {}
    by_operator: Amounts = {}
    rows = connection.execute(
        select(LlmCall.proposal, LlmCall.model, LlmCall.operator, func.sum(LlmCall.cost_usd))
        .where(LlmCall.run_id == subject.run.id, LlmCall.cost_usd.is_not(None))
        .group_by(LlmCall.proposal, LlmCall.model, LlmCall.operator)
    )
    for proposal, model, operator, cost in rows:
        place = places.get(proposal)
        if place is None or not cost:
            continue
        for name, amounts in ((model, by_model), (operator, by_operator)):
            series = amounts.setdefault(name, {})
            series[place] = series.get(place, 0.0) + cost
    if not by_model:
        return []
    label = "known cost (USD)"
    return [("answers, by model", label, by_model), ("answers, by operator", label, by_operator)]


def _draw(axes: Axes, times: list[float], unit: str, amounts: Amounts) -> None:
    totals = {name: sum(series.values()) for name, series in amounts.items() if any(series.values())}
    ordered = sorted(totals, key=lambda name: (-totals[name], name))
    lines: list[tuple[str, list[str]]] = [(name, [name]) for name in ordered[:MOST_SERIES]]
    if len(ordered) > MOST_SERIES:
        lines.append((f"{len(ordered) - MOST_SERIES} others", ordered[MOST_SERIES:]))
    for index, (name, members) in enumerate(lines):
        style = look(index)
        curve = cumulative(len(times), [amounts[member] for member in members])
        kept = _kept(len(times))
        axes.plot(
            [times[place] for place in kept],
            [curve[place] for place in kept],
            color=style.color,
            linestyle=style.dashes,
            marker=style.marker,
            markersize=4,
            markevery=(0.05 + 0.1 * index / len(lines), 0.2),
            label=f"{name}: {curve[-1]:.3g} {unit}",
        )
    axes.set_ylim(bottom=0.0)
    axes.set_xlim(left=0.0)
    axes.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.15), fontsize=8, ncols=1)


def cumulative(count: int, series: list[Mapping[int, float]] | list[dict[int, float]]) -> list[float]:
    """The sum of some series up to each of `count` commits."""
    total, curve = 0.0, []
    for place in range(count):
        total += sum(one.get(place, 0.0) for one in series)
        curve.append(total)
    return curve


def _kept(count: int) -> list[int]:
    """Evenly spaced places, the first and the last among them."""
    if count <= MOST_POINTS:
        return list(range(count))
    return sorted({round(place * (count - 1) / (MOST_POINTS - 1)) for place in range(MOST_POINTS)})
