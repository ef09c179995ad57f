"""Policy checks, reviews, runs and their transcripts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import StreamingResponse

from workbench.api import wire, wire_decide, wire_house
from workbench.api.house import (
    ActorIn,
    House,
    HouseIn,
    OneOrAllProjects,
    policy_in_force,
    project_of_run,
    require_project,
)
from workbench.api.render import (
    env_profile_out,
    run_detail_out,
    run_out,
    self_approval_notice,
    verdict_fields,
)
from workbench.connectors.contract import Span
from workbench.engine.advise import check_link
from workbench.engine.attend import input_wanted
from workbench.engine.cancel import cancel
from workbench.engine.elsewhere import require_output
from workbench.engine.follow import output_ref
from workbench.engine.preview import preview
from workbench.engine.reconcile import refresh
from workbench.engine.recorded import is_preview, show_preview
from workbench.engine.resume import resume
from workbench.engine.retain import hold_run, lift_hold, require_there, say_removed
from workbench.engine.stand import Onlooker
from workbench.engine.submit import Review, retry, review, submit
from workbench.gate import render_visible
from workbench.model.actor import Actor
from workbench.model.artifact import Artifact, ArtifactKind
from workbench.model.clock import render_time
from workbench.model.command import Command
from workbench.model.errors import NotFound
from workbench.model.network import render_reach
from workbench.model.place import Place
from workbench.model.run import Run
from workbench.model.statuses import BlockedBy, RunStatus, TerminalMode
from workbench.secrets.scope import find_profile

router = APIRouter()

Position = Annotated[int, Query(ge=0, le=2**63 - 1)]
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


def command_of(body: wire.CommandIn, *, rows: int = 24, columns: int = 80) -> Command:
    """Returns the model's command that a request asks for."""
    return Command(
        source_text=body.command,
        cwd=body.cwd,
        env_profile=body.env_profile,
        connector=body.connector,
        mode=TerminalMode(body.mode),
        timeout_seconds=body.timeout_seconds,
        idle_timeout_seconds=body.idle_timeout_seconds,
        rows=rows,
        columns=columns,
        allow_hosts=tuple(body.allow_hosts),
    )


@router.post("/api/policy/check")
async def check_policy(body: wire.CheckIn, house: HouseIn, actor: ActorIn) -> wire.VerdictOut:
    seen = await _review(body, house, actor)
    return wire.VerdictOut(**verdict_fields(seen.admission.judgement))


@router.post("/api/review")
async def review_command(body: wire.CheckIn, house: HouseIn, actor: ActorIn) -> wire.ReviewOut:
    seen = await _review(body, house, actor)
    admission = seen.admission
    if admission.is_admitted:
        answer: Literal["run", "ask", "blocked"] = "run"
    else:
        answer = "ask" if admission.blocked_by is BlockedBy.APPROVAL else "blocked"
    verdict = admission.judgement.verdict
    return wire.ReviewOut(
        **verdict_fields(admission.judgement),
        command_visible=render_visible(seen.command.source_text),
        cwd=seen.command.cwd,
        env_profile=env_profile_out(find_profile(seen.project, seen.command.env_profile)),
        connector=seen.command.connector,
        network=render_reach(seen.project.network_allowlist, seen.command.allow_hosts),
        sandbox_profile=house.context.sandbox_profile,
        executes=list(admission.argv),
        subject_digest=admission.subject_digest,
        admission=answer,
        admission_reason=admission.reason,
        self_approval_notice=self_approval_notice(verdict.risk_level, seen.project)
        if answer == "ask"
        else "",
    )


async def _review(body: wire.CheckIn, house: House, actor: Actor) -> Review:
    require_project(actor, body.project_id)
    return await review(house.context, project_id=body.project_id, command=command_of(body), actor=actor)


@router.get("/api/runs")
async def list_runs(
    response: Response,
    house: HouseIn,
    project_id: OneOrAllProjects,
    actor: ActorIn,
    status: RunStatus | None = None,
    feature_id: Annotated[str | None, Query(max_length=500)] = None,
    q: Annotated[str | None, Query(max_length=500)] = None,
    cursor: Annotated[str | None, Query(pattern=r"^run_[0-9a-z]{1,60}$")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> list[wire.RunOut]:
    """Newest first; the cursor is the id of a page's last one.

    Without a project, the runs of all that the token reaches.
    """
    page = await house.context.ledger.runs(
        project_id, status=status, feature_id=feature_id, text=q, before=cursor, limit=limit
    )
    if page.next_before is not None:
        response.headers["X-Next-Cursor"] = page.next_before
    held = [run for run, _ in page.runs if run.blocked_by is BlockedBy.APPROVAL]
    pending = await house.context.ledger.approvals_of([run.run_id for run in held]) if held else {}
    onlooker = Onlooker(house.context)
    shown = []
    for run, steps in page.runs:
        end = page.ends.get(run.run_id)
        told = run_out(run, steps, actor, end)
        told.why = await onlooker.say_why(run, steps, pending.get(run.run_id, ()), end)
        shown.append(told)
    return shown


@router.post("/api/runs", status_code=201)
async def create_run(
    body: wire.RunIn, house: HouseIn, actor: ActorIn, idempotency_key: Key = None
) -> wire.RunDetailOut:
    """Asks for a run. A feature it names must be there, and a rule must recommend this very command now."""
    require_project(actor, body.project_id)
    await _check_link(house, actor, body, idempotency_key)
    run = await submit(
        house.context,
        project_id=body.project_id,
        command=command_of(body, rows=body.rows, columns=body.columns),
        actor=actor,
        feature_id=body.feature_id,
        recommendation_rule_id=body.recommendation_rule_id,
        idempotency_key=idempotency_key,
        place=Place(pool=body.pool, priority=body.priority),
    )
    return await show(house, actor, run)


async def _check_link(house: House, actor: Actor, body: wire.RunIn, idempotency_key: str | None) -> None:
    if body.feature_id is None and body.recommendation_rule_id is None:
        return
    ledger = house.context.ledger
    project = await ledger.project(body.project_id)
    reads = ledger.for_project(project.project_id)
    if idempotency_key is not None and await reads.run_by_idempotency_key(idempotency_key) is not None:
        # A repeat of what was made already is answered with it, whatever the documents say by now.
        return
    await check_link(
        house.context,
        project,
        actor=actor,
        feature_id=body.feature_id,
        rule_id=body.recommendation_rule_id,
        text=body.command,
    )


@router.get("/api/runs/{run_id}")
async def get_run(run_id: str, house: HouseIn, actor: ActorIn) -> wire.RunDetailOut:
    project_id = await project_of_run(house, actor, run_id)
    return await show(house, actor, await house.context.ledger.for_project(project_id).run(run_id))


@router.post("/api/runs/{run_id}/cancel")
async def cancel_run(run_id: str, body: wire.ReasonIn, house: HouseIn, actor: ActorIn) -> wire.RunDetailOut:
    project_id = await project_of_run(house, actor, run_id)
    run = await cancel(house.context, project_id=project_id, run_id=run_id, actor=actor, reason=body.reason)
    return await show(house, actor, run)


@router.post("/api/runs/{run_id}/retry", status_code=201)
async def retry_run(run_id: str, body: wire.RetryIn, house: HouseIn, actor: ActorIn) -> wire.RunDetailOut:
    project_id = await project_of_run(house, actor, run_id)
    run = await retry(
        house.context,
        project_id=project_id,
        run_id=run_id,
        actor=actor,
        is_acknowledged=body.acknowledge,
        allow_hosts=tuple(body.allow_hosts),
    )
    return await show(house, actor, run)


@router.post("/api/runs/{run_id}/resume")
async def resume_run(run_id: str, body: wire.ReasonIn, house: HouseIn, actor: ActorIn) -> wire.RunDetailOut:
    """Lets a run go on that a switch, the kill switch, the boundary or its connector held."""
    project_id = await project_of_run(house, actor, run_id)
    run = await resume(house.context, project_id=project_id, run_id=run_id, actor=actor, reason=body.reason)
    return await show(house, actor, run)


@router.post("/api/runs/{run_id}/hold")
async def hold(run_id: str, body: wire.ReasonIn, house: HouseIn, actor: ActorIn) -> wire.RunDetailOut:
    """Keeps what the run left from retention, until the hold is lifted."""
    project_id = await project_of_run(house, actor, run_id)
    await hold_run(house.context, project_id=project_id, run_id=run_id, actor=actor, reason=body.reason)
    return await get_run(run_id, house, actor)


@router.post("/api/runs/{run_id}/unhold")
async def unhold(run_id: str, body: wire.ReasonIn, house: HouseIn, actor: ActorIn) -> wire.RunDetailOut:
    project_id = await project_of_run(house, actor, run_id)
    await lift_hold(house.context, project_id=project_id, run_id=run_id, actor=actor, reason=body.reason)
    return await get_run(run_id, house, actor)


@router.post("/api/runs/{run_id}/refresh")
async def refresh_run(run_id: str, house: HouseIn, actor: ActorIn) -> wire.RunDetailOut:
    project_id = await project_of_run(house, actor, run_id)
    return await show(house, actor, await refresh(house.context, project_id=project_id, run_id=run_id))


@router.post("/api/runs/{run_id}/preview", status_code=201)
async def preview_run(run_id: str, house: HouseIn, actor: ActorIn) -> wire_decide.PreviewOut:
    """Tries the held command on a copy, without network and secrets, and says what it did there.

    Where the command reads secrets, only who may approve it is told more than numbers.
    """
    project_id = await project_of_run(house, actor, run_id)
    artifact = await preview(house.context, project_id=project_id, run_id=run_id, actor=actor)
    return await _preview_out(house, actor, artifact)


@router.get("/api/previews/{artifact_id}")
async def get_preview(artifact_id: str, house: HouseIn, actor: ActorIn) -> wire_decide.PreviewOut:
    """A preview that was made before, as much of it as this actor may see; nothing runs."""
    artifact = await house.context.ledger.project_of_artifact(artifact_id)
    require_project(actor, artifact.project_id)
    return await _preview_out(house, actor, artifact)


async def _preview_out(house: House, actor: Actor, artifact: Artifact) -> wire_decide.PreviewOut:
    shown = await show_preview(house.context, artifact, actor)
    return wire_decide.PreviewOut(
        artifact_id=artifact.artifact_id,
        digest=artifact.digest,
        by=shown.recorded.by,
        at=shown.recorded.at,
        is_current=shown.recorded.is_current,
        withheld=shown.withheld,
        outdated=shown.outdated,
        **shown.report,
    )


@router.get(
    "/api/runs/{run_id}/transcript",
    response_class=Response,
    responses={
        200: {
            "description": "The output in the format asked for",
            "content": {
                "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
                "text/plain": {"schema": {"type": "string"}},
                "application/x-asciicast": {"schema": {"type": "string"}},
            },
        }
    },
)
async def get_transcript(
    run_id: str,
    house: HouseIn,
    actor: ActorIn,
    format: Literal["raw", "text", "asciicast", "asciicast-v3"] = "text",
    offset: Position = 0,
    until: Position | None = None,
    from_ms: Position | None = None,
    until_ms: Position | None = None,
    lead_bytes: Annotated[int, Query(ge=0, le=2**24)] = 0,
) -> Response:
    """The output so far: raw bytes, text without escapes, or an asciicast recording.

    A part of it from or until a byte of the whole output (`until` exclusive), or milliseconds since the
    start, is found without reading what lies before. With `lead_bytes` a part from a time begins so many
    bytes earlier.
    """
    project_id = await project_of_run(house, actor, run_id)
    reads = house.context.ledger.for_project(project_id)
    steps = await reads.steps(run_id)
    ref = output_ref(steps[0])
    require_there(await reads.artifacts(run_id), steps[0].step_id)
    headers = {"Content-Disposition": f'attachment; filename="{run_id}.{_SUFFIX[format]}"'}
    if ref is None:
        return Response(b"", media_type=_MEDIA[format], headers=headers)
    await require_output(house.context, steps[0])
    await house.context.wait_dispatched(ref.external_run_id)
    span = Span(offset=offset, until=until, from_ms=from_ms, until_ms=until_ms, lead_bytes=lead_bytes)
    connector = house.context.connectors[ref.connector_id]
    data = await _begin(lambda: connector.transcript(ref, format, span))
    return StreamingResponse(data, media_type=_MEDIA[format], headers=headers)


@router.get("/api/runs/{run_id}/extent")
async def get_extent(run_id: str, house: HouseIn, actor: ActorIn) -> wire_house.ExtentOut:
    """How far the output goes so far, in bytes and in time."""
    project_id = await project_of_run(house, actor, run_id)
    reads = house.context.ledger.for_project(project_id)
    steps = await reads.steps(run_id)
    require_there(await reads.artifacts(run_id), steps[0].step_id)
    if (ref := output_ref(steps[0])) is None:
        return wire_house.ExtentOut(end_offset=0, duration_ms=0)
    found = await asyncio.to_thread(house.context.connectors[ref.connector_id].extent, ref)
    return wire_house.ExtentOut(end_offset=found.end_offset, duration_ms=found.duration_ms)


async def _begin(open_data: Callable[[], Iterator[bytes]]) -> Iterator[bytes]:
    """Reads the first part, so that what cannot be read is an error and no answer that breaks off."""

    def begin() -> Iterator[bytes]:
        data = open_data()
        return itertools.chain((next(data, b""),), data)

    return await asyncio.to_thread(begin)


_MEDIA = {
    "raw": "application/octet-stream",
    "text": "text/plain; charset=utf-8",
    "asciicast": "application/x-asciicast",
    "asciicast-v3": "application/x-asciicast",
}
_SUFFIX = {"raw": "bin", "text": "txt", "asciicast": "cast", "asciicast-v3": "cast"}


@router.get(
    "/api/artifacts/{artifact_id}",
    response_class=Response,
    responses={
        200: {
            "description": "The artifact's bytes",
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def get_artifact(artifact_id: str, house: HouseIn, actor: ActorIn) -> Response:
    """The bytes as they were stored; of a preview that this actor may not see whole, JSON of the rest."""
    artifact = await house.context.ledger.project_of_artifact(artifact_id)
    require_project(actor, artifact.project_id)
    headers = {"Content-Disposition": f'attachment; filename="{artifact_id}.bin"'}
    if is_preview(artifact):
        shown = await show_preview(house.context, artifact, actor)
        return Response(shown.data, media_type="application/octet-stream", headers=headers)
    reads = house.context.ledger.for_project(artifact.project_id)
    require_there((artifact,), artifact.step_id)
    steps = await reads.steps(artifact.run_id)
    step = next(step for step in steps if step.step_id == artifact.step_id)
    ref = output_ref(step)
    await require_output(house.context, step)
    if artifact.kind is not ArtifactKind.TRANSCRIPT or ref is None:
        raise NotFound(f"the bytes of artifact {artifact_id} are gone", remedy="see the run's events")
    connector = house.context.connectors[ref.connector_id]
    data = await _begin(lambda: connector.transcript(ref, "raw"))
    return StreamingResponse(data, media_type="application/octet-stream", headers=headers)


async def show(house: House, actor: Actor, run: Run) -> wire.RunDetailOut:
    """Reads all that belongs to a run and renders it."""
    found = await house.context.ledger.for_project(run.project_id).run_record(run.run_id)
    shown = run_detail_out(
        found.run,
        tuple(found.steps),
        project=found.project,
        approvals=tuple(found.approvals),
        people=found.people,
        artifacts=tuple(found.artifacts),
        events=tuple(found.events),
        previews=tuple(found.previews),
        end=found.end,
        hold=found.hold,
        actor=actor,
        now=render_time(house.context.clock.now()),
        policy=await policy_in_force(house, run.project_id) if found.approvals else house.context.policy,
    )
    shown.input_wanted_since = next(
        (since for step in found.steps if (since := input_wanted(house.context, step))), None
    )
    shown.why = await Onlooker(house.context).say_why(
        found.run, tuple(found.steps), tuple(found.approvals), found.end
    )
    if any(artifact.truncated for artifact in found.artifacts):
        shown.why += " The transcript was cut; what was dropped is counted in the step's last event."
    for artifact in found.artifacts:
        if artifact.removed_at is not None:
            shown.why += f" Its transcript was {say_removed(artifact)}."
    storing = house.context.storing
    if storing.problem and any(step.external_run_id in storing.waiting for step in found.steps):
        shown.why += f" Its transcript waits to be stored: {storing.problem}."
    return shown
