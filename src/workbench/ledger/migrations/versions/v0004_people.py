"""Tokens say which person holds them, and sessions with which token they were made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("person", "made_with"):
        op.add_column("access_tokens", sa.Column(name, sa.Text))
    op.create_index("access_tokens_by_actor", "access_tokens", ["actor"])
