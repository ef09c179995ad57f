"""Asks features what is there and what comes next, with the gate's own verdict as the preview."""

from __future__ import annotations

import asyncio
from pathlib import Path

from workbench.engine.context import Context
from workbench.engine.look import look
from workbench.features import advise, discover
from workbench.model.actor import Actor
from workbench.model.admission import AdmissionRequest
from workbench.model.command import Command
from workbench.model.feature import Discovery
from workbench.model.project import Project
from workbench.model.recommendation import Advice
from workbench.model.verdict import Judgement


async def discover_project(context: Context, project: Project) -> Discovery:
    """Reads the project's documents; a second look at an unchanged repository is cheap."""
    return await asyncio.to_thread(discover, Path(project.workspace_root), cache_dir=context.feature_cache)


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

    return await asyncio.to_thread(
        advise,
        discovery,
        feature_id,
        program_path=surroundings.program_path,
        policy_preview=preview,
        connectors=tuple(context.connectors),
        measured=measured,
    )
