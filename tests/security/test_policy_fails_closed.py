"""Each way in which Cedar skips a rule, and would so let through what the rule forbids: here it denies."""

from __future__ import annotations

import cedarpy
import pytest

from workbench.model.verdict import Decision, RiskLevel, Verdict
from workbench.policy import judge, load_policy
from workbench.policy.evaluate import RuleSet, evaluate
from workbench.policy.load import ExampleSurroundings

ALLOW = "permit (principal, action, resource);\n"
FACTS = ("network", "understood")


def ruleset(policies: str, schema: str) -> RuleSet:
    """Rules that loading would refuse, put before the engine all the same."""
    return RuleSet(
        rules=(),
        facts=FACTS,
        policies=cedarpy.PolicySet.from_str(policies),
        schema=cedarpy.Schema.from_str(schema),
        entities=cedarpy.Entities.from_json_str("[]"),
    )


def schema(facts: str) -> str:
    return (
        "entity Requester in [Group]; entity Group; entity Workspace { open: Bool };"
        " action run, run_with_approval appliesTo"
        f" {{ principal: Requester, resource: Workspace, context: {{ {facts} }} }};"
    )


BOOLS = "network: Bool, understood: Bool"
SKIPPED = {
    "overflow": (
        "forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };",
        schema(BOOLS),
    ),
    "an attribute of an absent entity": (
        "forbid (principal, action, resource) when { resource.open };",
        schema(BOOLS),
    ),
    "an attribute that may be missing": (
        "forbid (principal, action, resource) when { context.gone };",
        schema(BOOLS + ", gone?: Bool"),
    ),
}


@pytest.mark.parametrize("case", SKIPPED)
def test_a_forbid_that_errs_denies_although_the_engine_skips_it(case: str) -> None:
    forbid, text = SKIPPED[case]
    rules = ruleset(ALLOW + forbid, text)
    assert is_allowed_by_engine_alone(rules), "the engine itself no longer lets it through"
    denied(evaluate(rules, calls=[frozenset({"network"})], script=frozenset(), policy_digest="d"))


def is_allowed_by_engine_alone(rules: RuleSet) -> bool:
    request = {
        "principal": 'Requester::"any"',
        "action": 'Action::"run"',
        "resource": 'Workspace::"here"',
        "context": {"network": True, "understood": False},
    }
    return cedarpy.is_authorized(request, rules.policies, rules.entities, rules.schema).allowed


def denied(verdict: Verdict) -> None:
    assert (verdict.verdict, verdict.risk_level) == (Decision.DENY, RiskLevel.HIGH)
    assert verdict.reason_codes == ("policy_engine_error",)


def test_a_request_that_lacks_a_fact_of_the_schema_is_denied() -> None:
    rules = ruleset(ALLOW, schema(BOOLS + ", one_more: Bool"))
    denied(evaluate(rules, calls=[frozenset({"network"})], script=frozenset(), policy_digest="d"))


def test_a_label_that_the_schema_does_not_know_is_denied_by_the_shipped_rules() -> None:
    policy = load_policy()
    labels = frozenset({"understood", "reads", "brand_new"})
    denied(evaluate(policy.ruleset, calls=[labels], script=frozenset(), policy_digest="d"))


def test_one_broken_call_among_many_denies_the_whole_command() -> None:
    policy = load_policy()
    calls = [frozenset({"understood", "reads"}), frozenset({"brand_new"})]
    denied(evaluate(policy.ruleset, calls=calls, script=frozenset(), policy_digest="d"))


def test_what_comes_before_an_error_is_no_help_and_what_comes_after_is_not_spoilt() -> None:
    policy = load_policy()
    evaluate(policy.ruleset, calls=[frozenset({"brand_new"})], script=frozenset(), policy_digest="d")
    judgement = judge(policy, "ls", cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings())
    assert judgement.verdict.verdict is Decision.ALLOW
