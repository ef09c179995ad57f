"""The words for where things stand. Declaration order is severity where there is one.

Statuses a user sees are the roadmap's six (steps also: skipped). `sync_status` says what an external
platform last told us and is never a status.
"""

from __future__ import annotations

from enum import StrEnum


class RunStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    BLOCKED = "blocked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"


class StepStatus(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    BLOCKED = "blocked"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    SKIPPED = "skipped"


class ApprovalStatus(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    LAPSED = "lapsed"


class BlockedBy(StrEnum):
    APPROVAL = "approval"
    POLICY = "policy"
    KILL_SWITCH = "kill_switch"
    SWITCH = "switch"
    BOUNDARY = "boundary"
    STEP_FAILED = "step_failed"
    CONNECTOR_UNAVAILABLE = "connector_unavailable"


class SyncStatus(StrEnum):
    IN_SYNC = "in_sync"
    STALE = "stale"
    DEGRADED = "degraded"


class TerminalMode(StrEnum):
    """pty: one faithful terminal. pipe: stdout and stderr apart, byte exact, for machines."""

    PTY = "pty"
    PIPE = "pipe"


RUN_ENDED = frozenset({RunStatus.SUCCEEDED, RunStatus.FAILED, RunStatus.CANCELED})
STEP_ENDED = frozenset({StepStatus.SUCCEEDED, StepStatus.FAILED, StepStatus.CANCELED, StepStatus.SKIPPED})
