"""What all pictures have in common: how they look, how labels keep apart, and how they are written.

Everything can be told apart without colour, by dashes, markers and shades.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib.style
import msgspec
from matplotlib.axes import Axes
from matplotlib.figure import Figure

PNG_DPI = 150
SETTINGS: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "figure.titlesize": 11,
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "grid.color": "0.9",
    "legend.frameon": False,
    "savefig.dpi": PNG_DPI,
    "svg.fonttype": "path",
    "svg.hashsalt": "evolve",
    "text.parse_math": False,
}
"""Of all settings of matplotlib those that differ; a person's own matplotlibrc has no say."""

OURS = "#0b3c6f"
"""The colour of the run's own programs."""
THEIRS = "0.35"
"""The colour of what people designed."""
FAINT = "0.7"


class Look(msgspec.Struct, frozen=True):
    """How a series is drawn; no two of `LOOKS` share dashes, marker or shade."""

    color: str
    dashes: Any
    marker: str


LOOKS = (
    Look("#0b3c6f", "-", "o"),
    Look("#d95f02", (0, (5, 2)), "s"),
    Look("#5aae61", (0, (1, 1.5)), "^"),
    Look("#762a83", (0, (6, 2, 1, 2)), "D"),
    Look("#e6ab02", (0, (3, 1, 1, 1, 1, 1)), "v"),
    Look("#555555", (0, (8, 3)), "P"),
    Look("#80cdc1", (0, (2, 2)), "X"),
    Look("#000000", (0, (1, 3)), "*"),
)


@contextmanager
def styled() -> Iterator[None]:
    """Inside, matplotlib's own settings are in force with `SETTINGS`, whatever they are outside."""
    with matplotlib.style.context(["default", SETTINGS]):
        yield


def look(index: int) -> Look:
    """The look of a series, by its place."""
    return LOOKS[index % len(LOOKS)]


def new_figure(width: float, height: float, title: str) -> Figure:
    """An empty figure, inches, with a title."""
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    return figure


def rendered(figure: Figure, kind: str) -> bytes:
    """The figure as `png` or `svg`: the same figure gives the same bytes."""
    metadata: dict[str, Any] = {"Software": None} if kind == "png" else {"Date": None, "Creator": "evolve"}
    target = io.BytesIO()
    with styled():
        figure.savefig(target, format=kind, metadata=metadata)
    return target.getvalue()


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places for labels: as near to those wanted as a distance of `gap` allows, between `low` and `high`.

    Labels that would overlap are put side by side, centred on the mean of the places that they want. Where
    there is not room for all, the gap is what the room gives.
    """
    if not wanted:
        return []
    gap = min(gap, (high - low) / len(wanted))
    order = sorted(range(len(wanted)), key=lambda index: (wanted[index], index))
    blocks: list[tuple[float, int]] = []
    for index in order:
        middle, size = wanted[index], 1
        while blocks and middle - size * gap / 2 < blocks[-1][0] + blocks[-1][1] * gap / 2:
            other, count = blocks.pop()
            middle, size = (other * count + middle * size) / (count + size), count + size
            middle = _inside(middle, size * gap, low, high)
        blocks.append((_inside(middle, size * gap, low, high), size))
    places = [middle + (place - (size - 1) / 2) * gap for middle, size in blocks for place in range(size)]
    found = [0.0] * len(wanted)
    for index, place in zip(order, places, strict=True):
        found[index] = place
    return found


def label_lines(axes: Axes, levels: Sequence[tuple[float, str]]) -> None:
    """Name horizontal lines at the right of a picture, without overlap; limits have to be final."""
    low, high = axes.get_ylim()
    size = axes.get_figure().get_size_inches()[1]  # type: ignore[union-attr]  # axes are in a figure
    line = 0.17 / (0.72 * size) * (high - low)
    places = spread([level for level, _ in levels], line, low, high)
    for (level, text), place in zip(levels, places, strict=True):
        axes.annotate(
            text,
            xy=(1.0, level),
            xytext=(1.06, place),
            xycoords=axes.get_yaxis_transform(),
            textcoords=axes.get_yaxis_transform(),
            va="center",
            ha="left",
            fontsize=8,
            color="0.2",
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.6, "shrinkA": 1, "shrinkB": 1},
            annotation_clip=False,
        )


def duration_axis(seconds: float) -> tuple[float, str]:
    """What to divide seconds by so that `seconds` is easily read, and the unit."""
    for factor, unit in ((3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * factor:
            return factor, unit
    return 1.0, "s"


def shortened(text: str, length: int) -> str:
    """A text on one line, of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else f"{line[: length - 1].rstrip()}…"


def _inside(middle: float, width: float, low: float, high: float) -> float:
    return min(max(middle, low + width / 2), high - width / 2)
