"""An organisation's and a project's policy: accepted, changed, broken; judged by what then starts."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from support.fixtures import Start
from support.ground import make_repository
from support.policies import remove_rules, write_into, write_rules
from support.server import Project, Workbench

FROZEN = """@id("frozen") @risk("high") @reason("frozen") @text("This repository is frozen.")
forbid (principal, action in [Action::"run", Action::"run_with_approval"], resource)
when { context.writes };
"""
OPEN = FROZEN.replace("forbid", "permit")


def write_policy(project: Project, text: str) -> Path:
    return write_rules(project.repo, text)


def outcome(project: Project, command: str) -> tuple[str, str | None]:
    run = project.run(command)
    return run["status"], run["blocked_by"]


RAN, DENIED = ("succeeded", None), ("blocked", "policy")


def test_a_projects_policy_counts_once_an_admin_accepted_it_and_stops_starts_when_it_changes(
    served: Workbench, project: Project
) -> None:
    file = write_policy(project, FROZEN)
    assert outcome(project, "touch a") == RAN, "what nobody accepted is not in force"
    said = project.cli("policy", "check", "--json", "--", "touch a")
    assert (said.status, said.json["verdict"]) == (0, "allow")
    assert "nobody has accepted" in said.err, "it is not left out in silence"
    with served.as_token(served.make_token("approver")["token"]) as approver:
        answer = approver.post("/api/policy/accept", json={"project_id": project.project_id})
        assert answer.status_code == 403
    said = project.cli("project", "accept-policy", str(project.repo), "--json")
    assert (said.status, said.json["rules"], said.json["posture"]) == (0, ["frozen"], "standard")

    assert outcome(project, "touch b") == DENIED
    assert outcome(project, "ls") == RAN
    assert not (project.repo / "b").exists()
    assert project.cli("policy", "check", "--", "touch b").status == 11

    file.write_text(FROZEN + "// one more word\n")
    assert outcome(project, "ls") == DENIED
    step = project.run("ls")["steps"][0]
    assert step["verdict"]["reason_codes"] == ["policy_changed"]
    assert "was changed after it was accepted" in step["verdict"]["matched_rules"][0]["text"]
    checked = project.cli("policy", "check", "--", "ls")
    assert checked.status == 11
    assert "accept-policy" in checked.text

    file.write_text(OPEN)
    refused = project.cli("project", "accept-policy", project.project_id)
    assert refused.status != 0
    assert ".workbench/policy.cedar:1: frozen: is a permit" in refused.err
    assert outcome(project, "ls") == DENIED, "a refused change opens nothing"

    remove_rules(file)
    assert outcome(project, "ls") == DENIED, "a policy taken away opens nothing"
    assert project.cli("project", "accept-policy", project.project_id).status == 0
    assert outcome(project, "touch c") == RAN
    house = served.get("/api/audit/verify", project_id=project.project_id)
    assert house["ok"]


def test_accepting_is_an_event_that_says_who_accepted_which_rules(
    served: Workbench, project: Project
) -> None:
    write_policy(project, FROZEN.replace("context.writes", "context.network"))
    (project.repo / ".workbench" / "project.toml").write_text('posture = "careful"\n')
    project.cli("project", "accept-policy", project.project_id)
    assert outcome(project, "touch a") == ("blocked", "approval"), (
        "the stricter posture that it asks for holds"
    )
    with sqlite3.connect(f"file:{served.home / 'ledger.db'}?mode=ro", uri=True) as ledger:
        query = (
            "SELECT actor, body FROM execution_events WHERE tag = 'policy:accepted' ORDER BY seq DESC LIMIT 1"
        )
        ((actor, body),) = ledger.execute(query).fetchall()
    payload = json.loads(body)["payload"]
    assert actor == served.get("/api/me")["actor"]
    assert (payload["rules"], payload["posture"]) == (["frozen"], "careful")
    assert "context.network" in payload["rules_text"]
    assert payload["digest"].startswith("sha256:")


def test_an_organisations_first_policy_holds_at_once_and_a_broken_one_stops_every_start(
    start: Start, tmp_path: Path
) -> None:
    bench = start()
    project = bench.add(make_repository(tmp_path / "repo"))
    assert outcome(project, "touch a") == RAN
    file = bench.home / "policy.cedar"
    file.write_text(FROZEN)
    run = project.run("ls")
    assert (run["status"], run["blocked_by"]) == DENIED, "a rule that no example would miss is not in force"
    assert "frozen has no example" in run["steps"][0]["verdict"]["matched_rules"][0]["text"]
    (note,) = bench.get("/api/status")["policy_notes"]
    assert note.startswith("the organisation: ")
    assert "frozen has no example" in note
    assert "frozen has no example" in project.cli("status").text
    write_into(bench.home, FROZEN)
    assert outcome(project, "touch b") == DENIED
    assert bench.get("/api/status")["policy_notes"] == []
    assert outcome(project, "ls") == RAN
    file.write_text(FROZEN + "forbid (principal;\n")
    run = project.run("ls")
    assert (run["status"], run["blocked_by"]) == DENIED
    verdict = run["steps"][0]["verdict"]
    assert verdict["reason_codes"] == ["policy_changed"]
    said = project.cli("policy", "check", "--", "ls")
    assert said.status == 11
    assert "$WORKBENCH_HOME/policy.cedar:4" in said.text
    refused = project.cli("policy", "accept")
    assert refused.status != 0
    assert "$WORKBENCH_HOME/policy.cedar:4: is not Cedar" in refused.err
    file.write_text(FROZEN)
    assert outcome(project, "ls") == RAN, "put back, it is as it was"


def events_of(bench: Workbench, prefix: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Returns tag, actor and payload of the house's events whose tag begins so, oldest first."""
    with sqlite3.connect(f"file:{bench.home / 'ledger.db'}?mode=ro", uri=True) as ledger:
        found = ledger.execute(
            "SELECT tag, actor, body FROM execution_events WHERE tag LIKE ? ORDER BY seq", (prefix + "%",)
        ).fetchall()
    return [(tag, actor, json.loads(body)["payload"]) for tag, actor, body in found]


def test_an_organisations_policy_is_recorded_and_only_an_admin_changes_it(
    start: Start, tmp_path: Path
) -> None:
    bench = start()
    project = bench.add(make_repository(tmp_path / "repo"))
    assert outcome(project, "touch a") == RAN
    assert events_of(bench, "policy:organisation") == []
    file = write_into(bench.home, FROZEN)
    assert outcome(project, "touch b") == DENIED
    ((tag, actor, first),) = events_of(bench, "policy:organisation")
    assert (tag, actor) == ("policy:organisation_recorded", "engine")
    assert (first["rules"], first["previous_digest"]) == (["frozen"], None)

    remove_rules(file)
    run = project.run("ls")
    assert (run["status"], run["blocked_by"]) == DENIED, "taken away, it opens nothing"
    assert run["steps"][0]["verdict"]["reason_codes"] == ["policy_changed"]
    assert "is gone from $WORKBENCH_HOME" in run["steps"][0]["verdict"]["matched_rules"][0]["text"]
    assert "workbench policy accept" in run["steps"][0]["verdict"]["matched_rules"][0]["text"]
    layer = bench.get("/api/policy", project_id=project.project_id)["layers"][1]
    assert (layer["name"], layer["state"]) == ("organisation", "changed")
    assert (
        "the organisation: the organisation's policy that was in force is gone"
        in (bench.get("/api/status")["policy_notes"][0])
    )
    for words in (("policy", "check", "--", "touch b"), ("policy", "prove"), ("policy", "test")):
        offline = project.cli(*words)
        assert (offline.status, "judged here as it lies" in offline.err) == (0, True), words
    bench.restart()
    assert outcome(project, "ls") == DENIED, "a new server knows as well"

    file = write_into(bench.home, FROZEN.replace("context.writes", "context.network"))
    where = "/api/policy/organisation"
    for made in ({"role": "operator"}, {"role": "admin", "project_id": project.project_id}):
        token = bench.post("/api/tokens", {"name": f"some-{made['role']}", **made})
        with bench.as_token(token["token"]) as other:
            for way in ("preview", "accept"):
                assert other.post(f"{where}/{way}", json={}).status_code == 403, made
    seen = bench.post(f"{where}/preview", {})
    assert (seen["problem"], seen["rules"], seen["examples"]) == ("", ["frozen"], 1)
    assert all(finding["is_proved"] for finding in seen["findings"])
    assert ("touch b", "deny", "allow") in [
        (one["command"], one["now"], one["changed"]) for one in seen["changes"]
    ], "compared with the rules that were in force"
    shown = project.cli("policy", "accept", "--dry-run")
    assert (shown.status, "invariants proved" in shown.text) == (0, True)
    # "ls" was denied while the files were gone: it would be let in again with this change or without it.
    by_it = [one for one in seen["changes"] if one["by_policy"] is not False]
    assert {"ls"} == {one["command"] for one in seen["changes"]} - {one["command"] for one in by_it}
    assert f"{seen['replayed']} verdicts replayed, {len(by_it)} would be another one by it" in shown.text
    assert "allow -> allow" not in shown.text
    assert outcome(project, "ls") == DENIED, "looking accepts nothing"
    stale = bench.http.post(f"{where}/accept", json={"digest": first["digest"]})
    assert stale.status_code == 409
    said = project.cli("policy", "accept", "--json").json
    assert (said["previous_digest"], said["digest"]) == (first["digest"], seen["digest"])
    assert outcome(project, "touch b") == RAN
    assert outcome(project, "curl https://example.org") == DENIED
    tag, actor, payload = events_of(bench, "policy:organisation")[-1]
    assert (tag, actor) == ("policy:organisation_accepted", bench.get("/api/me")["actor"])
    assert (payload["previous_digest"], payload["digest"]) == (first["digest"], seen["digest"])

    file.with_name("policy.examples.toml").write_text("")
    refused = project.cli("policy", "accept")
    assert (refused.status != 0, "frozen has no example" in refused.err) == (True, True)
    answer = bench.http.post(f"{where}/accept", json={})
    assert (answer.status_code, answer.json()["code"]) == (422, "policy_untested")
    remove_rules(file)
    assert project.cli("policy", "accept").status == 0
    assert outcome(project, "curl https://example.org")[1] == "approval"
    assert project.cli("policy", "accept").status != 0, "there is nothing left to give up"
    write_into(bench.home, FROZEN)
    assert outcome(project, "ls") == DENIED, "after one was given up, another needs an admin"
    assert bench.get("/api/audit/verify")["ok"]


def test_the_posture_is_a_setting(start: Start, tmp_path: Path) -> None:
    bench = start(policy_posture="careful")
    project = bench.add(make_repository(tmp_path / "repo"))
    assert outcome(project, "touch a") == ("blocked", "approval")
    assert outcome(project, "ls") == RAN
    assert project.cli("policy", "check", "--", "touch a").status == 10
    trusting = {"WORKBENCH_POLICY_POSTURE": "trusting"}
    assert project.cli("policy", "check", "--", "python3 -c 1", settings=trusting).status == 0
    wrong = project.cli("policy", "check", "--", "ls", settings={"WORKBENCH_POLICY_POSTURE": "lax"})
    assert "careful, standard, trusting" in wrong.err


def test_the_stricter_of_the_servers_and_a_projects_posture_is_in_force_and_that_is_said(
    start: Start, tmp_path: Path
) -> None:
    bench = start(policy_posture="standard")
    project = bench.add(make_repository(tmp_path / "repo"))
    write_policy(project, FROZEN.replace("context.writes", "context.network"))
    (project.repo / ".workbench" / "project.toml").write_text('posture = "standard"\n')
    accepted = project.cli("project", "accept-policy", project.project_id, "--json").json
    assert (accepted["posture"], accepted["note"]) == ("standard", "")
    assert outcome(project, "touch a") == RAN
    assert bench.get("/api/status")["policy_notes"] == []
    bench.settings["WORKBENCH_POLICY_POSTURE"] = "careful"
    bench.restart()
    assert outcome(project, "touch b") == ("blocked", "approval"), "the server's is stricter, and holds"
    assert outcome(project, "ls") == RAN, "and nothing is denied for it"
    assert outcome(project, "curl https://example.org") == DENIED, "the project's rules hold too"
    note = "the posture 'standard' of .workbench/project.toml is not in force: the server's, 'careful', is"
    found = bench.get("/api/policy", project_id=project.project_id)
    assert (found["posture"], found["problem"]) == ("careful", "")
    assert [layer["note"][: len(note)] for layer in found["layers"]] == ["", "", note]
    assert note in project.cli("status").text
    assert note in project.cli("project", "list").text
    again = project.cli("project", "accept-policy", project.project_id)
    assert (again.status, note in again.text) == (0, True)


def test_explain_names_call_fact_rule_and_line_and_what_would_have_to_change(project: Project) -> None:
    said = project.cli("policy", "explain", "--json", "--", "ls && curl https://example.org && sudo ls")
    assert said.status == 0
    parts = said.json["parts"]
    assert [(part["argv"][0], part["verdict"]) for part in parts[:3]] == [
        ("ls", "allow"),
        ("curl", "requires_approval"),
        ("sudo", "deny"),
    ]
    (rule,) = [rule for rule in parts[1]["rules"] if rule["rule_id"] == "ask-network"]
    assert rule["source"].startswith("questions.cedar:")
    assert rule["because"] == ["network"]
    assert {"verdict": "allow", "without": ["network"], "having": []} in [
        {**change, "having": []} for change in parts[1]["changes"]
    ]
    assert parts[1]["may_be_remembered"]
    assert [change["verdict"] for change in parts[2]["changes"]] == ["requires_approval", "allow"]
    text = project.cli("policy", "explain", "--", "curl https://example.org").text
    assert "because of network" in text


@pytest.mark.long
def test_the_same_command_gets_the_same_bytes_whatever_the_hash_seed(project: Project) -> None:
    command = "cd src; rm -rf build && pip install x | tee log > out; git push; sudo ls; cat .env /etc/shadow"
    said = {
        project.cli("policy", "check", "--json", "--", command, settings={"PYTHONHASHSEED": seed}).out
        for seed in ("0", "1")
    }
    assert len(said) == 1


def test_test_and_prove_say_what_holds_and_how_much_was_tried(project: Project) -> None:
    tested = project.cli("policy", "test", "--json")
    assert (tested.status, tested.json["ok"]) == (0, True)
    assert all(one["tried"] > 100 for one in tested.json["postures"])
    proved = project.cli("policy", "prove", "--json")
    assert (proved.status, proved.json["ok"]) == (0, True)
    loose = project.repo / "loose.cedar"
    loose.write_text(
        '@id("operators") @risk("low") @reason("operators")\n'
        'permit (principal, action == Action::"approve", resource) when { context.role == "operator" };\n'
    )
    refuted = project.cli("policy", "prove", "--policy", str(loose), "--json")
    assert refuted.status == 1
    (broken,) = [found for found in refuted.json["invariants"] if not found["proved"]]
    assert broken["name"] == "only-approvers-approve"
    assert broken["counter_example"]["role"] == "operator"
    loose.write_text(
        '@id("all") @risk("low") @reason("all_of_it")\n'
        'permit (principal, action in [Action::"run", Action::"run_with_approval"], resource);\n'
    )
    refuted = project.cli("policy", "prove", "--policy", str(loose), "--json")
    (broken,) = [found for found in refuted.json["invariants"] if not found["proved"]]
    assert (broken["name"], broken["counter_example"]) == ("unknown-is-asked", {"understood": False})
    said = project.cli("policy", "prove", "--policy", str(loose)).text
    assert "for example where understood does not hold\n" in said


def test_replay_tells_which_verdicts_of_the_past_a_changed_policy_would_change(
    served: Workbench, project: Project
) -> None:
    for command in ("touch a", "ls", "rm a", "touch b"):
        project.run(command)
    nothing = project.cli("policy", "replay", "--json").json
    assert (nothing["replayed"], nothing["changes"]) == (4, [])
    candidate = write_policy(project, FROZEN)
    changed = project.cli("policy", "replay", "--policy", str(candidate), "--json").json
    assert [(one["command"], one["recorded"], one["changed"]) for one in changed["changes"]] == [
        ("touch b", "allow", "deny"),
        ("rm a", "requires_approval", "deny"),
        ("touch a", "allow", "deny"),
    ]
    assert all(one["by_policy"] and one["matched_rules"][0] == "frozen" for one in changed["changes"])
    fewer = project.cli("policy", "replay", "--policy", str(candidate), "--last", "2", "--json").json
    assert (fewer["replayed"], len(fewer["changes"])) == (2, 2)
    assert json.dumps(project.cli("policy", "replay", "--json").json["changes"]) == "[]"


def test_replay_judges_a_runs_own_network_names_as_the_door_does(served: Workbench, project: Project) -> None:
    asked = project.cli("run", "--allow-host", "example.org", "--detach", "--json", "--", "ls").json
    assert (asked["status"], asked["blocked_by"]) == ("blocked", "approval")
    said = project.cli("policy", "replay", "--json").json
    assert (said["replayed"], said["changes"]) == (1, [])
    served.add(project.repo, network_allowlist=["example.org"])
    (change,) = project.cli("policy", "replay", "--json").json["changes"]
    assert (change["recorded"], change["changed"]) == ("requires_approval", "allow"), "the project has it now"


def test_replay_tells_what_an_edit_of_the_accepted_policy_would_change_before_it_is_accepted(
    served: Workbench, project: Project
) -> None:
    candidate = write_policy(project, FROZEN)
    assert project.cli("project", "accept-policy", str(project.repo)).status == 0
    assert outcome(project, "touch a") == DENIED
    write_policy(project, FROZEN.replace('@id("frozen")', '@id("still-frozen")'))
    same = project.cli("policy", "replay", "--policy", str(candidate), "--json")
    assert (same.status, same.json["replayed"], same.json["changes"]) == (0, 1, [])
