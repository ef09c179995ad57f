"""Asked no more: proposed from a run, recorded by an admin, in force until it expires or is forgotten."""

from __future__ import annotations

from support.server import Project, Workbench


def test_a_run_is_remembered_listed_and_forgotten_each_by_an_audited_act(
    served: Workbench, project: Project
) -> None:
    held = project.run("kill -s CONT 1")
    assert (held["status"], held["blocked_by"]) == ("blocked", "approval")
    project.run("ls")
    shown = project.cli("policy", "remember", held["run_id"], "--json").json
    assert [(rule["program"], rule["form"]) for rule in shown["rules"]] == [("kill", "")]
    assert "CONT" not in shown["rules"][0]["cedar"]
    assert [run["run_id"] for run in shown["covered"]] == [held["run_id"]]
    assert shown["looked_at"] == 2
    assert project.cli("policy", "remembered", "--json").json == [], "showing changes nothing"
    assert project.run("kill -s CONT 1 1")["status"] == "blocked"

    with served.as_token(served.make_token("approver")["token"]) as approver:
        assert approver.post("/api/policy/remembered", json={"run_id": held["run_id"]}).status_code == 403

    recorded = project.cli("policy", "remember", held["run_id"], "--days", "7", "--accept", "--json")
    assert recorded.status == 0
    assert project.run("kill -s CONT 1 1 1")["status"] == "succeeded"
    assert project.run("kill -s CONT 1 1 1 1 > ../x")["status"] == "blocked"
    assert project.cli("policy", "check", "--", "kill -s CONT 1 1 1 1 1").status == 0
    (rule,) = project.cli("policy", "remembered", "--json").json
    assert (rule["is_in_force"], rule["from_run_id"]) == (True, held["run_id"])
    tags = [event["tag"] for event in served.run_of(held["run_id"])["events"]]
    assert "policy:remembered" in tags

    assert project.cli("policy", "forget", rule["rule_id"]).status == 0
    assert project.run("kill -s CONT 1 1 1 1 1 1")["status"] == "blocked"
    assert project.cli("policy", "remembered", "--json").json == []
    (over,) = project.cli("policy", "remembered", "--all", "--json").json
    assert over["revoked_at"]
    assert served.cli("audit", "verify", "--json").json["ok"]


def test_what_no_rule_may_lift_is_refused_with_the_reason(project: Project) -> None:
    held = project.run("rm -rf build")
    said = project.cli("policy", "remember", held["run_id"], "--accept")
    assert said.status != 0
    assert "destructive" in said.err


def test_a_rule_of_one_project_says_nothing_in_another(served: Workbench, project: Project) -> None:
    held = project.run("kill -s CONT 1")
    project.cli("policy", "remember", held["run_id"], "--accept")
    other = project.repo.parent / "other"
    other.mkdir()
    second = served.add(other)
    assert second.run("kill -s CONT 1")["status"] == "blocked"


def test_where_two_people_are_asked_for_nobody_remembers_their_own_request(
    served: Workbench, project: Project
) -> None:
    served.add(project.repo, forbid_self_approval=True)
    run = project.submit("kill -s CONT 1")
    refused = project.cli("policy", "remember", run["run_id"], "--accept")
    assert refused.status == 1
    assert "second person" in refused.err
    assert project.cli("policy", "remembered", "--json").json == []
