"""Why a run stands where it does, in one line, and what this actor may do with it."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.engine.explain import allowed_approval_moves, allowed_run_moves, explain
from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval
from workbench.model.command import Command
from workbench.model.plan import StepKind, single_command
from workbench.model.run import Run, Step
from workbench.model.statuses import (
    ApprovalStatus,
    BlockedBy,
    RunStatus,
    StepStatus,
    SyncStatus,
    TerminalMode,
)
from workbench.model.verdict import RiskLevel


def make_run(status: RunStatus, mode: TerminalMode = TerminalMode.PTY, **more: Any) -> Run:
    fields: dict[str, Any] = {
        "run_id": "run_1",
        "project_id": "prj_1",
        "feature_id": None,
        "recommendation_rule_id": None,
        "plan": single_command(Command(source_text="ls", cwd="/ws", mode=mode)),
        "status": status,
        "blocked_by": None,
        "requested_by": "user:ann",
        "cancel_requested_at": None,
        "retry_of_run_id": None,
        "created_at": "2026-01-02T03:04:05.000Z",
        "started_at": None,
        "ended_at": None,
        "version": 1,
    }
    return Run(**{**fields, **more})


def make_step(**more: Any) -> Step:
    fields: dict[str, Any] = {
        "step_id": "step_1",
        "run_id": "run_1",
        "step_key": "command",
        "kind": StepKind.COMMAND,
        "connector": "local",
        "status": StepStatus.QUEUED,
        "sync_status": SyncStatus.IN_SYNC,
        "attempt": 1,
        "version": 1,
    }
    given = {name: None for name in Step.__dataclass_fields__}
    return Step(**{**given, **fields, **more})


def make_approval(**more: Any) -> Approval:
    fields: dict[str, Any] = {
        "approval_id": "apr_1",
        "project_id": "prj_1",
        "run_id": "run_1",
        "step_id": "step_1",
        "status": ApprovalStatus.PENDING,
        "subject_digest": "sha256:1",
        "risk_level": RiskLevel.HIGH,
        "quorum": 1,
        "requested_by": "user:ann",
        "decisions": (),
        "created_at": "2026-01-02T03:04:05.000Z",
        "expires_at": "2026-01-03T03:04:05.000Z",
        "is_used": False,
        "version": 1,
    }
    return Approval(**{**fields, **more})


def actor(role: Role) -> Actor:
    return Actor(name="user:ann", role=role, via="api")


@pytest.mark.parametrize("status", RunStatus)
@pytest.mark.parametrize("blocked_by", [None, *BlockedBy])
def test_every_state_is_explained_in_one_line(status: RunStatus, blocked_by: BlockedBy | None) -> None:
    line = explain(make_run(status, blocked_by=blocked_by), (make_step(),))
    assert line
    assert "\n" not in line
    assert explain(make_run(status, blocked_by=blocked_by), ())


def test_a_run_that_waits_for_approval_says_by_when_and_how_risky_it_is() -> None:
    run = make_run(RunStatus.BLOCKED, blocked_by=BlockedBy.APPROVAL)
    assert explain(run, (make_step(),), (make_approval(),)) == (
        "Waiting for approval by an approver (high risk), until 2026-01-03T03:04:05.000Z."
    )


def test_a_run_that_asks_again_after_an_approved_start_was_cut_off_says_so() -> None:
    run = make_run(RunStatus.BLOCKED, blocked_by=BlockedBy.APPROVAL)
    used = make_approval(approval_id="apr_0", status=ApprovalStatus.APPROVED, is_used=True)
    line = explain(run, (make_step(attempt=2),), (used, make_approval()))
    assert line.endswith("It was approved before, but that start was cut off before anything ran.")
    unused = make_approval(approval_id="apr_0", status=ApprovalStatus.APPROVED)
    assert "cut off" not in explain(run, (make_step(),), (unused, make_approval()))
    other = make_approval(approval_id="apr_0", step_id="step_0", status=ApprovalStatus.APPROVED, is_used=True)
    assert "cut off" not in explain(run, (make_step(),), (other, make_approval()))


def test_a_connector_that_cannot_start_says_why() -> None:
    run = make_run(RunStatus.BLOCKED, blocked_by=BlockedBy.CONNECTOR_UNAVAILABLE)
    line = explain(run, (make_step(failure_reason="bubblewrap is missing: install it"),))
    assert "bubblewrap is missing: install it" in line


MOVES = [
    (RunStatus.QUEUED, None, ["cancel"]),
    (RunStatus.RUNNING, None, ["cancel", "input"]),
    (RunStatus.BLOCKED, BlockedBy.APPROVAL, ["cancel"]),
    (RunStatus.BLOCKED, BlockedBy.POLICY, ["cancel", "retry"]),
    (RunStatus.SUCCEEDED, None, ["retry"]),
    (RunStatus.FAILED, None, ["retry"]),
    (RunStatus.CANCELED, None, ["retry"]),
]


@pytest.mark.parametrize(("status", "blocked_by", "moves"), MOVES)
def test_moves_follow_state_and_role(
    status: RunStatus, blocked_by: BlockedBy | None, moves: list[str]
) -> None:
    run = make_run(status, blocked_by=blocked_by)
    assert allowed_run_moves(run, actor(Role.OPERATOR)) == moves
    assert allowed_run_moves(run, actor(Role.VIEWER)) == []


def test_a_pipe_takes_no_input_and_a_cancel_is_asked_for_once() -> None:
    assert allowed_run_moves(make_run(RunStatus.RUNNING, TerminalMode.PIPE), actor(Role.ADMIN)) == ["cancel"]
    asked = make_run(RunStatus.RUNNING, cancel_requested_at="2026-01-02T03:04:05.000Z")
    assert allowed_run_moves(asked, actor(Role.ADMIN)) == ["input"]


def test_approval_moves_need_role_state_and_permission() -> None:
    assert allowed_approval_moves(make_approval(), actor(Role.APPROVER), is_permitted=True) == [
        "approve",
        "edit",
        "deny",
    ]
    assert allowed_approval_moves(make_approval(), actor(Role.APPROVER), is_permitted=False) == ["deny"]
    assert allowed_approval_moves(make_approval(), actor(Role.OPERATOR), is_permitted=True) == []
    decided = make_approval(status=ApprovalStatus.DENIED)
    assert allowed_approval_moves(decided, actor(Role.ADMIN), is_permitted=True) == []
