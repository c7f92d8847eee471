"""Draws pictures of a run. matplotlib is needed and imported when something is drawn, and not before."""

from sqlalchemy import Connection

from evolve.errors import UserError
from results.subject import Subject

KINDS = {
    "anytime": "the best score on train against evaluations, wall time and dollars",
    "instances": "the champion beside the best baseline on each instance",
    "niches": "the strategy's populations and who lives there",
    "lineage": "the champion's ancestors, step by step",
    "pareto": "all programs by each two objectives, and the front",
    "spending": "CPU time and dollars over time, by operator and model",
}
FORMATS = ("png", "svg")


def check_drawable() -> None:
    """Make sure that pictures can be drawn here.

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401 - only whether it is there
    except ModuleNotFoundError as error:
        raise UserError(f"pictures need {error.name}: python -m pip install 'evolve-adrs[plot]'") from error


def picture(kind: str, format_: str, connection: Connection, subject: Subject) -> bytes | str:
    """The picture of that kind as `png` or `svg`, or why there is none; the same archive, the same bytes."""
    from results.plots.kinds import draw
    from results.plots.style import rendered

    figure = draw(kind, connection, subject)
    return figure if isinstance(figure, str) else rendered(figure, format_)
