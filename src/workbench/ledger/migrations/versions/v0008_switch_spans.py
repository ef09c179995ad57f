"""Switches with a span that begins later, and with the entry gates that were overridden."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("switches", sa.Column("since", sa.Text))
    op.add_column("switches", sa.Column("overridden", sa.Text))
