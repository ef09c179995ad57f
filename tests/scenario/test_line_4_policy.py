"""Line 4: policy decides who is asked; what it allows is executed as it was judged, not as it was typed."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from support.ground import make_repository
from support.server import Project, Workbench, running

ASKED = [
    ("ls", "allow", 0),
    ("frobnicate --now", "requires_approval", 10),
    ("rm -rf build", "requires_approval", 10),
    ("sudo ls", "deny", 11),
    ("rm -rf /", "deny", 11),
]


@pytest.mark.parametrize(("command", "verdict", "status"), ASKED)
def test_check_gives_verdict_risk_reasons_and_the_rules_own_text_with_its_exit_status(
    served: Workbench, project: Project, command: str, verdict: str, status: int
) -> None:
    said = project.cli("policy", "check", "--json", "--", command)
    assert said.status == status
    answer = said.json
    assert (answer["verdict"], answer["risk_level"] in ("low", "medium", "high")) == (verdict, True)
    assert answer["reason_codes"]
    assert all(set(rule) == {"rule_id", "text", "source", "verdict"} for rule in answer["matched_rules"])
    # The rules that decide come first, and people are told those alone.
    assert answer["matched_rules"][0]["verdict"] == verdict
    told = project.cli("policy", "check", "--", command).out.decode()
    for rule in answer["matched_rules"]:
        assert (f" {rule['rule_id']}: " in told) is (rule["verdict"] in (verdict, None))
    assert answer["policy_digest"].startswith("sha256:")
    fields = {"program", "argv", "cwd", "reads", "writes", "network", "effects", "source"}
    assert all(set(facts) == fields for facts in answer["commands"])
    over_http = served.post("/api/policy/check", {"project_id": project.project_id, "command": command})
    assert over_http == answer


def test_check_stdin_answers_each_line_in_order_and_goes_on_after_bad_ones(project: Project) -> None:
    lines = [
        b'{"command": "ls"}',
        b"no json at all",
        b"[1, 2]",
        b'{"command": 7}',
        b'{"cwd": "."}',
        b'{"command": "ls", "cwd": 7}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"command": "rm -rf /"}',
        b'{"command": "\\u0000"}',
        b'{"command": "ls \\ud800"}',
        b'{"command": "true"}',
    ]
    said = project.cli("policy", "check", "--stdin", "--json", stdin=b"\n".join(lines))
    answers = [json.loads(line) for line in said.text.splitlines()]
    assert [answer.get("verdict", "error" in answer) for answer in answers[:7]] == ["allow", *[True] * 6]
    assert len(answers) == len(lines)
    assert answers[8]["verdict"] == "deny"
    assert all(answer.get("verdict") != "allow" for answer in answers[9:11])
    assert answers[11]["verdict"] == "allow"
    assert said.status == 0


def test_review_shows_what_would_happen_and_writes_nothing(served: Workbench, project: Project) -> None:
    body = {"project_id": project.project_id, "command": "rm -rf build"}
    review = served.post("/api/review", body)
    assert (review["admission"], review["verdict"], review["network"]) == (
        "ask",
        "requires_approval",
        "no network",
    )
    assert review["cwd"] == str(project.repo)
    assert (
        "destructive" in {effect for facts in review["commands"] for effect in facts["effects"]}
        or review["matched_rules"]
    )
    assert "self-approval" in review["self_approval_notice"]
    assert served.get("/api/runs", project_id=project.project_id) == []
    assert project.pending() == []


def test_what_is_allowed_is_executed_in_the_form_that_was_judged(served: Workbench, project: Project) -> None:
    (project.repo / "args.py").write_text("import sys; print(sys.argv[1:])\n")
    command = "python3   args.py  'a  b'\t\"c d\"    e"
    run = project.run(command)
    executed = run["steps"][0]["verdict"]["argv"]
    assert executed[0].startswith("/")
    review = served.post("/api/review", {"project_id": project.project_id, "command": command})
    assert review["executes"] == executed
    assert served.watch(run["run_id"]).data == b"['a  b', 'c d', 'e']\n"


def test_a_list_of_commands_runs_as_re_serialised_text_never_as_the_raw_text(
    served: Workbench, project: Project
) -> None:
    run = project.run("echo   one;echo  'two  three'   &&  echo four")
    executed = run["steps"][0]["verdict"]["argv"]
    assert executed[:-1] == ["/usr/bin/bash", "--norc", "--noprofile", "-p", "-c"] or executed[0].endswith(
        "bash"
    )
    assert "one;echo" not in executed[-1]
    assert "two  three" in shlex.split(executed[-1])
    assert served.watch(run["run_id"]).data == b"one\ntwo  three\nfour\n"


def test_an_unknown_program_is_held_and_has_done_nothing(project: Project) -> None:
    run = project.run("frobnicate --now")
    assert (run["status"], run["blocked_by"]) == ("blocked", "approval")
    assert "unknown" in " ".join(run["steps"][0]["verdict"]["reason_codes"])
    assert run["started_at"] is None


def test_what_policy_denies_stays_blocked_by_policy_and_no_approval_can_lift_it(
    served: Workbench, project: Project
) -> None:
    said = project.cli("run", "--", "sudo", "ls")
    assert said.status == 77
    assert "deny-privilege" in said.err
    (run,) = served.get("/api/runs", project_id=project.project_id)
    assert (run["status"], run["blocked_by"], run["risk_level"]) == ("blocked", "policy", "high")
    assert project.pending() == []
    detail = served.run_of(run["run_id"])
    assert [event["tag"] for event in detail["events"]] == ["run:blocked", "step:queued", "step:blocked"]


def test_everyday_words_after_the_dashes_are_quoted_one_by_one(project: Project) -> None:
    assert project.cli("run", "--", "echo", "a b", "$HOME", ";", "*").out == b"a b $HOME ; *\n"


def test_the_environment_of_the_server_never_reaches_a_command(tmp_path: Path) -> None:
    with running(tmp_path / "home", API_TOKEN="leak-me-not-12345") as bench:
        project = bench.add(make_repository(tmp_path / "repo"))
        run = project.run("env")
        assert b"leak-me-not" not in bench.watch(run["run_id"]).data
        assert b"WORKBENCH" not in bench.watch(run["run_id"]).data
