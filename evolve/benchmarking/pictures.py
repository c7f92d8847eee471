"""Draws anytime curves and performance profiles. matplotlib is imported when something is drawn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evolve.benchmarking.analysis import Analysis, Row
from results.plots.style import look, new_figure, rendered, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def pictures(analysis: Analysis) -> dict[str, bytes]:
    """PNG pictures by name; the shaded bands are the intervals."""
    from matplotlib.ticker import StrMethodFormatter

    order = [row["strategy"] for row in analysis.strategies]
    with styled():
        anytime = _figure(
            analysis.anytime, order, ("evaluations", "quality"), "Mean quality of the best program"
        )
        anytime.axes[0].set_xscale("log")
        anytime.axes[0].xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        profiles = _figure(
            analysis.profiles, order, ("quality", "share"), "Share of searches that reach a quality"
        )
    return {"anytime.png": rendered(anytime, "png"), "profiles.png": rendered(profiles, "png")}


def _figure(rows: Sequence[Row], order: Sequence[str], across_up: tuple[str, str], title: str) -> "Figure":
    figure = new_figure(8.0, 5.0, title)
    axes: Axes = figure.subplots()
    across, up = across_up
    for place, strategy in enumerate(order):
        style = look(place)
        mine: list[dict[str, Any]] = [row for row in rows if row["strategy"] == strategy]
        moments = [row[across] for row in mine]
        axes.plot(
            moments, [row[up] for row in mine], label=strategy, color=style.color, linestyle=style.dashes
        )
        axes.fill_between(
            moments,
            [row["low"] for row in mine],
            [row["high"] for row in mine],
            color=style.color,
            alpha=0.15,
            linewidth=0.0,
        )
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.set_ylim(-0.02, 1.02)
    axes.legend()
    return figure
