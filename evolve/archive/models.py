"""The tables of an archive. They are a public interface: people write SQL against them.

A row of `program`, `evaluation` or `outcome` never changes once it is there, and neither does a proposal
that was committed. Columns that end in `_at` are for people; nothing is decided by them.
"""

import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

REVISION = "0003"
"""The newest migration. Whoever changes tables or views adds one; an archive of another is refused."""

_Key = BigInteger().with_variant(Integer, "sqlite")


class Moment(TypeDecorator[datetime.datetime]):
    """A time in UTC; SQLite keeps no time zones, so it is written without one and read with it."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(
        self, value: datetime.datetime | None, dialect: Dialect
    ) -> datetime.datetime | None:
        """In UTC."""
        return None if value is None else value.astimezone(datetime.UTC)

    def process_result_value(
        self, value: datetime.datetime | None, dialect: Dialect
    ) -> datetime.datetime | None:
        """With its time zone, UTC."""
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=datetime.UTC)


_JSON = JSON(none_as_null=True)
"""Nothing is SQL NULL, not the JSON text `null`, which no `IS NULL` would find."""


class Base(DeclarativeBase):
    """What all tables share: the Python types of their columns."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's declarative interface
        str: Text,
        float: Float,
        int: _Key,
        dict[str, Any]: _JSON,
        list[Any]: _JSON,
        datetime.datetime: Moment,
    }


class ArchiveInfo(Base):
    """One row: which revision of the tables and views this archive has."""

    __tablename__ = "archive_info"
    version_num: Mapped[str] = mapped_column(String(32), primary_key=True)
    """The number of the migration that was made last."""


class Run(Base):
    """One configured search, or the `reference` run that holds a problem version's baselines.

    A `simplified` run holds the simpler forms in which the programs of a search were exported.
    """

    __tablename__ = "run"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    """`search`, `reference` or `simplified`."""
    reference_id: Mapped[int | None] = mapped_column(ForeignKey("run.id"))
    """The reference run with the baselines and instances that this run is scored against."""
    problem: Mapped[str]
    problem_version: Mapped[str]
    fingerprint: Mapped[str]
    """Hash of problem, configuration and seed; not of budgets."""
    seed: Mapped[int]
    settings: Mapped[dict[str, Any]]
    problem_reference: Mapped[dict[str, Any]]
    status: Mapped[str]
    """`running`, `finished` or `interrupted`."""
    reason: Mapped[str] = mapped_column(default="")
    """Why a finished run ended: which budget, or which target."""
    champion_id: Mapped[int | None] = mapped_column(ForeignKey("program.id", use_alter=True))
    """The program that won, chosen on validation when the run last ended."""
    seconds: Mapped[float] = mapped_column(default=0.0)
    """Wall time spent on the run so far, over all its continuations."""
    created_at: Mapped[datetime.datetime]


class Lease(Base):
    """Which process works on a run now. A row of a process that is gone means nothing."""

    __tablename__ = "lease"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    token: Mapped[str]
    """Drawn anew whenever somebody takes the run."""
    machine: Mapped[str]
    """Names the set of processes in which `process` means something."""
    process: Mapped[str]
    renewed_at: Mapped[datetime.datetime]


class Software(Base):
    """Which versions a run was made with: a row for its start, and one whenever others go on with it."""

    __tablename__ = "software"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """0 for those that started the run; counts on with each change."""
    proposal: Mapped[int]
    """The first proposal that they could commit."""
    started_at: Mapped[datetime.datetime]
    evolve: Mapped[str]
    python: Mapped[str]
    """Implementation and version."""
    numpy: Mapped[str]
    platform: Mapped[str]
    """Operating system, its release, and the kind of processor."""


class Instance(Base):
    """One frozen workload of one version of a problem."""

    __tablename__ = "instance"
    __table_args__ = (UniqueConstraint("run_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    """The reference run."""
    split: Mapped[str]
    position: Mapped[int]
    name: Mapped[str]
    bound: Mapped[float | None]


class Program(Base):
    """Source code, known within its run by the hash of its normalised source."""

    __tablename__ = "program"
    __table_args__ = (
        UniqueConstraint("run_id", "hash"),
        Index("ix_program_skeleton", "run_id", "skeleton"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    hash: Mapped[str]
    baseline: Mapped[str | None]
    """The published name, if it is one."""
    skeleton: Mapped[str | None]
    """The hash of the source without the values of its real constants: the same for all that differ in
    nothing else."""
    source: Mapped[str]


class Proposal(Base):
    """One numbered attempt to make and judge a program."""

    __tablename__ = "proposal"
    __table_args__ = (Index("ix_proposal_program", "program_id"),)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    status: Mapped[str]
    """`selected` until it is committed; then `accepted`, `not_better`, `stopped` or `failed` where a program
    was evaluated, `note` where something was learnt, else `duplicate`, `rejected` or `no_proposal`."""
    operator: Mapped[str]
    model: Mapped[str | None]
    """The model that the operator worked with."""
    parents: Mapped[list[Any]]
    """Hashes of the programs it was made from; the first is the one it descends from."""
    inspirations: Mapped[list[Any]]
    context: Mapped[dict[str, Any]]
    """What else the strategy decided, such as the island."""
    seen: Mapped[int]
    """The last proposal that had been committed when this one was selected; -1 for the seed program."""
    reason: Mapped[str | None]
    """Why there is no new evaluated program."""
    idea: Mapped[str | None]
    """In its operator's words: what was changed and why, or the note that was made."""
    improvement: Mapped[float | None]
    program_id: Mapped[int | None] = mapped_column(ForeignKey("program.id"))
    committed_at: Mapped[datetime.datetime | None]
    seconds: Mapped[float | None]
    """Wall time that had been spent on the run when this was committed, over all its continuations."""


class Evaluation(Base):
    """A program's outcomes on a split, and the score they add up to; NULL where any of them failed."""

    __tablename__ = "evaluation"
    __table_args__ = (
        UniqueConstraint("program_id", "split"),
        Index("ix_evaluation_score", "split", "status", "score"),
    )
    id: Mapped[int] = mapped_column(primary_key=True)
    program_id: Mapped[int] = mapped_column(ForeignKey("program.id"))
    split: Mapped[str]
    status: Mapped[str]
    score: Mapped[float | None]
    cpu_seconds: Mapped[float]
    isolation: Mapped[str]
    """The level that was in force, found by probing."""


class Outcome(Base):
    """What one program did on one instance."""

    __tablename__ = "outcome"
    evaluation_id: Mapped[int] = mapped_column(ForeignKey("evaluation.id"), primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"), primary_key=True)
    status: Mapped[str]
    value: Mapped[float | None]
    """The metric of the problem's first objective, in its unit."""
    score: Mapped[float | None]
    cpu_seconds: Mapped[float]
    metrics: Mapped[dict[str, Any] | None]
    """Metrics beside the first objective's."""
    feedback: Mapped[str | None]


class CachedOutcome(Base):
    """An outcome of an expensive evaluation, kept from the moment it was there."""

    __tablename__ = "cached_outcome"
    reference_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    """The reference run, which stands for a version of a problem."""
    program: Mapped[str] = mapped_column(primary_key=True)
    """The program's hash; it need not be one of a run's programs."""
    instance: Mapped[str] = mapped_column(primary_key=True)
    outcome: Mapped[dict[str, Any]]


class LlmCall(Base):
    """One attempt at a call of a model. It is here before it is sent, and ended the moment it is over.

    A call of a proposal is known by `proposal` and `call`; `attempt` counts its retries. What it was told
    and what it answered is `prompt` and `answer`, unless the run keeps hashes only.
    """

    __tablename__ = "llm_call"
    __table_args__ = (UniqueConstraint("run_id", "proposal", "call", "attempt"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    proposal: Mapped[int]
    call: Mapped[int]
    attempt: Mapped[int]
    operator: Mapped[str]
    model: Mapped[str]
    status: Mapped[str]
    """`started`; then `ok`, `empty`, `cut_off` or `refused` where the model answered, else `rate_limited`,
    `server_error`, `timeout`, `disconnected`, `malformed`, `denied` or `lost` (its process died)."""
    is_final: Mapped[bool]
    """Whether the call ended with this attempt, with or without an answer."""
    prompt_hash: Mapped[str]
    prompt: Mapped[list[Any] | None]
    """The messages, each with `role` and `content`."""
    cut: Mapped[list[Any]]
    """Which parts of the prompt were left out so that it fits the model."""
    answer: Mapped[str | None]
    error: Mapped[str | None]
    tokens_in: Mapped[int | None]
    """Cached ones included."""
    tokens_out: Mapped[int | None]
    """Those for reasoning included."""
    tokens_cached: Mapped[int | None]
    """Of the input, those that the provider had in its cache."""
    tokens_cache_write: Mapped[int | None]
    """Of the input, those that the provider wrote into its cache."""
    tokens_reasoning: Mapped[int | None]
    reserved_usd: Mapped[float]
    """The most that it could cost."""
    reserved_tokens: Mapped[int]
    """The most tokens, input and output, that it was taken to have."""
    cost_usd: Mapped[float | None]
    """NULL where nobody knows; then at most `reserved_usd`."""
    latency_seconds: Mapped[float | None]
    request_id: Mapped[str | None]
    """The provider's name for the attempt."""
    started_at: Mapped[datetime.datetime]


class Ticket(Base):
    """A proposal handed out to somebody outside: to a person, a coding agent, a script."""

    __tablename__ = "ticket"
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    token: Mapped[str] = mapped_column(unique=True)
    """What its holder shows; drawn at random."""
    parents: Mapped[list[Any]]
    inspirations: Mapped[list[Any]]
    context: Mapped[dict[str, Any]]
    seen: Mapped[int]
    """The last proposal that had been committed when it was handed out."""
    expires_at: Mapped[datetime.datetime]
    source: Mapped[str | None]
    """The program that was told, once it has passed screening."""
    proposal: Mapped[int | None]
    """The number under which it is committed."""


class StrategyState(Base):
    """What a run's strategy remembers, as it stood after the last commit."""

    __tablename__ = "strategy_state"
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"), primary_key=True)
    number: Mapped[int]
    """The last committed proposal that it has been told of."""
    state: Mapped[dict[str, Any]]


def table_of(model: type[Base]) -> Table:
    """The table behind a model; statements on it skip what SQLAlchemy does for mapped classes."""
    table = model.__table__
    assert isinstance(table, Table)
    return table
