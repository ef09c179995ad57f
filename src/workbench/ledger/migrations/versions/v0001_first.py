"""The first schema: projects, the five execution tables, event heads, switches, kill records, tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "projects",
        sa.Column("project_id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("workspace_root", sa.Text, nullable=False, unique=True),
        sa.Column("settings", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
    )
    op.create_table(
        "execution_runs",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("feature_id", sa.Text),
        sa.Column("recommendation_rule_id", sa.Text),
        sa.Column("plan", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("blocked_by", sa.Text),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("cancel_requested_at", sa.Text),
        sa.Column("retry_of_run_id", sa.Text),
        sa.Column("idempotency_key", sa.Text),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("started_at", sa.Text),
        sa.Column("ended_at", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.UniqueConstraint("project_id", "idempotency_key"),
    )
    op.create_index("execution_runs_by_project", "execution_runs", ["project_id", "run_id"])
    op.create_index("execution_runs_by_status", "execution_runs", ["status"])
    op.create_index("execution_runs_by_feature", "execution_runs", ["project_id", "feature_id", "run_id"])
    op.create_table(
        "execution_steps",
        sa.Column("step_id", sa.Text, primary_key=True),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("step_key", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("connector", sa.Text, nullable=False),
        sa.Column("external_run_id", sa.Text),
        sa.Column("provider_status_raw", sa.Text),
        sa.Column("sync_status", sa.Text, nullable=False),
        sa.Column("last_reconciled_at", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("blocked_by", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("verdict", sa.Text),
        sa.Column("subject_digest", sa.Text),
        sa.Column("exit_code", sa.Integer),
        sa.Column("failure_reason", sa.Text),
        sa.Column("resume_token", sa.Text),
        sa.Column("started_at", sa.Text),
        sa.Column("ended_at", sa.Text),
        sa.Column("version", sa.Integer, nullable=False),
        sa.UniqueConstraint("run_id", "step_key"),
    )
    op.create_index("execution_steps_by_run", "execution_steps", ["run_id"])
    op.create_table(
        "execution_events",
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.Text),
        sa.Column("step_id", sa.Text),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("at", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("leaf_hash", sa.Text, nullable=False),
        sa.Column("once_key", sa.Text),
        sa.PrimaryKeyConstraint("project_id", "seq"),
        sa.UniqueConstraint("project_id", "once_key"),
    )
    op.create_index("execution_events_by_run", "execution_events", ["run_id", "seq"])
    op.create_table(
        "event_heads",
        sa.Column("project_id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("leaf_hash", sa.Text, nullable=False),
    )
    op.create_table(
        "execution_approvals",
        sa.Column("approval_id", sa.Text, primary_key=True),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("step_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("subject_digest", sa.Text, nullable=False),
        sa.Column("risk_level", sa.Text, nullable=False),
        sa.Column("quorum", sa.Integer, nullable=False),
        sa.Column("requested_by", sa.Text, nullable=False),
        sa.Column("decisions", sa.Text, nullable=False),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Text, nullable=False),
        sa.Column("is_used", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("execution_approvals_by_step", "execution_approvals", ["step_id"])
    op.create_index("execution_approvals_by_status", "execution_approvals", ["status", "project_id"])
    op.create_table(
        "execution_artifacts",
        sa.Column("artifact_id", sa.Text, primary_key=True),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("step_id", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("media_type", sa.Text, nullable=False),
        sa.Column("uri", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.BigInteger, nullable=False),
        sa.Column("truncated", sa.Integer, nullable=False),
        sa.Column("links", sa.Text, nullable=False),
        sa.UniqueConstraint("step_id", "uri"),
    )
    op.create_index("execution_artifacts_by_run", "execution_artifacts", ["run_id"])
    op.create_table(
        "switches",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("until", sa.Text),
        sa.Column("people", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed_at", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("name", "project_id"),
    )
    op.create_table(
        "kill_records",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("engaged", sa.Integer, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("changed_by", sa.Text, nullable=False),
        sa.Column("changed_at", sa.Text, nullable=False),
    )
    op.create_table(
        "access_tokens",
        sa.Column("token_id", sa.Text, primary_key=True),
        sa.Column("token_sha256", sa.Text, nullable=False, unique=True),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("project_id", sa.Text),
        sa.Column("created_at", sa.Text, nullable=False),
        sa.Column("expires_at", sa.Text),
        sa.Column("revoked_at", sa.Text),
    )
