"""Whatever bytes are asked about, there is an answer: no crash, no hang, no 500, no allow of noise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from support.server import Project
from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy, propose
from workbench.policy.explain import explain
from workbench.policy.load import ExampleSurroundings
from workbench.policy.remember import NotRememberable

POLICY = load_policy(is_tried=False)
MANY = 4_000
PLACE = {"cwd": "/ws", "workspace_root": "/ws", "surroundings": ExampleSurroundings()}
TEXTS: Mapping[str, str] = {
    "open brackets": "(" * MANY,
    "open substitutions": "$(" * MANY,
    "substitutions in quotes": 'echo "' + '"$(' * MANY,
    "open conditions": "if a; then " * MANY,
    "open loops": "for a in b; do " * MANY,
    "open cases": "case a in b) " * MANY,
    "functions in functions": "f() { " * MANY,
    "arithmetic": "echo $((" + "(" * MANY,
    "expansions in expansions": "echo " + "${a:-" * MANY,
    "braces": "echo " + "{a,b}" * MANY,
    "one long word": "ls " + "a" * 200_000,
    "one long quoted word": "ls '" + "a" * 200_000 + "'",
    "one long path": "cat " + "a/" * MANY,
    "many parents": "cat " + "../" * MANY,
    "many words": "ls" + " a" * 100_000,
    "a huge here-document": "cat <<E\n" + "line\n" * 100_000 + "E\n",
    "many here-documents": "cat <<E\nx\nE\n" * MANY,
    "here-documents on one line": "cat" + " <<E" * MANY,
    "pipes": "a|" * MANY,
    "redirections": "a " + ">b " * MANY,
    "wrappers": "env " * MANY + "ls",
    "shells in shells": "sh -c " * MANY + "ls",
    "options": "git " + "-c a=b " * MANY,
    "folders": "cd a || cd b; " * MANY,
    "NUL": "ls \0 -l",
    "a lone surrogate": "ls \ud800",
    "backspaces": "ls\b\b\brm",
    "right to left": "ls \u202e fr- mr",
    "carriage returns": "ls\r\nrm -rf a\r",
    "nothing": "",
    "blank": " \n\t",
    "a byte order mark": "\ufeffls",
    "a pattern": "ls " + "*a" * MANY,
    "a program of sed": "sed '" + "s/a/b/;" * MANY + "'",
    "a program of awk": "awk '" + "{" * MANY + "'",
    "find that runs": "find . " + "-exec ls {} + " * MANY,
}
PIECES = st.sampled_from(
    [
        *("ls", "rm", "sudo ", "cd a", "if ", "do ", "case ", "[[", " ", "\n", ";", "|", "&&", ">", "=", "!"),
        *("$(", ")", "${", "((", "{", "}", "`", "'", '"', "\\", "<<E\n", "E\n", "~", "*", "#"),
        *("\0", "\ud800", "\x1b[2J", "é", "\u202e"),
    ]
)


def answers(text: str) -> Decision:
    found = judge(POLICY, text, **PLACE)  # type: ignore[arg-type]
    assert found == judge(POLICY, text, **PLACE)  # type: ignore[arg-type]
    assert found.verdict.reason_codes
    assert found.verdict.verdict is not Decision.ALLOW or found.parsed_strictly
    return found.verdict.verdict


@pytest.mark.parametrize("name", TEXTS)
def test_every_question_about_a_hostile_text_has_an_answer(name: str) -> None:
    text = TEXTS[name]
    verdict = answers(text)
    assert explain(POLICY, text, **PLACE).verdict.verdict is verdict  # type: ignore[arg-type]
    if verdict is not Decision.ALLOW:
        with pytest.raises(NotRememberable):
            propose(POLICY, text, **PLACE)  # type: ignore[arg-type]


@given(st.lists(PIECES, max_size=60).map("".join))
@settings(max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
def test_random_text_made_of_what_shells_know_has_an_answer(text: str) -> None:
    answers(text)


def test_the_command_line_answers_each_line_and_goes_on(project: Project) -> None:
    lines = [json.dumps({"command": text}).encode() for text in TEXTS.values()]
    lines += [
        b"\xff\xfe\x00",
        b"[" * 50_000,
        b'{"command": 1}',
        b'{"command"',
        b"null",
        b'{"command": "ls", "cwd": 7}',
    ]
    lines += [b'{"command": "ls", "cwd": "\\u0000"}', b'{"command": "ls", "cwd": "../.."}', b'"ls"', b"1e999"]
    said = project.cli(
        "policy", "check", "--stdin", "--json", stdin=b"\n".join([*lines, b'{"command": "ls"}', b""])
    )
    found = [json.loads(line) for line in said.out.decode().splitlines()]
    assert said.status == 0, said.err
    assert len(found) == len(lines) + 1
    assert all("verdict" in one or "error" in one for one in found)
    assert all("verdict" in one for one in found[: len(TEXTS)])
    assert all("error" in one for one in found[len(TEXTS) : -1])
    assert found[-1]["verdict"] == "allow"


def test_no_body_sent_to_the_judging_routes_is_answered_by_a_crash(project: Project) -> None:
    bodies = [
        json.dumps({"project_id": project.project_id, "command": text}).encode() for text in TEXTS.values()
    ]
    bodies += [
        json.dumps({"project_id": project.project_id, "command": "ls", "cwd": cwd}).encode()
        for cwd in ("\0", "../..", "a" * 5_000, "/" * 3_000, "\ud800")
    ]
    bodies += [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"null",
        b'"ls"',
        b"1e999",
        b"[]",
    ]
    for route in ("/api/policy/check", "/api/review"):
        for body in bodies:
            answer = project.bench.http.post(
                route, content=body, headers={"content-type": "application/json"}
            )
            assert answer.status_code < 500, (route, body[:80], answer.text[:500])
            assert answer.status_code == 200 or answer.json()["remedy"]
    assert project.run("ls")["status"] == "succeeded", "it serves on"


def test_a_repository_of_hostile_files_is_answered_over_the_api(project: Project) -> None:
    write(project.repo, {"Makefile": "%:\n\n" * 60_000, "pyproject.toml": "a." * 100_000 + "a=1"})
    write(project.repo, {"package.json": "[" * 200_000, ".cargo/config.toml": "x=" + "[" * 200_000})
    targets = " ".join(f"t{number}" for number in range(190))
    for command in (f"make {targets}", "uv run zz", "npm run zz", "cargo zz"):
        answer = project.bench.http.post(
            "/api/policy/check", json={"project_id": project.project_id, "command": command}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["verdict"] == "requires_approval", command


def write(root: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(text)
