"""`evolve archive`: upgrade an archive; copy, merge and remove runs."""

import click

from evolve.archive.engine import Archive, open_archive
from evolve.archive.migrating import Migrated, migrate
from evolve.archive.models import REVISION
from evolve.archive.moving import Moved, copy_run
from evolve.archive.pruning import count_programs, prompt_characters, remove_prompts, remove_run
from evolve.archive.records import RunRecord
from evolve.archive.runs import get_run, list_runs
from evolve.cli.options import archive_option, opened
from evolve.errors import UserError


@click.group("archive")
def command() -> None:
    """Upgrade an archive; copy, merge and remove runs."""


@command.command("upgrade")
@archive_option
def upgrade(archive: str) -> None:
    """Bring an archive that an older evolve made to the tables of this one, in one transaction."""
    _say_migrated(archive, REVISION)


@command.command("downgrade")
@click.option("--to", "revision", metavar="REVISION", required=True, help="The revision, such as 0001.")
@archive_option
def downgrade(revision: str, archive: str) -> None:
    """Bring an archive to the tables of an older evolve; columns that it did not have are lost."""
    _say_migrated(archive, revision)


@command.command("copy")
@click.argument("runs", nargs=-1)
@click.option("--all", "all_", is_flag=True, help="All runs.")
@click.option("--to", "target", metavar="URL", required=True, help="The other archive, made if need be.")
@click.option("--as", "name", metavar="NAME", help="Its name there, if one run is copied.")
@archive_option
def copy(runs: tuple[str, ...], all_: bool, target: str, name: str | None, archive: str) -> None:
    """Copy RUNS with all that belongs to them to another archive, SQLite or PostgreSQL.

    A run that is there already in the same form is left as it is.
    """
    if all_ == bool(runs):
        raise UserError("name the runs, or say --all")
    with opened(archive) as source:
        chosen = _chosen(source, runs)
        if name is not None and len(chosen) != 1:
            raise UserError("--as is for one run")
        with opened(target, create=True) as other:
            _refuse_same(source, other)
            for run in chosen:
                _say_moved(copy_run(source, other, run, name), other)


@command.command("merge")
@click.argument("sources", metavar="URL...", nargs=-1, required=True)
@archive_option
def merge(sources: tuple[str, ...], archive: str) -> None:
    """Copy all runs of other archives into this one, which is made if need be."""
    with opened(archive, create=True) as target:
        for url in sources:
            with opened(url) as source:
                _refuse_same(source, target)
                for run in _chosen(source, ()):
                    _say_moved(copy_run(source, target, run), target)


@command.command("prune")
@click.argument("runs", nargs=-1)
@click.option("--prompts", is_flag=True, help="Only the texts of prompts, of all runs if none is named.")
@click.option("--yes", is_flag=True, help="Do it; without this, only what would go is said.")
@archive_option
def prune(runs: tuple[str, ...], prompts: bool, yes: bool, archive: str) -> None:
    """Remove RUNS with all that is their own, or only the texts of their prompts, and free the space.

    Instances, baselines and cached outcomes stay, since other runs may be scored against them.
    """
    if not runs and not prompts:
        raise UserError("name the runs that are to be removed, or say --prompts")
    with opened(archive, write=True) as source:
        chosen = _chosen(source, runs)
        if not yes:
            raise UserError(f"this would remove {_loss(source, chosen, prompts=prompts)}; add --yes to do it")
        for run in chosen:
            if prompts:
                click.echo(f"{run.name}: {remove_prompts(source, run)} prompts removed")
            else:
                remove_run(source, run)
                click.echo(f"{run.name}: removed")
        source.vacuum()


def _chosen(archive: Archive, names: tuple[str, ...]) -> list[RunRecord]:
    with archive.reading() as connection:
        if not names:
            return list_runs(connection)
        found = [get_run(connection, name) for name in names]
    return list({run.id: run for run in found}.values())


def _loss(archive: Archive, runs: list[RunRecord], *, prompts: bool) -> str:
    with archive.reading() as connection:
        if prompts:
            size = sum(prompt_characters(connection, run.id) for run in runs)
            return f"{size} characters of prompts from {', '.join(run.name for run in runs) or 'no run'}"
        return ", ".join(f"{run.name} ({count_programs(connection, run.id)} programs)" for run in runs)


def _refuse_same(source: Archive, target: Archive) -> None:
    if source.name == target.name:
        raise UserError(f"both archives are {source.name}")


def _say_moved(moved: Moved, target: Archive) -> None:
    what = "is there already" if moved.was_there else f"copied with {moved.programs} programs"
    click.echo(f"{moved.run}: {what} ({target.name})")


def _say_migrated(url: str, revision: str) -> None:
    archive = open_archive(url, create=False, any_revision=True)
    try:
        done: Migrated = migrate(archive, revision)
        name = archive.name
    finally:
        archive.close()
    if done.before == done.after:
        click.echo(f"{name} has the tables of revision {done.after} already")
    else:
        click.echo(f"{name}: from revision {done.before} to {done.after}")
