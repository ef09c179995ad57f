"""Approvals get a time to start by, and say who edited what was asked for, and what."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("start_by", "edited_by", "changes"):
        op.add_column("execution_approvals", sa.Column(name, sa.Text))
