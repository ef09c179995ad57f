"""A recipe that changes while its command waits: nobody approves it unseen, on any way in."""

from __future__ import annotations

from typing import Any

from support.server import Project, Workbench

RECIPE = "mk:\n\trm -rf old\n\techo {} > effect\n"


def hold(project: Project) -> dict[str, Any]:
    (project.repo / "old").mkdir()
    (project.repo / "Makefile").write_text(RECIPE.format("asked"))
    held = project.run("make mk")
    assert (held["status"], held["blocked_by"]) == ("blocked", "approval")
    (approval,) = held["approvals"]
    found: dict[str, Any] = approval
    return found


def test_the_command_line_is_told_what_has_changed_and_where_to_decide_it(
    project: Project, served: Workbench
) -> None:
    asked = hold(project)
    (project.repo / "Makefile").write_text(RECIPE.format("changed"))
    said = project.cli("approve", asked["approval_id"], "--reason", "ok")
    assert said.status == 1
    assert "nothing was approved" in said.err
    new, old = served.run_of(asked["run_id"])["approvals"]
    assert (old["status"], new["status"]) == ("withdrawn", "pending")
    assert f"workbench approve {new['approval_id']} --reason WHY" in said.err
    assert "what it runs: echo asked -> echo changed" in said.err
    shown = project.cli("show", asked["run_id"]).text
    assert "asked anew, for this changed: what it runs: echo asked -> echo changed" in shown
    assert not (project.repo / "effect").exists()
    assert project.cli("approve", new["approval_id"], "--reason", "seen").status == 0
    served.wait(asked["run_id"], lambda run: run["status"] == "succeeded")
    assert (project.repo / "effect").read_text() == "changed\n"


def test_over_http_the_refusal_names_the_approval_that_asks_anew(project: Project, served: Workbench) -> None:
    asked = hold(project)
    (project.repo / "Makefile").write_text(RECIPE.format("changed"))
    path = f"/api/approvals/{asked['approval_id']}/approve"
    answer = served.http.post(path, json={"reason": "ok", "subject_digest": asked["subject_digest"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "asked_anew")
    (new,) = project.pending()
    assert answer.json()["approval_id"] == new["approval_id"]
    assert {"field": "what it runs", "before": "echo asked", "after": "echo changed"} in new["changes"]
    assert new["edited_by"] is None


def test_what_is_allowed_by_now_runs_and_the_command_line_says_that_no_approval_was_needed(
    project: Project, served: Workbench
) -> None:
    held = project.run("kill -s CONT 1")
    (asked,) = held["approvals"]
    assert project.cli("policy", "remember", held["run_id"], "--accept").status == 0
    said = project.cli("approve", asked["approval_id"], "--reason", "ok")
    assert said.status == 0
    assert f"{asked['approval_id']}  withdrawn" in said.text
    assert "policy allows it by now" in said.err
    ended = served.wait(held["run_id"], lambda run: run["status"] == "succeeded")
    assert [each["status"] for each in ended["approvals"]] == ["withdrawn"]
