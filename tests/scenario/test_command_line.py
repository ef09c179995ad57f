"""The command line's own manners: projects by any name, times, lists, refusals."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.ground import make_repository
from support.long import later
from support.server import Project, Workbench


def test_a_project_is_named_by_id_name_or_folder(project: Project, served: Workbench) -> None:
    names = {p["project_id"]: p["name"] for p in served.get("/api/projects")}
    name = f"unique-{project.project_id}"
    served.post("/api/projects", {"path": str(project.repo), "name": name})
    assert names[project.project_id] != name
    for given in (project.project_id, name, str(project.repo), "."):
        made = project.cli("token", "create", "--role", "viewer", "--project", given, "--json")
        assert made.status == 0, made.err
        kept = next(t for t in served.get("/api/tokens") if t["token_id"] == made.json["token_id"])
        assert kept["project_id"] == project.project_id
    assert project.cli("secret", "set", "API_TOKEN", "--project", name, stdin=b"a long value").status == 0
    listed = project.cli("secret", "list", "--project", str(project.repo), "--json")
    assert [secret["name"] for secret in listed.json] == ["API_TOKEN"]


@pytest.mark.parametrize(
    "words",
    [
        ("token", "create", "--role", "viewer"),
        ("secret", "list"),
        ("switch", "list"),
        ("switch", "set", "execution.local", "off", "--reason", "r"),
        ("kill", "--reason", "r"),
    ],
)
def test_a_project_that_is_not_there_is_refused_everywhere(served: Workbench, words: tuple[str, ...]) -> None:
    said = served.cli(*words, "--project", "nosuch")
    assert (said.status, "workbench project list" in said.err) == (2, True)


def test_two_projects_of_one_name_are_told_apart_by_id(served: Workbench, tmp_path: Path) -> None:
    name = f"twin-{tmp_path.name}"
    twins = [served.add(make_repository(tmp_path / n), name=name).project_id for n in ("a", "b")]
    said = served.cli("secret", "list", "--project", name)
    assert said.status == 2
    assert all(project_id in said.err for project_id in twins)


def test_a_token_that_expires_takes_a_duration_and_refuses_what_is_no_time(served: Workbench) -> None:
    made = served.cli("token", "create", "--role", "viewer", "--expires", "12h", "--json").json
    kept = next(t for t in served.get("/api/tokens") if t["token_id"] == made["token_id"])
    assert kept["expires_at"] > kept["created_at"]
    for odd in ("tomorrow", "2020-01-01T00:00:00Z", "2999-01-01"):
        said = served.cli("token", "create", "--role", "viewer", "--expires", odd)
        assert (said.status, "what to do" in said.err) == (2, True), odd


def test_a_switch_with_a_time_shows_it_and_a_past_one_is_refused(project: Project) -> None:
    words = ("--project", project.project_id)
    put = (
        "switch",
        "set",
        "execution.local",
        "canary",
        "--people",
        "ann",
        "--override",
        "--reason",
        "a trial",
        *words,
    )
    assert project.cli(*put, "--until", "yesterday").status == 2
    assert project.cli(*put, "--until", "2020-01-01T00:00:00Z").status == 2
    assert project.cli(*put, "--until", "30m").status == 0
    listed = project.cli("switch", "list", *words, "--json").json
    (switch,) = [s for s in listed if s["name"] == "execution.local"]
    assert (switch["state"], switch["effective_state"]) == ("canary", "canary")
    assert switch["until"] in project.cli("switch", "list", *words).text


@pytest.mark.parametrize(
    ("path", "query", "allowed"),
    [
        ("/api/runs", {"status": "nosuch"}, "queued"),
        ("/api/runs", {"cursor": "garbage"}, "run_"),
        ("/api/approvals", {"status": "foo"}, "pending"),
        ("/api/approvals", {"cursor": "garbage"}, "X-Next-Cursor"),
    ],
)
def test_a_list_refuses_a_word_it_does_not_know_and_says_which_it_does(
    served: Workbench, path: str, query: dict[str, Any], allowed: str
) -> None:
    answer = served.http.get(path, params=query)
    assert answer.status_code == 422
    assert allowed in answer.json()["remedy"]


def test_runs_of_a_status_that_is_none_exit_2(project: Project) -> None:
    said = project.cli("runs", "--status", "nosuch")
    assert (said.status, "succeeded" in said.err) == (2, True)


def test_a_working_directory_that_is_not_there_is_refused_before_anything_is_made(
    project: Project, served: Workbench
) -> None:
    for cwd in ("nosuch", str(project.repo / "Makefile")):
        body = {"project_id": project.project_id, "command": "ls", "cwd": cwd}
        for path in ("/api/runs", "/api/review", "/api/policy/check"):
            answer = served.http.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert served.get("/api/runs", project_id=project.project_id) == []


def test_nothing_is_told_about_which_folders_exist_outside_the_workspace(
    project: Project, served: Workbench
) -> None:
    answers = []
    for cwd in (str(project.repo.parent), str(project.repo.parent / "nosuch")):
        body = {"project_id": project.project_id, "command": "ls", "cwd": cwd}
        answer = served.http.post("/api/review", json=body)
        answers.append((answer.status_code, answer.json()["admission"]))
    assert answers == [(200, "blocked")] * 2


@pytest.mark.parametrize(
    "words", [("--env-profile", "nosuch"), ("--connector", "nosuch"), ("--cwd", "/"), ("--cwd", "../..")]
)
def test_a_policy_check_about_what_cannot_be_is_refused_not_judged(
    project: Project, words: tuple[str, str]
) -> None:
    said = project.cli("policy", "check", *words, "--json", "--", "ls")
    assert (said.status, said.out) == (2, b"")
    assert "what to do" in said.err


def test_a_policy_check_knows_the_projects_own_profiles(project: Project) -> None:
    assert project.cli("project", "env", "ci", "--variable", "CI=1").status == 0
    assert project.cli("policy", "check", "--env-profile", "ci", "--", "ls").status == 0


def test_a_line_about_a_folder_outside_gets_an_error_and_the_next_one_its_verdict(project: Project) -> None:
    lines = b'{"command": "ls", "cwd": "/etc"}\n{"command": "ls"}\n'
    said = project.cli("policy", "check", "--stdin", "--json", stdin=lines)
    first, second = said.text.splitlines()
    assert "outside" in first
    assert '"verdict"' in second
    # All lines are answered: that is success, and how many got no verdict is said beside them.
    assert (said.status, said.err) == (0, "1 line could not be judged: see each one's error\n")
    assert project.cli("policy", "check", "--stdin", "--json", stdin=b'{"command": "ls"}\n').err == ""


def test_a_batch_is_answered_as_its_lines_are_one_by_one(project: Project) -> None:
    """Many at once are divided among processes: the bytes and their order are those of few at once."""
    lines = [b'{"command": "ls src%d; rm -rf d%d"}\n' % (number, number) for number in range(300)]
    lines[120] = b"no JSON\n"
    check = ("policy", "check", "--stdin", "--json")
    whole = project.cli(*check, stdin=b"".join(lines))
    pieces = [project.cli(*check, stdin=b"".join(lines[start : start + 100])) for start in (0, 100, 200)]
    assert whole.out == b"".join(piece.out for piece in pieces)
    assert len(whole.out.splitlines()) == 300
    assert "1 line could not be judged" in whole.err


def test_two_forms_of_a_log_at_once_are_refused(served: Workbench) -> None:
    assert served.cli("logs", "run_x", "--raw", "--text").status == 2


def test_a_connector_is_checked_as_one_json_object(served: Workbench) -> None:
    said = served.cli("connectors", "check", "local", "--json")
    assert (said.status, said.json["connector_id"], said.json["is_ready"]) == (0, "local", True)


def test_a_missing_reason_is_refused_before_the_notice_and_a_denial_has_none(project: Project) -> None:
    run = project.run("rm -rf build")
    (approval,) = run["approvals"]
    for decision in ("approve", "deny"):
        said = project.cli(decision, approval["approval_id"])
        assert (said.status, "self-approval" in said.err) == (2, False)
        assert "--reason" in said.err
    said = project.cli("deny", approval["approval_id"], "--reason", "no")
    assert (said.status, "self-approval" in said.err) == (0, False)


def test_status_says_which_kill_switch_is_on(own: Project, bench: Workbench) -> None:
    assert bench.cli("status", "--json").json["kills"] == []
    assert own.cli("kill", "--project", str(own.repo), "--reason", "too hot").status == 0
    text = bench.cli("status").text
    assert "KILL SWITCH ON" in text
    assert "too hot" in text


def test_doctor_tells_of_programs_port_keys_and_agents(served: Workbench, tmp_path: Path) -> None:
    agent = tmp_path / "bin" / "codex"
    agent.parent.mkdir()
    agent.write_text("#!/bin/sh\n")
    agent.chmod(0o755)
    path = f"{agent.parent}{os.pathsep}{os.environ['PATH']}"
    said = served.cli("doctor", "--json", settings={"PATH": path})
    found = {check["name"]: check for check in said.json}
    for name in ("bubblewrap", "git", "node", "port", "keys", "agents"):
        assert found[name]["ok"], found[name]
    assert "git version" in found["git"]["detail"]
    assert str(agent) in found["agents"]["detail"]
    assert "this home's server" in found["port"]["detail"]


def test_doctor_fails_for_a_key_that_others_can_read(bench: Workbench, own: Project) -> None:
    bench.post("/api/secrets", {"project_id": own.project_id, "name": "API_TOKEN", "value": "a long value"})
    (key,) = bench.home.glob("*/master.key")
    key.chmod(0o644)
    said = bench.cli("doctor", "--json")
    (check,) = [check for check in said.json if check["name"] == "keys"]
    assert (said.status, check["ok"]) == (1, False)
    assert "chmod 600" in check["remedy"]


@pytest.mark.parametrize(
    "words", [["run", "--"], ["logs"], later(["logs", "--follow"]), later(["logs", "--text"])]
)
def test_a_reader_that_has_seen_enough_ends_the_command_and_the_run_goes_on(
    own: Project, words: list[str]
) -> None:
    many = "seq 1 200000"
    words = [*words, many] if words[0] == "run" else [*words, own.run(many)["run_id"]]
    with subprocess.Popen(
        [sys.executable, "-m", "workbench", *words],
        env=own.bench.environment,
        cwd=own.repo,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as shown:
        assert shown.stdout is not None
        assert shown.stdout.readline() == b"1\n"
        shown.stdout.close()
        assert shown.stderr is not None
        said = shown.stderr.read().decode()
        assert shown.wait(timeout=60) == 141, said
    assert "Traceback" not in said
    (run,) = own.bench.get("/api/runs", project_id=own.project_id)
    if words[0] == "run":
        assert f"workbench show {run['run_id']}" in said
    assert own.bench.wait(run["run_id"])["status"] == "succeeded"


def test_output_that_has_no_room_is_said_to_and_the_run_goes_on(own: Project) -> None:
    command = own.script("go.sh", "echo a; sleep 0.2; echo b; exit 3")
    for words in (["run", "--", command], ["logs"], ["runs"]):
        asked = words
        if words == ["logs"]:
            (run,) = own.bench.get("/api/runs", project_id=own.project_id)
            assert own.bench.wait(run["run_id"])["exit_code"] == 3
            asked = ["logs", run["run_id"]]
        with open("/dev/full", "wb") as full:
            done = subprocess.run(
                [sys.executable, "-m", "workbench", *asked],
                env=own.bench.environment,
                cwd=own.repo,
                stdin=subprocess.DEVNULL,
                stdout=full,
                stderr=subprocess.PIPE,
                timeout=60,
            )
        said = done.stderr.decode()
        assert done.returncode != 0
        assert "No space left" in said
        assert "Traceback" not in said


@pytest.mark.parametrize("closed", [later(0), 1, 2])
def test_a_closed_standard_stream_is_as_good_as_none(own: Project, closed: int) -> None:
    command = own.script("go.sh", "echo a; echo b >&2; exit 3")
    close = f'exec {closed}{"<" if closed == 0 else ">"}&-; exec "$@"'
    for words, status in ((["run", "--", command], 3), (["runs"], 0), (["--version"], 0)):
        done = subprocess.run(
            ["sh", "-c", close, "sh", sys.executable, "-m", "workbench", *words],
            env=own.bench.environment,
            cwd=own.repo,
            capture_output=True,
            timeout=60,
        )
        assert (done.returncode, b"Traceback" in done.stderr) == (status, False), done.stderr
    (run,) = own.bench.get("/api/runs", project_id=own.project_id)
    assert run["exit_code"] == 3
