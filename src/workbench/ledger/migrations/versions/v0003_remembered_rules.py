"""Remembered rules: which program and form a project is asked about no more, until when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "remembered_rules",
        sa.Column("rule_id", sa.Text, primary_key=True),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("program", sa.Text, nullable=False),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("cedar", sa.Text, nullable=False),
        sa.Column("from_run_id", sa.Text, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Text, nullable=False),
        sa.Column("revoked_at", sa.Text),
    )
    op.create_index("remembered_rules_by_project", "remembered_rules", ["project_id", "rule_id"])
