"""Outcomes of expensive evaluations, by program, instance and problem version.

They are written the moment they are there, before anything is decided with them, so that a run that is
killed does not pay twice for what was in flight, and another run does not pay for what one has measured.
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection, insert, select

from evolve.archive.models import CachedOutcome
from evolve.problem import Outcome


def cached_programs(connection: Connection, reference_id: int) -> dict[str, None]:
    """The hashes of the programs of which a problem version has cached outcomes."""
    rows = connection.execute(
        select(CachedOutcome.program).where(CachedOutcome.reference_id == reference_id).distinct()
    )
    return dict.fromkeys(row.program for row in rows)


def cached_outcomes(connection: Connection, reference_id: int, program: str) -> dict[str, Outcome]:
    """A program's cached outcomes, by the instance's name."""
    rows = connection.execute(
        select(CachedOutcome.instance, CachedOutcome.outcome).where(
            CachedOutcome.reference_id == reference_id, CachedOutcome.program == program
        )
    )
    return {row.instance: msgspec.convert(row.outcome, Outcome) for row in rows}


def cache_outcomes(
    connection: Connection, reference_id: int, program: str, outcomes: Sequence[Outcome]
) -> None:
    """Keep outcomes; what is there already stays as it is."""
    known = cached_outcomes(connection, reference_id, program)
    rows = [
        {
            "reference_id": reference_id,
            "program": program,
            "instance": outcome.instance,
            "outcome": msgspec.to_builtins(outcome),
        }
        for outcome in outcomes
        if outcome.instance not in known
    ]
    if rows:
        connection.execute(insert(CachedOutcome), rows)
