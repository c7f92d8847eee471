"""Shows a run while it goes on: a live display on a terminal, plain lines elsewhere. Both on stderr."""

import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

import click

from evolve.config import Budget
from evolve.llm.base import Spending
from evolve.observer import Committed, Started

if TYPE_CHECKING:
    from rich.console import RenderableType

PLAIN_INTERVAL_S = 5.0
_ACCEPTED = "accepted"


class Tally:
    """What has been committed in this session, counted."""

    def __init__(self) -> None:
        self.statuses: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.last: Committed | None = None
        self._first_evaluations: int | None = None
        self._first_seconds = 0.0

    def add(self, event: Committed) -> None:
        """Count one commit."""
        if self._first_evaluations is None:
            self._first_evaluations, self._first_seconds = event.evaluations, event.seconds
        self.statuses[event.status] += 1
        if event.status not in (_ACCEPTED, "not_better"):
            self.reasons[_kind(event)] += 1
        self.last = event

    @property
    def rate(self) -> float:
        """Evaluations per second of wall time, in this session."""
        if self.last is None or self._first_evaluations is None:
            return 0.0
        seconds = self.last.seconds - self._first_seconds
        return (self.last.evaluations - self._first_evaluations) / seconds if seconds > 0 else 0.0

    def time_left(self, budget: Budget) -> float | None:
        """Seconds until the first of the budgets is used up, as far as that can be told."""
        if self.last is None:
            return None
        left = []
        if budget.max_time is not None:
            left.append(max(0.0, budget.max_time - self.last.seconds))
        if budget.max_evaluations is not None and self.rate > 0:
            left.append((budget.max_evaluations - self.last.evaluations) / self.rate)
        return min(left, default=None)

    def why_not(self, count: int = 4) -> str:
        """The commonest reasons for which proposals came to nothing."""
        return ", ".join(f"{reason} {times}" for reason, times in self.reasons.most_common(count))


def _kind(event: Committed) -> str:
    """A failed program is counted by how it failed, everything else by its status."""
    if event.status == "failed" and event.reason:
        return event.reason.split(" on ", 1)[0]
    return event.status


class PlainProgress:
    """One line now and then, for logs and pipes."""

    def __init__(self) -> None:
        self._tally = Tally()
        self._budget = Budget()
        self._last_line = 0.0
        self._best: float | None = None

    def __enter__(self) -> "PlainProgress":
        return self

    def __exit__(self, *_: object) -> None:
        if self._tally.last is not None:
            self._print(self._tally.last)

    def preparing(self, what: str) -> None:
        """Say what is being done."""
        click.echo(f"{what} …", err=True)

    def started(self, event: Started) -> None:
        """Say under what conditions the search runs."""
        self._budget = event.budget
        click.echo(_headline(event), err=True)

    def committed(self, event: Committed) -> None:
        """Print a line if the best score rose, or if there was none for a while."""
        self._tally.add(event)
        rose = event.best is not None and (self._best is None or event.best > self._best)
        self._best = event.best
        if rose or time.monotonic() - self._last_line >= PLAIN_INTERVAL_S:
            self._print(event)

    def _print(self, event: Committed) -> None:
        self._last_line = time.monotonic()
        best = "-" if event.best is None else f"{event.best:.4f}"
        left = self._tally.time_left(self._budget)
        parts = [
            f"{event.seconds:6.1f} s",
            f"proposal {event.number}",
            f"best {best}",
            f"{self._tally.rate:.1f} evaluations/s",
            f"accepted {self._tally.statuses[_ACCEPTED]}",
            f"not better {self._tally.statuses['not_better']}",
        ]
        if self._tally.reasons:
            parts.append(f"came to nothing: {self._tally.why_not()}")
        if event.spending is not None:
            parts.append(f"spent {_dollars(event.spending)}")
        if left is not None:
            parts.append(f"{left:.0f} s left")
        click.echo(", ".join(parts), err=True)


class LiveProgress:
    """A few lines that are drawn again and again."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live
        from rich.spinner import Spinner

        self._tally = Tally()
        self._started: Started | None = None
        self._doing = "starting"
        self._spinner = Spinner("dots")
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(
            console=self._console, refresh_per_second=5, transient=True, get_renderable=self._render
        )

    def __enter__(self) -> "LiveProgress":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def preparing(self, what: str) -> None:
        """Show what is being done."""
        self._doing = what

    def started(self, event: Started) -> None:
        """Print under what conditions the search runs."""
        self._started = event
        self._doing = "searching"
        self._console.print(_headline(event), soft_wrap=True)

    def committed(self, event: Committed) -> None:
        """Take the commit into the display."""
        self._tally.add(event)

    def _render(self) -> "RenderableType":
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        grid.add_row(self._spinner, self._doing)
        event = self._tally.last
        if event is None or self._started is None:
            return grid
        best = "none yet" if event.best is None else f"{event.best:.4f}"
        left = self._tally.time_left(self._started.budget)
        counts = self._tally.statuses
        grid.add_row("", f"best score on train {best}  (1.0 is {self._started.reference})")
        grid.add_row("", f"{event.evaluations} evaluations, {self._tally.rate:.1f} per second")
        grid.add_row("", f"accepted {counts[_ACCEPTED]}, not better {counts['not_better']}")
        grid.add_row("", f"came to nothing: {self._tally.why_not() or 'none'}")
        if event.spending is not None:
            grid.add_row("", f"spent {_dollars(event.spending)} on models")
        grid.add_row("", f"{event.seconds:.0f} s" + ("" if left is None else f", about {left:.0f} s left"))
        return grid


def _dollars(spending: Spending) -> str:
    beside = f" (+ at most {spending.unknown_usd:.2f} $)" if spending.unknown_usd else ""
    return f"{spending.usd:.4f} ${beside}"


def make_progress() -> PlainProgress | LiveProgress:
    """The display that fits where stderr goes."""
    return LiveProgress() if sys.stderr.isatty() else PlainProgress()


def _headline(event: Started) -> str:
    models = f", models {', '.join(event.models)}" if event.models else ""
    going_on = f", going on after proposal {event.committed - 1}" if event.committed else ""
    return (
        f"run {event.run}: {event.problem}, {event.workers} workers, isolation {event.isolation.value},"
        f" operators {', '.join(event.operators)}{models}; score 1.0 is {event.reference};"
        f" archive {event.archive}{going_on}"
    )
