"""The tables, as SQLAlchemy Core sees them. Migrations make them; nothing else may alter them.

The five execution_* tables are the product's shared data model. Times are RFC 3339 text so that text order
is time order on both databases; JSON is text in canonical form.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

metadata: Final = MetaData()

ADDED_LATER: Final = {"is_added_later": True}
"""Marks a column that older rows were written and digested without: empty, it is no part of the digest."""

projects: Final = Table(
    "projects",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("workspace_root", Text, nullable=False, unique=True),
    Column("settings", Text, nullable=False),
    Column("created_at", Text, nullable=False),
)

execution_runs: Final = Table(
    "execution_runs",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("feature_id", Text),
    Column("recommendation_rule_id", Text),
    Column("plan", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("blocked_by", Text),
    Column("requested_by", Text, nullable=False),
    Column("cancel_requested_at", Text),
    Column("retry_of_run_id", Text),
    Column("idempotency_key", Text),
    Column("created_at", Text, nullable=False),
    Column("started_at", Text),
    Column("ended_at", Text),
    Column("version", Integer, nullable=False),
    Column("pool", Text, info=ADDED_LATER),
    Column("priority", Text, info=ADDED_LATER),
    UniqueConstraint("project_id", "idempotency_key"),
    Index("execution_runs_by_project", "project_id", "run_id"),
    Index("execution_runs_by_status", "status"),
    Index("execution_runs_by_feature", "project_id", "feature_id", "run_id"),
)

execution_steps: Final = Table(
    "execution_steps",
    metadata,
    Column("step_id", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("step_key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("connector", Text, nullable=False),
    Column("external_run_id", Text),
    Column("provider_status_raw", Text),
    Column("sync_status", Text, nullable=False),
    Column("last_reconciled_at", Text),
    Column("status", Text, nullable=False),
    Column("blocked_by", Text),
    Column("attempt", Integer, nullable=False),
    Column("verdict", Text),
    Column("subject_digest", Text),
    Column("exit_code", Integer),
    Column("failure_reason", Text),
    Column("resume_token", Text),
    Column("started_at", Text),
    Column("ended_at", Text),
    Column("version", Integer, nullable=False),
    Column("worker_id", Text, info=ADDED_LATER),
    UniqueConstraint("run_id", "step_key"),
    Index("execution_steps_by_run", "run_id"),
    Index("execution_steps_by_worker", "status", "worker_id"),
)

execution_events: Final = Table(
    "execution_events",
    metadata,
    Column("project_id", Text, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("run_id", Text),
    Column("step_id", Text),
    Column("tag", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("at", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("leaf_hash", Text, nullable=False),
    Column("once_key", Text),
    PrimaryKeyConstraint("project_id", "seq"),
    UniqueConstraint("project_id", "once_key"),
    Index("execution_events_by_run", "run_id", "seq"),
)

event_heads: Final = Table(
    "event_heads",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("leaf_hash", Text, nullable=False),
)

execution_approvals: Final = Table(
    "execution_approvals",
    metadata,
    Column("approval_id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("step_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("subject_digest", Text, nullable=False),
    Column("risk_level", Text, nullable=False),
    Column("quorum", Integer, nullable=False),
    Column("requested_by", Text, nullable=False),
    Column("decisions", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("is_used", Integer, nullable=False),
    Column("version", Integer, nullable=False),
    Column("start_by", Text, info=ADDED_LATER),
    Column("edited_by", Text, info=ADDED_LATER),
    Column("changes", Text, info=ADDED_LATER),
    Index("execution_approvals_by_step", "step_id"),
    Index("execution_approvals_by_status", "status", "project_id"),
)

execution_artifacts: Final = Table(
    "execution_artifacts",
    metadata,
    Column("artifact_id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("step_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("uri", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("truncated", Integer, nullable=False),
    Column("links", Text, nullable=False),
    Column("removed_at", Text, info=ADDED_LATER),
    Column("removed_reason", Text, info=ADDED_LATER),
    UniqueConstraint("step_id", "uri"),
    Index("execution_artifacts_by_run", "run_id"),
)

run_holds: Final = Table(
    "run_holds",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("held_by", Text, nullable=False),
    Column("held_at", Text, nullable=False),
    Column("lifted_at", Text),
)

switches: Final = Table(
    "switches",
    metadata,
    Column("name", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("until", Text),
    Column("people", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
    Column("since", Text, info=ADDED_LATER),
    Column("overridden", Text, info=ADDED_LATER),
    PrimaryKeyConstraint("name", "project_id"),
)

kill_records: Final = Table(
    "kill_records",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("engaged", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
)

policy_layers: Final = Table(
    "policy_layers",
    metadata,
    Column("layer", Text, primary_key=True),
    Column("digest", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", Text, nullable=False),
)

remembered_rules: Final = Table(
    "remembered_rules",
    metadata,
    Column("rule_id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("form", Text, nullable=False),
    Column("cedar", Text, nullable=False),
    Column("from_run_id", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text, nullable=False),
    Column("revoked_at", Text),
    Index("remembered_rules_by_project", "project_id", "rule_id"),
)

access_tokens: Final = Table(
    "access_tokens",
    metadata,
    Column("token_id", Text, primary_key=True),
    Column("token_sha256", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("project_id", Text),
    Column("created_at", Text, nullable=False),
    Column("expires_at", Text),
    Column("revoked_at", Text),
    Column("person", Text, info=ADDED_LATER),
    Column("made_with", Text, info=ADDED_LATER),
    Index("access_tokens_by_actor", "actor"),
)

workers: Final = Table(
    "workers",
    metadata,
    Column("worker_id", Text, primary_key=True),
    Column("pool", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("lease_seconds", Integer, nullable=False),
    Column("grounds", Text, nullable=False),
    Column("started_at", Text, nullable=False),
    Column("seen_at", Text, nullable=False),
    Column("state", Text, nullable=False),
    Index("workers_by_state", "state"),
)
"""Who shares this database now. A row is liveness and no part of any digest: coming and going are events.

`grounds` is a JSON list of the projects whose workspace is on that machine."""

pool_ranks: Final = Table(
    "pool_ranks",
    metadata,
    Column("pool", Text, nullable=False),
    Column("priority", Text, nullable=False),
    Column("project_id", Text, nullable=False),
    Column("rank", BigInteger, nullable=False),
    PrimaryKeyConstraint("pool", "priority", "project_id"),
)
"""Where each project stands in the order of its pool; the row of project "" is how far that has come."""
