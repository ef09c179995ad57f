"""Transcripts that were removed on purpose, and runs whose transcripts are held."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("execution_artifacts", sa.Column("removed_at", sa.Text))
    op.add_column("execution_artifacts", sa.Column("removed_reason", sa.Text))
    op.create_table(
        "run_holds",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("held_by", sa.Text, nullable=False),
        sa.Column("held_at", sa.Text, nullable=False),
        sa.Column("lifted_at", sa.Text),
    )
