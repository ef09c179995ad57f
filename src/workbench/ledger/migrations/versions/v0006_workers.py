"""Many machines: who they are, which of them runs a step, and where a run waits."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("pool", "priority"):
        op.add_column("execution_runs", sa.Column(name, sa.Text))
    op.add_column("execution_steps", sa.Column("worker_id", sa.Text))
    op.create_index("execution_steps_by_worker", "execution_steps", ["status", "worker_id"])
    op.create_table(
        "workers",
        sa.Column("worker_id", sa.Text, primary_key=True),
        sa.Column("pool", sa.Text, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("concurrency", sa.Integer, nullable=False),
        sa.Column("lease_seconds", sa.Integer, nullable=False),
        sa.Column("grounds", sa.Text, nullable=False),
        sa.Column("started_at", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_index("workers_by_state", "workers", ["state"])
    op.create_table(
        "pool_ranks",
        sa.Column("pool", sa.Text, nullable=False),
        sa.Column("priority", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("rank", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("pool", "priority", "project_id"),
    )
