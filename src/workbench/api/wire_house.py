"""The JSON shapes of what belongs to the house: connectors, switches, secrets, gates, access, its state.

The shapes of projects, features and runs are in wire.py; the rules there hold here too.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.api.wire import Named, Wire
from workbench.model.worker import WorkerState


class CapabilitiesOut(Wire):
    cancel: str
    approvals: str
    on_rejection: str
    logs: str
    push: str
    is_interactive: bool
    follow_up: bool
    resume: bool
    fork: bool
    load_history: bool
    usage: bool
    cost: bool
    list_runs: bool
    idempotent_create: bool


class ConfigProblemOut(Wire):
    code: str
    message: str
    remedy: str


class ConnectorOut(Wire):
    connector_id: str
    capabilities: CapabilitiesOut
    is_ready: bool
    problems: list[ConfigProblemOut]


class ConnectorStateOut(Wire):
    """Whether a connector could start something now; `problems` is empty when it could."""

    connector_id: str
    is_ready: bool
    problems: list[ConfigProblemOut]


class SwitchSourceOut(Wire):
    """What one source of flags says now; `state` is null, which counts as off, where `problem` says why."""

    source: str
    state: Literal["off", "canary", "on"] | None
    problem: str


class OverriddenGateOut(Wire):
    """An entry gate that did not pass when the switch was set in spite of it."""

    project_id: str
    gate_id: str
    state: Literal["fail", "not_enough_data"]
    evidence: str


class SwitchOut(Wire):
    """`effective_state` is what counts now: outside its span a switch is off, whatever it was set to, and of
    several `sources` the strictest counts.

    `people` are for whom a canary is on. `project_id` is null for a switch of all projects.
    """

    name: str
    project_id: str | None
    state: Literal["off", "canary", "on"]
    effective_state: Literal["off", "canary", "on"]
    since: str | None
    until: str | None
    people: list[str]
    reason: str
    changed_by: str
    changed_at: str
    sources: list[SwitchSourceOut]
    overridden: list[OverriddenGateOut]


class SwitchIn(Wire):
    """`override` sets it though an entry gate does not pass, which is recorded with what each gate said."""

    name: str
    state: Literal["off", "canary", "on"]
    project_id: str | None = None
    since: str | None = None
    until: str | None = None
    people: list[Named] = Field(default_factory=list, max_length=200)
    override: bool = False
    reason: str = Field(min_length=1, max_length=4000)


class KillOut(Wire):
    """`engaged` is true also when the record cannot be read: the safe value.

    `stopping` are the runs that were told to end with it; each is canceled once its end is proved.
    """

    engaged: bool
    scope: str
    reason: str
    by: str
    at: str
    stopping: list[str] = Field(default_factory=list)


class KillIn(Wire):
    engaged: bool
    project_id: str | None = None
    connector: str | None = None
    reason: str = Field(min_length=1, max_length=4000)
    stop_running: bool = False


class SecretOut(Wire):
    """A secret's name and age; the value is never shown again."""

    name: str
    project_id: str
    version: int
    created_at: str
    created_by: str


class SecretIn(Wire):
    project_id: str
    name: str = Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")
    value: str = Field(min_length=8, max_length=65536)


class GateOut(Wire):
    """`measure` is the number behind the state, of which more is worse; null where there is none."""

    gate_id: str
    phase: str
    text: str
    state: Literal["pass", "fail", "not_enough_data"]
    evidence: str
    measure: int | None


class MetricOut(Wire):
    metric_id: str
    text: str
    value: float | None
    unit: str
    target: str
    numerator: int
    denominator: int


class AuditOut(Wire):
    """`first_bad` is a position in the chain of `project_id`; null when a state row is what is wrong."""

    ok: bool
    project_id: str | None
    events: int
    checkpoints: int
    first_bad: int | None
    problem: str | None


class NoticeTargetOut(Wire):
    """Where notices go, by kind and place in the setting; `problem` is empty while it takes them.

    `project_ids` are the projects it is told of, of those that this actor may see; null means all there are.
    """

    name: str
    problem: str
    project_ids: list[str] | None


class WorkerOut(Wire):
    """One process that shares the ledger. `concurrency` is how many runs it drives at once; `state` is live,
    draining or lost; `seen_at` and `silent_seconds` are by the database's clock."""

    worker_id: str
    pool: str
    host: str
    version: str
    concurrency: int
    state: WorkerState
    started_at: str
    seen_at: str
    silent_seconds: float


class ExtentOut(Wire):
    """How far a run's output goes: the place behind its last byte, and when that came."""

    end_offset: int
    duration_ms: int


class FoundLineOut(Wire):
    """A line of a transcript's plain text; lines count from 1."""

    run_id: str
    step_id: str
    line: int
    text: str


class StoringOut(Wire):
    """Where ended steps' transcripts go: `url` "" means that they stay on this machine.

    `waiting` are not there yet; `problem` says why, with the remedy, and is "" while nothing is wrong.
    """

    url: str
    waiting: int
    problem: str
    remedy: str


class StatusOut(Wire):
    """`ready` is whether something could be recorded now, and `problem` why not, with the remedy.

    `connectors` says of each whether it could start something now, and if not, why and what to do.
    `workers` counts who runs steps, this server included; `worker_list` names them where several share the
    ledger. `kills` are the kill switches that are engaged now; empty in ordinary times. `policy_notes` say
    what of a policy is not in force as its author meant it.
    """

    pid: int
    url: str
    version: str
    ready: bool
    problem: str
    projects: int
    workers: int
    worker_list: list[WorkerOut]
    open_runs: int
    connectors: list[ConnectorStateOut]
    kills: list[KillOut]
    policy_notes: list[str]
    notices: list[NoticeTargetOut]
    storing: StoringOut


class TokenOut(Wire):
    token_id: str
    kind: str
    actor: str
    role: str
    project_id: str | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    person: str


class TokenIn(Wire):
    """`person` is who holds it; without one, the person of the token's name."""

    name: Named = Field(min_length=1, max_length=200)
    person: Named | None = Field(default=None, min_length=1, max_length=200)
    role: Literal["viewer", "operator", "approver", "admin"]
    project_id: Named | None = None
    expires_at: str | None = None


class NewTokenOut(Wire):
    """`token` is shown here, once."""

    token_id: str
    token: str
    role: str
    person: str


class LinkOut(Wire):
    url: str
