"""A notice of a request says what was asked about then, and by whom."""

from __future__ import annotations

import pytest

from workbench.model.command import Command
from workbench.model.event import Event
from workbench.model.plan import single_command
from workbench.model.project import Project
from workbench.model.run import Run
from workbench.model.statuses import BlockedBy, RunStatus
from workbench.sinks.notices import render_notice

PROJECT = Project(project_id="prj_1", name="one", workspace_root="/ws")
RUN = Run(
    run_id="run_1",
    project_id="prj_1",
    feature_id=None,
    recommendation_rule_id=None,
    plan=single_command(Command(source_text="rm -rf now", cwd="/ws")),
    status=RunStatus.BLOCKED,
    blocked_by=BlockedBy.APPROVAL,
    requested_by="token:opa",
    cancel_requested_at=None,
    retry_of_run_id=None,
    created_at="2026-03-01T11:00:00.000Z",
    started_at=None,
    ended_at=None,
    version=1,
)


@pytest.mark.parametrize(
    ("payload", "line"),
    [
        ({"command": "rm -rf then", "edited_by": None, "editors": []}, "token:opa asks to run: rm -rf then"),
        (
            {"command": "rm -rf then", "edited_by": "user:cyd", "editors": ["user:bea", "user:cyd"]},
            "token:opa asks to run, changed by user:bea, user:cyd: rm -rf then",
        ),
        (
            {"command": "rm -rf then", "edited_by": None, "editors": ["user:cyd"]},
            "token:opa asks to run, changed by user:cyd: rm -rf then",
        ),
        # Recorded by an earlier version.
        ({"edited_by": "user:cyd"}, "token:opa asks to run, changed by user:cyd: rm -rf now"),
        ({}, "token:opa asks to run: rm -rf now"),
    ],
)
def test_who_asked_and_who_changed_it_are_told_apart(payload: dict[str, object], line: str) -> None:
    event = Event(
        seq=1,
        project_id="prj_1",
        run_id="run_1",
        step_id="step_1",
        tag="approval:requested",
        actor="user:cyd",
        at="2026-03-01T11:00:00.000Z",
        payload={"approval_id": "apr_1", "risk_level": "high", "expires_at": "later", **payload},
        leaf_hash="",
        previous_hash="",
    )
    notice = render_notice(event, RUN, PROJECT, url="http://here", mask=lambda text: text)
    assert notice is not None
    assert notice.body.splitlines()[0] == line
