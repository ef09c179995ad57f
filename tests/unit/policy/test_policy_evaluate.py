"""The strictest of all rules that match decides; none means ask."""

from __future__ import annotations

from workbench.model.verdict import Decision, MatchedRule, RiskLevel, Verdict
from workbench.policy.evaluate import Rule, evaluate


def rule(
    name: str, verdict: Decision, risk: RiskLevel, *, all_of: str = "", any_of: str = "", none_of: str = ""
) -> Rule:
    return Rule(
        rule_id=name,
        text=f"text of {name}",
        source="rules.toml:1",
        verdict=verdict,
        risk=risk,
        reason=f"reason_{name}",
        all_of=frozenset(all_of.split()),
        any_of=frozenset(any_of.split()),
        none_of=frozenset(none_of.split()),
    )


READ = rule("read", Decision.ALLOW, RiskLevel.LOW, all_of="reads", none_of="writes")
NET = rule("net", Decision.REQUIRES_APPROVAL, RiskLevel.MEDIUM, any_of="network publishes")
ROOT = rule("root", Decision.DENY, RiskLevel.HIGH, all_of="privilege")
RULES = (ROOT, READ, NET)


def verdict_on(*calls: str, script: str = "") -> Verdict:
    return evaluate(
        RULES,
        calls=[frozenset(labels.split()) for labels in calls],
        script=frozenset(script.split()),
        policy_digest="d",
    )


def test_one_matching_rule_gives_its_own_verdict() -> None:
    assert verdict_on("reads") == Verdict(
        verdict=Decision.ALLOW,
        risk_level=RiskLevel.LOW,
        reason_codes=("reason_read",),
        matched_rules=(MatchedRule(rule_id="read", text="text of read", source="rules.toml:1"),),
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
    assert "no_rule_matches" in verdict.reason_codes


def test_no_calls_at_all_is_asked_about() -> None:
    assert verdict_on().verdict is Decision.REQUIRES_APPROVAL


def test_labels_of_the_whole_script_count_too() -> None:
    assert verdict_on("reads", script="privilege").verdict is Decision.DENY
    assert verdict_on("reads", script="odd").verdict is Decision.REQUIRES_APPROVAL


def test_an_exception_in_a_rule_keeps_it_from_matching() -> None:
    assert verdict_on("reads writes").matched_rules == ()
