"""What append is asked to do: each Move names an object and a change, never a resulting status."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from workbench.model.admission import Admission, SwitchState
from workbench.model.approval import CommandChange
from workbench.model.artifact import Artifact
from workbench.model.entry_gate import EntryGate, OverriddenGate
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.place import USUAL, Place
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
    place: Place = USUAL
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
class EditRun:
    """Puts another plan in place of the one that is held for approval; `note` says who changed what."""

    run_id: str
    plan: Plan
    version: int
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
    """Fields left None keep what the row holds. A START needs the `admission` that it rests on, and says
    which `worker_id` starts it, where several share the ledger."""

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
    admission: Admission | None = None
    worker_id: str | None = None
    note: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EditStep:
    """Gives a held step the verdict and the subject of its edited command."""

    step_id: str
    version: int
    verdict: dict[str, Any]
    subject_digest: str


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
    edited_by: str | None = None
    changes: tuple[CommandChange, ...] = ()
    note: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveApproval:
    """`move` None adds a vote below the quorum: recorded, but the approval stays pending.

    `start_by` goes with APPROVE: until when the start must have come. `token_id` is what the actor decided
    with.
    """

    approval_id: str
    move: ApprovalMove | None
    decision: str
    reason: str
    version: int | None = None
    start_by: str | None = None
    token_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UseApproval:
    """Spends an approved approval, once, before the step's START in the same append, and not without it."""

    approval_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddArtifact:
    artifact: Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveArtifact:
    """Records that an artifact's bytes are removed, and why; Conflict while its run is held, or not ended."""

    artifact_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldRun:
    """Keeps all that a run left until it is lifted; a second hold takes the place of the first."""

    run_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LiftHold:
    run_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutProject:
    """`seen` is the project as it was when the change was made: Conflict if it has changed since."""

    project: Project
    seen: Project | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PutLayer:
    """Records the digest of a policy layer of the whole workbench; "" says that it has none any more.

    `seen` is the digest that was recorded when this was decided, None for none: Conflict if it is another.
    `tag` says who decided it: "policy:organisation_recorded" or "policy:organisation_accepted".
    """

    layer: str
    digest: str
    seen: str | None
    tag: str
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetSwitch:
    """`scope_project_id` "" means every project. `people` are the canary's members: actors or persons.

    It counts from `since` to `until` (RFC 3339), None for no end of it. `overridden` are the entry gates that
    did not pass. `gates` is what all of them said, for the event alone. `seen_at` is when the switch of this
    scope was set as it was seen, "" for never: Conflict if it was set since; None does not ask.
    """

    name: str
    state: SwitchState
    reason: str
    scope_project_id: str = ""
    since: str | None = None
    until: str | None = None
    people: tuple[str, ...] = ()
    overridden: tuple[OverriddenGate, ...] = ()
    gates: tuple[EntryGate, ...] = ()
    seen_at: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SetKill:
    """`scope`: "all", "project:ID" or "connector:ID"."""

    scope: str
    engaged: bool
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutToken:
    """Only the SHA-256 of a token is kept. `kind`: "token" or "session".

    `person` is who holds it; an actor's name has one person, and Conflict is raised for a second. `made_with`
    is the token whose link made a session.
    """

    token_id: str
    token_sha256: str
    kind: str
    token_actor: str
    role: str
    token_project_id: str | None = None
    expires_at: str | None = None
    person: str | None = None
    made_with: str | None = None


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
class JoinWorker:
    """Makes this process one of those that share the ledger, or takes its own place up again after a restart.

    Conflict says that its place is gone: the others took it for lost, or it left.
    """

    worker_id: str
    pool: str
    host: str
    version: str
    concurrency: int
    lease_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveWorker:
    """With `is_over` False it only takes nothing new; with True it writes nothing more either."""

    worker_id: str
    is_over: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoseWorker:
    """Takes the writing from a worker that was not seen for longer than its lease; Conflict when it was.

    `is_known` says that it is known to be gone, because the next process of its home says so.
    """

    worker_id: str
    is_known: bool = False


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
    | EditRun
    | RequestCancel
    | CreateStep
    | MoveStep
    | EditStep
    | ObserveStep
    | CreateApproval
    | MoveApproval
    | UseApproval
    | AddArtifact
    | RemoveArtifact
    | HoldRun
    | LiftHold
    | PutProject
    | PutLayer
    | SetSwitch
    | SetKill
    | PutToken
    | RevokeToken
    | RememberRule
    | ForgetRule
    | JoinWorker
    | LeaveWorker
    | LoseWorker
    | Note
)
