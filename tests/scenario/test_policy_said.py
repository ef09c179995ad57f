"""What is wrong, missing or in the way is said where it is met, once, with the way out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.fixtures import Start
from support.ground import make_repository
from support.server import Project, Workbench

FROZEN = """@id("frozen") @risk("high") @reason("frozen") @text("This repository is frozen.")
forbid (principal, action in [Action::"run", Action::"run_with_approval"], resource)
when { context.writes };
"""
EXAMPLES = '[frozen]\nmatch = ["touch a"]\nnot_match = ["ls"]\n'


def write_frozen(project: Project) -> None:
    write(project, "policy.cedar", FROZEN)
    write(project, "policy.examples.toml", EXAMPLES)


def write(project: Project, name: str, text: str) -> Path:
    file = project.repo / ".workbench" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


@pytest.mark.long
def test_a_policy_that_cannot_be_used_is_an_answer_in_json_too(project: Project) -> None:
    write_frozen(project)
    assert project.cli("project", "accept-policy", str(project.repo)).status == 0
    write(project, "policy.cedar", FROZEN + "forbid (principal;\n")
    for word, code in (("test", "policy_broken"), ("prove", "policy_changed"), ("replay", "policy_changed")):
        said = project.cli("policy", word, "--json")
        assert (said.status, said.json.get("ok", False), said.json["error"]["code"]) == (1, False, code)
        assert said.json["error"]["remedy"]
        assert said.json["error"]["message"] in said.err
    assert ".workbench/policy.cedar:4" in project.cli("policy", "test", "--json").json["error"]["message"]
    wrong = write(project, "policy.examples.toml", EXAMPLES.replace("touch a", "ls"))
    write(project, "policy.cedar", FROZEN)
    failed = project.cli("policy", "test", "--json")
    assert (failed.status, failed.json["error"]["code"]) == (1, "policy_broken")
    assert f".workbench/{wrong.name}: frozen: match example 'ls' fails" in failed.json["error"]["message"]


@pytest.mark.long
def test_a_rule_without_an_example_is_named_when_it_is_tested_and_is_not_accepted(project: Project) -> None:
    write(project, "policy.cedar", FROZEN)
    tested = project.cli("policy", "test", "--json")
    assert (tested.status, tested.json["ok"]) == (1, False)
    assert tested.json["layers"] == [{"place": ".workbench", "tried": 0, "without_examples": ["frozen"]}]
    assert "frozen has no example that fails without it" in project.cli("policy", "test").text
    refused = project.cli("project", "accept-policy", str(project.repo))
    assert refused.status == 2
    assert ".workbench/policy.cedar:1: frozen has no example" in refused.err
    assert 'add to .workbench/policy.examples.toml under [frozen]: match = ["COMMAND"]' in refused.err
    assert project.run("touch a")["status"] == "succeeded"

    write(project, "policy.examples.toml", EXAMPLES)
    tested = project.cli("policy", "test", "--json")
    assert (tested.status, tested.json["ok"]) == (0, True)
    assert tested.json["layers"] == [{"place": ".workbench", "tried": 2, "without_examples": []}]
    assert project.cli("project", "accept-policy", str(project.repo)).status == 0


def test_every_acceptance_proves_the_invariants_and_shows_what_breaks_one(
    start: Start, tmp_path: Path
) -> None:
    bench = start()
    project = bench.add(make_repository(tmp_path / "repo"))
    # A project's rule can break one only where an organisation's already did: both are proved.
    loose = (
        '@id("operators") @risk("low") @reason("operators")\n'
        'permit (principal, action == Action::"approve", resource) when { context.role == "operator" };\n'
    )
    (bench.home / "policy.cedar").write_text(loose)
    write_frozen(project)
    refused = project.cli("project", "accept-policy", str(project.repo))
    assert refused.status != 0
    assert "breaks the invariant only-approvers-approve" in refused.err
    assert "for example where" in refused.err
    assert "role is operator" in refused.err
    held = project.run("ls")
    assert "role is operator" in held["steps"][0]["verdict"]["matched_rules"][0]["text"]
    assert held["steps"][0]["verdict"]["reason_codes"] == ["policy_broken"], "not in force, and opens nothing"
    (bench.home / "policy.cedar").unlink()
    assert project.cli("project", "accept-policy", str(project.repo)).status == 0
    write(project, "policy.cedar", loose)
    assert project.cli("project", "accept-policy", str(project.repo)).status != 0


def test_next_recommends_under_a_policy_that_cannot_be_used_and_says_why_it_cannot_run(
    project: Project,
) -> None:
    write_frozen(project)
    project.cli("project", "accept-policy", str(project.repo))
    for text, words in ((FROZEN + "// more\n", "was changed after it was accepted"),):
        write(project, "policy.cedar", text)
        said = project.cli("next", "--json")
        assert said.status == 0, said.err
        found = said.json["recommendation"]
        assert found["command"] == "make test"
        assert found["runnable"]["ok"] is False
        assert words in found["runnable"]["reasons"][0]
    assert "cannot run here: policy would deny it" in project.cli("next").text


def test_the_state_of_a_projects_policy_is_listed_and_the_remedy_names_its_folder(
    project: Project,
) -> None:
    def state() -> str:
        listed = project.cli("project", "list", "--json").json
        return str({found["project_id"]: found["policy"] for found in listed}[project.project_id])

    assert state() == "none"
    write_frozen(project)
    assert state() == "not_accepted"
    project.cli("project", "accept-policy", str(project.repo))
    assert state() == "accepted"
    write(project, "policy.cedar", FROZEN + "// more\n")
    assert state() == "changed"
    assert "changed" in project.cli("project", "list").text
    stopped = project.cli("run", "--", "ls")
    assert stopped.err.count("was changed after it was accepted") == 1
    assert f"workbench project accept-policy {project.repo}" in stopped.err


def test_an_approval_that_alone_gives_no_network_says_so_and_how_to_ask(
    served: Workbench, project: Project
) -> None:
    said = project.cli("run", "--", "curl -s https://example.org")
    assert said.status == 75
    assert said.err.count("--allow-host NAME") == 1
    (approval,) = project.pending()
    assert any("--allow-host NAME" in rule["text"] for rule in approval["matched_rules"])
    assert "--allow-host NAME" in served.run_of(approval["run_id"])["why"]
    named = project.run("curl -s https://example.org", allow_hosts=["example.org"])
    assert "--allow-host" not in named["why"]
    assert any(
        "can reach example.org" in rule["text"] for rule in named["steps"][0]["verdict"]["matched_rules"]
    )


def test_what_a_project_grants_to_its_code_is_told_with_the_verdict(
    served: Workbench, project: Project
) -> None:
    def told() -> str:
        verdict = project.run("make test")["steps"][0]["verdict"]
        assert verdict["verdict"] == "allow"
        return " ".join(rule["text"] for rule in verdict["matched_rules"])

    assert "without network" not in told()
    assert "can reach" not in told()
    served.add(project.repo, network_allowlist=["listed.invalid"])
    assert "can reach listed.invalid, as the project grants it" in told()


def test_a_rule_that_is_forgotten_while_its_twin_stays_does_not_promise_a_question(project: Project) -> None:
    held = project.run("kill -s CONT 1")
    for _ in range(2):
        assert project.cli("policy", "remember", held["run_id"], "--accept").status == 0
    listed = project.cli("policy", "remembered")
    assert "kill -s " in listed.text
    first, second = (rule["rule_id"] for rule in project.cli("policy", "remembered", "--json").json)
    said = project.cli("policy", "forget", first).text
    assert "still not asked about" in said
    assert second in said
    assert project.run("kill -s CONT 1 1")["status"] == "succeeded"
    assert "are asked about again" in project.cli("policy", "forget", second).text
    assert project.run("kill -s CONT 1 1 1")["status"] == "blocked"


def test_replay_names_the_file_that_was_given(project: Project) -> None:
    copied = project.repo / "copy.cedar"
    copied.write_text(FROZEN + "forbid (principal;\n")
    said = project.cli("policy", "replay", "--policy", str(copied))
    assert said.status != 0
    assert f"{copied}:4: is not Cedar" in said.err
    project.run("ls")
    copied.write_text(FROZEN)
    assert project.cli("policy", "replay", "--policy", str(copied)).text.startswith("1 verdict replayed")


def test_approving_while_the_kill_switch_is_on_says_what_will_happen(start: Start, tmp_path: Path) -> None:
    bench = start()
    project = bench.add(make_repository(tmp_path / "repo"))
    run = project.run("rm -rf build")
    bench.cli("kill", "--reason", "a bad day")
    (approval,) = project.pending()
    assert "The kill switch is on (a bad day" in approval["notice"]
    said = project.cli("approve", approval["approval_id"], "--reason", "it can be built again")
    assert "The kill switch is on" in said.err
    after = bench.wait(run["run_id"], lambda run: run["blocked_by"] == "kill_switch")
    assert after["status"] == "blocked"
    bench.cli("unkill", "--reason", "over")
    assert project.run("ls")["status"] == "succeeded"
    assert bench.run_of(run["run_id"])["status"] == "blocked", "it does not start by itself"


def test_json_of_a_broken_policy_is_one_document(project: Project) -> None:
    write(project, "policy.cedar", "forbid (principal;\n")
    assert json.loads(project.cli("policy", "test", "--json").out)["ok"] is False


@pytest.mark.parametrize(
    ("after", "code"), [(FROZEN + "// more\n", "policy_changed"), ("forbid (principal;\n", "policy_broken")]
)
def test_a_policy_that_cannot_be_used_denies_when_it_is_asked_about_a_command_as_it_does_when_one_is_to_run(
    start: Start, tmp_path: Path, after: str, code: str
) -> None:
    bench = start()
    project = bench.add(make_repository(tmp_path / "repo"))
    write_frozen(project)
    assert project.cli("project", "accept-policy", str(project.repo)).status == 0
    if code == "policy_broken":
        (bench.home / "policy.cedar").write_text(after)
    else:
        write(project, "policy.cedar", after)
    ran = project.run("ls")["steps"][0]["verdict"]
    assert (ran["verdict"], ran["reason_codes"]) == ("deny", [code])
    told = ("verdict", "risk_level", "reason_codes", "matched_rules", "policy_digest")

    checked = project.cli("policy", "check", "--json", "--", "ls")
    assert (checked.status, checked.err) == (11, "")
    assert [checked.json[name] for name in told] == [ran[name] for name in told]
    assert checked.json["commands"] == []

    lines = b'{"command": "ls"}\n{"command": 5}\n{"command": "rm -rf .", "cwd": "src"}\n'
    many = project.cli("policy", "check", "--stdin", "--json", stdin=lines)
    first, wrong, last = (json.loads(line) for line in many.text.splitlines())
    assert (first["reason_codes"], last["reason_codes"], list(wrong)) == ([code], [code], ["error"])

    explained = project.cli("policy", "explain", "--json", "--", "ls")
    assert (explained.status, explained.json["parts"]) == (11, [])
    assert [explained.json[name] for name in told] == [ran[name] for name in told]
    for word in ("check", "explain"):
        said = project.cli("policy", word, "--", "ls")
        assert (said.status, ran["matched_rules"][0]["text"] in said.text) == (11, True)
