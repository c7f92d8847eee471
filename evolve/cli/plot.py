"""`evolve plot`: pictures of a run."""

from pathlib import Path

import click
from sqlalchemy import Connection

from evolve.archive.records import RunRecord
from evolve.archive.runs import find_run, get_run, latest_run
from evolve.cli.options import archive_option, opened
from evolve.errors import UserError, unknown
from results.pictures import FORMATS, KINDS, check_drawable, picture
from results.subject import read_subject

_KINDS_HELP = "; ".join(f"{name}: {what}" for name, what in KINDS.items())


@click.command("plot", epilog=f"Kinds. {_KINDS_HELP}.")
@click.argument("run_and_kinds", metavar="[RUN] [KIND]...", nargs=-1)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER|FILE",
    help="Where to; a name that ends in .png or .svg is a file, for one kind.  [default: RUN-plots]",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    help="What the pictures in a folder are.  [default: png]",
)
@click.option("--force", is_flag=True, help="Replace pictures that are there.")
@archive_option
def command(
    run_and_kinds: tuple[str, ...], output: str | None, format_: str | None, force: bool, archive: str
) -> None:
    """Draw pictures of RUN (the latest, if none is named): those of the KINDs given, or all.

    A run that has not ended can be drawn too, with the best program so far in the place of a champion.
    """
    check_drawable()
    with opened(archive) as source, source.reading() as connection:
        run, kinds = _run_and_kinds(connection, run_and_kinds)
        target = Path(output or f"{run.name.replace('/', '-')}-plots")
        suffix = target.suffix.removeprefix(".").lower()
        single = suffix in FORMATS and not target.is_dir()
        if single and (len(kinds) != 1 or format_ not in (None, suffix)):
            raise UserError(f"{target} is one {suffix} picture; name one kind, or a folder for several")
        files = {kind: target if single else target / f"{kind}.{format_ or 'png'}" for kind in kinds or KINDS}
        _check_free(list(files.values()), force=force)
        subject = read_subject(connection, run)
        for kind, file in files.items():
            drawn = picture(kind, suffix if single else format_ or "png", connection, subject)
            if isinstance(drawn, bytes):
                write_bytes(file, drawn)
                click.echo(f"wrote {file}")
            elif kinds:
                raise UserError(f"there is no picture '{kind}' of {run.name}: {drawn}")
            else:
                click.echo(f"no picture '{kind}': {drawn}", err=True)


def write_bytes(file: Path, content: bytes) -> None:
    """Write a file, making its folder.

    Raises:
        UserError: It cannot be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    except OSError as error:
        raise UserError(f"cannot write {file}: {error.strerror}") from error


def _run_and_kinds(connection: Connection, words: tuple[str, ...]) -> tuple[RunRecord, list[str]]:
    """The first word is a run, unless it is a kind and no run is called that."""
    names_run = bool(words) and (words[0] not in KINDS or find_run(connection, words[0]) is not None)
    run = get_run(connection, words[0]) if names_run else latest_run(connection)
    kinds = list(dict.fromkeys(words[1:] if names_run else words))
    for kind in kinds:
        if kind not in KINDS:
            raise unknown("kind of picture", kind, KINDS)
    return run, kinds


def _check_free(files: list[Path], *, force: bool) -> None:
    taken = next((file for file in files if file.exists()), None)
    if taken is not None and not force:
        raise UserError(f"{taken} is there already; --force replaces it")
