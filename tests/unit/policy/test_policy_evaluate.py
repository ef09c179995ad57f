"""Cedar decides, forbid wins, the strictest of all calls counts; what the engine cannot say is denied."""

from __future__ import annotations

from dataclasses import replace

import pytest

from workbench.model.canonical import render_canonical
from workbench.model.verdict import Decision, MatchedRule, RiskLevel, Verdict
from workbench.policy import evaluate as evaluating
from workbench.policy.evaluate import RuleSet, decide_each, evaluate, may_approve, open_rules
from workbench.policy.load import load_policy
from workbench.policy.rules import read_rules

SCHEMA = """
entity Requester, Workspace;
action run, run_with_approval appliesTo { principal: Requester, resource: Workspace, context: Facts };
action approve appliesTo { principal: Requester, resource: Workspace, context: { role: String } };
type Facts = {
  reads: Bool,
  writes: Bool,
  network: Bool,
  privilege: Bool,
  not_strict: Bool,
};
"""
FACTS = ("reads", "writes", "network", "privilege", "not_strict")
RULES = """
@id("root") @risk("high") @reason("reason_root") @text("text of root")
forbid (principal, action in [Action::"run", Action::"run_with_approval"], resource)
when { context.privilege };
@id("net") @risk("medium") @reason("reason_net") @text("text of net")
forbid (principal, action == Action::"run", resource) when { context.network };
@id("read") @risk("low") @reason("reason_read") @text("text of read")
permit (principal, action in [Action::"run", Action::"run_with_approval"], resource)
when { context.reads } unless { context.writes };
@id("ask") @risk("medium") @reason("no_rule_matches") @text("text of ask")
permit (principal, action == Action::"run_with_approval", resource);
"""


def opened(rules: str = RULES) -> RuleSet:
    return open_rules(read_rules("a.cedar", rules), schema_text=SCHEMA, facts=FACTS)


def verdict_on(*calls: str, script: str = "", rules: RuleSet | None = None) -> Verdict:
    return evaluate(
        rules or opened(),
        calls=[frozenset(labels.split()) for labels in calls],
        script=frozenset(script.split()),
        policy_digest="d",
    )


def test_one_matching_rule_gives_its_own_verdict() -> None:
    assert verdict_on("reads") == Verdict(
        verdict=Decision.ALLOW,
        risk_level=RiskLevel.LOW,
        reason_codes=("reason_read",),
        matched_rules=(
            MatchedRule(rule_id="read", text="text of read", source="a.cedar:7", verdict=Decision.ALLOW),
        ),
        policy_digest="d",
    )


def test_deny_beats_ask_beats_allow_in_any_order() -> None:
    assert verdict_on("reads", "network").verdict is Decision.REQUIRES_APPROVAL
    assert verdict_on("network", "reads privilege").verdict is Decision.DENY
    assert verdict_on("reads privilege", "network") == verdict_on("network", "reads privilege")
    assert verdict_on("reads network privilege").reason_codes == ("reason_root",)


def test_a_call_that_no_rule_speaks_about_is_asked_about_even_beside_an_allowed_one() -> None:
    verdict = verdict_on("reads", "writes")
    assert (verdict.verdict, verdict.risk_level) == (Decision.REQUIRES_APPROVAL, RiskLevel.MEDIUM)
    assert verdict.reason_codes == ("no_rule_matches",)


def test_no_calls_at_all_is_asked_about() -> None:
    assert verdict_on().verdict is Decision.REQUIRES_APPROVAL


def test_labels_of_the_whole_script_count_too() -> None:
    assert verdict_on("reads", script="privilege").verdict is Decision.DENY
    assert verdict_on("reads", script="not_strict").verdict is Decision.REQUIRES_APPROVAL


def test_an_exception_in_a_rule_keeps_it_from_matching() -> None:
    assert [rule.rule_id for rule in verdict_on("reads writes").matched_rules] == ["ask"]


def test_why_a_text_is_not_strict_counts_as_that_it_is_not() -> None:
    assert verdict_on("syntax_quotes reads") == verdict_on("not_strict reads")


def test_without_the_rule_that_opens_the_way_to_a_question_it_is_denied() -> None:
    verdict = verdict_on("writes", rules=opened(RULES.partition('@id("ask")')[0]))
    assert (verdict.verdict, verdict.risk_level) == (Decision.DENY, RiskLevel.HIGH)
    assert verdict.reason_codes == ("no_rule_matches",)


def test_the_same_facts_give_the_same_bytes_remembered_or_not() -> None:
    rules = opened()
    first = [render_canonical(vars_of(verdict_on("reads network privilege", rules=rules))) for _ in range(3)]
    again = render_canonical(vars_of(verdict_on("privilege network reads")))
    assert set(first) == {again}


def vars_of(verdict: Verdict) -> dict[str, object]:
    return {
        "verdict": verdict.verdict.value,
        "risk": verdict.risk_level.value,
        "reasons": list(verdict.reason_codes),
        "rules": [rule.rule_id for rule in verdict.matched_rules],
    }


def test_what_is_remembered_of_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "_MOST_REMEMBERED", 64)
    rules = replace(load_policy().ruleset, answered={})
    names = list(rules.facts)[:7]
    asked = [
        frozenset(name for place, name in enumerate(names) if number >> place & 1) for number in range(80)
    ]
    outcomes = decide_each(rules, asked)
    assert len(outcomes) == 80
    assert 0 < len(rules.answered) <= 64


@pytest.mark.parametrize(
    ("role", "own", "four_eyes", "allowed"),
    [
        ("approver", False, True, True),
        ("admin", True, False, True),
        ("admin", True, True, False),
        ("operator", False, False, False),
        ("", False, False, False),
    ],
)
def test_policy_says_which_role_may_approve(role: str, own: bool, four_eyes: bool, allowed: bool) -> None:
    rules = load_policy().ruleset
    answer, why = may_approve(rules, role=role, risk="high", is_own_request=own, has_four_eyes=four_eyes)
    assert answer is allowed
    assert why


def test_a_question_about_approving_that_the_engine_cannot_answer_is_a_no() -> None:
    answer, why = may_approve(opened(), role="admin", risk="high", is_own_request=False, has_four_eyes=False)
    assert not answer
    assert "policy engine" in why
