"""`evolve export`: write a program to a file or a folder."""

import asyncio
import sys
import time
from pathlib import Path

import click
from sqlalchemy import Connection

from evolve.archive.reading import RankedProgram, find_program
from evolve.archive.records import RunRecord
from evolve.cli.options import archive_option, opened
from evolve.config import make_settings
from evolve.errors import ArchiveError, UserError
from evolve.exporting import NotSimplifiedError, SimplifiedProgram, Step, run_to_simplify, simplify_program
from evolve.folders import check_target, write_program
from evolve.layout import laid_out
from evolve.problem import Split
from evolve.program import SourceFile, bundle, files
from evolve.simplifying import MAX_PROGRAMS

_LINE_EVERY_S = 5.0


@click.command("export")
@click.argument("program")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The file or folder.  [default: standard output]",
)
@click.option("--force", is_flag=True, help="Replace what is there.")
@click.option(
    "--simplify/--as-is",
    default=None,
    help="Leave out what the score can do without; or write what was measured, to the letter."
    "  [default: simplify where that is possible]",
)
@click.option(
    "--max-programs",
    type=click.IntRange(1),
    default=MAX_PROGRAMS,
    show_default=True,
    help="How many simpler programs to evaluate at most.",
)
@click.option("--min-isolation", metavar="LEVEL", help="Refuse to run programs in a weaker sandbox.")
@archive_option
def command(
    program: str,
    output: Path | None,
    force: bool,
    simplify: bool | None,
    max_programs: int,
    min_isolation: str | None,
    archive: str,
) -> None:
    """Write PROGRAM (the start of its hash, or a baseline's name) to a file, with a word on its origin.

    A program of a run is made readable first: what does nothing goes, then every part and every digit that
    the score can do without, and long lines are broken. Simpler programs are evaluated on train and
    validation; on each a share of 0.002 of the score may go, over both together nothing. The program that was
    measured stays in the archive as it is; the simpler one joins it, with its own scores. Where simpler
    programs cannot be evaluated, or scores do not repeat because they are measured, only lines are broken.

    A program of several files becomes a folder; where the output's name ends in .py, or there is none, one
    text with a header before each file.
    """
    with opened(archive) as source, source.reading() as connection:
        found = find_program(connection, program)
        run, reason = _run(connection, found)
    if simplify and run is None:
        raise UserError(f"{program} cannot be simplified: {reason}")
    if output is not None:
        check_target(output, found.source, force=force)
    text = _with_header(found.source, _origin(found))
    if run is not None and simplify is not False:
        try:
            made = _simplified(run, found, archive, max_programs, min_isolation)
            text = _with_header(made.program.source, _origin(found, made))
        except (NotSimplifiedError, ArchiveError) as error:
            if simplify:
                raise UserError(f"{program} cannot be simplified: {error}") from error
            click.echo(f"not simplified: {error}", err=True)
            text = _with_header(laid_out(found.source), _origin(found))
    if output is None:
        click.echo(text, nl=False)
        return
    write_program(output, text, force=force)
    click.echo(f"wrote {output}")


def _run(connection: Connection, found: RankedProgram) -> tuple[RunRecord | None, str]:
    """The run by which a program can be simplified; else why there is none."""
    try:
        return run_to_simplify(connection, found), ""
    except NotSimplifiedError as error:
        return None, str(error)


def _simplified(
    run: RunRecord, found: RankedProgram, archive: str, max_programs: int, min_isolation: str | None
) -> SimplifiedProgram:
    given = {"archive": archive, "min_isolation": min_isolation, "workers": 1}
    resources = make_settings(given).resources
    with opened(archive, write=True) as target, _Progress(max_programs) as progress:
        made = asyncio.run(simplify_program(target, run, found, resources, max_programs, progress.show))
    click.echo(_summary(found, made), err=True)
    return made


def _summary(found: RankedProgram, made: SimplifiedProgram) -> str:
    tried = f"{made.programs} simpler {'program' if made.programs == 1 else 'programs'} evaluated"
    if made.program.id == found.hash:
        return f"{tried}; program {found.hash[:12]} needs all that it has"
    before, after = len(found.source), len(made.program.source)
    return f"{tried}; from {before} to {after} characters: program {made.program.id[:12]}"


class _Progress:
    """How far the simplification has come, on stderr: one line that changes, or a line now and then."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._is_terminal = sys.stderr.isatty()
        self._last_line = time.monotonic()

    def __enter__(self) -> "_Progress":
        hint = "; Ctrl-C writes nothing, --as-is writes it as it is"
        click.echo(f"simplifying, with at most {self._most} evaluations{hint}", err=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_terminal:
            click.echo("\r\033[K", nl=False, err=True)

    def show(self, step: Step) -> None:
        """Tell of a step."""
        text = f"{step.seconds:.0f} s, {step.programs} programs evaluated, now {step.length} characters"
        if self._is_terminal:
            click.echo(f"\r\033[K{text}", nl=False, err=True)
        elif time.monotonic() - self._last_line >= _LINE_EVERY_S:
            self._last_line = time.monotonic()
            click.echo(text, err=True)


def _with_header(source: str, header: str) -> str:
    """A program's text with comments at the beginning of its first file."""
    first, *others = files(source.rstrip())
    return bundle([SourceFile(first.name, header + first.source), *others]).rstrip() + "\n"


def _origin(found: RankedProgram, made: SimplifiedProgram | None = None) -> str:
    """Where a program comes from and what it scored, as comments."""
    before = {Split.TRAIN: found.train, Split.VALIDATION: found.validation, Split.TEST: found.test}
    made_by = f"baseline {found.baseline}" if found.baseline else f"run {found.run}, proposal {found.number}"
    lines = [f"# {found.problem}: program {found.hash[:12]}, {made_by}.", f"# Scores: {_scores(before)}."]
    if made is not None and made.program.id != found.hash:
        lines.insert(1, f"# Simplified, which makes it program {made.program.id[:12]}.")
        lines[2:] = [f"# Scores: {_scores(made.scores)}; before: {_scores(before)}."]
    return "".join(f"{line}\n" for line in lines)


def _scores(scores: dict[Split, float | None]) -> str:
    known = [f"{split.value} {score:.4f}" for split, score in scores.items() if score is not None]
    return ", ".join(known) or "none"
