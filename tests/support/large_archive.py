"""An archive with very many programs, as a long run with models leaves it, written in bulk."""

import datetime
import hashlib
import math
import random
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, insert, select, text

from evolve.archive.engine import Archive
from evolve.archive.models import (
    Base,
    Evaluation,
    Instance,
    LlmCall,
    Outcome,
    Program,
    Proposal,
    Run,
    Software,
    StrategyState,
    table_of,
)

INSTANCES = {"train": 5, "validation": 5, "test": 10}
ISLANDS = 4
OPERATORS = (("edit", "own/small"), ("rewrite", "own/large"), ("crossover", "own/small"), ("constants", None))
CHUNK = 2000
_BEGUN = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
_WORDS = ("machine", "operation", "remaining", "slack", "weight", "due", "queue", "setup", "ratio", "load")


class Large(msgspec.Struct, frozen=True):
    """What was made."""

    run: str
    programs: int
    source_bytes: int
    champion: str
    """Its hash."""


def fill(archive: Archive, programs: int, name: str = "large", seed: int = 1) -> Large:
    """Add a run with so many programs, and 1.25 times as many proposals, to an archive.

    Of its proposals 15 % repeat a program and 5 % are rejected; of its programs 10 % fail and one in 50 is
    evaluated on validation. Three in four proposals called a model once, of which the run kept hashes only.
    """
    return _Filler(archive, programs, name, seed).fill()


class _Filler:
    def __init__(self, archive: Archive, programs: int, name: str, seed: int) -> None:
        self._archive = archive
        self._count = programs
        self._name = name
        self._random = random.Random(seed)
        self._hashes: list[str] = []
        self._bytes = 0
        self._best = (0.0, 0)

    def fill(self) -> Large:
        with self._archive.writing() as connection:
            run, instances = self._add_run(connection)
            first = {model: _next_key(connection, model) for model in (Program, Evaluation)}
            rows: dict[type[Base], list[dict[str, Any]]] = {}
            self._program, self._evaluation = first[Program], first[Evaluation]
            self._first_program = self._program
            for number in range(self._count * 5 // 4):
                self._add_proposal(rows, run, number, instances)
                if len(rows.get(Proposal, ())) >= CHUNK:
                    _write(connection, rows)
            _write(connection, rows)
            champion = self._finish(connection, run, instances)
            _move_sequences(connection)
        with self._archive.driver_connection() as driver:
            if self._archive.dialect == "postgresql":
                driver.autocommit = True
                driver.execute("VACUUM ANALYZE")
            else:
                driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return Large(self._name, len(self._hashes), self._bytes, champion)

    def _add_run(self, connection: Connection) -> tuple[int, dict[str, list[int]]]:
        fields = {
            "problem": "large",
            "problem_version": "1",
            "fingerprint": self._name,
            "seed": 1,
            "settings": {"course": {"seed": 1, "strategy": "islands"}, "budget": {}},
            "problem_reference": {"locator": "large"},
            "status": "running",
            "reason": "",
            "created_at": _BEGUN,
        }
        reference = {"name": f"large@{self._name}", "kind": "reference", "reference_id": None, "seconds": 0.0}
        reference_id = _insert_one(connection, Run, fields | reference)
        run = {"name": self._name, "kind": "search", "reference_id": reference_id, "seconds": 9e5}
        run_id = _insert_one(connection, Run, fields | run)
        software = {
            "evolve": "0.1.0",
            "python": "CPython 3.11.7",
            "numpy": "2.3.0",
            "platform": "Linux 6 x86_64",
        }
        connection.execute(
            insert(table_of(Software)),
            {"run_id": run_id, "number": 0, "proposal": 0, "started_at": _BEGUN, **software},
        )
        for split, count in INSTANCES.items():
            connection.execute(
                insert(Instance),
                [
                    {
                        "run_id": reference_id,
                        "split": split,
                        "position": position,
                        "name": f"{split}-{position}",
                        "bound": 0.5,
                    }
                    for position in range(count)
                ],
            )
        keys: dict[str, list[int]] = {split: [] for split in INSTANCES}
        for row in connection.execute(
            select(Instance.split, Instance.id).where(Instance.run_id == reference_id).order_by(Instance.id)
        ):
            keys[row.split].append(row.id)
        return run_id, keys

    def _add_proposal(
        self, rows: dict[type[Base], list[dict[str, Any]]], run: int, number: int, keys: dict[str, list[int]]
    ) -> None:
        chance = self._random.random()
        kind = "program" if number == 0 or chance < 0.8 else "duplicate" if chance < 0.95 else "rejected"
        if len(self._hashes) == self._count:
            kind = "duplicate"
        operator, model = OPERATORS[number % len(OPERATORS)] if number else ("seed", None)
        at = _BEGUN + datetime.timedelta(seconds=7 * number)
        before = max(0, len(self._hashes) - 500)
        parents = [self._hashes[self._random.randrange(before, len(self._hashes))]] if number else []
        status, score = kind, None
        if kind == "program":
            status, score = self._add_program(rows, run, keys)
        rows.setdefault(Proposal, []).append(
            {
                "run_id": run,
                "number": number,
                "status": status,
                "operator": operator,
                "model": model,
                "parents": parents,
                "inspirations": [],
                "context": {"island": number % ISLANDS},
                "seen": number - 1,
                "reason": _reason(kind, number),
                "idea": self._words(12) if model else None,
                "improvement": None if score is None else max(0.0, score - 1.0),
                "program_id": self._program - 1 if kind == "program" else None,
                "committed_at": at,
                "seconds": 7.0 * number,
            }
        )
        if model is not None:
            rows.setdefault(LlmCall, []).append(_call(run, number, operator, model, at))

    def _add_program(
        self, rows: dict[type[Base], list[dict[str, Any]]], run: int, keys: dict[str, list[int]]
    ) -> tuple[str, float | None]:
        place = len(self._hashes)
        source = self._source(place)
        digest = hashlib.sha256(source.encode()).hexdigest()[:32]
        self._hashes.append(digest)
        self._bytes += len(source.encode())
        failed = place > 0 and self._random.random() < 0.1
        score = None
        if not failed:
            limit = 1.5 - math.exp(-place / (self._count / 3))
            score = limit - abs(self._random.gauss(0.0, 0.1))
            self._best = max(self._best, (score, place))
        rows.setdefault(Program, []).append(
            {
                "id": self._program,
                "run_id": run,
                "hash": digest,
                "baseline": None,
                "skeleton": digest[::-1],
                "source": source,
            }
        )
        splits = ["train", "validation"] if not failed and place % 50 == 0 else ["train"]
        for split in splits:
            self._add_evaluation(rows, split, keys[split], score, place)
        self._program += 1
        return ("failed" if failed else "accepted" if place % 9 == 0 else "not_better"), score

    def _add_evaluation(
        self,
        rows: dict[type[Base], list[dict[str, Any]]],
        split: str,
        keys: Sequence[int],
        score: float | None,
        place: int,
    ) -> None:
        status = "ok" if score is not None else ("crashed", "invalid", "timeout")[place % 3]
        rows.setdefault(Evaluation, []).append(
            {
                "id": self._evaluation,
                "program_id": self._program,
                "split": split,
                "status": status,
                "score": score,
                "cpu_seconds": 0.02,
                "isolation": "full",
            }
        )
        for position, key in enumerate(keys):
            own = None if score is None else score * (0.9 + 0.05 * position)
            rows.setdefault(Outcome, []).append(
                {
                    "evaluation_id": self._evaluation,
                    "instance_id": key,
                    "status": status,
                    "value": None if own is None else 1.0 / max(own, 0.01),
                    "score": own,
                    "cpu_seconds": 0.004,
                    "metrics": None,
                    "feedback": "ZeroDivisionError: division by zero" if status == "crashed" else None,
                }
            )
        self._evaluation += 1

    def _finish(self, connection: Connection, run: int, keys: dict[str, list[int]]) -> str:
        """The champion, with its scores on validation and test."""
        _, place = self._best
        champion = self._first_program + place
        rows: dict[type[Base], list[dict[str, Any]]] = {}
        known = set(connection.scalars(select(Evaluation.split).where(Evaluation.program_id == champion)))
        self._program = champion
        for split in ("validation", "test"):
            if split not in known:
                self._add_evaluation(rows, split, keys[split], 1.3, place)
        _write(connection, rows)
        state = {"members": [{"program": one, "score": 1.0} for one in self._hashes[-200:]]}
        last = self._count * 5 // 4 - 1
        connection.execute(insert(table_of(StrategyState)), {"run_id": run, "number": last, "state": state})
        connection.execute(
            table_of(Run).update().where(Run.id == run).values(champion_id=champion, status="finished")
        )
        return self._hashes[place]

    def _source(self, place: int) -> str:
        lines = [f"    {self._words(3).replace(' ', '_')} = {self._random.random():.6f}" for _ in range(12)]
        return "\n".join([f"def priority(operation, state):  # {place}", *lines, "    return 0.0", ""])

    def _words(self, count: int) -> str:
        return " ".join(self._random.choices(_WORDS, k=count))


def _reason(kind: str, number: int) -> str | None:
    if kind == "duplicate":
        return f"the same program as proposal {number // 2}'s"
    return "line 3: 'return' outside function" if kind == "rejected" else None


def _call(run: int, number: int, operator: str, model: str, at: datetime.datetime) -> dict[str, Any]:
    return {
        "run_id": run,
        "proposal": number,
        "call": 0,
        "attempt": 0,
        "operator": operator,
        "model": model,
        "status": "ok",
        "is_final": True,
        "prompt_hash": hashlib.sha256(str(number).encode()).hexdigest()[:32],
        "prompt": None,
        "cut": [],
        "answer": None,
        "error": None,
        "tokens_in": 3000,
        "tokens_out": 800,
        "tokens_cached": 1500,
        "tokens_cache_write": 0,
        "tokens_reasoning": 200,
        "reserved_usd": 0.02,
        "reserved_tokens": 9000,
        "cost_usd": 0.004,
        "latency_seconds": 4.0,
        "request_id": f"req_{number:012d}",
        "started_at": at,
    }


def _insert_one(connection: Connection, model: type[Base], fields: dict[str, Any]) -> int:
    key = connection.execute(insert(table_of(model)), fields).inserted_primary_key
    assert key is not None
    return int(key[0])


def _next_key(connection: Connection, model: Any) -> int:
    return 1 + int(connection.execute(select(model.id).order_by(model.id.desc()).limit(1)).scalar() or 0)


def _write(connection: Connection, rows: dict[type[Base], list[dict[str, Any]]]) -> None:
    """In the order in which they point to each other."""
    for model in (Program, Evaluation, Outcome, Proposal, LlmCall):
        if rows.get(model):
            connection.execute(insert(table_of(model)), rows.pop(model))


def _move_sequences(connection: Connection) -> None:
    """On a server, keys that were given by us have to be skipped by those to come."""
    if connection.dialect.name == "postgresql":
        for table in ("program", "evaluation"):
            connection.execute(
                text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
            )


def size_in_bytes(archive: Archive) -> int:
    """What the archive takes on disk, indexes included."""
    with archive.reading() as connection:
        if archive.dialect == "postgresql":
            return int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())
