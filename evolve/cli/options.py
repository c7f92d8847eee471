"""Options that several commands share, and what they stand for."""

import shlex
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from evolve.archive.engine import Archive, open_archive
from evolve.config import DEFAULT_ARCHIVE, make_settings
from evolve.errors import UserError
from evolve.loading import LoadedProblem, ProblemReference, load_problem, problem_names
from evolve.problem import Split

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])

SPLITS = [split.value for split in Split]

archive_option = click.option(
    "--archive",
    metavar="URL",
    envvar="EVOLVE_ARCHIVE",
    default=DEFAULT_ARCHIVE,
    show_default=True,
    help="The database; also EVOLVE_ARCHIVE.",
)
format_option = click.option(
    "--format",
    "format_",
    type=click.Choice(["table", "json", "csv"]),
    default="table",
    show_default=True,
    help="How to print the answer.",
)
instances_option = click.option(
    "--instances",
    "instance_files",
    metavar="[SPLIT=]FILE",
    multiple=True,
    help="Instances from a file, in place of a split's own (train, if not said). May be repeated.",
)
split_option = click.option(
    "--split",
    type=click.Choice(SPLITS),
    default=Split.TRAIN.value,
    show_default=True,
    help="Which instances.",
)


@contextmanager
def opened(url: str, *, write: bool = False, create: bool = False) -> Iterator[Archive]:
    """The archive at `url`, closed again at the end; for reading only, unless told otherwise."""
    archive = open_archive(url, create=create, read_only=not (write or create))
    try:
        yield archive
    finally:
        archive.close()


def program_name() -> str:
    """How this program can be called again from here: by name if it is on the path, else as it was called."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{Path(sys.executable).name} -m evolve"
    found = shutil.which(called.name)
    if found is not None and called.exists() and Path(found).samefile(called):
        return called.name
    return str(called)


def option_for(archive: Archive) -> str:
    """What a command needs to find this archive, with a space before it; nothing for the default one."""
    if archive.name == make_settings().resources.archive:
        return ""
    return f" --archive {shlex.quote(archive.name)}"


def loaded_problem(locator: str, instance_files: tuple[str, ...], split: str = "train") -> LoadedProblem:
    """The problem that a person named, with their instances; a file that names no split is for `split`.

    Raises:
        UserError: There is no such problem, split or file.
    """
    files: dict[str, tuple[str, ...]] = {}
    for given in instance_files:
        named, separator, path = given.partition("=")
        where = named if separator and named in SPLITS else split
        file = path if separator and named in SPLITS else given
        if separator and named not in SPLITS and "/" not in named and "." not in named:
            raise UserError(f"--instances {given}: '{named}' is no split; there is {', '.join(SPLITS)}")
        files[where] = (*files.get(where, ()), str(Path(file).absolute()))
    return load_problem(ProblemReference(_lasting(locator), files))


def _lasting(locator: str) -> str:
    """A locator that means the same from any folder: a path in full, or a name as it is."""
    is_name = "/" not in locator and locator in problem_names()
    return locator if is_name or not Path(locator).is_dir() else str(Path(locator).absolute())
