"""Turns facts into a verdict by asking Cedar, where a forbid beats every permit.

Each set of facts is one question about `run`, and, where that is not allowed, one about
`run_with_approval`. The same facts give the same verdict, byte for byte: reasons and rules are sorted.
Cedar skips a rule that errs, and a skipped forbid would allow: so any error, and any answer that is neither
allow nor deny, denies. It reads no files and understands no commands.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import cedarpy

from workbench.model.verdict import Decision, MatchedRule, RiskLevel, Verdict
from workbench.policy.rules import APPROVE, ASK, RECALL, RUN, Rule

_DECISIONS = tuple(Decision)
_RISKS = tuple(RiskLevel)
_MOST_REMEMBERED = 4096
_SYNTAX = "syntax_"


class Refusal(StrEnum):
    """Reason codes of denials that no rule gives: the policy itself cannot be asked."""

    ENGINE_ERROR = "policy_engine_error"
    BROKEN = "policy_broken"
    CHANGED = "policy_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the rules say about one set of facts. `error` is why the engine could not say."""

    decision: Decision
    matched: tuple[Rule, ...]
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """Rules with the engine's handles, parsed once. `facts` are the names a request carries, all of them.

    `answered` keeps outcomes by facts for these rules alone; it is bounded and changes no answer.
    """

    rules: tuple[Rule, ...]
    facts: tuple[str, ...]
    policies: cedarpy.PolicySet
    schema: cedarpy.Schema
    entities: cedarpy.Entities
    answered: dict[frozenset[str], Outcome] = field(default_factory=dict, compare=False, repr=False)


def open_rules(rules: tuple[Rule, ...], *, schema_text: str, facts: tuple[str, ...]) -> RuleSet:
    """Returns the rules ready to be asked. They are taken as they are: reading them has checked them."""
    return RuleSet(
        rules=rules,
        facts=facts,
        policies=cedarpy.PolicySet.from_str("\n".join(rule.cedar for rule in rules)),
        schema=cedarpy.Schema.from_str(schema_text),
        entities=cedarpy.Entities.from_json_str("[]"),
    )


def evaluate(
    rules: RuleSet, *, calls: Iterable[frozenset[str]], script: frozenset[str], policy_digest: str
) -> Verdict:
    """Returns the verdict on a command from the labels of its calls and of the script as a whole."""
    # A text in which no call was found is asked about like a call that no rule speaks of.
    asked = [*calls] or [frozenset()]
    outcomes = decide_each(rules, [*asked, *([script] if script else [])])
    return combine(outcomes, policy_digest=policy_digest)


def combine(outcomes: Sequence[Outcome], *, policy_digest: str) -> Verdict:
    """Returns the strictest of these outcomes as one verdict."""
    if broken := sorted(outcome.error for outcome in outcomes if outcome.error):
        return refuse(Refusal.ENGINE_ERROR, f"The policy engine could not decide: {broken[0]}", policy_digest)
    verdict = max(_DECISIONS.index(outcome.decision) for outcome in outcomes)
    matched = {rule.rule_id: rule for outcome in outcomes for rule in outcome.matched}
    decided = {
        rule.reason for rule in matched.values() if rule.verdict and _DECISIONS.index(rule.verdict) == verdict
    }
    risk = max((_RISKS.index(rule.risk) for rule in matched.values()), default=len(_RISKS) - 1)
    return Verdict(
        verdict=_DECISIONS[verdict],
        risk_level=_RISKS[risk],
        reason_codes=tuple(sorted(decided or {"no_rule_matches"})),
        matched_rules=tuple(
            MatchedRule(rule_id=rule.rule_id, text=rule.text, source=rule.source, verdict=rule.verdict)
            for rule in sorted(matched.values(), key=strictest_first)
        ),
        policy_digest=policy_digest,
    )


def refuse(reason: Refusal, text: str, policy_digest: str) -> Verdict:
    """Returns the verdict for what cannot be judged: denied, at high risk, with the reason in words."""
    return Verdict(
        verdict=Decision.DENY,
        risk_level=RiskLevel.HIGH,
        reason_codes=(reason.value,),
        matched_rules=(
            MatchedRule(rule_id=reason.value.replace("_", "-"), text=text, verdict=Decision.DENY),
        ),
        policy_digest=policy_digest,
    )


def decide_each(rules: RuleSet, asked: Sequence[frozenset[str]]) -> list[Outcome]:
    """Returns what the rules say about each set of labels, in order, asking the engine once for all."""
    wanted = list(dict.fromkeys(_facts_of(labels) for labels in asked))
    fresh = [facts for facts in wanted if facts not in rules.answered]
    found = dict(zip(fresh, _ask(rules, fresh), strict=True)) if fresh else {}
    for facts, outcome in found.items():
        if len(rules.answered) >= _MOST_REMEMBERED:
            rules.answered.clear()
        rules.answered[facts] = outcome
    # What was just answered is read from `found`: another thread may have cleared the rest.
    return [
        found.get(facts) or rules.answered.get(facts) or _ask(rules, [facts])[0]
        for facts in map(_facts_of, asked)
    ]


def may_approve(
    rules: RuleSet, *, role: str, risk: str, is_own_request: bool, has_four_eyes: bool
) -> tuple[bool, str]:
    """Returns whether a person of this role may approve a request of this risk, and the deciding words.

    Nothing that the engine cannot answer is a yes.
    """
    context = {"role": role, "risk": risk, "own_request": is_own_request, "four_eyes": has_four_eyes}
    allowed, matched, error = _call(rules, APPROVE, [json.dumps(context)])[0]
    if error:
        return False, f"the policy engine could not decide: {error}"
    words = sorted(rule.text for rule in matched)
    return allowed, words[0] if words else f"no rule lets the role {role!r} approve a {risk}-risk request"


def strictest_first(rule: Rule) -> tuple[int, int, str]:
    """Orders rules so that the one that decided comes first, the same way every time."""
    verdict = -1 if rule.verdict is None else _DECISIONS.index(rule.verdict)
    return -verdict, -_RISKS.index(rule.risk), rule.rule_id


def _facts_of(labels: frozenset[str]) -> frozenset[str]:
    """Why a text is not strict is for people to read; that it is not is the fact."""
    if not any(label.startswith(_SYNTAX) for label in labels):
        return labels
    return frozenset(label for label in labels if not label.startswith(_SYNTAX)) | {"not_strict"}


def _ask(rules: RuleSet, asked: Sequence[frozenset[str]]) -> list[Outcome]:
    contexts = [
        json.dumps({**dict.fromkeys(rules.facts, False), **dict.fromkeys(facts, True)}) for facts in asked
    ]
    plain = _call(rules, RUN, contexts)
    held = [index for index, (allowed, _, error) in enumerate(plain) if not allowed and not error]
    approved = dict(zip(held, _call(rules, ASK, [contexts[index] for index in held]), strict=True))
    return [_outcome(answer, approved.get(index)) for index, answer in enumerate(plain)]


_Answer = tuple[bool, tuple[Rule, ...], str]


def _outcome(plain: _Answer, approved: _Answer | None) -> Outcome:
    allowed, matched, error = plain
    if allowed:
        return Outcome(decision=Decision.ALLOW, matched=matched)
    if error or approved is None:
        return Outcome(decision=Decision.DENY, matched=(), error=error or "no answer")
    may_ask, also, error = approved
    if error:
        return Outcome(decision=Decision.DENY, matched=(), error=error)
    if not may_ask:
        return Outcome(decision=Decision.DENY, matched=_each_once(matched + also))
    # The rule that merely opens the way to a question is named where no other rule speaks.
    speaking = tuple(rule for rule in also if not matched or not rule.is_fallback)
    return Outcome(decision=Decision.REQUIRES_APPROVAL, matched=_each_once(matched + speaking))


def _each_once(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    return tuple(sorted({rule.rule_id: rule for rule in rules}.values(), key=strictest_first))


def _call(rules: RuleSet, action: str, contexts: Sequence[str]) -> list[_Answer]:
    """Asks the engine about one action in each context: allowed, the rules that decided, and the error."""
    if not contexts:
        return []
    requests = [
        {
            "principal": {"type": "Requester", "id": "any"},
            "action": {"type": "Action", "id": action},
            "resource": {"type": "Workspace", "id": "here"},
            "context": context,
        }
        for context in contexts
    ]
    try:
        answers = cedarpy.is_authorized_batch(requests, rules.policies, rules.entities, rules.schema)
    except (ValueError, TypeError, RuntimeError) as problem:
        return [(False, (), str(problem) or type(problem).__name__)] * len(contexts)
    if len(answers) != len(contexts):
        return [(False, (), "an answer is missing")] * len(contexts)
    return [_read_answer(rules, answer) for answer in answers]


def _read_answer(rules: RuleSet, answer: cedarpy.AuthzResult) -> _Answer:
    if answer.diagnostics.errors or answer.decision is cedarpy.Decision.NoDecision:
        problems = sorted(str(problem) for problem in answer.diagnostics.errors)
        return False, (), problems[0] if problems else "no decision"
    matched = tuple(rules.rules[int(name.removeprefix("policy"))] for name in answer.diagnostics.reasons)
    return answer.decision is cedarpy.Decision.Allow, matched, ""


def ask_recall(rules: RuleSet, contexts: Sequence[str]) -> list[bool]:
    """Returns for each form (JSON) whether a remembered rule covers it; an error is a no."""
    return [allowed for allowed, _, _ in _call(rules, RECALL, contexts)]
