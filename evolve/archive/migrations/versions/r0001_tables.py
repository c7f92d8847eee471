"""The tables of the first archives."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TABLES = (
    "run",
    "lease",
    "instance",
    "program",
    "proposal",
    "evaluation",
    "outcome",
    "cached_outcome",
    "llm_call",
    "ticket",
    "strategy_state",
)


def upgrade() -> None:
    """From an empty database."""
    _create_runs()
    _create_programs()
    _create_evaluations()
    _create_calls()
    if op.get_context().dialect.name != "sqlite":  # which takes no constraint later, and has it by now
        op.create_foreign_key("run_champion_id_fkey", "run", "program", ["champion_id"], ["id"])


def downgrade() -> None:
    """To an empty database."""
    if op.get_context().dialect.name != "sqlite":
        op.drop_constraint("run_champion_id_fkey", "run")
    for name in reversed(TABLES):
        op.drop_table(name)


def _create_runs() -> None:
    op.create_table(
        "run",
        sa.Column("id", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference_id", KEY, nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("problem_version", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("seed", KEY, nullable=False),
        sa.Column("settings", sa.JSON(), nullable=False),
        sa.Column("problem_reference", sa.JSON(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("champion_id", KEY, nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["champion_id"], ["program.id"], use_alter=True),
        sa.ForeignKeyConstraint(["reference_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "lease",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("machine", sa.Text(), nullable=False),
        sa.Column("process", sa.Text(), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("run_id"),
    )
    op.create_table(
        "instance",
        sa.Column("id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("position", KEY, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("bound", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "name"),
    )


def _create_programs() -> None:
    op.create_table(
        "program",
        sa.Column("id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("baseline", sa.Text(), nullable=True),
        sa.Column("skeleton", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "hash"),
    )
    op.create_table(
        "proposal",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("number", KEY, autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("parents", sa.JSON(), nullable=False),
        sa.Column("inspirations", sa.JSON(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("seen", KEY, nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("idea", sa.Text(), nullable=True),
        sa.Column("improvement", sa.Float(), nullable=True),
        sa.Column("program_id", KEY, nullable=True),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["program_id"], ["program.id"]),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("run_id", "number"),
    )
    op.create_index("ix_program_skeleton", "program", ["run_id", "skeleton"], unique=False)
    op.create_index("ix_proposal_program", "proposal", ["program_id"], unique=False)


def _create_evaluations() -> None:
    op.create_table(
        "evaluation",
        sa.Column("id", KEY, nullable=False),
        sa.Column("program_id", KEY, nullable=False),
        sa.Column("split", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("cpu_seconds", sa.Float(), nullable=False),
        sa.Column("isolation", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["program_id"], ["program.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("program_id", "split"),
    )
    op.create_table(
        "outcome",
        sa.Column("evaluation_id", KEY, nullable=False),
        sa.Column("instance_id", KEY, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("value", sa.Float(), nullable=True),
        sa.Column("score", sa.Float(), nullable=True),
        sa.Column("cpu_seconds", sa.Float(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=True),
        sa.Column("feedback", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluation.id"]),
        sa.ForeignKeyConstraint(["instance_id"], ["instance.id"]),
        sa.PrimaryKeyConstraint("evaluation_id", "instance_id"),
    )
    op.create_table(
        "cached_outcome",
        sa.Column("reference_id", KEY, nullable=False),
        sa.Column("program", sa.Text(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("outcome", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["reference_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("reference_id", "program", "instance"),
    )


def _create_calls() -> None:
    op.create_table(
        "llm_call",
        sa.Column("id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("proposal", KEY, nullable=False),
        sa.Column("call", KEY, nullable=False),
        sa.Column("attempt", KEY, nullable=False),
        sa.Column("operator", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("prompt_hash", sa.Text(), nullable=False),
        sa.Column("prompt", sa.JSON(), nullable=True),
        sa.Column("cut", sa.JSON(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("tokens_in", KEY, nullable=True),
        sa.Column("tokens_out", KEY, nullable=True),
        sa.Column("tokens_cached", KEY, nullable=True),
        sa.Column("tokens_cache_write", KEY, nullable=True),
        sa.Column("tokens_reasoning", KEY, nullable=True),
        sa.Column("reserved_usd", sa.Float(), nullable=False),
        sa.Column("reserved_tokens", KEY, nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("latency_seconds", sa.Float(), nullable=True),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("run_id", "proposal", "call", "attempt"),
    )
    op.create_table(
        "ticket",
        sa.Column("id", KEY, nullable=False),
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("token", sa.Text(), nullable=False),
        sa.Column("parents", sa.JSON(), nullable=False),
        sa.Column("inspirations", sa.JSON(), nullable=False),
        sa.Column("context", sa.JSON(), nullable=False),
        sa.Column("seen", KEY, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("source", sa.Text(), nullable=True),
        sa.Column("proposal", KEY, nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token"),
    )
    op.create_table(
        "strategy_state",
        sa.Column("run_id", KEY, nullable=False),
        sa.Column("number", KEY, nullable=False),
        sa.Column("state", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"]),
        sa.PrimaryKeyConstraint("run_id"),
    )
