"""The rule table answers its own examples, and always answers something."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.features.rules import Rule, load_rules
from workbench.features.situation import FACTS

RULES = load_rules().rules


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.rule_id)
def test_a_rule_answers_its_matches_and_none_of_its_non_matches(rule: Rule) -> None:
    table = load_rules()
    assert rule.match
    assert rule.not_match
    assert [table.answer(facts).rule_id for facts in rule.match] == [rule.rule_id] * len(rule.match)
    assert rule.rule_id not in [table.answer(facts).rule_id for facts in rule.not_match]


def test_ids_are_unique_and_every_word_in_the_table_is_a_known_one() -> None:
    table = load_rules()
    assert len({rule.rule_id for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.needs | rule.forbids | frozenset().union(*rule.match, *rule.not_match) <= FACTS
        assert rule.intent in {*table.intents, "nothing", "delegate"}
        assert rule.would_change
    forms = {"task", "slash", "prompt", "edit", "check", "test", "show"}
    assert all(set(intent.forms) <= forms and "show" in intent.forms for intent in table.intents.values())


@given(st.sets(st.sampled_from(sorted(FACTS))))
def test_any_set_of_facts_has_one_answer(facts: set[str]) -> None:
    assert load_rules().answer(facts) in RULES
