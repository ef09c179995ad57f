"""The shipped data loads whole or not at all."""

from __future__ import annotations

from importlib import resources

import pytest

from workbench.model.layer import POSTURES
from workbench.policy.broken import PolicyBroken
from workbench.policy.judge import Policy
from workbench.policy.load import build_policy, load_policy

RULE = """
@id("allow-all") @risk("low") @reason("known") @text("All known programs.")
permit (principal, action in [Action::"run", Action::"run_with_approval"], resource)
when { context.understood };
"""
ASK = """
@id("ask") @risk("medium") @reason("no_rule_matches")
permit (principal, action == Action::"run_with_approval", resource);
"""
EXAMPLES = """
[allow-all]
match = ["known x"]
not_match = ["other x"]
"""
SCHEMA = resources.files("workbench.policy").joinpath("facts.cedarschema").read_text(encoding="utf-8")
PROGRAM = """
[known]
[[known.form]]
options = "-a"
positionals = "text*"
match = ["known -a x"]
not_match = ["known -b x"]
"""


def test_the_shipped_policy_loads_and_holds_what_a_developer_uses() -> None:
    policy = load_policy()
    wanted = (
        "ls cat grep rg find sed awk sort git python pytest pip npm node make cargo go tar curl docker rm cp"
    )
    assert [name for name in wanted.split() if policy.catalog.find(name) is None] == []
    assert policy.policy_digest.startswith("sha256:")


def built(
    program: str = PROGRAM, rules: str = RULE, examples: str = EXAMPLES, file: str = "a.toml"
) -> Policy:
    """A small policy: every posture has the same few rules."""
    shipped = dict.fromkeys(("careful.cedar", "standard.cedar", "trusting.cedar", "questions.cedar"), "")
    shipped |= {"core.cedar": ASK, "standard.cedar": rules, "careful.cedar": rules}
    shipped |= {"examples.toml": examples, "facts.cedarschema": SCHEMA}
    return build_policy({file: program}, shipped)


def test_the_digest_follows_every_byte_of_the_data() -> None:
    first = built().policy_digest
    assert built().policy_digest == first
    changed = [
        built(program=PROGRAM + "# x\n"),
        built(file="b.toml"),
        built(rules=RULE + "// x\n"),
        built(examples=EXAMPLES + "# x\n"),
    ]
    assert first not in {policy.policy_digest for policy in changed}
    assert len({policy.policy_digest for policy in changed}) == len(changed)


def test_each_posture_has_a_digest_of_its_own() -> None:
    assert len({load_policy(posture).policy_digest for posture in POSTURES}) == 3


@pytest.mark.parametrize(
    ("program", "problem"),
    [
        (PROGRAM.replace("known -a x", "known -z x"), "a.toml: known: match example 'known -z x' fails"),
        (PROGRAM.replace("known -b x", "known -a y"), "a.toml: known: not_match example 'known -a y' fails"),
        (PROGRAM.replace("known -a x", "ls"), "a.toml: known: example 'ls' calls another program"),
        (
            PROGRAM.replace("known -a x", "known $x"),
            "a.toml: known: example 'known $x' is not one strict command",
        ),
        (PROGRAM.replace('match = ["known -a x"]', "match = []", 1), "has no match example"),
        (PROGRAM.replace('"-a"', '"-a=nokind"'), "option spec '-a=nokind'"),
        (PROGRAM.replace('"text*"', '"nokind*"'), "positional spec 'nokind*'"),
        (PROGRAM.replace("options", "optoins"), "unknown keys ['optoins']"),
        (PROGRAM + 'effects = ["flies"]\n', "unknown effects ['flies']"),
        (PROGRAM + 'style = "odd"\n', "style 'odd'"),
        ("[known]\n", "a.toml: known: has no form"),
        ("[known\n", "is not TOML"),
        (PROGRAM.replace("[known]", '[known]\naliases = ["known"]'), "known is listed twice"),
        (PROGRAM.replace("[known]", '[known]\notherwise = "nokind"'), "is no kind"),
    ],
)
def test_a_broken_program_fails_the_load_and_is_named(program: str, problem: str) -> None:
    with pytest.raises(PolicyBroken) as caught:
        built(program=program)
    assert problem in caught.value.message
    assert "a.toml" in caught.value.remedy


@pytest.mark.parametrize(
    ("rules", "examples", "problem"),
    [
        (RULE, EXAMPLES.replace("known x", "other x"), "allow-all: match example 'other x' fails"),
        (RULE, EXAMPLES.replace('["other x"]', '["known y"]'), "not_match example 'known y' fails"),
        (RULE, "", "standard.cedar:2: allow-all has no match example in examples.toml"),
        (
            RULE,
            EXAMPLES + "[no-rule]\nmatch = []\n[other]\nmatch = ['ls']",
            "examples.toml: other is no rule",
        ),
        (RULE, EXAMPLES + "when = 1\n", "examples.toml: allow-all: takes match"),
        (RULE, "[allow-all\n", "examples.toml: is not TOML"),
        (RULE + RULE, EXAMPLES, "standard.cedar:6: allow-all is listed twice"),
        (RULE + ASK, EXAMPLES, "standard.cedar:6: ask is listed already, in core.cedar:2"),
        (RULE.replace("understood", "understod"), EXAMPLES, "attribute `understod` in context"),
    ],
)
def test_a_broken_rule_fails_the_load_and_is_named(rules: str, examples: str, problem: str) -> None:
    with pytest.raises(PolicyBroken) as caught:
        built(rules=rules, examples=examples)
    assert problem in caught.value.message


def test_a_rule_stands_at_the_line_that_it_is_named_with() -> None:
    room = resources.files("workbench.policy").joinpath("postures")
    for posture in POSTURES:
        for rule in load_policy(posture).ruleset.rules:
            file, _, number = rule.source.partition(":")
            lines = room.joinpath(file).read_text(encoding="utf-8").splitlines()
            assert lines[int(number) - 1] == f'@id("{rule.rule_id}")'
