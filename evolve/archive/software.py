"""Which versions of the software a run was made with, written when somebody takes the run."""

import datetime
import functools
import platform
from importlib.metadata import version

import msgspec
from sqlalchemy import Connection, insert, select

from evolve import __version__
from evolve.archive.models import Software, StrategyState, table_of
from evolve.archive.records import now


class Versions(msgspec.Struct, frozen=True):
    """Of the process that decides what a run does; the model of `software` says what each field means."""

    evolve: str
    python: str
    numpy: str
    platform: str


class SoftwareRecord(msgspec.Struct, frozen=True):
    """A row of `software`."""

    proposal: int
    started_at: datetime.datetime
    versions: Versions


@functools.cache
def versions_here() -> Versions:
    """Of this process."""
    return Versions(
        evolve=__version__,
        python=f"{platform.python_implementation()} {platform.python_version()}",
        numpy=version("numpy"),
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
    )


def record_software(connection: Connection, run_id: int) -> None:
    """Say with which versions a run goes on, unless it did so with the same ones before."""
    found = read_software(connection, run_id)
    here = versions_here()
    if found and found[-1].versions == here:
        return
    committed = connection.scalar(select(StrategyState.number).where(StrategyState.run_id == run_id))
    connection.execute(
        insert(table_of(Software)).values(
            run_id=run_id,
            number=len(found),
            proposal=0 if committed is None else committed + 1,
            started_at=now(),
            **msgspec.structs.asdict(here),
        )
    )


def read_software(connection: Connection, run_id: int) -> list[SoftwareRecord]:
    """The versions that a run was made with, the first ones first; none where nobody wrote them down."""
    names = Versions.__struct_fields__
    rows = connection.execute(
        select(Software.proposal, Software.started_at, *(getattr(Software, name) for name in names))
        .where(Software.run_id == run_id)
        .order_by(Software.number)
    )
    return [
        SoftwareRecord(row.proposal, row.started_at, Versions(*(getattr(row, name) for name in names)))
        for row in rows
    ]
