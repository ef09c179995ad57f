"""The one door, in its fixed order, and that there is no other."""

from __future__ import annotations

import ast
import dataclasses
import itertools
from pathlib import Path

import pytest

import workbench
from support.people import people
from workbench.gate import admit
from workbench.model.actor import Role
from workbench.model.admission import Admission, AdmissionRequest, GateSnapshot, SwitchAnswer, SwitchState
from workbench.model.approval import Approval, ApprovalDecision
from workbench.model.command import Command
from workbench.model.project import EnvProfile, Project
from workbench.model.statuses import ApprovalStatus, BlockedBy
from workbench.model.verdict import RiskLevel
from workbench.policy import load_policy
from workbench.policy.load import ExampleSurroundings

POLICY = load_policy(is_tried=False)
NOW, LATER, EARLIER = "2026-03-01T12:00:00.000Z", "2026-03-01T13:00:00.000Z", "2026-03-01T11:00:00.000Z"
PROJECT = Project(
    project_id="prj_1",
    name="p",
    workspace_root="/srv/ws",
    env_profiles=(EnvProfile(name="default"), EnvProfile(name="ci")),
)


def ask_for(text: str, **more: object) -> AdmissionRequest:
    command = Command(source_text=text, cwd="/srv/ws", **more)  # type: ignore[arg-type]
    return AdmissionRequest(run_id="run_1", step_id="step_1", command=command, sandbox_profile="hardened")


def approval_for(request: AdmissionRequest, **more: object) -> Approval:
    fields: dict[str, object] = {
        "approval_id": "apr_1",
        "project_id": "prj_1",
        "run_id": "run_1",
        "step_id": "step_1",
        "status": ApprovalStatus.APPROVED,
        "subject_digest": answer(request).subject_digest,
        "risk_level": RiskLevel.HIGH,
        "quorum": 1,
        "requested_by": "ann",
        "decisions": (ApprovalDecision(actor="bob", decision="approve", reason="fine", at=EARLIER),),
        "created_at": EARLIER,
        "expires_at": LATER,
        "is_used": False,
        "version": 1,
    }
    return Approval(**{**fields, **more})  # type: ignore[arg-type]


def said(state: object, *, is_member: bool = False, source: str = "ledger") -> tuple[SwitchAnswer, ...]:
    return (SwitchAnswer(source=source, state=state, is_member=is_member),)  # type: ignore[arg-type]


def answer(request: AdmissionRequest, **more: object) -> Admission:
    fields: dict[str, object] = {
        "project": PROJECT,
        "switch_answers": said(SwitchState.ON),
        "switch_name": "execution.local",
        "kill_reason": None,
        "approval": None,
        "actor": "ann",
        "now": NOW,
        "people": people(NOW, bob=Role.APPROVER),
    }
    snapshot = GateSnapshot(**{**fields, **more})  # type: ignore[arg-type]
    return admit(request, snapshot, policy=POLICY, surroundings=ExampleSurroundings())


def test_an_allowed_command_is_admitted_with_what_may_be_executed() -> None:
    admission = answer(ask_for("ls -la"))
    assert (admission.is_admitted, admission.blocked_by, admission.approval_id) == (True, None, None)
    assert admission.argv == ("/usr/bin/ls", "-la")


def test_a_held_command_shows_what_it_would_run_but_gives_no_leave_to_run_it() -> None:
    admission = answer(ask_for("rm -r build"))
    assert (admission.is_admitted, admission.blocked_by) == (False, BlockedBy.APPROVAL)
    assert admission.argv == ()
    assert admission.judgement.argv == ("/usr/bin/rm", "-r", "build")
    assert "approval is needed" in admission.reason


def test_an_approval_of_the_same_subject_lets_it_start() -> None:
    request = ask_for("rm -r build")
    admission = answer(request, approval=approval_for(request))
    assert (admission.is_admitted, admission.approval_id) == (True, "apr_1")
    assert admission.argv == ("/usr/bin/rm", "-r", "build")


@pytest.mark.parametrize(
    "change",
    [
        *({"status": status} for status in ApprovalStatus if status is not ApprovalStatus.APPROVED),
        {"status": "approved "},
        {"subject_digest": "sha256:other"},
        {"subject_digest": ""},
        {"step_id": "step_2"},
        {"run_id": "run_2"},
        {"project_id": "prj_2"},
        {"is_used": True},
        {"expires_at": NOW},
        {"expires_at": EARLIER},
        {"expires_at": "soon"},
        {"quorum": 2},
        {"decisions": ()},
        {"decisions": (ApprovalDecision(actor="bob", decision="deny", reason="no", at=EARLIER),)},
    ],
)
def test_any_other_approval_does_not(change: dict[str, object]) -> None:
    request = ask_for("rm -r build")
    admission = answer(request, approval=approval_for(request, **change))
    assert (admission.is_admitted, admission.blocked_by, admission.argv) == (False, BlockedBy.APPROVAL, ())


@pytest.mark.parametrize(
    "change",
    [
        {"source_text": "rm -r build "},
        {"cwd": "/srv/ws/sub"},
        {"env_profile": "ci"},
        {"tool_scope": ("bash",)},
        {"timeout_seconds": 5},
        {"idle_timeout_seconds": 5},
    ],
)
def test_an_approval_does_not_hold_for_a_changed_command(change: dict[str, object]) -> None:
    request = ask_for("rm -r build")
    changed = dataclasses.replace(request, command=dataclasses.replace(request.command, **change))  # type: ignore[arg-type]
    assert answer(changed, approval=approval_for(request)).blocked_by is BlockedBy.APPROVAL
    other_profile = dataclasses.replace(request, sandbox_profile="weaker")
    assert answer(other_profile, approval=approval_for(request)).blocked_by is BlockedBy.APPROVAL


@pytest.mark.parametrize(
    "change",
    [
        {"network_allowlist": ("example.org",)},
        {"toolchains": ("/opt/x",)},
        {"env_profiles": (EnvProfile(name="default", variables={"A": "1"}),)},
        {"env_profiles": (EnvProfile(name="default", secrets=("TOKEN",)),)},
    ],
)
def test_an_approval_does_not_hold_for_what_the_project_has_opened_since(change: dict[str, object]) -> None:
    request = ask_for("rm -r build")
    project = dataclasses.replace(PROJECT, **change)  # type: ignore[arg-type]
    assert answer(request, approval=approval_for(request), project=project).blocked_by is BlockedBy.APPROVAL


def test_no_approval_lifts_a_denial() -> None:
    request = ask_for("sudo rm -rf /")
    admission = answer(request, approval=approval_for(request))
    assert (admission.is_admitted, admission.blocked_by, admission.argv) == (False, BlockedBy.POLICY, ())


@pytest.mark.parametrize(
    ("state", "member", "admitted"),
    [
        (SwitchState.ON, False, True),
        (SwitchState.CANARY, True, True),
        (SwitchState.CANARY, False, False),
        (SwitchState.OFF, True, False),
        (None, True, False),
        ("maybe", True, False),
    ],
)
def test_only_a_switch_known_to_be_on_lets_through(state: object, member: bool, admitted: bool) -> None:
    admission = answer(ask_for("ls"), switch_answers=said(state, is_member=member))
    assert admission.is_admitted is admitted
    assert admission.blocked_by is (None if admitted else BlockedBy.SWITCH)


@pytest.mark.parametrize(
    "second", [said(SwitchState.OFF, source="ours"), said(None, source="ours"), said(SwitchState.CANARY)]
)
def test_of_several_sources_of_flags_each_must_let_it_through(second: tuple[SwitchAnswer, ...]) -> None:
    for answers in (said(SwitchState.ON) + second, second + said(SwitchState.ON)):
        admission = answer(ask_for("ls"), switch_answers=answers)
        assert admission.blocked_by is BlockedBy.SWITCH
        assert admission.switch_answers == answers
        assert second[0].source == "ledger" or "flag source: ours" in admission.reason
    assert answer(ask_for("ls"), switch_answers=said(SwitchState.ON) * 2).is_admitted
    assert answer(ask_for("ls"), switch_answers=()).blocked_by is BlockedBy.SWITCH


@pytest.mark.parametrize("reason", ["drill", "", "the kill record cannot be read"])
def test_any_kill_reason_stops_the_start(reason: str) -> None:
    assert answer(ask_for("ls"), kill_reason=reason).blocked_by is BlockedBy.KILL_SWITCH


def test_a_folder_outside_the_workspace_stops_the_start() -> None:
    request = ask_for("ls")
    for cwd in ("/srv/ws-evil", "/srv", "/", "/srv/ws/../x", "sub", ""):
        moved = dataclasses.replace(request, command=dataclasses.replace(request.command, cwd=cwd))
        assert answer(moved).blocked_by is BlockedBy.BOUNDARY, cwd


def test_the_first_objection_in_the_fixed_order_is_the_answer() -> None:
    objections: list[tuple[BlockedBy, dict[str, object]]] = [
        (BlockedBy.SWITCH, {"switch_answers": said(SwitchState.OFF)}),
        (BlockedBy.KILL_SWITCH, {"kill_reason": "stop"}),
        (BlockedBy.BOUNDARY, {"project": dataclasses.replace(PROJECT, workspace_root="/")}),
    ]
    for size in (1, 2, 3):
        for chosen in itertools.combinations(objections, size):
            merged = {key: value for _, change in chosen for key, value in change.items()}
            assert answer(ask_for("sudo ls"), **merged).blocked_by is chosen[0][0]
    assert answer(ask_for("sudo ls")).blocked_by is BlockedBy.POLICY


def test_only_admit_makes_an_admission() -> None:
    makers = set()
    root = Path(workbench.__file__).parent
    for file in root.rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        names = {"Admission"} | {
            alias.asname
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
            if alias.name == "Admission" and alias.asname
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                called = node.func
                name = called.id if isinstance(called, ast.Name) else getattr(called, "attr", "")
                takes = [argument.id for argument in node.args if isinstance(argument, ast.Name)]
                if name in names or (name in ("replace", "partial") and "Admission" in takes):
                    makers.add(file.relative_to(root).as_posix())
    assert makers == {"gate/admit.py"}


def ask_to_try(text: str) -> AdmissionRequest:
    return dataclasses.replace(ask_for(text), is_preview=True)


def test_a_preview_needs_no_approval_and_all_else_that_objects_still_does() -> None:
    admission = answer(ask_to_try("rm -r build"))
    assert (admission.is_admitted, admission.approval_id) == (True, None)
    assert admission.argv == ("/usr/bin/rm", "-r", "build")
    objections = {
        BlockedBy.SWITCH: answer(ask_to_try("rm -r build"), switch_answers=said(SwitchState.OFF)),
        BlockedBy.KILL_SWITCH: answer(ask_to_try("rm -r build"), kill_reason="stop"),
        BlockedBy.BOUNDARY: answer(
            ask_to_try("rm -r build"), project=dataclasses.replace(PROJECT, workspace_root="/etc")
        ),
        BlockedBy.POLICY: answer(ask_to_try("sudo rm -r build")),
    }
    for blocked_by, objection in objections.items():
        assert (objection.is_admitted, objection.blocked_by, objection.argv) == (False, blocked_by, ())


def test_a_name_beyond_the_projects_asks_for_an_approval_that_holds_for_that_list_alone() -> None:
    request = ask_for("ls -la", allow_hosts=("example.org",))
    held = answer(request)
    assert (held.is_admitted, held.blocked_by) == (False, BlockedBy.APPROVAL)
    verdict = held.judgement.verdict
    assert (verdict.risk_level, verdict.reason_codes[-1]) == (RiskLevel.MEDIUM, "network_beyond_project")
    assert "example.org" in verdict.matched_rules[-1].text
    approved = approval_for(request)
    assert answer(request, approval=approved).is_admitted
    assert not answer(ask_for("ls -la", allow_hosts=("example.org", "b.org")), approval=approved).is_admitted


def test_a_name_that_the_project_has_is_not_asked_about_and_lifts_no_denial() -> None:
    project = dataclasses.replace(PROJECT, network_allowlist=("example.org",))
    assert answer(ask_for("ls -la", allow_hosts=("example.org:443",)), project=project).is_admitted
    denied = answer(ask_for("sudo ls", allow_hosts=("b.org",)), project=project)
    assert denied.blocked_by is BlockedBy.POLICY


def test_a_star_that_a_run_asks_for_is_a_high_risk_and_says_where_anybody_can_have_a_name() -> None:
    def told(name: str) -> tuple[RiskLevel, str]:
        verdict = answer(ask_for("ls -la", allow_hosts=(name,))).judgement.verdict
        return verdict.risk_level, verdict.matched_rules[-1].text

    shared, owned, one = told("*.github.io"), told("*.example.org"), told("ada.github.io")
    assert (shared[0], owned[0], one[0]) == (RiskLevel.HIGH, RiskLevel.HIGH, RiskLevel.MEDIUM)
    assert "Anybody can have a name below github.io" in shared[1]
    assert "Every name below example.org" in owned[1]
    assert "Anybody" not in owned[1] + one[1]
