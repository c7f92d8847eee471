"""Removes runs, or the texts of their prompts, from an archive."""

from sqlalchemy import Connection, Text, cast, delete, func, select, update

from evolve.archive.engine import Archive
from evolve.archive.lease import refuse_if_held
from evolve.archive.models import (
    Evaluation,
    Lease,
    LlmCall,
    Outcome,
    Program,
    Proposal,
    Run,
    Software,
    StrategyState,
    Ticket,
    table_of,
)
from evolve.archive.records import RunRecord
from evolve.archive.simplified import simplified_run


def count_programs(connection: Connection, run_id: int) -> int:
    """How many programs would go with a run."""
    return connection.execute(
        select(func.count()).select_from(Program).where(Program.run_id == run_id)
    ).scalar_one()


def prompt_characters(connection: Connection, run_id: int) -> int:
    """How long the texts of a run's prompts are together, as they are stored."""
    prompt = func.length(cast(LlmCall.prompt, Text))
    return int(connection.scalar(select(func.sum(prompt)).where(LlmCall.run_id == run_id)) or 0)


def remove_run(archive: Archive, run: RunRecord) -> None:
    """Remove a search run with all that is its own, the simpler forms of its programs included.

    What it was scored against stays, for other runs.

    Raises:
        RunHeldError: Somebody works on it.
        ArchiveError: The database refuses; the run is still there, whole.
    """
    with archive.writing() as connection:
        refuse_if_held(connection, run.id, run.name)
        simplified = simplified_run(connection, run.name)
        if simplified is not None:
            _remove(connection, simplified.id)
        _remove(connection, run.id)


def _remove(connection: Connection, run_id: int) -> None:
    programs = select(Program.id).where(Program.run_id == run_id)
    evaluations = select(Evaluation.id).where(Evaluation.program_id.in_(programs))
    connection.execute(update(Run).where(Run.id == run_id).values(champion_id=None))
    connection.execute(delete(Outcome).where(Outcome.evaluation_id.in_(evaluations)))
    connection.execute(delete(Evaluation).where(Evaluation.program_id.in_(programs)))
    for model in (Proposal, StrategyState, LlmCall, Ticket, Lease, Software, Program):
        table = table_of(model)
        connection.execute(delete(table).where(table.c.run_id == run_id))
    connection.execute(delete(Run).where(Run.id == run_id))


def remove_prompts(archive: Archive, run: RunRecord) -> int:
    """Forget the texts of a run's prompts; their hashes and the answers stay. How many there were.

    Raises:
        RunHeldError: Somebody works on it.
        ArchiveError: The database refuses; nothing has changed.
    """
    with archive.writing() as connection:
        refuse_if_held(connection, run.id, run.name)
        changed = connection.execute(
            update(LlmCall).where(LlmCall.run_id == run.id, LlmCall.prompt.is_not(None)).values(prompt=None)
        )
        return int(changed.rowcount)
