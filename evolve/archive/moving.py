"""Moves runs between archives, of whichever databases, without loss.

What a run is scored against, its reference run, is shared by name: it is moved first, completed where the
other archive has a part of it, and never changed. Then the run follows in one transaction, under new keys.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.exc import IntegrityError

from evolve.archive.contents import contents_digest
from evolve.archive.engine import Archive
from evolve.archive.models import (
    Base,
    CachedOutcome,
    Evaluation,
    Instance,
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
from evolve.archive.runs import find_run
from evolve.archive.simplified import simplified_run
from evolve.errors import UserError

CHUNK = 1000
"""Rows in memory at a time."""
Keys = Mapping[int, int]
"""From keys in the archive that is read to keys in the one that is written."""
Row = dict[str, Any]


class Moved(msgspec.Struct, frozen=True):
    """What became of a run."""

    run: str
    """Its name in the target."""
    was_there: bool
    programs: int


def copy_run(source: Archive, target: Archive, run: RunRecord, name: str | None = None) -> Moved:
    """Copy a search run, with all that belongs to it; nothing happens if the target has the same run.

    The simpler forms of its programs follow, as a run of their own; those that the target lacks are added.

    Raises:
        UserError: The target has another run of that name, or other instances or baselines of the problem.
        ArchiveError: A database refuses; the target has the whole run, or nothing of it.
    """
    name = name or run.name
    moved = _copy(source, target, run, name)
    with source.reading() as reading:
        simpler = simplified_run(reading, run.name)
        if simpler is not None and simpler.reference_id is not None:
            with target.writing() as writing:
                mover = _Mover(reading, writing)
                reference_id, instances, _ = mover.share_reference(simpler.reference_id)
                simpler_name = name + simpler.name.removeprefix(run.name)
                mover.share_simpler(simpler.id, simpler_name, reference_id, instances)
    return moved


def _copy(source: Archive, target: Archive, run: RunRecord, name: str) -> Moved:
    with source.reading() as reading:
        if _is_there(reading, target, run, name):
            return Moved(name, True, 0)
        instances: Keys = {}
        programs: Keys = {}
        reference_id = None
        if run.reference_id is not None:
            with target.writing() as writing:
                mover = _Mover(reading, writing)
                reference_id, instances, programs = mover.share_reference(run.reference_id)
        try:
            with target.writing(beside_others=True) as writing:
                count = _Mover(reading, writing).move_run(run.id, name, reference_id, instances, programs)
        except IntegrityError as error:
            raise UserError(_clash(str(error.orig), target.name, name)) from error
    return Moved(name, False, count)


def _clash(said: str, target: str, name: str) -> str:
    if "token" in said:
        return f"the archive {target} has tickets of this run already, so it is there under another name"
    return f"somebody else has just made a run '{name}' in the archive {target}; nothing was copied"


def _is_there(reading: Connection, target: Archive, run: RunRecord, name: str) -> bool:
    with target.reading() as other:
        found = find_run(other, name)
        if found is None:
            return False
        if found.kind == run.kind and contents_digest(other, found.id) == contents_digest(reading, run.id):
            return True
    raise UserError(
        f"the archive {target.name} has another run '{name}'; copy this one under another name with"
        f" `evolve archive copy {run.name} --as NAME`, or remove that one there with"
        f" `evolve archive prune {name}`"
    )


class _Mover:
    """Copies rows from one open connection to another."""

    def __init__(self, reading: Connection, writing: Connection) -> None:
        self._reading = reading.execution_options(yield_per=CHUNK)
        self._writing = writing

    def share_reference(self, reference_id: int) -> tuple[int, Keys, Keys]:
        """The reference run in the target, made or completed; its key, its instances' and its programs'."""
        head = self._head(reference_id)
        found = find_run(self._writing, head["name"])
        if found is None:
            key = self._add_run({**head, "reference_id": None, "champion_id": None})
        else:
            key = found.id
            for field in ("kind", "problem", "problem_version", "fingerprint"):
                if getattr(found, field) != head[field]:
                    raise UserError(f"the archives have different runs called '{found.name}'")
        instances = self._share_instances(reference_id, key, head["name"])
        programs = self._share_programs(reference_id, key, head["name"])
        self._share_evaluations(programs, instances)
        self._share_cache(reference_id, key)
        return key, instances, programs

    def move_run(
        self, run_id: int, name: str, reference_id: int | None, instances: Keys, baselines: Keys
    ) -> int:
        """Copy a run that the target does not have; how many programs it has."""
        head = self._head(run_id)
        key = self._add_run({**head, "name": name, "reference_id": reference_id, "champion_id": None})
        self._copy(Program, Program.run_id == run_id, lambda row: {**row, "run_id": key}, drop=("id",))
        programs = self._program_keys(run_id, key)
        if head["champion_id"] is not None:
            champion = {**baselines, **programs}[head["champion_id"]]
            self._writing.execute(update(Run).where(Run.id == key).values(champion_id=champion))
        self._copy_evaluations(programs, instances, run_id, key)
        self._copy(
            Proposal,
            Proposal.run_id == run_id,
            lambda row: {**row, "run_id": key, "program_id": _mapped(programs, row["program_id"])},
            order=(Proposal.number,),
        )
        for model in (Software, StrategyState, LlmCall, Ticket):
            table = table_of(model)
            drop = ("id",) if "id" in table.c else ()
            order = (table.c.id,) if "id" in table.c else ()
            self._copy(
                model, table.c.run_id == run_id, lambda row: {**row, "run_id": key}, order=order, drop=drop
            )
        return len(programs)

    def share_simpler(self, run_id: int, name: str, reference_id: int, instances: Keys) -> None:
        """The simpler forms of a run's programs in the target, made or completed."""
        found = find_run(self._writing, name)
        key = (
            self._add_run({**self._head(run_id), "name": name, "reference_id": reference_id})
            if found is None
            else found.id
        )
        theirs = self._all(self._writing, Proposal, Proposal.run_id == key)
        known = {row["program_id"] for row in theirs}
        programs = self._share_programs(run_id, key, name)
        self._share_evaluations(programs, instances)
        mine = self._all(self._reading, Proposal, Proposal.run_id == run_id)
        new = [row for row in mine if programs[row["program_id"]] not in known]
        first = max((row["number"] for row in theirs), default=-1) + 1
        self._insert(
            Proposal,
            [
                {**row, "run_id": key, "number": number, "program_id": programs[row["program_id"]]}
                for number, row in enumerate(new, first)
            ],
        )

    def _head(self, run_id: int) -> Row:
        row = self._reading.execute(select(table_of(Run)).where(Run.id == run_id)).mappings().one()
        return {name: value for name, value in row.items() if name != "id"}

    def _add_run(self, fields: Row) -> int:
        made = self._writing.execute(insert(table_of(Run)), fields).inserted_primary_key
        assert made is not None
        return int(made[0])

    def _share_instances(self, source_id: int, target_id: int, name: str) -> Keys:
        mine, theirs = (
            {row["name"]: row for row in self._all(connection, Instance, Instance.run_id == run_id)}
            for connection, run_id in ((self._reading, source_id), (self._writing, target_id))
        )
        known_splits = {row["split"] for row in theirs.values()}
        for one in mine.values():
            other = theirs.get(one["name"])
            if other is None and one["split"] not in known_splits:
                continue
            fields = ("split", "position", "bound")
            if other is None or any(one[field] != other[field] for field in fields):
                raise UserError(f"the archives have different instances of '{name}': {one['name']}")
        new = [one for one in mine.values() if one["name"] not in theirs]
        self._insert(Instance, [{**_without(one, "id"), "run_id": target_id} for one in new])
        keys = {
            row["name"]: row["id"] for row in self._all(self._writing, Instance, Instance.run_id == target_id)
        }
        return {one["id"]: keys[one["name"]] for one in mine.values()}

    def _share_programs(self, source_id: int, target_id: int, name: str) -> Keys:
        mine = self._all(self._reading, Program, Program.run_id == source_id)
        theirs = {row["hash"]: row for row in self._all(self._writing, Program, Program.run_id == target_id)}
        for one in mine:
            other = theirs.get(one["hash"])
            if other is not None and other["baseline"] != one["baseline"]:
                raise UserError(f"the archives have different baselines of '{name}': {one['baseline']}")
        new = [one for one in mine if one["hash"] not in theirs]
        self._insert(Program, [{**_without(one, "id"), "run_id": target_id} for one in new])
        return self._program_keys(source_id, target_id)

    def _program_keys(self, source_id: int, target_id: int) -> dict[int, int]:
        query = select(Program.hash, Program.id)
        there = {row.hash: row.id for row in self._writing.execute(query.where(Program.run_id == target_id))}
        return {
            row.id: there[row.hash] for row in self._reading.execute(query.where(Program.run_id == source_id))
        }

    def _share_evaluations(self, programs: Keys, instances: Keys) -> None:
        """Of the baselines: those that the target does not have."""
        known = {
            (row.program_id, row.split)
            for key in programs.values()
            for row in self._writing.execute(
                select(Evaluation.program_id, Evaluation.split).where(Evaluation.program_id == key)
            )
        }
        for old, new in programs.items():
            for one in self._all(self._reading, Evaluation, Evaluation.program_id == old):
                if (new, one["split"]) in known:
                    continue
                made = self._writing.execute(
                    insert(table_of(Evaluation)), {**_without(one, "id"), "program_id": new}
                ).inserted_primary_key
                assert made is not None
                outcomes = self._all(self._reading, Outcome, Outcome.evaluation_id == one["id"])
                self._insert(
                    Outcome,
                    [
                        {**row, "evaluation_id": made[0], "instance_id": instances[row["instance_id"]]}
                        for row in outcomes
                    ],
                )

    def _share_cache(self, source_id: int, target_id: int) -> None:
        known = {
            (row.program, row.instance)
            for row in self._writing.execute(
                select(CachedOutcome.program, CachedOutcome.instance).where(
                    CachedOutcome.reference_id == target_id
                )
            )
        }
        for chunk in self._chunks(CachedOutcome, CachedOutcome.reference_id == source_id):
            new = [row for row in chunk if (row["program"], row["instance"]) not in known]
            self._insert(CachedOutcome, [{**row, "reference_id": target_id} for row in new])

    def _copy_evaluations(self, programs: Keys, instances: Keys, source_id: int, target_id: int) -> None:
        of_source = Evaluation.program_id.in_(select(Program.id).where(Program.run_id == source_id))
        self._copy(
            Evaluation,
            of_source,
            lambda row: {**row, "program_id": programs[row["program_id"]]},
            order=(Evaluation.id,),
            drop=("id",),
        )
        query = (
            select(Evaluation.id, Evaluation.program_id, Evaluation.split)
            .join(Program, Program.id == Evaluation.program_id)
            .where(Program.run_id == target_id)
        )
        there = {(row.program_id, row.split): row.id for row in self._writing.execute(query)}
        mine = self._reading.execute(
            select(Evaluation.id, Evaluation.program_id, Evaluation.split).where(of_source)
        )
        evaluations = {row.id: there[programs[row.program_id], row.split] for row in mine}
        self._copy(
            Outcome,
            Outcome.evaluation_id.in_(select(Evaluation.id).where(of_source)),
            lambda row: {
                **row,
                "evaluation_id": evaluations[row["evaluation_id"]],
                "instance_id": instances[row["instance_id"]],
            },
        )

    def _copy(
        self,
        model: type[Base],
        condition: Any,
        change: Callable[[Row], Row],
        *,
        order: Sequence[Any] = (),
        drop: Sequence[str] = (),
    ) -> None:
        for chunk in self._chunks(model, condition, order or ((table_of(model).c.id,) if drop else ())):
            self._insert(model, [change(_without(row, *drop)) for row in chunk])

    def _chunks(self, model: type[Base], condition: Any, order: Sequence[Any] = ()) -> Iterator[list[Row]]:
        result = self._reading.execute(select(table_of(model)).where(condition).order_by(*order))
        for rows in result.mappings().partitions(CHUNK):
            yield [dict(row) for row in rows]

    def _all(self, connection: Connection, model: type[Base], condition: Any) -> list[Row]:
        table = table_of(model)
        keys = table.primary_key.columns
        found = connection.execute(select(table).where(condition).order_by(*keys)).mappings()
        return [dict(row) for row in found]

    def _insert(self, model: type[Base], rows: list[Row]) -> None:
        if rows:
            self._writing.execute(insert(table_of(model)), rows)


def _without(row: Mapping[str, Any], *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}


def _mapped(keys: Keys, key: int | None) -> int | None:
    return None if key is None else keys[key]
