"""Says what the network names of one run mean for its verdict: more than the project has is asked about.

Pure. It only makes a verdict stricter, so it opens nothing that policy closed; which names a project has is
for its admin to say, and which addresses a name may lead to for the proxy.
"""

from __future__ import annotations

from dataclasses import replace

from workbench.model.command import Command
from workbench.model.network import beyond
from workbench.model.project import Project
from workbench.model.verdict import Decision, Judgement, MatchedRule, RiskLevel

BEYOND_PROJECT = "network_beyond_project"

_DECISIONS, _RISKS = tuple(Decision), tuple(RiskLevel)


def ask_for_names(judgement: Judgement, command: Command, project: Project) -> Judgement:
    """Returns the judgement; one that asks for an approval when the run wants names beyond its project's."""
    names = beyond(command.allow_hosts, project.network_allowlist)
    if not names:
        return judgement
    verdict = judgement.verdict
    rule = MatchedRule(
        rule_id=BEYOND_PROJECT,
        text=f"This run asks for network names that the project does not have: {', '.join(names)}.",
        source="gate",
    )
    return replace(
        judgement,
        verdict=replace(
            verdict,
            verdict=max(verdict.verdict, Decision.REQUIRES_APPROVAL, key=_DECISIONS.index),
            risk_level=max(verdict.risk_level, RiskLevel.MEDIUM, key=_RISKS.index),
            reason_codes=(*verdict.reason_codes, BEYOND_PROJECT),
            matched_rules=(*verdict.matched_rules, rule),
        ),
    )
