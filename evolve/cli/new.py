"""`evolve new`: write a plug-in that works, to be changed into one's own."""

import keyword
import re
import shlex
from pathlib import Path

import click

from evolve.cli.options import program_name
from evolve.errors import UserError
from evolve.files import read_text, write_text
from evolve.loading import problem_names

STARTER = Path(__file__).parents[1] / "starter"
"""A complete small problem. Its files are the new plug-in's; nothing here imports them."""

_NAME = "my_problem"
_CLASS = "MyProblem"
_BASE = "Problem"
_SUFFIXES = (".py", ".md")


@click.command("new")
@click.argument("path", type=click.Path(path_type=Path))
def command(path: Path) -> None:
    """Write a problem plug-in to the folder PATH: a small scheduling problem that runs and is sound.

    The problem is called like the folder. Change one part after the other, and let `evolve check` look on.
    """
    name = path.resolve().name
    _check_name(name)
    _check_folder(path)
    for source in sorted(STARTER.rglob("*")):
        if source.suffix not in _SUFFIXES:
            continue
        target = path / source.relative_to(STARTER)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot write {target}: {error.strerror}") from error
        write_text(target, _renamed(read_text(source), name), force=False)
        click.echo(f"wrote {target}")
    folder = f"{shlex.quote(str(path))}/"
    click.echo(f"try it:    {program_name()} run {folder} --seed 1 --max-evaluations 50")
    click.echo(f"prove it:  {program_name()} check {folder}")


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UserError(
            f"'{name}' cannot be the name of a problem: use small letters, digits and _, such as my_problem"
        )
    if name in problem_names():
        raise UserError(f"there is a problem '{name}' already; choose another name for the folder")


def _check_folder(path: Path) -> None:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UserError(f"{path} is there already, and is not an empty folder; name a new one")


def _renamed(text: str, name: str) -> str:
    class_name = "".join(part.capitalize() for part in name.split("_"))
    if not class_name.endswith(_BASE) or class_name == _BASE:
        class_name += _BASE  # so that it is no other name of the module, such as that of its base
    return text.replace(_CLASS, class_name).replace(_NAME, name)
