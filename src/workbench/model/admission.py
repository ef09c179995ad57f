"""What gate.admit is asked and what it answers. Only gate/admit.py makes an Admission; a test sees to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from workbench.model.approval import Approval
from workbench.model.command import Command
from workbench.model.layer import PolicyLayers
from workbench.model.people import NOBODY, People
from workbench.model.project import Project
from workbench.model.statuses import BlockedBy
from workbench.model.verdict import Judgement


class SwitchState(StrEnum):
    OFF = "off"
    CANARY = "canary"
    ON = "on"


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchAnswer:
    """What one source of flags said about a phase's switch, for one decision.

    `source` is "ledger", or the name of the source that is plugged in beside it. `state` is None where it
    gave no word that is known, and `problem` says why. `is_member` tells whether a canary means who asks.
    """

    source: str
    state: SwitchState | None
    is_member: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateSnapshot:
    """The facts a decision rests on, read once, afresh, right before it.

    `kill_reason` is None only when every kill record could be read and none is on. `now` is RFC 3339.
    `approval` is the newest one for the step, whatever its state; `people` are those it names. `layers` is
    what lies over the shipped policy; None means nothing. Each of `switch_answers` must let the start
    through; none at all lets nothing through.
    """

    project: Project
    switch_name: str
    switch_answers: tuple[SwitchAnswer, ...]
    kill_reason: str | None
    approval: Approval | None
    actor: str
    now: str
    layers: PolicyLayers | None = None
    people: People = NOBODY


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionRequest:
    """`is_preview` asks to try the command on a copy before anybody approves it: no leave to dispatch."""

    run_id: str
    step_id: str
    command: Command
    sandbox_profile: str
    is_preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """The answer of the one door. Connectors take nothing else as leave to dispatch.

    `is_admitted` is true exactly when `blocked_by` is None. `argv` is what may be executed. `switch_answers`
    are what the sources of flags said.
    """

    request: AdmissionRequest
    is_admitted: bool
    blocked_by: BlockedBy | None
    reason: str
    judgement: Judgement
    subject_digest: str
    argv: tuple[str, ...]
    approval_id: str | None
    switch_answers: tuple[SwitchAnswer, ...] = ()
