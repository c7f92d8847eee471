"""Follows a run that goes on, from its archive alone.

The first look reads all proposals; every further one reads what is new since, so it costs the same however
much the archive holds.
"""

import time
from collections import Counter, deque
from typing import Any

import msgspec
from sqlalchemy import Connection, Select, case, func, select

from evolve.archive.history import EVALUATED, WAITING
from evolve.archive.lease import DEAD_AFTER_S
from evolve.archive.models import Evaluation, Lease, LlmCall, Program, Proposal
from evolve.archive.records import RunRecord, now
from evolve.archive.runs import get_run
from evolve.problem import Split, Status
from evolve.program import diff
from results.lineage import change_in_words
from results.populations import PopulationView, read_populations
from results.programs import program_by_hash
from results.timeline import ON_TRAIN

IMPROVEMENTS_SHOWN = 3
_RATE_OVER_S = 60.0


class Holder(msgspec.Struct, frozen=True):
    """Who works on a run."""

    token: str
    process: str
    machine: str
    silent: float
    """Seconds since the last sign of life."""

    @property
    def alive(self) -> bool:
        """Whether it has been heard of lately."""
        return self.silent < DEAD_AFTER_S


class LiveImprovement(msgspec.Struct, frozen=True):
    """A proposal that raised the best score on train."""

    number: int
    operator: str
    model: str | None
    idea: str | None
    program: str
    score: float
    before: float | None
    change: str
    """In one line, against the program that it was made from."""
    diff: str


class Arm(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator with a model has come to."""

    operator: str
    model: str | None
    proposals: int
    evaluated: int
    accepted: int
    improvements: int
    """How often it raised the best score on train."""
    calls: int
    cost_usd: float


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """A run at one moment."""

    run: RunRecord
    holder: Holder | None
    committed: int
    """The number of the last commit; -1 where there is none."""
    waiting: int
    """Proposals in flight."""
    statuses: dict[str, int]
    evaluations: int
    rate: float | None
    """Evaluations per second over the last minute that was watched; None at first."""
    best: float | None
    best_number: int | None
    evaluations_since: int
    """Evaluations since the last improvement."""
    reference: str | None
    """The best baseline on train, whose score is 1; None while it is not known."""
    improvements: list[LiveImprovement]
    """The latest, newest first."""
    arms: list[Arm]
    populations: list[PopulationView]
    cost_usd: float
    at_most_beside_usd: float
    """The most that calls may have cost whose cost nobody knows, those in flight included."""
    calls_in_flight: int

    @property
    def over(self) -> bool:
        """Whether the run has ended, and nobody goes on with it."""
        return self.run.status != "running" and (self.holder is None or not self.holder.alive)


class _Calls(msgspec.Struct):
    """Sums over the calls of an operator with a model."""

    calls: int = 0
    cost_usd: float = 0.0
    unknown_usd: float = 0.0
    in_flight: int = 0

    def plus(self, row: Any) -> "_Calls":
        return _Calls(
            self.calls + row.calls,
            self.cost_usd + row.cost_usd,
            self.unknown_usd + row.unknown_usd,
            self.in_flight + row.in_flight,
        )


_Key = tuple[str, str | None]


class Follower:
    """Looks at one run again and again."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._last = -1
        self._counts: Counter[tuple[str, str | None, str]] = Counter()
        self._raised: Counter[_Key] = Counter()
        self._evaluations = 0
        self._marks: list[tuple[int, float, float | None, int]] = []
        """Of each improvement: number, score, score before, evaluations until then; the latest ones."""
        self._told: dict[int, LiveImprovement] = {}
        self._settled: dict[_Key, _Calls] = {}
        self._reference: str | None = None
        self._populations: list[PopulationView] = []
        self._seen: deque[tuple[float, int]] = deque()

    def look(self, connection: Connection) -> Snapshot:
        """The run as it is now.

        Raises:
            UserError: There is no such run.
        """
        run = get_run(connection, self._name)
        settled = self._last
        if self._read_commits(connection, run.id):
            self._populations = read_populations(connection, run.id)
        if self._reference is None:
            self._reference = _reference(connection, run.reference_id)
        calls = self._read_calls(connection, run.id, settled)
        best = self._marks[-1] if self._marks else None
        statuses: Counter[str] = Counter()
        for (_, _, status), count in self._counts.items():
            statuses[status] += count
        return Snapshot(
            run=run,
            holder=_holder(connection, run.id),
            committed=self._last,
            waiting=self._waiting(connection, run.id),
            statuses=dict(sorted(statuses.items())),
            evaluations=self._evaluations,
            rate=self._rate(),
            best=None if best is None else best[1],
            best_number=None if best is None else best[0],
            evaluations_since=0 if best is None else self._evaluations - best[3],
            reference=self._reference,
            improvements=self._improvements(connection, run.id),
            arms=self._arms(calls),
            populations=self._populations,
            cost_usd=sum(one.cost_usd for one in calls.values()),
            at_most_beside_usd=sum(one.unknown_usd for one in calls.values()),
            calls_in_flight=sum(one.in_flight for one in calls.values()),
        )

    def _read_commits(self, connection: Connection, run_id: int) -> bool:
        """Take in what was committed since the last look; whether there was anything."""
        before = self._last
        for row in connection.execute(_commits(run_id, self._last)):
            self._last = row.number
            self._counts[row.operator, row.model, row.status] += 1
            self._evaluations += row.status in EVALUATED
            best = self._marks[-1][1] if self._marks else None
            if row.score is not None and (best is None or row.score > best):
                self._marks.append((row.number, row.score, best, self._evaluations))
                self._raised[row.operator, row.model] += 1
        del self._marks[:-IMPROVEMENTS_SHOWN]
        return self._last > before

    def _read_calls(self, connection: Connection, run_id: int, settled: int) -> dict[_Key, _Calls]:
        """Sums over all calls. Those of committed proposals never change again, and are read once."""
        for row in connection.execute(_calls(run_id, settled, self._last)):
            key = (row.operator, row.model)
            self._settled[key] = self._settled.get(key, _Calls()).plus(row)
        found = dict(self._settled)
        for row in connection.execute(_calls(run_id, self._last, None)):
            key = (row.operator, row.model)
            found[key] = found.get(key, _Calls()).plus(row)
        return found

    def _waiting(self, connection: Connection, run_id: int) -> int:
        return connection.execute(
            select(func.count()).where(Proposal.run_id == run_id, Proposal.number > self._last)
        ).scalar_one()

    def _improvements(self, connection: Connection, run_id: int) -> list[LiveImprovement]:
        self._told = {
            number: self._told.get(number) or _improvement(connection, run_id, number, score, before)
            for number, score, before, _ in self._marks
        }
        return list(reversed(self._told.values()))

    def _arms(self, calls: dict[_Key, _Calls]) -> list[Arm]:
        keys = {(operator, model) for operator, model, _ in self._counts} | set(calls)
        arms = []
        for operator, model in sorted(keys, key=lambda key: (key[0], key[1] or "")):
            of_arm = {
                status: count
                for (one, other, status), count in self._counts.items()
                if (one, other) == (operator, model)
            }
            spent = calls.get((operator, model), _Calls())
            arms.append(
                Arm(
                    operator=operator,
                    model=model,
                    proposals=sum(of_arm.values()),
                    evaluated=sum(of_arm.get(status, 0) for status in EVALUATED),
                    accepted=of_arm.get("accepted", 0),
                    improvements=self._raised[operator, model],
                    calls=spent.calls,
                    cost_usd=spent.cost_usd,
                )
            )
        return arms

    def _rate(self) -> float | None:
        moment = time.monotonic()
        self._seen.append((moment, self._evaluations))
        while len(self._seen) > 2 and moment - self._seen[1][0] >= _RATE_OVER_S:
            self._seen.popleft()
        since, count = self._seen[0]
        return (self._evaluations - count) / (moment - since) if moment - since >= 1.0 else None


def _commits(run_id: int, after: int) -> Select[Any]:
    return (
        select(
            Proposal.number,
            Proposal.operator,
            Proposal.model,
            Proposal.status,
            case((Evaluation.status == Status.OK.value, Evaluation.score)).label("score"),
        )
        .outerjoin(Program, Program.id == Proposal.program_id)
        .outerjoin(Evaluation, ON_TRAIN)
        .where(Proposal.run_id == run_id, Proposal.number > after, Proposal.status != WAITING)
        .order_by(Proposal.number)
    )


def _calls(run_id: int, after: int, until: int | None) -> Select[Any]:
    unknown = LlmCall.cost_usd.is_(None)
    query = (
        select(
            LlmCall.operator,
            LlmCall.model,
            func.count().label("calls"),
            func.coalesce(func.sum(LlmCall.cost_usd), 0.0).label("cost_usd"),
            func.coalesce(func.sum(case((unknown, LlmCall.reserved_usd), else_=0.0)), 0.0).label(
                "unknown_usd"
            ),
            func.coalesce(func.sum(case((LlmCall.status == "started", 1), else_=0)), 0).label("in_flight"),
        )
        .where(LlmCall.run_id == run_id, LlmCall.proposal > after)
        .group_by(LlmCall.operator, LlmCall.model)
    )
    return query if until is None else query.where(LlmCall.proposal <= until)


def _improvement(
    connection: Connection, run_id: int, number: int, score: float, before: float | None
) -> LiveImprovement:
    row = connection.execute(
        select(
            Proposal.operator, Proposal.model, Proposal.idea, Proposal.parents, Program.hash, Program.source
        )
        .join(Program, Program.id == Proposal.program_id)
        .where(Proposal.run_id == run_id, Proposal.number == number)
    ).one()
    parent = program_by_hash(connection, run_id, row.parents[0]) if row.parents else None
    text = "" if parent is None else diff(parent.source, row.source, (parent.label, row.hash[:12]))
    return LiveImprovement(
        number=number,
        operator=row.operator,
        model=row.model,
        idea=row.idea,
        program=row.hash,
        score=score,
        before=before,
        change=change_in_words(text),
        diff=text,
    )


def _reference(connection: Connection, reference_id: int | None) -> str | None:
    return connection.scalar(
        select(Program.baseline)
        .join(Evaluation, Evaluation.program_id == Program.id)
        .where(
            Program.run_id == reference_id,
            Program.baseline.is_not(None),
            Evaluation.split == Split.TRAIN.value,
            Evaluation.status == Status.OK.value,
        )
        .order_by(Evaluation.score.desc(), Program.id)
        .limit(1)
    )


def _holder(connection: Connection, run_id: int) -> Holder | None:
    row = connection.execute(
        select(Lease.token, Lease.process, Lease.machine, Lease.renewed_at).where(Lease.run_id == run_id)
    ).one_or_none()
    if row is None:
        return None
    silent = max(0.0, (now() - row.renewed_at).total_seconds())
    return Holder(row.token, row.process.partition("@")[0], row.machine.partition("/")[0], silent)
