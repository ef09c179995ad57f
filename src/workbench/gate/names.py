"""Says what the network names of one run mean for its verdict: more than the project has is asked about.

Pure. It only makes a verdict stricter, so it opens nothing that policy closed; which names a project has is
for its admin to say, and which addresses a name may lead to for the proxy.
"""

from __future__ import annotations

from dataclasses import replace

from workbench.model.command import Command
from workbench.model.network import beyond, is_pattern, is_shared
from workbench.model.project import Project
from workbench.model.verdict import Decision, Judgement, MatchedRule, RiskLevel

BEYOND_PROJECT = "network_beyond_project"

_DECISIONS, _RISKS = tuple(Decision), tuple(RiskLevel)


def ask_for_names(judgement: Judgement, command: Command, project: Project) -> Judgement:
    """Returns the judgement; one that asks for an approval when the run wants names beyond its project's.

    The risk is at least medium, and high for a pattern: who will have the names below it, nobody can say.
    """
    names = beyond(command.allow_hosts, project.network_allowlist)
    if not names:
        return judgement
    verdict = judgement.verdict
    text = f"This run asks for network names that the project does not have: {', '.join(names)}."
    patterns = [name for name in names if is_pattern(name)]
    if patterns:
        text += f" Every name below {' and '.join(name[2:] for name in patterns)} could be reached."
    if shared := [name for name in patterns if is_shared(name)]:
        text += f" Anybody can have a name below {' and '.join(name[2:] for name in shared)}."
    rule = MatchedRule(rule_id=BEYOND_PROJECT, text=text, source="gate", verdict=Decision.REQUIRES_APPROVAL)
    least = RiskLevel.HIGH if patterns else RiskLevel.MEDIUM
    return replace(
        judgement,
        verdict=replace(
            verdict,
            verdict=max(verdict.verdict, Decision.REQUIRES_APPROVAL, key=_DECISIONS.index),
            risk_level=max(verdict.risk_level, least, key=_RISKS.index),
            reason_codes=(*verdict.reason_codes, BEYOND_PROJECT),
            matched_rules=(*verdict.matched_rules, rule),
        ),
    )
