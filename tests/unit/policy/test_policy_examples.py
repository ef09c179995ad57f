"""The examples hold, and there is none too few: without any one of the rules some example fails."""

from __future__ import annotations

import pytest

from workbench.model.layer import POSTURES
from workbench.policy.examples import read_examples, try_examples
from workbench.policy.judge import Policy
from workbench.policy.layers import open_changed
from workbench.policy.load import load_policy
from workbench.policy.rules import Rule

POLICIES = {posture: load_policy(posture, is_tried=False) for posture in POSTURES}


@pytest.mark.parametrize(
    ("posture", "rule"),
    [(posture, rule) for posture, policy in POLICIES.items() for rule in policy.ruleset.rules],
    ids=lambda value: value.rule_id if isinstance(value, Rule) else value,
)
def test_without_any_one_shipped_rule_an_example_fails(posture: str, rule: Rule) -> None:
    policy = POLICIES[posture]
    without = open_changed(policy, tuple(other for other in policy.ruleset.rules if other != rule))
    examples = read_examples("e", policy.shipped["examples.toml"])
    # Most rules are missed by their own examples already; only what they let pass needs the others.
    own = tuple(example for example in examples if example.rule_id == rule.rule_id)
    assert (
        try_examples(without, own, of=policy).failures or try_examples(without, examples, of=policy).failures
    )


@pytest.mark.parametrize("posture", POSTURES)
def test_all_examples_of_a_posture_hold_and_are_counted(posture: str) -> None:
    policy: Policy = POLICIES[posture]
    trial = try_examples(policy, read_examples("e", policy.shipped["examples.toml"]))
    assert trial.failures == ()
    assert trial.tried > 100
