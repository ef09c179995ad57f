"""A run and its steps, as the ledger keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from workbench.model.place import USUAL, Place
from workbench.model.plan import Plan, StepKind
from workbench.model.statuses import BlockedBy, RunStatus, StepStatus, SyncStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    run_id: str
    project_id: str
    feature_id: str | None
    recommendation_rule_id: str | None
    plan: Plan
    status: RunStatus
    blocked_by: BlockedBy | None
    requested_by: str
    cancel_requested_at: str | None
    retry_of_run_id: str | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    version: int
    place: Place = USUAL


class HowCanceled(StrEnum):
    """What ended a canceled run: nobody's consent, nobody's answer, or somebody's wish."""

    DENIED = "denied"
    EXPIRED = "expired"
    CANCELED = "canceled"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnd:
    """Who canceled a run, how and why, as the events say it."""

    how: HowCanceled
    by: str
    reason: str
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """`verdict` is the stored judgement as JSON values. `exit_code` is None until the process has ended.

    `worker_id` is the worker that started it, where several share the ledger.
    """

    step_id: str
    run_id: str
    step_key: str
    kind: StepKind
    connector: str
    external_run_id: str | None
    provider_status_raw: str | None
    sync_status: SyncStatus
    last_reconciled_at: str | None
    status: StepStatus
    blocked_by: BlockedBy | None
    attempt: int
    verdict: dict[str, Any] | None
    subject_digest: str | None
    exit_code: int | None
    failure_reason: str | None
    resume_token: str | None
    started_at: str | None
    ended_at: str | None
    version: int
    worker_id: str | None = None
