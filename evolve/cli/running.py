"""What `run` and `resume` have in common: search while watching for signals, then report."""

import asyncio
import signal
from collections.abc import Mapping
from typing import Any

import click

from evolve.archive.engine import Archive
from evolve.archive.records import RunRecord, ScoredEvaluation
from evolve.cli.options import option_for, program_name
from evolve.cli.output import print_json, print_table
from evolve.cli.progress import LiveProgress, PlainProgress, make_progress
from evolve.cli.root import INTERRUPTED as INTERRUPTED_EXIT
from evolve.config import Settings
from evolve.controller import TOLD
from evolve.errors import ArchiveError
from evolve.loading import LoadedProblem
from evolve.observer import Committed, Started
from evolve.problem import InfrastructureError, Split
from evolve.running import INTERRUPTED, Summary, run_search
from results.comparison import comparison_rows, contestants

REASONS = {
    "max_evaluations": "the budget of evaluations is used up",
    "max_time": "time is up",
    "target": "the target score is reached",
    "max_cost": "the budget of dollars is used up",
    "max_tokens": "the budget of tokens is used up",
    TOLD: "all that was told is committed",
    "exhausted": "the operators find nothing new any more",
    INTERRUPTED: "interrupted",
}


def search_and_report(
    archive: Archive, loaded: LoadedProblem, settings: Settings, run: RunRecord, format_: str
) -> int:
    """Run the search, print how it ended, and return the exit code."""
    going_on = f"{program_name()} resume {run.name}{option_for(archive)}"
    try:
        with make_progress() as progress:
            summary = asyncio.run(_search(archive, loaded, settings, run, progress))
    except (InfrastructureError, ArchiveError):
        click.echo(f"everything committed is in the archive; go on with: {going_on}", err=True)
        raise
    except (KeyboardInterrupt, asyncio.CancelledError):
        click.echo(
            f"stopped at once; everything committed is in the archive; go on with: {going_on}", err=True
        )
        return INTERRUPTED_EXIT
    if format_ == "json":
        print_json(_summary(summary, archive))
    else:
        _print_report(summary, loaded, archive)
    if summary.reason == INTERRUPTED:
        click.echo(f"go on with: {going_on}", err=True)
        return INTERRUPTED_EXIT
    return 0


async def _search(
    archive: Archive,
    loaded: LoadedProblem,
    settings: Settings,
    run: RunRecord,
    progress: PlainProgress | LiveProgress,
) -> Summary:
    """The search as a task; a first signal ends it in good order, a second one at once."""
    observer = _Signalled(progress)
    task = asyncio.create_task(run_search(archive, loaded, settings, run, observer))
    observer.task = task
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, observer.on_signal)
    return await task


class _Signalled:
    """Passes events on, and turns signals into a request to stop."""

    def __init__(self, progress: PlainProgress | LiveProgress) -> None:
        self._progress = progress
        self._started: Started | None = None
        self._asked = False
        self.task: asyncio.Task[Summary] | None = None

    def on_signal(self) -> None:
        if self._started is not None and not self._asked:
            self._asked = True
            self._progress.preparing("finishing what is in flight; once more Ctrl-C to drop it")
            self._started.stop(INTERRUPTED)
        elif self.task is not None:
            self.task.cancel()

    def preparing(self, what: str) -> None:
        self._started = None
        self._progress.preparing(what)

    def started(self, event: Started) -> None:
        self._started = event
        self._progress.started(event)

    def committed(self, event: Committed) -> None:
        self._progress.committed(event)


def _print_report(summary: Summary, loaded: LoadedProblem, archive: Archive) -> None:
    click.echo(f"{REASONS[summary.reason]}: {summary.evaluations} evaluations, {_counts(summary.proposals)}")
    if summary.reason == INTERRUPTED:
        return
    spending = summary.spending
    if spending.tokens or spending.unknown_usd:
        beside = f", and at most {spending.unknown_usd:.4f} $ more" if spending.unknown_usd else ""
        click.echo(f"spent on models: {spending.usd:.4f} $ for {spending.tokens} tokens{beside}")
    champion = summary.champion
    found = contestants(
        summary.baselines,
        None if champion is None else champion.evaluations,
        _bounds(loaded, summary.baselines),
        loaded.problem.objective.direction,
    )
    rows = comparison_rows(found, [split for split in Split if split in summary.baselines])
    click.echo(
        f"\nscore: 1.0 is the best baseline of the split; gap: mean over instances to the"
        f" {loaded.problem.bound_name}"
    )
    print_table(rows, list(rows[0]))
    if champion is None:
        click.echo("no program earned a score")
        return
    name, program, option = program_name(), champion.program.hash[:12], option_for(archive)
    click.echo("try next:")
    if summary.reason == TOLD:
        click.echo(f"  {program_name()} ask {summary.run.name}{option_for(archive)}")
    click.echo(f"  {name} show {program}{option}")
    click.echo(f"  {name} report {summary.run.name}{option}")
    click.echo(f"  {name} export {program} -o best.py{option}")


def _bounds(
    loaded: LoadedProblem, baselines: Mapping[Split, Mapping[str, ScoredEvaluation]]
) -> dict[str, float]:
    bounds = {}
    for split in baselines:
        for instance in loaded.instances(split):
            bound = loaded.problem.bound(instance)
            if bound is not None:
                bounds[instance.name] = bound
    return bounds


def _summary(summary: Summary, archive: Archive) -> dict[str, Any]:
    champion = summary.champion
    best = None
    if champion is not None:
        best = {
            "program": champion.program.hash,
            "score": champion.evaluations[Split.TRAIN].score,
            "validation": champion.evaluations[Split.VALIDATION].score,
            "test": champion.evaluations[Split.TEST].score,
            "reference": {split.value: name for split, name in summary.references.items()},
        }
    return {
        "run": summary.run.name,
        "archive": archive.name,
        "reason": summary.reason,
        "proposals": sum(summary.proposals.values()) - summary.proposals.get("selected", 0),
        "evaluations": summary.evaluations,
        "cost_usd": summary.spending.usd,
        "best": best,
    }


def _counts(proposals: Mapping[str, int]) -> str:
    total = sum(count for status, count in proposals.items() if status != "selected")
    details = ", ".join(f"{count} {status}" for status, count in proposals.items() if status != "selected")
    return f"{total} proposals ({details.replace('_', ' ')})"
