"""What append is asked to do: each Move names an object and a change, never a resulting status."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workbench.model.admission import SwitchState
from workbench.model.artifact import Artifact
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.plan import Plan, StepKind
from workbench.model.project import Project
from workbench.model.statuses import BlockedBy, SyncStatus
from workbench.model.verdict import RiskLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRun:
    """The first move of a run: ADMIT (it is queued) or HOLD (it is blocked)."""

    run_id: str
    move: RunMove
    plan: Plan
    requested_by: str
    feature_id: str | None = None
    recommendation_rule_id: str | None = None
    blocked_by: BlockedBy | None = None
    retry_of_run_id: str | None = None
    idempotency_key: str | None = None
    note: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveRun:
    """`version`, when given, must be the row's own: compare and set."""

    run_id: str
    move: RunMove
    blocked_by: BlockedBy | None = None
    version: int | None = None
    note: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestCancel:
    """Records who wants the run's end; it is no status, and a second request changes nothing."""

    run_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateStep:
    step_id: str
    run_id: str
    step_key: str
    kind: StepKind
    connector: str
    verdict: dict[str, Any] | None = None
    subject_digest: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveStep:
    """Fields left None keep what the row holds."""

    step_id: str
    move: StepMove
    blocked_by: BlockedBy | None = None
    version: int | None = None
    verdict: dict[str, Any] | None = None
    subject_digest: str | None = None
    external_run_id: str | None = None
    provider_status_raw: str | None = None
    exit_code: int | None = None
    failure_reason: str | None = None
    note: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserveStep:
    """What an external platform last told us; never a status. `external_run_id` is the name it chose."""

    step_id: str
    sync_status: SyncStatus
    provider_status_raw: str | None = None
    external_run_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateApproval:
    approval_id: str
    run_id: str
    step_id: str
    subject_digest: str
    risk_level: RiskLevel
    quorum: int
    requested_by: str
    expires_at: str
    note: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveApproval:
    """`move` None adds a vote below the quorum: recorded, but the approval stays pending."""

    approval_id: str
    move: ApprovalMove | None
    decision: str
    reason: str
    version: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UseApproval:
    """Spends an approved approval, once; a second use is refused."""

    approval_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddArtifact:
    artifact: Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class PutProject:
    project: Project


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSwitch:
    """`scope_project_id` "" means every project. `people` are the canary's named actors."""

    name: str
    state: SwitchState
    reason: str
    scope_project_id: str = ""
    until: str | None = None
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKill:
    """`scope`: "all", "project:ID" or "connector:ID"."""

    scope: str
    engaged: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutToken:
    """Only the SHA-256 of a token is kept. `kind`: "token" or "session"."""

    token_id: str
    token_sha256: str
    kind: str
    token_actor: str
    role: str
    token_project_id: str | None = None
    expires_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeToken:
    token_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberRule:
    """Lets one program and form of a project run unasked until `expires_at` (RFC 3339 in UTC)."""

    rule_id: str
    program: str
    form: str
    cedar: str
    from_run_id: str
    expires_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgetRule:
    rule_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A fact worth an event without a row of its own, such as a refused sign-in or a secret that was set."""

    tag: str
    payload: dict[str, Any]
    run_id: str | None = None
    step_id: str | None = None


Move = (
    CreateRun
    | MoveRun
    | RequestCancel
    | CreateStep
    | MoveStep
    | ObserveStep
    | CreateApproval
    | MoveApproval
    | UseApproval
    | AddArtifact
    | PutProject
    | SetSwitch
    | SetKill
    | PutToken
    | RevokeToken
    | RememberRule
    | ForgetRule
    | Note
)
