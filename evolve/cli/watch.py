"""`evolve watch`: follow a run from another terminal, from its archive alone."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from evolve.archive.address import parse_url
from evolve.archive.engine import Archive, open_archive
from evolve.archive.runs import latest_run
from evolve.cli.options import archive_option
from evolve.cli.output import print_json
from evolve.cli.watch_display import Display, PlainDisplay, make_display, snapshot_json
from evolve.errors import ArchiveError, UserError
from results.live import Follower, Snapshot

_BUSY_TIMEOUT_MS = 1000
"""A look that meets a locked archive is left out; the next one comes soon."""
_MAKING_S = 5.0
"""How long it may take to make an archive."""


@click.command("watch")
@click.argument("run", required=False)
@click.option(
    "--interval",
    type=click.FloatRange(0.1),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to look.",
)
@click.option("--once", is_flag=True, help="Look once, print what there is, and end.")
@click.option("--format", "format_", type=click.Choice(["table", "json"]), default="table", help="Of --once.")
@archive_option
def command(run: str | None, interval: float, once: bool, format_: str, archive: str) -> None:
    """Follow RUN (the latest, if none is named) until it ends, or until Ctrl-C.

    Nothing is written, and the run does not notice. The archive and the run need not be there yet. Without
    a terminal there is one line now and then.
    """
    if format_ == "json" and not once:
        raise UserError("--format json goes with --once")
    if once:
        _print_once(archive, run, format_)
        return
    try:
        with _ending_well(), make_display() as display:
            _follow(_Looks(archive, run), display, interval)
    except KeyboardInterrupt:
        return


def _print_once(url: str, run: str | None, format_: str) -> None:
    looks = _Looks(url, run)
    try:
        snapshot = looks.look()
    finally:
        looks.close()
    if format_ == "json":
        print_json(snapshot_json(snapshot))
    else:
        PlainDisplay().whole(snapshot)


def _follow(looks: "_Looks", display: Display, interval: float) -> None:
    """Show one look after the other; those that fail are told, and tried again."""
    try:
        while True:
            started = time.monotonic()
            try:
                snapshot = looks.look()
            except ArchiveError as error:
                display.trouble(f"{error}; trying again")
            except UserError as error:
                if not looks.may_come():
                    raise
                display.trouble(f"waiting: {error}")
            else:
                display.show(snapshot)
                if snapshot.over:
                    return
            time.sleep(max(0.0, interval - (time.monotonic() - started)))
    finally:
        looks.close()


class _Looks:
    """Opens the archive when it is there, finds the run, and looks at it."""

    def __init__(self, url: str, run: str | None) -> None:
        self._url = url
        self._run = run
        self._archive: Archive | None = None
        self._follower: Follower | None = None
        self._refused_since: float | None = None

    def look(self) -> Snapshot:
        """The run as it is now.

        Raises:
            UserError: The archive or the run is not there, or the archive is another thing.
            ArchiveError: The archive cannot be read now.
        """
        if self._archive is None:
            self._archive = open_archive(
                self._url, create=False, read_only=True, busy_timeout_ms=_BUSY_TIMEOUT_MS
            )
        with self._archive.reading() as connection:
            if self._run is None:
                self._run = latest_run(connection).name
            if self._follower is None:
                self._follower = Follower(self._run)
            return self._follower.look(connection)

    def may_come(self) -> bool:
        """Whether what was just missing may still be made: a run at any time, or the archive.

        A file that is there and is no archive may be one that is being made, but not for long.
        """
        if self._archive is not None or self._is_missing():
            return True
        if self._refused_since is None:
            self._refused_since = time.monotonic()
        return time.monotonic() - self._refused_since < _MAKING_S

    def _is_missing(self) -> bool:
        url = parse_url(self._url)
        return url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists()

    def close(self) -> None:
        """Close the archive."""
        if self._archive is not None:
            self._archive.close()


@contextmanager
def _ending_well() -> Iterator[None]:
    """Inside, a request to end goes the same way as Ctrl-C, so that a terminal is left as it was found."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
