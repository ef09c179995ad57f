"""Turns facts into a verdict: the strictest of all rules that match, and a question where none does.

Rules are data over labels, never over text. The same facts give the same verdict, byte for byte: reasons
and rules are sorted. This one function is the seam between understanding and deciding.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from workbench.model.verdict import Decision, MatchedRule, RiskLevel, Verdict

_DECISIONS = tuple(Decision)
_RISKS = tuple(RiskLevel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Matches a call whose labels hold all of `all_of`, one of `any_of` (if given) and none of `none_of`."""

    rule_id: str
    text: str
    source: str
    verdict: Decision
    risk: RiskLevel
    reason: str
    all_of: frozenset[str]
    any_of: frozenset[str]
    none_of: frozenset[str]
    example_connector: str = "local"
    match: tuple[str, ...] = ()
    not_match: tuple[str, ...] = ()

    def matches(self, labels: frozenset[str]) -> bool:
        """Returns whether this rule speaks about a call with these labels."""
        return (
            self.all_of <= labels
            and (not self.any_of or not self.any_of.isdisjoint(labels))
            and self.none_of.isdisjoint(labels)
        )


def evaluate(
    rules: tuple[Rule, ...], *, calls: Iterable[frozenset[str]], script: frozenset[str], policy_digest: str
) -> Verdict:
    """Returns the verdict on a command from the labels of its calls and of the script as a whole."""
    matched: dict[str, Rule] = {}
    unknown = False
    seen = False
    for labels in calls:
        seen = True
        found = [rule for rule in rules if rule.matches(labels)]
        unknown = unknown or not found
        matched.update((rule.rule_id, rule) for rule in found)
    if script:
        found = [rule for rule in rules if rule.matches(script)]
        unknown = unknown or not found
        matched.update((rule.rule_id, rule) for rule in found)
    unknown = unknown or not seen
    verdict = max((_DECISIONS.index(rule.verdict) for rule in matched.values()), default=0)
    risk = max((_RISKS.index(rule.risk) for rule in matched.values()), default=0)
    reasons = {rule.reason for rule in matched.values() if _DECISIONS.index(rule.verdict) == verdict}
    if unknown:
        verdict = max(verdict, _DECISIONS.index(Decision.REQUIRES_APPROVAL))
        risk = max(risk, _RISKS.index(RiskLevel.MEDIUM))
        reasons.add("no_rule_matches")
    return Verdict(
        verdict=_DECISIONS[verdict],
        risk_level=_RISKS[risk],
        reason_codes=tuple(sorted(reasons)),
        matched_rules=tuple(
            MatchedRule(rule_id=rule.rule_id, text=rule.text, source=rule.source)
            for rule in sorted(matched.values(), key=_strictest_first)
        ),
        policy_digest=policy_digest,
    )


def _strictest_first(rule: Rule) -> tuple[int, int, str]:
    """Orders rules so that the one that decided comes first, the same way every time."""
    return -_DECISIONS.index(rule.verdict), -_RISKS.index(rule.risk), rule.rule_id
