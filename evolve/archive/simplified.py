"""Simpler forms of a run's programs, beside the run and not in it: what a run decided stays as it was.

They are the programs of a run of their own, of the kind `simplified`, named after the one that theirs come
from. Each is a proposal of the operator `simplify` whose parent is a program of that other run.
"""

from collections.abc import Mapping

from sqlalchemy import Connection, func, insert, select, update

from evolve.archive.engine import Archive
from evolve.archive.evaluations import add_evaluation, add_program, program_key
from evolve.archive.models import Proposal, Run
from evolve.archive.records import RunRecord, ScoredEvaluation, now
from evolve.archive.runs import create_run, find_run
from evolve.program import Program

KIND = "simplified"
_SUFFIX = "/simplified"


def add_simplified(
    archive: Archive,
    run: RunRecord,
    parent: str,
    program: Program,
    idea: str,
    evaluations: Mapping[str, tuple[ScoredEvaluation, Mapping[str, int]]],
) -> None:
    """Record a simpler form of a run's program; nothing changes where it is on record already.

    Args:
        archive: Where the run is.
        run: A search run.
        parent: The hash of its program that was simplified.
        program: What that came to.
        idea: What was done, in a line.
        evaluations: By split: the new program's evaluation, and the keys of the split's instances.
    """
    with archive.writing() as connection:
        if program_key(connection, run.id, program.id) is not None:
            return
        own = find_run(connection, run.name + _SUFFIX) or _create(connection, run)
        if program_key(connection, own.id, program.id) is not None:
            return
        key = add_program(connection, own.id, program)
        for evaluation, instances in evaluations.values():
            add_evaluation(connection, key, evaluation, instances)
        last = connection.scalar(select(func.max(Proposal.number)).where(Proposal.run_id == own.id))
        connection.execute(
            insert(Proposal).values(
                run_id=own.id,
                number=0 if last is None else last + 1,
                status="accepted",
                operator="simplify",
                parents=[parent],
                inspirations=[],
                context={},
                seen=-1,
                idea=idea,
                program_id=key,
                committed_at=now(),
            )
        )


def simplified_run(connection: Connection, name: str) -> RunRecord | None:
    """The run with the simpler forms of the programs of the run `name`, or None where there are none."""
    found = find_run(connection, name + _SUFFIX)
    return found if found is not None and found.kind == KIND else None


def origin_id(connection: Connection, run_id: int) -> int | None:
    """The key of the run from which the programs of a run of simpler forms come; None for any other run."""
    row = connection.execute(select(Run.name, Run.kind).where(Run.id == run_id)).one_or_none()
    if row is None or row.kind != KIND:
        return None
    origin = find_run(connection, row.name.removesuffix(_SUFFIX))
    return None if origin is None else origin.id


def _create(connection: Connection, run: RunRecord) -> RunRecord:
    fields = (
        "reference_id",
        "problem",
        "problem_version",
        "fingerprint",
        "seed",
        "settings",
        "problem_reference",
    )
    own = create_run(
        connection, name=run.name + _SUFFIX, kind=KIND, **{field: getattr(run, field) for field in fields}
    )
    connection.execute(update(Run).where(Run.id == own.id).values(status="finished"))
    return own
