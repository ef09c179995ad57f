"""Says beside a verdict what the project grants mean for this run: the network it lacks, what it may reach.

Pure, and for people alone: it changes no verdict, no risk and no reason. Rules speak about a command's facts
and know no project; what this project gives to whatever runs is told beside them.
"""

from __future__ import annotations

from dataclasses import replace

from workbench.model.command import Command
from workbench.model.project import Project
from workbench.model.verdict import Decision, Effect, Judgement, MatchedRule

NO_NETWORK, GRANTS = "network_is_off", "project_grants"


def tell_grants(judgement: Judgement, command: Command, project: Project) -> Judgement:
    """Returns the judgement with a line about the grants, where they matter to what would run."""
    names = sorted({*project.network_allowlist, *command.allow_hosts})
    secrets = sorted(
        name
        for profile in project.env_profiles
        if profile.name == command.env_profile
        for name in profile.secrets
    )
    told: list[MatchedRule] = []
    if any(call.network for call in judgement.commands) and not names:
        if judgement.verdict.verdict is Decision.REQUIRES_APPROVAL:
            told.append(MatchedRule(rule_id=NO_NETWORK, text=_NO_NETWORK, source="gate"))
    elif names or secrets:
        runs_code = any(call.network or Effect.EXECUTES in call.effects for call in judgement.commands)
        if runs_code and judgement.verdict.verdict is not Decision.DENY:
            told.append(MatchedRule(rule_id=GRANTS, text=_describe(names, secrets), source="gate"))
    if not told:
        return judgement
    verdict = judgement.verdict
    return replace(judgement, verdict=replace(verdict, matched_rules=(*verdict.matched_rules, *told)))


_NO_NETWORK = (
    "The network is off: neither the project nor this run names a host, so even approved the command can "
    "reach nothing. Ask for it by name: --allow-host NAME."
)


def _describe(names: list[str], secrets: list[str]) -> str:
    parts = [f"can reach {', '.join(names)}"] if names else []
    if secrets:
        noun = "secret" if len(secrets) == 1 else "secrets"
        parts.append(f"is given the {noun} {', '.join(secrets)}")
    return f"What runs here {' and '.join(parts)}, as the project grants it."
