"""What a project's policy is, and what a change of it would do, is told over HTTP to whoever may know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.fixtures import Start
from support.ground import make_repository
from support.policies import remove_rules, write_into, write_rules
from support.server import ENDED, Project, Workbench

FROZEN = """@id("frozen") @risk("high") @reason("frozen") @text("This repository is frozen.")
forbid (principal, action in [Action::"run", Action::"run_with_approval"], resource)
when { context.writes };
"""
NOBODY = """@id("nobody") @risk("high") @reason("nobody") @text("Nobody approves a deletion here.")
forbid (principal, action == Action::"approve", resource)
when { context.risk == "high" };
"""


def write_policy(project: Project, text: str) -> Path:
    return write_rules(project.repo, text)


def policy_of(project: Project) -> dict[str, Any]:
    found: dict[str, Any] = project.bench.get("/api/policy", project_id=project.project_id)
    return found


def states(project: Project) -> list[str]:
    return [layer["state"] for layer in policy_of(project)["layers"]]


def preview(project: Project) -> dict[str, Any]:
    made: dict[str, Any] = project.bench.post("/api/policy/preview", {"project_id": project.project_id})
    return made


def accept(project: Project, digest: str | None = None) -> Any:
    body = {"project_id": project.project_id, "digest": digest}
    return project.bench.http.post("/api/policy/accept", json=body)


def test_each_layer_says_where_it_stands_and_each_rule_where_it_was_written(
    start: Start, tmp_path: Path
) -> None:
    bench = start()
    project = bench.add(make_repository(tmp_path / "repo"))
    found = policy_of(project)
    assert states(project) == ["in_force", "none", "none"]
    assert (found["posture"], found["problem"], found["moves"]) == ("standard", "", [])
    (rule,) = [rule for rule in found["rules"] if rule["rule_id"] == "ask-network"]
    assert rule["source"].startswith("questions.cedar:")
    assert (rule["layer"], rule["verdict"]) == ("shipped", "requires_approval")
    assert "context.network" in rule["cedar"]

    write_into(bench.home, FROZEN)
    assert states(project) == ["in_force", "in_force", "none"]
    (rule,) = [rule for rule in policy_of(project)["rules"] if rule["rule_id"] == "frozen"]
    assert (rule["layer"], rule["source"]) == ("organisation", "$WORKBENCH_HOME/policy.cedar:1")

    (bench.home / "policy.cedar").write_text(FROZEN + "forbid (principal;\n")
    found = policy_of(project)
    assert states(project) == ["in_force", "broken", "none"]
    assert "$WORKBENCH_HOME/policy.cedar:4: is not Cedar" in found["layers"][1]["problem"]
    assert (found["problem"], found["remedy"]) == (
        found["layers"][1]["problem"],
        found["layers"][1]["remedy"],
    )
    assert project.run("ls")["blocked_by"] == "policy", "what the page says stops starts does stop them"


def test_a_projects_files_are_told_from_not_accepted_to_changed_with_who_accepted_them(
    project: Project,
) -> None:
    file = write_policy(project, FROZEN)
    (file.parent / "project.toml").write_text('posture = "careful"\n')
    found = policy_of(project)
    assert states(project) == ["in_force", "none", "not_accepted"]
    assert (found["posture"], found["moves"]) == ("standard", ["preview", "accept"])
    assert accept(project, found["digest"]).status_code == 200
    found = policy_of(project)
    layer = found["layers"][2]
    assert (layer["state"], layer["rule_ids"]) == ("in_force", ["frozen"])
    assert layer["accepted_by"] == project.bench.get("/api/me")["actor"]
    assert layer["accepted_at"]
    assert (found["posture"], found["posture_from"]) == ("careful", ".workbench/project.toml")
    file.write_text(FROZEN + "// more\n")
    layer = policy_of(project)["layers"][2]
    assert layer["state"] == "changed"
    assert "was changed after it was accepted" in layer["problem"]
    assert "accept" in layer["remedy"]
    assert layer["accepted_by"], "who accepted what was there is still known"
    remove_rules(file)
    (project.repo / ".workbench" / "project.toml").unlink()
    found = policy_of(project)
    assert (found["layers"][2]["state"], found["digest"]) == ("changed", "")
    assert accept(project, found["digest"]).status_code == 200
    assert states(project) == ["in_force", "none", "none"]


def test_what_accepting_would_change_is_shown_and_nothing_else_is_accepted(project: Project) -> None:
    write, read = project.run("touch a"), project.run("ls")
    file = write_policy(project, FROZEN)
    seen = preview(project)
    assert (seen["problem"], seen["added"], seen["removed"], seen["replayed"]) == ("", ["frozen"], [], 2)
    (change,) = seen["changes"]
    assert change["run_id"] == write["run_id"] != read["run_id"]
    assert (change["recorded"], change["changed"], change["by_policy"]) == ("allow", "deny", True)
    assert change["rule_ids"][0] == "frozen"
    assert seen["findings"]
    assert all(finding["is_proved"] for finding in seen["findings"])
    assert "+when { context.writes };" in seen["difference"]
    assert states(project)[2] == "not_accepted", "looking accepts nothing"

    write_policy(project, FROZEN.replace("context.writes", "context.network"))
    refused = accept(project, seen["digest"])
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert states(project)[2] == "not_accepted"
    assert accept(project, preview(project)["digest"]).status_code == 200

    write_policy(project, FROZEN)
    seen = preview(project)
    assert seen["added"] == ["frozen"], "a rule of the same name with other words is a changed one"
    assert "-when { context.network };" in seen["difference"]
    assert seen["removed"] == [], "the shipped rules are as they were"
    (change,) = seen["changes"]
    assert (change["now"], change["changed"], change["by_policy"]) == ("allow", "deny", True), (
        "compared with what was accepted, which is no longer there"
    )

    file.write_text(FROZEN.replace("forbid", "permit"))
    seen = preview(project)
    assert ".workbench/policy.cedar:1: frozen: is a permit" in seen["problem"]
    assert (seen["moves"], seen["replayed"]) == ([], 0)


def test_a_rule_that_no_example_would_miss_is_not_accepted_and_says_what_to_add(project: Project) -> None:
    file = write_policy(project, FROZEN)
    assert accept(project).status_code == 200
    # One that no example names, and one about approving whose example another rule decides alone.
    idle = NOBODY.replace("nobody", "idle")
    more = FROZEN.replace('@id("frozen")', '@id("still-frozen")') + NOBODY + idle
    file.write_text(FROZEN + more)
    examples = file.with_name("policy.examples.toml")
    kept = examples.read_text()
    examples.write_text(kept + '[nobody]\nmay_not = ["admin high"]\n[idle]\nmay_not = ["operator low"]\n')
    seen = preview(project)
    refused = accept(project)
    assert (refused.status_code, refused.json()["code"]) == (422, "policy_untested"), refused.text
    said = refused.json()["detail"]
    assert seen["problem"] == said
    assert seen["moves"] == []
    assert ".workbench/policy.cedar:4: still-frozen has no example that fails when the rule is" in said
    assert "nobody (.workbench/policy.cedar:7), idle (.workbench/policy.cedar:10)" in said
    assert ".workbench/policy.examples.toml under [still-frozen]: match" in refused.json()["remedy"]
    tested = project.cli("policy", "test", "--json")
    assert (tested.status, tested.json["layers"][0]["without_examples"]) == (
        1,
        ["still-frozen", "nobody", "idle"],
    )
    # What was accepted is in force still, once its files are as they were.
    file.write_text(FROZEN)
    examples.write_text(kept)
    assert project.run("ls")["status"] == "succeeded"
    assert project.run("touch b")["blocked_by"] == "policy"


def test_a_verdict_is_traced_from_the_sub_command_to_the_rule_and_what_would_change_it(
    served: Workbench, project: Project
) -> None:
    body = {"project_id": project.project_id, "command": "ls && curl https://example.org && sudo ls"}
    trace = served.post("/api/policy/explain", body)
    told = project.cli("policy", "explain", "--json", "--", body["command"]).json
    assert trace["verdict"] == told["verdict"] == "deny"
    assert [(p["argv"], p["verdict"], p["facts"], p["changes"]) for p in trace["parts"]] == [
        (p["argv"] or [], p["verdict"], p["facts"], p["changes"]) for p in told["parts"]
    ]
    (rule,) = [rule for rule in trace["parts"][1]["rules"] if rule["rule_id"] == "ask-network"]
    assert (rule["because"], rule["source"].split(":")[0]) == (["network"], "questions.cedar")
    assert served.get("/api/runs", project_id=project.project_id) == [], "nothing ran"
    answer = served.http.post("/api/policy/explain", json={**body, "cwd": "no/such/folder"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


@pytest.mark.parametrize(
    ("role", "moves", "may_forget"),
    [("viewer", [], []), ("operator", ["preview"], []), ("admin", ["preview", "accept"], ["forget"])],
)
def test_each_role_is_told_what_it_may_do_with_the_policy(
    served: Workbench, project: Project, role: str, moves: list[str], may_forget: list[str]
) -> None:
    write_policy(project, FROZEN.replace("context.writes", "context.publishes"))
    held = project.run("kill -s CONT 1")
    served.post("/api/policy/remembered", {"run_id": held["run_id"], "days": 7})
    with served.as_token(served.make_token(role)["token"]) as client:
        where = {"project_id": project.project_id}
        assert client.get("/api/policy", params=where).json()["moves"] == moves
        (rule,) = client.get("/api/policy/remembered", params=where).json()
        assert (rule["flags"], rule["moves"]) == (["-s"], may_forget)
        assert rule["facts"] == ["names_words", "signals", "understood"]
        (shown,) = [p for p in client.get("/api/projects").json() if p["project_id"] == project.project_id]
        assert shown["moves"] == (["change"] if role == "admin" else [])
        proposal = client.post("/api/policy/proposals", json={"run_id": held["run_id"]})
        if role == "viewer":
            assert proposal.status_code == 403
        else:
            is_admin = role == "admin"
            assert proposal.json()["moves"] == (["remember"] if is_admin else [])
            assert bool(proposal.json()["notice"]) != is_admin


def test_a_run_with_network_names_of_its_own_is_not_said_to_be_covered(
    served: Workbench, project: Project
) -> None:
    held = project.run("kill -s CONT 1")
    words = ("run", "--allow-host", "example.org", "--detach", "--json", "--", "kill -s CONT 1")
    assert project.cli(*words).json["blocked_by"] == "approval"
    seen = served.post("/api/policy/proposals", {"run_id": held["run_id"]})
    assert [run["run_id"] for run in seen["covered"]] == [held["run_id"]]


def test_where_two_people_are_asked_for_the_proposal_says_that_another_remembers_it(
    served: Workbench, project: Project
) -> None:
    served.add(project.repo, forbid_self_approval=True)
    held = project.run("kill -s CONT 1")
    seen = served.post("/api/policy/proposals", {"run_id": held["run_id"]})
    assert (seen["moves"], "second person" in seen["notice"]) == ([], True)
    me = served.get("/api/me")["person"]
    second = served.post("/api/tokens", {"name": f"{me}-phone", "person": me, "role": "admin"})
    with served.as_token(second["token"]) as client:
        assert client.post("/api/policy/proposals", json={"run_id": held["run_id"]}).json()["moves"] == []
        for asked in (served.http, client):
            refused = asked.post("/api/policy/remembered", json={"run_id": held["run_id"]})
            assert refused.status_code == 403


def test_who_may_decide_is_told_as_the_decision_would_answer(served: Workbench, project: Project) -> None:
    write_policy(project, NOBODY)
    accept(project)
    held = project.run("rm -rf build")
    (approval,) = held["approvals"]
    assert approval["moves"] == ["deny"]
    assert approval["notice"] == "You cannot approve this: Nobody approves a deletion here."
    where = f"/api/approvals/{approval['approval_id']}"
    refused = served.http.post(f"{where}/approve", json={"reason": "please"})
    assert (refused.status_code, refused.json()["detail"]) == (403, "Nobody approves a deletion here.")
    (listed,) = project.pending()
    assert (listed["moves"], listed["notice"]) == (approval["moves"], approval["notice"])

    write_policy(project, NOBODY + "// changed\n")
    shown = served.get(where)
    assert shown["moves"] == ["deny"]
    assert "was changed after it was accepted" in shown["notice"]
    assert served.http.post(f"{where}/approve", json={"reason": "please"}).status_code == 409
    denied = served.post(f"{where}/deny", {"reason": "a broken policy keeps nobody from saying no"})
    assert (denied["status"], denied["moves"]) == ("denied", [])


def test_who_has_approved_already_is_shown_no_button(served: Workbench, project: Project) -> None:
    served.add(project.repo, approval_quorum=2)
    (approval,) = project.run("rm -rf build")["approvals"]
    assert approval["moves"] == ["approve", "edit", "deny"]
    voted = served.post(f"/api/approvals/{approval['approval_id']}/approve", {"reason": "one of two"})
    assert (voted["status"], voted["moves"]) == ("pending", [])
    assert "has decided already" in voted["notice"]


def test_an_approver_adds_one_name_for_the_held_run_alone_and_it_is_asked_about(
    served: Workbench, project: Project
) -> None:
    (project.repo / "build").mkdir()
    held = project.run("rm -rf build")
    (approval,) = held["approvals"]
    where = f"/api/approvals/{approval['approval_id']}"
    wrong = served.http.post(f"{where}/edit-check", json={"allow_hosts": ["*.org"]})
    assert wrong.status_code == 422
    seen = served.post(f"{where}/edit-check", {"allow_hosts": ["mirror.invalid"]})
    assert seen["changes"] == [
        {"field": "network for this run alone", "before": "", "after": "mirror.invalid"}
    ]
    assert "network_beyond_project" in seen["reason_codes"]
    assert seen["subject_digest"] != approval["subject_digest"]
    edit = {
        "allow_hosts": ["mirror.invalid"],
        "reason": "its mirror",
        "edited_digest": seen["subject_digest"],
    }
    new = served.post(f"{where}/approve-edited", edit)
    assert (new["allow_hosts"], new["edited_by"]) == (
        ["mirror.invalid"],
        served.get("/api/me")["actor"],
    )
    assert served.get(where)["allow_hosts"] == [], "the first question still says what it was asked for"
    run = served.wait(held["run_id"], lambda run: run["status"] in ENDED)
    assert (run["status"], run["network"]) == ("succeeded", "for this run alone: mirror.invalid")
    again = project.run("rm -rf build")
    assert again["approvals"][0]["network"] == "no network", "it was for that run alone"
