"""What is proved holds in the engine too; what is refuted comes with facts that the engine confirms."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import z3

from workbench.model.actor import Role
from workbench.model.layer import POSTURES
from workbench.model.verdict import Decision
from workbench.policy.evaluate import RuleSet, decide_each, may_approve
from workbench.policy.judge import Policy
from workbench.policy.layers import open_changed
from workbench.policy.load import load_policy
from workbench.policy.prove import INVARIANTS, Terms, allows, find_difference, find_impossible, prove
from workbench.policy.rules import APPROVE, ASK, RUN, read_rules

HEAD = '@id("extra") @risk("low") @reason("extra_reason")\n'
BOTH = '(principal, action in [Action::"run", Action::"run_with_approval"], resource)'


@pytest.mark.parametrize("posture", POSTURES)
def test_every_invariant_holds_for_the_shipped_rules(posture: str) -> None:
    findings = prove(load_policy(posture).ruleset.rules)
    assert len(findings) == len(INVARIANTS) > 10
    assert [finding.name for finding in findings if not finding.is_proved] == []


@pytest.mark.parametrize(("strict", "loose"), [("careful", "standard"), ("standard", "trusting")])
def test_what_a_stricter_posture_lets_run_unasked_a_looser_one_does_too(strict: str, loose: str) -> None:
    one, other = load_policy(strict).ruleset.rules, load_policy(loose).ruleset.rules
    for action in (RUN, ASK, APPROVE):
        assert find_difference(one, other, action) is None
    assert find_difference(other, one, RUN) is not None


@pytest.mark.parametrize(
    ("dropped", "invariant"),
    [
        ("ask-destructive", "irreversible-is-asked"),
        ("ask-write-outside", "writing-outside-is-asked"),
        ("ask-publish", "publishing-is-asked"),
        ("ask-network", "network-is-asked"),
        ("ask-read-secret", "secrets-are-asked"),
        ("ask-not-strict", "unknown-is-asked"),
        ("deny-write-outside-elsewhere", "writing-outside-never"),
        ("deny-privilege", "privilege-never"),
        ("deny-destroying-the-machine", "destruction-never"),
        ("deny-protected-files", "protected-never"),
        ("deny-forbidden-reads", "forbidden-reads-never"),
        ("four-eyes", "four-eyes"),
        ("ask-where-no-rule-matches", None),
    ],
)
def test_dropping_a_rule_refutes_its_invariant_with_facts_that_the_engine_confirms(
    dropped: str, invariant: str | None
) -> None:
    policy = load_policy()
    changed = open_changed(policy, tuple(rule for rule in policy.ruleset.rules if rule.rule_id != dropped))
    refuted = {finding.name: finding for finding in prove(changed.ruleset.rules) if not finding.is_proved}
    if invariant is None:
        assert refuted == {}
        return
    assert invariant in refuted
    facts = dict(refuted[invariant].counter_example)
    if invariant == "four-eyes":
        assert approves(changed.ruleset, str(facts["role"]), str(facts["risk"]), own=True, eyes=True)
    else:
        holding = frozenset(name for name, value in facts.items() if value is True)
        (outcome,) = decide_each(changed.ruleset, [holding])
        assert outcome.decision is not Decision.DENY
        if not invariant.endswith("-never"):
            assert outcome.decision is Decision.ALLOW


def test_a_permit_that_lets_operators_approve_is_refuted() -> None:
    policy = load_policy()
    (rule,) = read_rules(
        "x",
        HEAD
        + 'permit (principal, action == Action::"approve", resource) when { context.role == "operator" };',
    )
    findings = prove((*policy.ruleset.rules, rule))
    (refuted,) = [finding for finding in findings if not finding.is_proved]
    assert (refuted.name, refuted.counter_example["role"]) == ("only-approvers-approve", "operator")


def test_whatever_is_refuted_is_refuted_by_something_that_is_named() -> None:
    opened = read_rules("x", HEAD + f"permit {BOTH};\n")
    opened += read_rules(
        "y", HEAD.replace("extra", "more") + 'permit (principal, action == Action::"approve", resource);'
    )
    found = {finding.name: finding for finding in prove(opened)}
    refuted = {name for name, finding in found.items() if not finding.is_proved}
    assert refuted == {invariant.name for invariant in INVARIANTS} - {"asking-is-never-stricter"}
    for name in refuted:
        assert found[name].counter_example, name
        assert len(found[name].example_words) == len(found[name].counter_example)
    assert dict(found["unknown-is-asked"].counter_example) == {"understood": False}
    assert found["unknown-is-asked"].example_words == ("understood does not hold",)
    assert found["network-is-asked"].example_words == ("network holds", "remembered does not hold")
    assert found["four-eyes"].example_words == ("four_eyes holds", "own_request holds", "risk is high")
    assert found["asking-is-never-stricter"].example_words == ()
    # No file can hold such a rule; were there one, the example would name something all the same.
    only_run = replace(opened[0], actions=frozenset({RUN}))
    first = prove((only_run,))[0]
    assert (first.name, first.is_proved) == ("asking-is-never-stricter", False)
    assert first.example_words == ("understood does not hold",)


@pytest.mark.parametrize(
    ("condition", "can_hold"),
    [
        ("context.network && !context.network", False),
        ("context.reads && (context.writes || !context.reads) && !context.writes", False),
        ("false", False),
        ("context.reads && !context.writes", True),
        ("true", True),
    ],
)
def test_a_condition_that_can_never_hold_is_found(condition: str, can_hold: bool) -> None:
    (rule,) = read_rules("x", HEAD + f"forbid {BOTH} when {{ {condition} }};")
    assert (find_impossible(rule) is None) is can_hold


@pytest.mark.parametrize(
    ("condition", "can_hold"),
    [
        ('context.role == "approver" && context.risk == "high"', True),
        ('context.role == "approver" && context.role == "admin"', False),
        (" && ".join(f'context.role != "{role.value}"' for role in Role), False),
        ("context.role == context.risk", False),
        ("[context.role].contains(context.risk)", False),
        ('context.own_request && !["low", "medium", "high"].contains(context.risk)', False),
    ],
)
def test_a_role_is_one_of_four_and_a_risk_one_of_three(condition: str, can_hold: bool) -> None:
    about = 'forbid (principal, action == Action::"approve", resource)'
    (rule,) = read_rules("x", HEAD + f"{about} when {{ {condition} }};")
    assert (find_impossible(rule) is None) is can_hold


def test_prover_and_engine_agree_on_random_requests() -> None:
    for posture in POSTURES:
        assert disagreements(load_policy(posture), count=100, seed=1) == []


@pytest.mark.long
def test_prover_and_engine_agree_on_ten_thousand_random_requests() -> None:
    for number, posture in enumerate(POSTURES):
        assert disagreements(load_policy(posture), count=10_000, seed=number) == []


def disagreements(policy: Policy, *, count: int, seed: int) -> list[object]:
    """Random requests about running and about approving on which formula and engine differ."""
    chance = random.Random(seed)
    terms = Terms()
    rules = policy.ruleset.rules
    formulas = {action: allows(terms, rules, action) for action in (RUN, ASK, APPROVE)}
    found: list[object] = []
    asked = []
    for _ in range(count):
        share = chance.choice((0.01, 0.03, 0.1, 0.5))
        facts = {name for name in policy.ruleset.facts if chance.random() < share}
        asked.append(frozenset(facts | ({"understood"} if chance.random() < 0.8 else set())))
    for labels, outcome in zip(asked, decide_each(policy.ruleset, asked), strict=True):
        values = [(terms.fact(name), terms.truth(name in labels)) for name in policy.ruleset.facts]
        run, ask = (holds(formulas[action], values) for action in (RUN, ASK))
        wanted = Decision.ALLOW if run else Decision.REQUIRES_APPROVAL if ask else Decision.DENY
        if outcome.error or outcome.decision is not wanted:
            found.append((sorted(labels), outcome, wanted))
    for _ in range(max(20, count // 10)):
        role = chance.choice(("viewer", "operator", "approver", "admin", "other"))
        risk = chance.choice(("low", "medium", "high"))
        own, eyes = chance.random() < 0.5, chance.random() < 0.5
        values = [
            (terms.word("role"), terms.text(role)),
            (terms.word("risk"), terms.text(risk)),
            (terms.fact("own_request"), terms.truth(own)),
            (terms.fact("four_eyes"), terms.truth(eyes)),
        ]
        if approves(policy.ruleset, role, risk, own=own, eyes=eyes) is not holds(formulas[APPROVE], values):
            found.append((role, risk, own, eyes))
    return found


def holds(formula: object, values: list[tuple[object, object]]) -> bool:
    return bool(z3.is_true(z3.simplify(z3.substitute(formula, values))))


def approves(rules: RuleSet, role: str, risk: str, *, own: bool, eyes: bool) -> bool:
    return may_approve(rules, role=role, risk=risk, is_own_request=own, has_four_eyes=eyes)[0]


def test_the_words_of_an_invariant_claim_no_more_than_the_verdicts_hold() -> None:
    policy = load_policy()
    texts = {invariant.name: invariant.text for invariant in INVARIANTS}
    assert "overwrite" not in " ".join(texts.values()), (
        "writing over a file of the workspace is not asked about"
    )
    assert "nothing writes outside the workspace" in texts["outside-is-asked"].lower()
    for fact in ("writes_outside", "writes_unknown", "cwd_outside", "cwd_unknown", "executes_outside"):
        permit = f"{HEAD}permit {BOTH} when {{ context.{fact} }};"
        opened = tuple(
            rule for rule in policy.ruleset.rules if rule.effect == "permit" or RUN not in rule.actions
        )
        refuted = [f.name for f in prove((*opened, *read_rules("x", permit))) if not f.is_proved]
        assert "outside-is-asked" in refuted, fact
