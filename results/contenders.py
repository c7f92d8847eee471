"""Finds the programs that a person wants to see compared, and what is known of them."""

import string
from pathlib import Path

import msgspec
from sqlalchemy import Connection, select

from evolve.archive.engine import Archive
from evolve.archive.evaluations import load_evaluation
from evolve.archive.models import Evaluation, Program, Run
from evolve.archive.reading import find_program
from evolve.archive.records import ScoredEvaluation
from evolve.errors import UserError, unknown
from evolve.folders import read_program
from evolve.judging import Judge
from evolve.loading import LoadedProblem
from evolve.problem import Split, Status
from evolve.program import Program as ProgramText
from evolve.program import ProgramError, check_entry_point

_SHORTEST_HASH = 4
"""As in `find_program`."""


class Contender(msgspec.Struct, frozen=True):
    """One of two programs to compare."""

    name: str
    """How to call it: the baseline's published name, the file or folder, or the start of its hash."""
    program: ProgramText
    baseline: bool = False
    archived: bool = False
    """Whether it is a program of a run in the archive."""


def find_contender(archive: Archive, loaded: LoadedProblem, name: str) -> Contender:
    """The file, the baseline of the problem, the folder, or the program in the archive that a person names.

    A baseline whose name is also that of a file here is taken for the file, as by `evolve diff`; one whose
    name is that of a folder, for the baseline.

    Raises:
        UserError: There is none, several fit, it is one of another problem, or it is not a program.
    """
    path = Path(name)
    if name in loaded.baselines and not path.is_file():
        return Contender(name, _checked(loaded, name, loaded.baselines[name]), baseline=True)
    if path.is_file() or path.is_dir():
        source = read_program(path, loaded.problem.entry_point)
        return Contender(name.rstrip("/"), _checked(loaded, name, source))
    with archive.reading() as connection:
        return _in_archive(connection, loaded, name)


async def evaluation_of(
    archive: Archive, loaded: LoadedProblem, judge: Judge, contender: Contender, split: Split
) -> ScoredEvaluation:
    """The evaluation of a contender on a prepared split: the archive's where it has one, else a fresh one.

    A fresh one is not stored. What a run evaluated belongs to what it decided, and to its digest; looking
    at one of its programs later must not change either.
    """
    if contender.baseline:
        return judge.baselines(split)[contender.name]
    if contender.archived:
        with archive.reading() as connection:
            stored = _stored(connection, loaded.version, contender.program.id, split)
        if stored is not None:
            return stored
    return await judge.evaluate(contender.program.source, split)


def _in_archive(connection: Connection, loaded: LoadedProblem, name: str) -> Contender:
    if len(name) >= _SHORTEST_HASH:
        hashes = _hashes(connection, loaded.name, name.lower())
        if len(hashes) == 1:
            source = connection.execute(
                select(Program.source).where(Program.hash == hashes[0]).order_by(Program.id.desc()).limit(1)
            ).scalar_one()
            return Contender(hashes[0][:12], ProgramText(hashes[0], source), archived=True)
        if hashes:
            several = ", ".join(one[:12] for one in hashes[:5])
            raise UserError(f"'{name}' fits several programs of {loaded.name}: {several}")
    raise _not_there(connection, loaded, name)


def _hashes(connection: Connection, problem: str, start: str) -> list[str]:
    """The hashes of a problem's programs, in any run, that start so."""
    rows = connection.scalars(
        select(Program.hash)
        .join(Run, Run.id == Program.run_id)
        .where(Run.problem == problem, Program.hash.between(start, start + "g"))
        .distinct()
        .order_by(Program.hash)
        .limit(10)
    )
    return list(rows)


def _not_there(connection: Connection, loaded: LoadedProblem, name: str) -> UserError:
    """Why no program of the problem has this name."""
    if Path(name).suffix == ".py" or "/" in name:
        return UserError(f"there is no file {name}")
    is_baseline = connection.scalar(select(Program.id).where(Program.baseline == name).limit(1)) is not None
    if not is_baseline and not set(name.lower()) <= set(string.hexdigits):
        hint = unknown("baseline", name, loaded.baselines)
        return UserError(f"'{name}' is no file and not the start of a program's hash, and an {hint}")
    try:
        found = find_program(connection, name)
    except UserError as error:
        return error
    what = f"the baseline {name}" if found.baseline else f"program {found.hash[:12]}"
    return UserError(f"{what} is one of {found.problem}, not of {loaded.name}; the two cannot be compared")


def _stored(connection: Connection, version: str, program_hash: str, split: Split) -> ScoredEvaluation | None:
    """The latest whole evaluation of a program by this version of the problem, in whichever run."""
    key = connection.scalar(
        select(Program.id)
        .join(Run, Run.id == Program.run_id)
        .join(Evaluation, Evaluation.program_id == Program.id)
        .where(
            Program.hash == program_hash,
            Run.problem_version == version,
            Evaluation.split == split.value,
            Evaluation.status != Status.STOPPED.value,
        )
        .order_by(Program.id.desc())
        .limit(1)
    )
    return None if key is None else load_evaluation(connection, key, split.value)


def _checked(loaded: LoadedProblem, name: str, source: str) -> ProgramText:
    try:
        program = ProgramText.parse(source)
        check_entry_point(program, loaded.problem.entry_point)
    except ProgramError as error:
        raise UserError(f"{name} is not a program of {loaded.name}: {error}") from error
    return program
