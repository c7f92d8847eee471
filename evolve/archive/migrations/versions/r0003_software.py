"""The versions that a run was made with; views that take less time."""

import sqlalchemy as sa
from alembic import op

from evolve.archive.views import create_views, create_views_of, drop_views

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
VIEWS = "d0d3592a756dd99a2ff76b56cba02ea13ec0f99c08e0495d7d9fab93e6e0a88a"
"""What `views_digest` says of the views that this makes. Once this is released, a changed view is a new
revision, and the texts of these go into a file beside this one, as those of revision 0002."""


def upgrade() -> None:
    """From revision 0002."""
    op.create_table(
        "software",
        sa.Column("run_id", KEY, sa.ForeignKey("run.id"), primary_key=True),
        sa.Column("number", KEY, primary_key=True, autoincrement=False),
        sa.Column("proposal", KEY, nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("evolve", sa.Text(), nullable=False),
        sa.Column("python", sa.Text(), nullable=False),
        sa.Column("numpy", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
    )
    drop_views(op.get_bind())
    create_views(op.get_bind())


def downgrade() -> None:
    """To revision 0002."""
    drop_views(op.get_bind())
    create_views_of(op.get_bind(), down_revision)
    op.drop_table("software")
