"""The views, the indexes behind them, and the wall time at which each proposal was committed."""

import sqlalchemy as sa
from alembic import op

from evolve.archive.views import create_views_of, drop_views

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """From revision 0001."""
    op.add_column("proposal", sa.Column("seconds", sa.Float()))
    op.create_index("ix_evaluation_score", "evaluation", ["split", "status", "score"])
    create_views_of(op.get_bind(), revision)


def downgrade() -> None:
    """To revision 0001."""
    drop_views(op.get_bind())
    op.drop_index("ix_evaluation_score", "evaluation")
    op.drop_column("proposal", "seconds")
