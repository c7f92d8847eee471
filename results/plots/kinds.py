"""The kinds of pictures by name."""

from collections.abc import Callable

from matplotlib.figure import Figure
from sqlalchemy import Connection

from results.plots.anytime import anytime_figure
from results.plots.instances import instances_figure
from results.plots.lineage import lineage_figure
from results.plots.niches import niches_figure
from results.plots.pareto import pareto_figure
from results.plots.spending import spending_figure
from results.plots.style import styled
from results.subject import Subject

FIGURES: dict[str, Callable[[Connection, Subject], Figure | str]] = {
    "anytime": lambda _, subject: anytime_figure(subject),
    "instances": instances_figure,
    "niches": niches_figure,
    "lineage": lineage_figure,
    "pareto": pareto_figure,
    "spending": spending_figure,
}


def draw(kind: str, connection: Connection, subject: Subject) -> Figure | str:
    """The picture of that kind, or why there is none."""
    with styled():
        return FIGURES[kind](connection, subject)
