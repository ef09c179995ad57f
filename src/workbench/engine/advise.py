"""Asks features what is there and what comes next, with the gate's own verdict as the preview."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from workbench.connectors.machine import missing_module
from workbench.engine.context import Context
from workbench.engine.look import look
from workbench.features import advise, discover
from workbench.model.actor import Actor
from workbench.model.admission import AdmissionRequest
from workbench.model.command import Command
from workbench.model.errors import InvalidInput, NotFound
from workbench.model.feature import Discovery
from workbench.model.project import Project
from workbench.model.recommendation import Advice
from workbench.model.verdict import Judgement


async def discover_project(context: Context, project: Project) -> Discovery:
    """Reads the project's documents; a second look at an unchanged repository is cheap."""
    return await asyncio.to_thread(discover, Path(project.workspace_root), cache_dir=context.feature_cache)


async def check_link(
    context: Context,
    project: Project,
    *,
    actor: Actor,
    feature_id: str | None,
    rule_id: str | None,
    text: str,
) -> None:
    """Checks what a run says it is for, so that history and the rules' measured figures hold.

    Raises NotFound for an unknown feature, and InvalidInput for a rule unless the feature's advice of now
    is by that rule and proposes this command, outright or as an alternative.
    """
    if feature_id is None:
        if rule_id is not None:
            raise InvalidInput(
                f"rule {rule_id!r} recommends nothing without a feature", remedy="name the feature too"
            )
        return
    discovery = await discover_project(context, project)
    if feature_id not in {feature.feature_id for feature in discovery.features}:
        known = ", ".join(feature.feature_id for feature in discovery.features[:8]) or "none"
        raise NotFound(
            f"there is no feature {feature_id!r} in {project.name}",
            remedy=f"list them: workbench features (found: {known})",
        )
    if rule_id is None:
        return
    advice = await advise_project(context, project, discovery, actor=actor, feature_id=feature_id)
    found = advice[0].recommendation
    if found is None or found.rule_id != rule_id:
        now = "nothing" if found is None else f"by rule {found.rule_id}"
        raise InvalidInput(
            f"what is recommended for {feature_id} now is {now}, not by rule {rule_id!r}",
            remedy="look at the recommendation again, or run the command without naming a rule",
        )
    if text not in {found.command, *(other.command for other in found.alternatives)}:
        raise InvalidInput(
            f"rule {rule_id} does not recommend this command for {feature_id}",
            remedy="run what it recommends, or run this command without naming a rule",
        )


async def advise_project(
    context: Context, project: Project, discovery: Discovery, *, actor: Actor, feature_id: str | None = None
) -> list[Advice]:
    """Returns the advice for one feature, or for all, best first; raises NotFound for an unknown one."""
    snapshot = await look(context, project.project_id, connector=project.default_connector, actor=actor.name)
    measured = await context.ledger.for_project(project.project_id).rule_outcomes()
    surroundings = context.surroundings(project)

    def preview(text: str) -> Judgement:
        command = Command(source_text=text, cwd=project.workspace_root, connector=project.default_connector)
        request = AdmissionRequest(
            run_id="", step_id="", command=command, sandbox_profile=context.sandbox_profile
        )
        return context.admit(request, snapshot, surroundings=surroundings).judgement

    return await context.think(
        lambda: advise(
            discovery,
            feature_id,
            program_path=surroundings.program_path,
            policy_preview=preview,
            connectors=tuple(context.connectors),
            missing_module=modules_of(project),
            measured=measured,
            has_network=bool(project.network_allowlist),
            toolchains=project.toolchains,
        )
    )


def modules_of(project: Project | None) -> Callable[[str, str, str], str]:
    """Returns what says whether a Python module is missing in the project's default environment profile.

    Where that profile sets a variable of Python's own, nothing is claimed.
    """
    profiles = project.env_profiles if project else ()
    is_set = any(n.startswith("PYTHON") for p in profiles if p.name == "default" for n in p.variables)
    return (lambda interpreter, module, folder: "") if is_set else missing_module
