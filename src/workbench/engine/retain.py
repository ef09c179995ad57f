"""Removes the transcripts that a project keeps no longer, and holds those that must stay.

The ledger's word comes first: bytes go only when it is written that and why they go, and what it says of them
(digest, size, place in the chain) stays for ever. It removes nothing of a run that is held or has not ended.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from workbench.connectors.contract import ExternalRef, Keeper
from workbench.engine.context import ENGINE, Context
from workbench.ledger.move import HoldRun, LiftHold, Move, RemoveArtifact
from workbench.model.actor import Actor
from workbench.model.artifact import Artifact, ArtifactKind
from workbench.model.clock import render_time
from workbench.model.counted import render_count
from workbench.model.errors import ArchiveUnavailable, Conflict, Removed
from workbench.model.project import Project

log = structlog.get_logger()

_MOST_AT_ONCE: Final = 200


async def retain(context: Context) -> int:
    """Removes what is past the limits of its project, at most 200 of each; returns how many there were."""
    count = 0
    for project in await context.ledger.projects():
        if project.retention_days is None and project.retention_bytes is None:
            continue
        count += await _retain_project(context, project)
    return count


async def _retain_project(context: Context, project: Project) -> int:
    days = project.retention_days
    before = None if days is None else render_time(context.clock.now() - timedelta(days=days))
    past = await context.ledger.for_project(project.project_id).transcripts_past_limits(
        ended_before=before, most_bytes=project.retention_bytes, limit=_MOST_AT_ONCE
    )
    for artifact, is_old in past:
        if is_old:
            reason = f"retention: its run ended more than {render_count(days or 0, 'day')} ago"
        else:
            reason = f"retention: newer transcripts fill the {project.retention_bytes} bytes of the project"
        move = RemoveArtifact(artifact_id=artifact.artifact_id, reason=reason)
        try:
            await context.ledger.append(project.project_id, [move], actor=ENGINE.name, via=ENGINE.via)
        except Conflict as error:
            # Held meanwhile, or removed by another server.
            log.info("transcript stays", artifact_id=artifact.artifact_id, why=error.message)
            continue
        # Until it is through: a stop or a failure in between is made good by finish_removals.
        context.storing.has_leftovers, had_leftovers = True, context.storing.has_leftovers
        await context.search.remove(artifact)
        context.storing.has_leftovers = had_leftovers
        await remove_bytes(context, artifact)
    return len(past)


async def remove_bytes(context: Context, artifact: Artifact) -> None:
    """Removes the bytes of what the ledger calls removed; what cannot be now is tried again later."""
    external_run_id, _, name = artifact.uri.partition("#")
    if artifact.kind is not ArtifactKind.TRANSCRIPT or name != "transcript":
        return
    for connector_id, connector in context.connectors.items():
        if isinstance(connector, Keeper):
            ref = ExternalRef(connector_id=connector_id, external_run_id=external_run_id)
            try:
                await connector.remove_output(ref)
            except ArchiveUnavailable as error:
                context.storing.has_leftovers = True
                log.warning("removed transcript still lies there", ref=external_run_id, problem=error.message)


async def finish_removals(context: Context) -> None:
    """Removes the bytes that a stop, or a store that did not answer, left after the ledger's word."""
    for artifact in await context.ledger.removed_artifacts():
        await remove_bytes(context, artifact)
        await context.search.remove(artifact)


def require_there(artifacts: list[Artifact] | tuple[Artifact, ...], step_id: str) -> None:
    """Raises Removed where the transcript of a step was removed on purpose."""
    for artifact in artifacts:
        is_its = artifact.step_id == step_id and artifact.kind is ArtifactKind.TRANSCRIPT
        if is_its and artifact.removed_at is not None:
            raise Removed(
                f"the transcript was {say_removed(artifact)}",
                remedy="its digest and size stay in the ledger; workbench hold RUN keeps others from going",
            )


def say_removed(artifact: Artifact) -> str:
    """Returns the words for a removed artifact: when, and why."""
    return f"removed on {(artifact.removed_at or '')[:10]} by {artifact.removed_reason}"


async def hold_run(context: Context, *, project_id: str, run_id: str, actor: Actor, reason: str) -> None:
    """Keeps what a run left from retention until the hold is lifted."""
    await _append(context, project_id, HoldRun(run_id=run_id, reason=reason), actor)


async def lift_hold(context: Context, *, project_id: str, run_id: str, actor: Actor, reason: str) -> None:
    """Lets retention have the run again. Raises NotFound for one that is not held."""
    await _append(context, project_id, LiftHold(run_id=run_id, reason=reason), actor)


async def _append(context: Context, project_id: str, move: Move, actor: Actor) -> None:
    await context.ledger.append(project_id, [move], actor=actor.name, via=actor.via)
