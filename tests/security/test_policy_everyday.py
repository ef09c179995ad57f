"""A developer's week of commands: how often the default posture asks or denies."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings

COMMANDS = [
    line
    for line in (Path(__file__).parent / "everyday_commands.txt").read_text().splitlines()
    if line and not line.startswith("# ")
]


def test_most_everyday_commands_run_without_a_question_and_hardly_any_is_denied() -> None:
    policy, surroundings = load_policy(), ExampleSurroundings()
    verdicts = Counter(
        judge(policy, text, cwd="/ws", workspace_root="/ws", surroundings=surroundings).verdict.verdict
        for text in COMMANDS
    )
    assert len(COMMANDS) >= 150
    assert verdicts[Decision.ALLOW] >= 0.75 * len(COMMANDS), verdicts
    assert verdicts[Decision.DENY] < 0.02 * len(COMMANDS), verdicts


def test_what_is_allowed_is_strict_and_runs_from_an_absolute_path() -> None:
    policy, surroundings = load_policy(), ExampleSurroundings()
    for text in COMMANDS:
        judgement = judge(policy, text, cwd="/ws", workspace_root="/ws", surroundings=surroundings)
        if judgement.verdict.verdict is Decision.ALLOW:
            assert judgement.parsed_strictly, text
            assert judgement.argv[0].startswith("/"), text
            assert judgement.verdict.matched_rules, text
