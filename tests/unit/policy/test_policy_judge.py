"""One call from text to verdict, facts and argv."""

from __future__ import annotations

import posixpath
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.model.canonical import render_canonical
from workbench.model.verdict import CommandFacts, Decision, Effect, Judgement, RiskLevel
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings

POLICY = load_policy(is_tried=False)
BASH = ("/usr/bin/bash", "--norc", "--noprofile", "-p", "-c")


def judged(text: str, cwd: str = "/ws") -> Judgement:
    return judge(POLICY, text, cwd=cwd, workspace_root="/ws", surroundings=ExampleSurroundings())


def test_one_simple_program_runs_directly_by_its_absolute_path() -> None:
    assert judged("git log --oneline 'a b'").argv == ("/usr/bin/git", "log", "--oneline", "a b")


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        ("ls; pwd", "'ls' ; 'pwd'"),
        ("ls > x", "'ls' >'x'"),
        ("CI=1 pytest", "CI='1' 'pytest'"),
        ("echo hi", "'echo' 'hi'"),
        ("cd src && ls", "'cd' 'src' && 'ls'"),
    ],
)
def test_anything_more_runs_re_serialised_under_a_bare_bash(text: str, rendered: str) -> None:
    assert judged(text).argv == (*BASH, rendered)


def test_text_that_is_not_strict_would_run_as_it_stands_and_is_asked_about() -> None:
    judgement = judged("ls $x")
    assert judgement.argv == (*BASH, "ls $x")
    assert not judgement.parsed_strictly
    assert judgement.verdict.verdict is Decision.REQUIRES_APPROVAL


def test_facts_name_paths_effects_and_folder() -> None:
    assert judged("cd src && cp a.py ../b.py").commands[1] == CommandFacts(
        program="/usr/bin/cp",
        argv=("cp", "a.py", "../b.py"),
        cwd="/ws/src",
        reads=("/ws/src/a.py",),
        writes=("/ws/b.py",),
        effects=(Effect.READS, Effect.WRITES),
    )


@pytest.mark.parametrize(
    ("text", "folders"),
    [
        ("cd a && cat x", ["/ws/a/x"]),
        ("cd a; cat x", ["/ws/a/x", "/ws/x"]),
        ("cd a\ncat x", ["/ws/a/x", "/ws/x"]),
        ("ls || cd a && cat x", ["/ws/a/x", "/ws/x"]),
        ("cd a && cd b && cat x", ["/ws/a/b/x"]),
        ("cd a | cat x", ["/ws/x"]),
        ("cd a && bash -c 'cd b && cat x'", ["/ws/a/b/x"]),
        ("bash -c 'cd b' && cat x", ["/ws/x"]),
    ],
)
def test_a_folder_is_followed_as_far_as_it_is_sure(text: str, folders: list[str]) -> None:
    assert sorted(judged(text).commands[-1].reads) == folders


def test_the_verdict_names_its_rules_with_text_and_line() -> None:
    verdict = judged("git push origin HEAD").verdict
    assert (verdict.verdict, verdict.risk_level) == (Decision.REQUIRES_APPROVAL, RiskLevel.HIGH)
    assert verdict.reason_codes == ("network", "publishes")
    assert [rule.rule_id for rule in verdict.matched_rules] == ["ask-publish", "ask-network"]
    assert all(
        rule.text and re.fullmatch(r"questions.cedar:\d+", rule.source) for rule in verdict.matched_rules
    )


@pytest.mark.parametrize(
    ("text", "decision", "risk"),
    [
        ("ls", Decision.ALLOW, RiskLevel.LOW),
        ("pytest -q", Decision.ALLOW, RiskLevel.MEDIUM),
        ("mkdir x", Decision.ALLOW, RiskLevel.MEDIUM),
        ("frobnicate", Decision.REQUIRES_APPROVAL, RiskLevel.MEDIUM),
        ("rm -r x", Decision.REQUIRES_APPROVAL, RiskLevel.HIGH),
        ("sudo ls", Decision.DENY, RiskLevel.HIGH),
        ("ls && frobnicate", Decision.REQUIRES_APPROVAL, RiskLevel.MEDIUM),
        ("frobnicate && sudo ls", Decision.DENY, RiskLevel.HIGH),
    ],
)
def test_the_strictest_part_decides(text: str, decision: Decision, risk: RiskLevel) -> None:
    verdict = judged(text).verdict
    assert (verdict.verdict, verdict.risk_level) == (decision, risk)


def test_a_command_for_another_machine_is_asked_about() -> None:
    verdict = judge(
        POLICY, "ls", cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings(), connector="ssh"
    ).verdict
    assert verdict.verdict is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    "text", ["ls -la && cd x; rm y | sort > z", "echo $(sudo ls) | sh", "rm -rf / & f() { g; }"]
)
def test_the_same_command_gives_the_same_bytes(text: str) -> None:
    def flat(judgement: Judgement) -> bytes:
        verdict = judgement.verdict
        return render_canonical(
            [
                verdict.verdict,
                verdict.risk_level,
                verdict.reason_codes,
                [[rule.rule_id, rule.text, rule.source] for rule in verdict.matched_rules],
                verdict.policy_digest,
                [
                    [c.program, c.argv, c.cwd, c.reads, c.writes, c.network, c.effects]
                    for c in judgement.commands
                ],
                judgement.argv,
            ]
        )

    again = judge(load_policy(), text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings())
    assert flat(judged(text)) == flat(again)


NAMES = st.from_regex(r"[a-z][a-z0-9_-]{2,12}", fullmatch=True).filter(
    lambda name: POLICY.catalog.find(name) is None
)


@given(NAMES, st.lists(st.from_regex(r"[a-z0-9./=-]{1,10}", fullmatch=True), max_size=4))
@settings(deadline=None, max_examples=300, derandomize=True)
def test_an_unknown_program_is_never_allowed(name: str, words: list[str]) -> None:
    for prefix in ("", "ls && ", "env ", "timeout 5 ", "cd src && ", "ls | "):
        text = prefix + " ".join([name, *words])
        assert judged(text).verdict.verdict is not Decision.ALLOW, text


PROGRAMS = st.sampled_from(sorted(POLICY.catalog.programs))


@given(
    PROGRAMS, st.lists(st.from_regex(r"--?[a-z][a-z-]{0,12}(=x)?|[a-z./]{1,6}", fullmatch=True), max_size=4)
)
@settings(deadline=None, max_examples=500, derandomize=True)
def test_random_flags_of_known_programs_never_crash_and_allow_strict_text_alone(
    name: str, words: list[str]
) -> None:
    judgement = judged(" ".join([name, *words]))
    if judgement.verdict.verdict is Decision.ALLOW:
        assert judgement.parsed_strictly
        assert all(posixpath.isabs(path) for call in judgement.commands for path in call.writes)


@given(st.text(max_size=120))
@settings(deadline=None, max_examples=300, derandomize=True)
def test_no_text_crashes_the_judge(text: str) -> None:
    judgement = judged(text)
    assert judgement.parsed_strictly or judgement.verdict.verdict is not Decision.ALLOW


@given(st.lists(st.sampled_from(["ls", "rm", "-rf", "/", "$(", ")", "`", "|", "&&", "'", '"', "<<EOF\n", "bash", "-c", "find", "-exec", "xargs", "env", "sudo", "\\", "{", "}", "(", "~", "cd", "..", ";", "\n", "eval", "$X", ">", "x"]), max_size=25).map(" ".join))  # fmt: skip  # noqa: E501
@settings(deadline=None, max_examples=400, derandomize=True)
def test_shell_like_text_never_crashes_the_judge(text: str) -> None:
    judgement = judged(text)
    assert judgement.parsed_strictly or judgement.verdict.verdict is not Decision.ALLOW
