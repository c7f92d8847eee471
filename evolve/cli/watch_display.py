"""What `evolve watch` shows: a page on a terminal, lines elsewhere."""

import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, Self

import click
import msgspec

from evolve.cli.output import print_table
from evolve.cli.progress import PLAIN_INTERVAL_S
from results.live import Arm, LiveImprovement, Snapshot

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_ARM_COLUMNS = ("operator", "model", "proposals", "evaluated", "accepted", "improvements", "cost_usd")


class Display(Protocol):
    """Shows one look after the other."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def show(self, snapshot: Snapshot) -> None:
        """Show a look."""
        ...

    def trouble(self, what: str) -> None:
        """Say why there was no look."""
        ...


def make_display() -> Display:
    """The display that fits where stdout goes."""
    return PageDisplay() if sys.stdout.isatty() else PlainDisplay()


def snapshot_json(snapshot: Snapshot) -> dict[str, Any]:
    """A look under the names that other commands use."""
    run = snapshot.run
    fields: dict[str, Any] = msgspec.structs.asdict(snapshot)
    return fields | {
        "run": run.name,
        "problem": run.problem,
        "status": run.status,
        "reason": run.reason,
        "seconds": run.seconds,
        "budget": run.settings.get("budget", {}),
        "over": snapshot.over,
    }


class PlainDisplay:
    """A line when the best score rises, when the run stands otherwise, and now and then."""

    def __init__(self) -> None:
        self._last_line = -PLAIN_INTERVAL_S
        self._shown: Snapshot | None = None
        self._trouble = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to put back."""

    def show(self, snapshot: Snapshot) -> None:
        """Print what is new since the last line, if that is worth a line."""
        before = self._shown
        self._trouble = ""
        changed = before is None or before.committed != snapshot.committed
        stands = before is None or standing(before) != standing(snapshot)
        rose = before is None or before.best_number != snapshot.best_number
        due = changed and time.monotonic() - self._last_line >= PLAIN_INTERVAL_S
        if not (stands or rose or due or (snapshot.over and changed)):
            return
        self._last_line = time.monotonic()
        self._shown = snapshot
        if stands:
            click.echo(headline(snapshot))
        click.echo(", ".join([progress_line(snapshot), best_line(snapshot), *_money(snapshot)]))
        known = None if before is None else before.best_number
        for one in reversed(snapshot.improvements):
            if known is None or one.number > known:
                click.echo(f"  {improvement_line(one)}")

    def trouble(self, what: str) -> None:
        """Print why there was no look, once."""
        if what != self._trouble:
            click.echo(what)
        self._trouble = what

    def whole(self, snapshot: Snapshot) -> None:
        """Print all of a look."""
        click.echo(headline(snapshot))
        click.echo(progress_line(snapshot))
        click.echo(", ".join([best_line(snapshot), *_money(snapshot)]))
        if snapshot.arms:
            print_table([msgspec.structs.asdict(one) for one in snapshot.arms], _arm_columns(snapshot.arms))
        if snapshot.populations:
            print_table(population_rows(snapshot), ("population", "members", "best", "worst", "best_program"))
        for one in snapshot.improvements:
            click.echo(f"{improvement_line(one)}\n{one.diff}")


class PageDisplay:
    """A page that is drawn again with every look; it takes the whole terminal and gives it back."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(highlight=False)
        self._live = Live(console=self._console, screen=True, auto_refresh=False, vertical_overflow="crop")
        self._shown: Snapshot | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()
        if self._shown is not None:
            PlainDisplay().show(self._shown)

    def show(self, snapshot: Snapshot) -> None:
        """Draw the page."""
        self._shown = snapshot
        self._live.update(self._page(snapshot, ""), refresh=True)

    def trouble(self, what: str) -> None:
        """Say above the last page why there is no newer one."""
        self._live.update(self._page(self._shown, what), refresh=True)

    def _page(self, snapshot: Snapshot | None, trouble: str) -> "RenderableType":
        from rich.console import Group
        from rich.text import Text

        parts: list[RenderableType] = []
        if trouble:
            parts.append(Text(trouble, style="bold"))
        if snapshot is None:
            return Group(*parts)
        parts.append(Text(headline(snapshot), style="bold", no_wrap=True, overflow="ellipsis"))
        lines = (progress_line(snapshot), best_line(snapshot), *_money(snapshot))
        parts += [Text(line, no_wrap=True, overflow="ellipsis") for line in lines]
        room = self._console.height - len(parts) - 1
        for rows, columns in (
            ([msgspec.structs.asdict(one) for one in snapshot.arms], _arm_columns(snapshot.arms)),
            (population_rows(snapshot), ("population", "members", "best", "worst", "best_program")),
        ):
            if rows and room > 8:
                shown = rows[: room - 6]
                parts += [Text(""), _rich_table(shown, columns)]
                room -= len(shown) + 2
        parts += self._improvements(snapshot.improvements, room)
        return Group(*parts)

    def _improvements(self, found: Sequence[LiveImprovement], room: int) -> "list[RenderableType]":
        """The latest improvements with their diffs, as far as there is room."""
        from rich.text import Text

        styles = {"+": "green", "-": "red", "@": "dim"}
        parts: list[RenderableType] = []
        for one in found:
            lines = [line for line in one.diff.splitlines() if not line.startswith(("+++", "---"))]
            if room < 3:
                break
            parts += [Text(""), Text(improvement_line(one), style="bold", no_wrap=True, overflow="ellipsis")]
            room -= 2
            parts += [
                Text(line, style=styles.get(line[:1], ""), no_wrap=True, overflow="ellipsis")
                for line in lines[: max(0, room)]
            ]
            room -= len(lines)
        return parts


def headline(snapshot: Snapshot) -> str:
    """Which run this is, and how it stands."""
    return f"run {snapshot.run.name} of {snapshot.run.problem}: {standing(snapshot)}"


def standing(snapshot: Snapshot) -> str:
    """How a run stands, and who works on it."""
    run, holder = snapshot.run, snapshot.holder
    if holder is not None and holder.alive:
        who = f"process {holder.process} on {holder.machine}"
        doing = "is working on it" if snapshot.committed >= 0 else "is getting ready"
        return f"{who} {doing}"
    if run.status != "running":
        reason = "" if run.reason in ("", run.status) else f" ({run.reason.replace('_', ' ')})"
        return f"{run.status}{reason}"
    if snapshot.committed < 0 and holder is None:
        return "not begun yet"
    return f"nobody works on it any more; go on with: evolve resume {run.name}"


def progress_line(snapshot: Snapshot) -> str:
    """How far a run has come."""
    budget = snapshot.run.settings.get("budget", {})
    limit = budget.get("max_evaluations")
    most = budget.get("max_time")
    parts = [
        f"{snapshot.run.seconds:.0f} s" + (f" of {most:.0f} s" if most else ""),
        f"{snapshot.evaluations} evaluations" + (f" of {limit}" if limit else ""),
    ]
    if snapshot.rate is not None and not snapshot.over:
        parts.append(f"{snapshot.rate:.1f} per second")
    counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in snapshot.statuses.items())
    parts.append(f"{sum(snapshot.statuses.values())} proposals" + (f" ({counts})" if counts else ""))
    if snapshot.waiting and not snapshot.over:
        parts.append(f"{snapshot.waiting} in flight")
    return ", ".join(parts)


def best_line(snapshot: Snapshot) -> str:
    """The best score, and since when."""
    if snapshot.best is None:
        return "no program has a score yet"
    one = "" if snapshot.reference is None else f" (1 is {snapshot.reference})"
    return (
        f"best on train {snapshot.best:.4f}{one} by proposal {snapshot.best_number},"
        f" {snapshot.evaluations_since} evaluations ago"
    )


def improvement_line(one: LiveImprovement) -> str:
    """What an improvement was, in one line."""
    rise = f"{one.score:.4f}" if one.before is None else f"{one.before:.4f} to {one.score:.4f}"
    maker = one.operator if one.model is None else f"{one.operator} with {one.model}"
    what = " ".join((one.idea or one.change).split())
    return f"proposal {one.number}, {rise}, by {maker}" + (f": {what}" if what else "")


def population_rows(snapshot: Snapshot) -> list[dict[str, Any]]:
    """The populations as rows."""
    return [
        {
            "population": view.name,
            "members": len(view.members),
            "best": None if view.best is None else view.best.score,
            "worst": view.members[-1].score if view.members else None,
            "best_program": None if view.best is None else view.best.program[:12],
        }
        for view in snapshot.populations
    ]


def _money(snapshot: Snapshot) -> list[str]:
    """What was spent on models; nothing where none was asked."""
    if not any(arm.calls for arm in snapshot.arms):
        return []
    limit = snapshot.run.settings.get("budget", {}).get("max_cost")
    text = f"{snapshot.cost_usd:.4f} USD" + (f" of {limit:g}" if limit else "")
    if snapshot.at_most_beside_usd:
        text += f", and at most {snapshot.at_most_beside_usd:.4f} for calls of unknown cost"
    if snapshot.calls_in_flight:
        text += f", {snapshot.calls_in_flight} calls in flight"
    return [text]


def _arm_columns(arms: Sequence[Arm]) -> list[str]:
    paid = any(arm.calls for arm in arms)
    return [name for name in _ARM_COLUMNS if paid or name not in ("model", "cost_usd")]


def _rich_table(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for name in columns:
        numeric = any(isinstance(row[name], int | float) for row in rows)
        table.add_column(name.replace("_", " "), justify="right" if numeric else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(row[name]) for name in columns))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4f}" if isinstance(value, float) else str(value)
