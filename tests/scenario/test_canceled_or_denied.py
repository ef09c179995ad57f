"""The history tells a run that an approver denied apart from one that somebody canceled."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.server import Project


@pytest.fixture
def denied(own: Project) -> dict[str, Any]:
    run = own.run("rm -rf build")
    (approval,) = own.pending()
    assert own.cli("deny", approval["approval_id"], "--reason", "still needed\nfor now").status == 0
    return own.bench.run_of(run["run_id"])


def test_a_denied_run_says_by_whom_and_why_everywhere(own: Project, denied: dict[str, Any]) -> None:
    end = denied["canceled"]
    assert denied["status"] == "canceled"
    assert (end["how"], end["reason"], end["at"]) == ("denied", "still needed\nfor now", denied["ended_at"])
    assert end["by"].startswith("user:")
    (listed,) = own.cli("runs", "--json").json
    assert listed["canceled"] == end
    assert json.loads(own.cli("show", denied["run_id"], "--json").text)["canceled"] == end
    words = f"(denied by {end['by']}: still needed)"
    assert words in own.cli("runs").text
    assert words in own.cli("show", denied["run_id"]).text.splitlines()[0]


def test_a_cancel_by_a_user_names_the_user_whether_the_run_waited_or_ran(own: Project) -> None:
    held = own.run("rm -rf build")
    own.bench.post(f"/api/runs/{held['run_id']}/cancel", {"reason": "approval deny: spoofed"})
    going = own.submit(own.script("slow", "echo begun; sleep 1000"))
    own.bench.wait_output(going["run_id"], b"begun")
    own.bench.post(f"/api/runs/{going['run_id']}/cancel", {"reason": "takes too long"})
    ran = own.bench.wait(going["run_id"])
    held = own.bench.run_of(held["run_id"])
    for run, reason in ((held, "approval deny: spoofed"), (ran, "takes too long")):
        assert run["status"] == "canceled"
        assert (run["canceled"]["how"], run["canceled"]["reason"]) == ("canceled", reason)
        # The engine records the end of a running one; who wanted it is somebody else.
        assert run["canceled"]["by"].startswith("user:")
        assert run["why"].startswith(f"Canceled by {run['canceled']['by']}: {reason}")
    assert ran["why"].endswith("no process is left.")
    text = own.cli("runs").text
    assert f"(canceled by {ran['canceled']['by']}: takes too long)" in text
    assert "denied" not in text


def test_a_run_that_was_not_canceled_says_nothing_of_it(own: Project) -> None:
    assert own.run("true")["canceled"] is None
    (listed,) = own.cli("runs", "--json").json
    assert listed["canceled"] is None


def test_a_decision_on_the_command_line_needs_a_reason_and_an_approval(own: Project) -> None:
    run = own.run("frobnicate")
    (approval,) = own.pending()
    assert approval["risk_level"] == "medium"
    for decision in ("approve", "deny"):
        said = own.cli(decision, approval["approval_id"])
        assert said.status == 2
        assert f"workbench {decision} {approval['approval_id']} --reason WHY" in said.err
        # Whoever names the run is told what there is to decide about it.
        for words in ((), ("--reason", "because")):
            said = own.cli(decision, run["run_id"], *words)
            assert said.status == 2
            assert f"workbench {decision} {approval['approval_id']} --reason WHY" in said.err
    assert own.bench.run_of(run["run_id"])["status"] == "blocked"
    assert own.cli("deny", approval["approval_id"], "--reason", "no").status == 0
    said = own.cli("approve", run["run_id"], "--reason", "late")
    assert said.status == 2
    assert f"workbench show {run['run_id']}" in said.err
