"""The shipped data loads whole or not at all."""

from __future__ import annotations

from importlib import resources

import pytest

from workbench.policy.load import PolicyBroken, build_policy, load_policy

RULE = """
[[rule]]
id = "allow-all"
text = "All known programs."
verdict = "allow"
risk = "low"
reason = "known"
all = ["understood"]
match = ["known x"]
not_match = ["other x"]
"""
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


def test_the_digest_follows_every_byte_of_the_data() -> None:
    first = build_policy({"a.toml": PROGRAM}, RULE)
    assert build_policy({"a.toml": PROGRAM}, RULE).policy_digest == first.policy_digest
    assert build_policy({"a.toml": PROGRAM + "# x\n"}, RULE).policy_digest != first.policy_digest
    assert build_policy({"b.toml": PROGRAM}, RULE).policy_digest != first.policy_digest
    assert build_policy({"a.toml": PROGRAM}, RULE + "# x\n").policy_digest != first.policy_digest


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
        build_policy({"a.toml": program}, RULE)
    assert problem in caught.value.message
    assert "a.toml" in caught.value.remedy


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        (RULE.replace('"known x"', '"other x"'), "rules.toml: allow-all: match example 'other x' fails"),
        (
            RULE.replace('["other x"]', '["known y"]'),
            "rules.toml: allow-all: not_match example 'known y' fails",
        ),
        (RULE.replace('"allow"', '"maybe"'), "'maybe' is not a valid Decision"),
        (RULE.replace('risk = "low"\n', ""), "KeyError: 'risk'"),
        (RULE.replace('all = ["understood"]\n', ""), "needs a condition"),
        (RULE.replace('["other x"]', "[]"), "needs a condition, a match and a not_match example"),
        (RULE + RULE, "is listed twice"),
        (RULE + "when = 1\n", "unknown keys ['when']"),
        ("", "holds no rule"),
        ("[[rule\n", "is not TOML"),
    ],
)
def test_a_broken_rule_fails_the_load_and_is_named(rules: str, problem: str) -> None:
    with pytest.raises(PolicyBroken) as caught:
        build_policy({"a.toml": PROGRAM}, rules)
    assert problem in caught.value.message


def test_dropping_any_shipped_rule_but_its_own_examples_is_noticed_by_its_line() -> None:
    text = resources.files("workbench.policy").joinpath("rules.toml").read_text(encoding="utf-8")
    lines = text.splitlines()
    for rule in load_policy().rules:
        number = int(rule.source.removeprefix("rules.toml:"))
        assert lines[number - 1] == f'id = "{rule.rule_id}"'


def test_every_shipped_label_in_a_rule_is_one_that_something_gives() -> None:
    room = resources.files("workbench.policy")
    sources = [entry for entry in room.iterdir() if entry.name.endswith(".py")]
    sources += [entry for entry in room.joinpath("catalog").iterdir() if entry.name.endswith(".toml")]
    text = "\n".join(entry.read_text(encoding="utf-8") for entry in sources)
    text += " ".join(["unknown", "piped_network", "piped_decodes"])
    for rule in load_policy().rules:
        for label in rule.all_of | rule.any_of | rule.none_of:
            assert label in text, (rule.rule_id, label)
