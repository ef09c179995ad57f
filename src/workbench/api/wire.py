"""The JSON shapes that leave and enter, as the OpenAPI document shows them.

Keys are snake_case, times RFC 3339 UTC. A list is a bare array; a longer one goes on with the cursor in
the `X-Next-Cursor` header. Every object carries `moves`: what this actor may do with it now.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from workbench.model.place import DEFAULT_POOL, RunPriority
from workbench.model.run import HowCanceled


class Wire(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _is_text(text: str) -> str:
    if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it holds a character that no name, path or id may have")
    return text


Named = Annotated[str, AfterValidator(_is_text)]
"""A name, a path or an id; a command may hold anything, and is judged for it."""


class Problem(Wire):
    """An RFC 9457 problem document, with our stable `code` and the next action as `remedy`."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str
    remedy: str


class MeOut(Wire):
    actor: str
    person: str
    role: str
    version: str
    home: str


class EnvProfileOut(Wire):
    """Names only: values of variables and secrets never leave."""

    name: str
    variable_names: list[str]
    secret_names: list[str]


class ApproverRuleOut(Wire):
    """Who may approve at a risk level: holders of the role, and the people named; role null: they alone."""

    risk_level: str
    role: str | None
    people: list[str]


class ProjectOut(Wire):
    """`approval_quorum` null means the server's; a risk level without a rule is for every approver.

    `policy` is what there is of the project's own: none, not_accepted, accepted, or changed since then.
    `policy_note` says what of it is not in force though it was accepted, or is empty.
    """

    project_id: str
    name: str
    workspace_root: str
    default_connector: str
    env_profiles: list[EnvProfileOut]
    network_allowlist: list[str]
    forbid_self_approval: bool
    approval_quorum: int | None
    approvers: list[ApproverRuleOut]
    retention_days: int | None
    retention_bytes: int | None
    toolchains: list[str]
    policy: str
    policy_note: str
    created_at: str
    moves: list[str]


class EnvProfileIn(Wire):
    """Variables are plain; secrets are names in the vault, released to a step only once it is admitted."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    variables: dict[str, str] = Field(default_factory=dict, max_length=200)
    secrets: list[str] = Field(default_factory=list, max_length=200)


class ApproverRuleIn(Wire):
    risk_level: Literal["low", "medium", "high"]
    role: Literal["approver", "admin"] | None = None
    people: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, max_length=100
    )


class ProjectIn(Wire):
    """Adds a project or changes the one at this path; what is null stays as it is.

    `approval_quorum` 0 leaves it to the server, a retention of 0 keeps all; `approvers` replaces all rules,
    `network_allowlist` all names, `network_add` and `network_remove` leave the other names alone.
    """

    path: Named = Field(max_length=4096)
    name: Named | None = Field(default=None, max_length=200)
    forbid_self_approval: bool | None = None
    toolchains: list[Named] | None = None
    env_profile: EnvProfileIn | None = None
    network_allowlist: list[str] | None = Field(default=None, max_length=64)
    network_add: list[str] = Field(default=[], max_length=64)
    network_remove: list[str] = Field(default=[], max_length=64)
    approval_quorum: int | None = Field(default=None, ge=0, le=100)
    approvers: list[ApproverRuleIn] | None = Field(default=None, max_length=3)
    retention_days: int | None = Field(default=None, ge=0, le=36_500)
    retention_bytes: int | None = Field(default=None, ge=0, le=2**50)


class EvidenceOut(Wire):
    path: str
    line: int
    commit: str | None
    fact: str


class TaskCountOut(Wire):
    total: int
    done: int
    open: int
    blocked: int


class PhaseOut(Wire):
    phase_id: str
    title: str
    status: str
    declared_status: str
    path: str
    line: int


class DocumentOut(Wire):
    path: str
    role: str
    title: str


class TaskOut(Wire):
    task_id: str
    title: str
    status: str
    path: str
    line: int
    phase: str
    depends_on: list[str]
    is_parallel: bool
    requirements: list[str]


class FeatureOut(Wire):
    feature_id: str
    slug: str
    title: str
    format: str
    declared_status: str
    inferred_status: str
    drift: list[EvidenceOut]
    phases: list[PhaseOut]
    tasks: TaskCountOut
    documents: list[DocumentOut]
    depends_on: list[str]


class RunnableOut(Wire):
    ok: bool
    reasons: list[str]


class AlternativeOut(Wire):
    command: str
    connector: str
    why: str
    runnable: RunnableOut
    evidence: list[EvidenceOut]


class RecommendationOut(Wire):
    """`confidence` is the share of the `measured_runs` runs by this rule here that succeeded, or null."""

    feature_id: str
    rule_id: str
    rule_text: str
    command: str
    connector: str
    alternatives: list[AlternativeOut]
    evidence: list[EvidenceOut]
    confidence: float | None
    measured_runs: int
    runnable: RunnableOut
    would_change: list[str]


class AdviceOut(Wire):
    """`recommendation` is null when nothing is to be run; `reason` then says why."""

    feature_id: str
    recommendation: RecommendationOut | None
    reason: str
    evidence: list[EvidenceOut]


class DiagnosticOut(Wire):
    path: str
    line: int
    problem: str
    remedy: str


class FeatureDetailOut(FeatureOut):
    """`diagnostics` is what could not be read in the feature's own documents."""

    task_list: list[TaskOut]
    evidence: list[EvidenceOut]
    diagnostics: list[DiagnosticOut]
    advice: AdviceOut


class DiscoveryOut(Wire):
    """What was read besides the features: documents that could not be, and why there is nothing, if so."""

    repo: str
    commit: str | None
    reason: str
    diagnostics: list[DiagnosticOut]


class DocumentTextOut(Wire):
    """The text of one document of the project; a long one is cut, and its last line says so.

    `commit` is the one whose file has exactly these bytes, or null.
    """

    path: str
    text: str
    commit: str | None
    truncated: bool


class MatchedRuleOut(Wire):
    """`verdict` is what the rule leads to by itself, the strictest decides; null: it only tells something."""

    rule_id: str
    text: str
    source: str
    verdict: Literal["allow", "requires_approval", "deny"] | None = None


class CommandFactsOut(Wire):
    program: str
    argv: list[str]
    cwd: str
    reads: list[str]
    writes: list[str]
    network: bool
    effects: list[str]
    source: str = ""


class VerdictOut(Wire):
    verdict: Literal["allow", "requires_approval", "deny"]
    risk_level: Literal["low", "medium", "high"]
    reason_codes: list[str]
    matched_rules: list[MatchedRuleOut]
    commands: list[CommandFactsOut]
    policy_digest: str
    parsed_strictly: bool


class CommandIn(Wire):
    """A command as somebody asks for it. `cwd` is absolute, or relative to the workspace; "" is its root.

    `allow_hosts` are network names, each with an optional port, that this run may reach beyond its project's.
    """

    command: str = Field(max_length=65536)
    cwd: str = Field(default="", max_length=4096)
    env_profile: str = Field(default="default", max_length=200)
    connector: str = Field(default="local", max_length=200)
    mode: Literal["pty", "pipe"] = "pty"
    timeout_seconds: int | None = Field(default=None, ge=1, le=604800)
    idle_timeout_seconds: int | None = Field(default=None, ge=1, le=604800)
    allow_hosts: list[str] = Field(default_factory=list, max_length=8)


class CheckIn(CommandIn):
    project_id: Named


class AcceptPolicyIn(Wire):
    """`digest` is of the files that were looked at; others than these are then refused. Null: any."""

    project_id: Named = Field(max_length=100)
    digest: str | None = Field(default=None, max_length=100)


class AcceptedPolicyOut(Wire):
    """What is in force from now on: the digest of the project's files ("" for none) and its own rules.

    `note` says what of the files is not in force all the same, or is empty.
    """

    project_id: str
    digest: str
    posture: str
    rules: list[str]
    note: str


class RememberIn(Wire):
    """`days` until the rule expires."""

    run_id: Named = Field(max_length=100)
    days: int = Field(default=30, ge=1, le=365)


class RememberedRuleOut(Wire):
    """`cedar` is the whole rule; `is_in_force` is false once it expired or was forgotten.

    `flags` and `facts` are what a command of this form may have at most to be covered.
    """

    rule_id: str
    project_id: str
    program: str
    form: str
    flags: list[str]
    facts: list[str]
    cedar: str
    from_run_id: str
    created_by: str
    created_at: str
    expires_at: str
    revoked_at: str | None
    is_in_force: bool
    moves: list[str]


class CoveredRunOut(Wire):
    run_id: str
    command: str


class RememberPreviewOut(Wire):
    """`covered` are those of the last `looked_at` runs that were asked about and would not have been.

    `notice` says why this actor cannot remember it, where `moves` are empty.
    """

    rules: list[RememberedRuleOut]
    covered: list[CoveredRunOut]
    looked_at: int
    notice: str
    moves: list[str]


class ReviewOut(VerdictOut):
    """What the review dialog shows before anything starts. `admission` is what the gate would say now."""

    command_visible: str
    cwd: str
    env_profile: EnvProfileOut
    connector: str
    network: str
    sandbox_profile: str
    executes: list[str]
    subject_digest: str
    admission: Literal["run", "ask", "blocked"]
    admission_reason: str
    self_approval_notice: str


class RunIn(CommandIn):
    project_id: Named
    feature_id: str | None = Field(default=None, max_length=500)
    recommendation_rule_id: str | None = Field(default=None, max_length=200)
    rows: int = Field(default=24, ge=1, le=1000)
    columns: int = Field(default=80, ge=1, le=1000)
    pool: str = Field(default=DEFAULT_POOL, pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    priority: RunPriority = RunPriority.NORMAL


class StepOut(Wire):
    """`notes` are what whoever asked for it must know beside how it ended, a sentence each: why its output
    was cut, what it made or changed that other programs obey, what it could not write. `worker_id` is who
    started it, where several workers share the ledger."""

    step_id: str
    step_key: str
    kind: str
    connector: str
    external_run_id: str | None
    provider_status_raw: str | None
    sync_status: str
    status: str
    blocked_by: str | None
    attempt: int
    verdict: dict[str, Any] | None
    subject_digest: str | None
    exit_code: int | None
    failure_reason: str | None
    notes: list[str]
    started_at: str | None
    ended_at: str | None
    worker_id: str | None
    command: str
    cwd: str


class ApprovalDecisionOut(Wire):
    """`person` is who the actor is: two tokens of one person count as one."""

    actor: str
    person: str
    decision: str
    reason: str
    at: str


class ChangeOut(Wire):
    """One thing that an edit changes, as words with control and bidi characters made visible."""

    field: str
    before: str
    after: str


class DecidersOut(Wire):
    """Who may decide what is held, under the project's rules and the policy in force.

    Whoever holds one of `roles` may approve, and those named in `people` who hold one of `people_roles`;
    `given` of `quorum` different people have. `left_out` are who asked for it and who changed it, where they
    may not approve it. Whoever holds one of `deny_roles` may deny. `text` says it in words. `may_approve`
    and `may_deny` are of the actor who looks, `you` says that in words, `why_not` why they may not approve.
    """

    roles: list[str]
    people: list[str]
    people_roles: list[str]
    deny_roles: list[str]
    quorum: int
    given: int
    left_out: list[str]
    text: str
    actor: str
    may_approve: bool
    may_deny: bool
    why_not: str
    you: str


class ApprovalPreviewOut(Wire):
    """A preview that was made for an approval; `GET /api/previews/{artifact_id}` shows it.

    `is_current`: what was tried is what the approval is about. `counts` are the files created, changed and
    deleted on the copy.
    """

    artifact_id: str
    by: str
    at: str
    is_current: bool
    end_reason: str
    exit_code: int | None
    counts: dict[str, int]


class ApprovalOut(Wire):
    """Everything needed to decide without leaving. `command_visible` shows control and bidi characters.

    `edited_by` and `changes` say who changed what in the request; without an editor, `changes` are what has
    changed by itself since it was first asked about, so that it is asked about anew. `start_by` is until when
    what is approved must start; `needs_reason` whether approving must say why (a denial always must). `moves`
    are what this actor may decide under the policy in force, and `notice` says why they may not. `deciders`
    says who else may, while it is pending. `allow_hosts` are the names that this run alone may reach;
    `may_propose`: this actor may see what could be remembered. `previews` are those made for it, the newest
    first.
    """

    approval_id: str
    project_id: str
    run_id: str
    step_id: str
    feature_id: str | None
    status: str
    subject_digest: str
    risk_level: str
    quorum: int
    requested_by: str
    edited_by: str | None
    changes: list[ChangeOut]
    approvals_given: int
    decisions: list[ApprovalDecisionOut]
    created_at: str
    expires_at: str
    start_by: str | None
    is_used: bool
    command: str
    command_visible: str
    cwd: str
    env_profile: str
    connector: str
    timeout_seconds: int | None
    reason_codes: list[str]
    matched_rules: list[MatchedRuleOut]
    commands: list[CommandFactsOut]
    network: str
    allow_hosts: list[str]
    previews: list[ApprovalPreviewOut]
    may_preview: bool
    may_propose: bool
    is_own_request: bool
    needs_reason: bool
    approvers: str
    deciders: DecidersOut | None
    notice: str
    moves: list[str]


class ArtifactOut(Wire):
    artifact_id: str
    run_id: str
    step_id: str
    kind: str
    media_type: str
    digest: str
    size_bytes: int
    truncated: bool
    links: list[str]
    removed_at: str | None
    removed_reason: str


class HoldOut(Wire):
    """Keeps what a run left from retention."""

    reason: str
    held_by: str
    held_at: str


class RunEndOut(Wire):
    """Who canceled a run. `how` is "denied" (an approver's no), "expired" (nobody decided) or "canceled"."""

    how: HowCanceled
    by: str
    reason: str
    at: str


class RunOut(Wire):
    """`why` says in one line why the run stands where it does; `moves`: cancel, retry, resume, input.

    `canceled` tells a canceled run's end apart: denied, expired, or canceled by somebody; else null.
    """

    run_id: str
    project_id: str
    feature_id: str | None
    recommendation_rule_id: str | None
    command: str
    cwd: str
    connector: str
    mode: str
    status: str
    blocked_by: str | None
    why: str
    risk_level: str | None
    requested_by: str
    cancel_requested_at: str | None
    canceled: RunEndOut | None
    retry_of_run_id: str | None
    exit_code: int | None
    created_at: str
    started_at: str | None
    ended_at: str | None
    version: int
    pool: str
    priority: RunPriority
    moves: list[str]


class RunDetailOut(RunOut):
    """`network` says in words which names the run may reach; `input_wanted_since` since when it waits for
    somebody to type, null while it does not."""

    plan_digest: str
    network: str
    steps: list[StepOut]
    approvals: list[ApprovalOut]
    artifacts: list[ArtifactOut]
    hold: HoldOut | None
    input_wanted_since: str | None
    events: list[EventOut]


class EventOut(Wire):
    """A ledger event. `payload` of a run's event holds the status it led to."""

    seq: int
    project_id: str
    run_id: str | None
    step_id: str | None
    tag: str
    actor: str
    at: str
    payload: dict[str, Any]
    leaf_hash: str


class ReasonIn(Wire):
    reason: str = Field(default="", max_length=4000)


class RetryIn(Wire):
    """A retry repeats the effects of the first run: `acknowledge` must be true.

    `allow_hosts` are network names that the new run may reach besides the first one's; it needs an approval.
    """

    acknowledge: bool
    allow_hosts: list[str] = Field(default_factory=list, max_length=8)


RunDetailOut.model_rebuild()
