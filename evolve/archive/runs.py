"""Runs: made once, found by name, and told how they stand."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from evolve.archive.engine import Archive
from evolve.archive.models import Instance, Proposal, Run, StrategyState
from evolve.archive.records import RunRecord, Selected, now, selected_from
from evolve.errors import UserError, unknown

_COLUMNS = [getattr(Run, field) for field in RunRecord.__struct_fields__]


def find_run(connection: Connection, name: str) -> RunRecord | None:
    """The run of that name, or None."""
    row = connection.execute(select(*_COLUMNS).where(Run.name == name)).one_or_none()
    return None if row is None else RunRecord(**row._mapping)


def get_run(connection: Connection, name: str) -> RunRecord:
    """The search run that a person means by `name`: its name, or the start of it where only one fits.

    Raises:
        UserError: There is no such run, or several fit.
    """
    exact = find_run(connection, name)
    if exact is not None and exact.kind == "search":
        return exact
    runs = list_runs(connection)
    fitting = [run for run in runs if run.name.startswith(name)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise UserError(f"'{name}' fits several runs: {', '.join(run.name for run in fitting)}")
    raise unknown("run", name, [run.name for run in runs])


def latest_run(connection: Connection) -> RunRecord:
    """The search run that was started last.

    Raises:
        UserError: The archive holds none.
    """
    runs = list_runs(connection)
    if not runs:
        raise UserError("the archive holds no run yet; start one with `evolve run PROBLEM`")
    return runs[-1]


def list_runs(connection: Connection, kind: str = "search") -> list[RunRecord]:
    """All runs of a kind, in the order in which they were made."""
    rows = connection.execute(select(*_COLUMNS).where(Run.kind == kind).order_by(Run.id))
    return [RunRecord(**row._mapping) for row in rows]


def create_run(connection: Connection, **fields: Any) -> RunRecord:
    """Make a run. Raises IntegrityError where one of that name is there already."""
    fresh = {"status": "running", "reason": "", "seconds": 0.0, "created_at": now()}
    connection.execute(insert(Run).values(**fresh, **fields))
    run = find_run(connection, fields["name"])
    assert run is not None
    return run


def find_or_create_run(archive: Archive, **fields: Any) -> RunRecord:
    """The run of the given name, made with `fields` where it is not there yet, whoever makes it first."""
    with archive.reading() as connection:
        found = find_run(connection, fields["name"])
    if found is not None:
        return found
    try:
        with archive.writing() as connection:
            return create_run(connection, **fields)
    except IntegrityError:
        with archive.reading() as connection:
            found = find_run(connection, fields["name"])
        if found is None:
            raise
        return found


def set_status(archive: Archive, run_id: int, status: str, reason: str = "") -> None:
    """Say how a run stands now."""
    with archive.writing() as connection:
        connection.execute(update(Run).where(Run.id == run_id).values(status=status, reason=reason))


def update_settings(archive: Archive, run_id: int, settings: dict[str, Any]) -> None:
    """Remember the settings with which a run was last started."""
    with archive.writing() as connection:
        connection.execute(update(Run).where(Run.id == run_id).values(settings=settings))


def set_champion(archive: Archive, run_id: int, program_id: int) -> None:
    """Say which program won a run."""
    with archive.writing() as connection:
        connection.execute(update(Run).where(Run.id == run_id).values(champion_id=program_id))


def count_proposals(connection: Connection, run_id: int) -> dict[str, int]:
    """How many of a run's proposals have each status."""
    rows = connection.execute(
        select(Proposal.status, func.count())
        .where(Proposal.run_id == run_id)
        .group_by(Proposal.status)
        .order_by(Proposal.status)
    )
    return {status: count for status, count in rows}  # noqa: C416 - rows are not tuples to the type checker


def last_committed(connection: Connection, run_id: int) -> int | None:
    """The number of a run's last committed proposal, or None where there is none."""
    return connection.scalar(select(StrategyState.number).where(StrategyState.run_id == run_id))


class CommittedProposal(msgspec.Struct, frozen=True):
    """What became of a proposal; the model of `proposal` says what each field means."""

    number: int
    status: str
    reason: str | None
    improvement: float | None
    program_id: int | None


def load_proposal(connection: Connection, run_id: int, number: int) -> CommittedProposal | None:
    """How a proposal stands, or None where there is none of that number."""
    row = connection.execute(
        select(*(getattr(Proposal, field) for field in CommittedProposal.__struct_fields__)).where(
            Proposal.run_id == run_id, Proposal.number == number
        )
    ).one_or_none()
    return None if row is None else CommittedProposal(**row._mapping)


def load_selected(connection: Connection, run_id: int, number: int) -> Selected | None:
    """What a proposal was selected as, committed or not; None where it has not been selected yet."""
    row = connection.execute(
        select(*(getattr(Proposal, field) for field in Selected.__struct_fields__)).where(
            Proposal.run_id == run_id, Proposal.number == number
        )
    ).one_or_none()
    return None if row is None else selected_from(row)


def instance_ids(connection: Connection, run_id: int, split: str) -> dict[str, int]:
    """The keys of a reference run's instances on a split, by name, in their order."""
    rows = connection.execute(
        select(Instance.name, Instance.id)
        .where(Instance.run_id == run_id, Instance.split == split)
        .order_by(Instance.position)
    )
    return {row.name: row.id for row in rows}


def add_instances(
    connection: Connection, run_id: int, split: str, instances: Sequence[tuple[str, float | None]]
) -> dict[str, int]:
    """Record the instances of a split, each with its bound, unless they are there; their keys by name.

    Raises:
        UserError: An instance is in another split as well, or the instances are not those of before.
    """
    found = instance_ids(connection, run_id, split)
    if not found:
        _check_unique(connection, run_id, split, [name for name, _ in instances])
        rows = [
            {"run_id": run_id, "split": split, "position": position, "name": name, "bound": bound}
            for position, (name, bound) in enumerate(instances)
        ]
        connection.execute(insert(Instance), rows)
        found = instance_ids(connection, run_id, split)
    if list(found) != [name for name, _ in instances]:
        raise UserError(
            f"the instances of the split {split} are not those that the archive has of this problem version;"
            " they have to be the same at every call"
        )
    return found


def _check_unique(connection: Connection, run_id: int, split: str, names: Sequence[str]) -> None:
    taken = {
        row.name: row.split
        for row in connection.execute(select(Instance.name, Instance.split).where(Instance.run_id == run_id))
    }
    for name in names:
        if name in taken:
            raise UserError(f"the instance '{name}' is in the splits {taken[name]} and {split}; names differ")
