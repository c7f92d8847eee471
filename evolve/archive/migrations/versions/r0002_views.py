"""The views, the indexes behind them, and the wall time at which each proposal was committed."""

import sqlalchemy as sa
from alembic import op

from evolve.archive.views import create_views, drop_views

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

VIEWS = "c7bac96cf6a29bb079edb887001921578cdb7a029524834f1a2ed7915381952b"
"""What `views_digest` says of the views that this makes. Once this is released, a changed view is a new
revision, and the text that it had goes into this folder."""


def upgrade() -> None:
    """From revision 0001."""
    op.add_column("proposal", sa.Column("seconds", sa.Float()))
    op.create_index("ix_evaluation_score", "evaluation", ["split", "status", "score"])
    create_views(op.get_bind())


def downgrade() -> None:
    """To revision 0001."""
    drop_views(op.get_bind())
    op.drop_index("ix_evaluation_score", "evaluation")
    op.drop_column("proposal", "seconds")
