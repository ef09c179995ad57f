"""Has a held command tried on a throw-away copy, so that who decides can see what it does.

It goes through the one door like every execution: only the approval it comes before is not asked for. The
report is an artifact of the step, linked to its approval, and its digest is in the ledger. It moves no run.
"""

from __future__ import annotations

from workbench.connectors.contract import DispatchRequest, Previewer, PreviewTerms
from workbench.engine.context import Context
from workbench.engine.flags import render_answers
from workbench.engine.look import look, read_kill
from workbench.engine.recorded import PREVIEW_URI, RECORDED
from workbench.gate import is_secret
from workbench.gate.history import may_read_history
from workbench.ledger.move import AddArtifact, Move, Note
from workbench.model.actor import Actor
from workbench.model.admission import Admission, AdmissionRequest
from workbench.model.approval import Approval
from workbench.model.artifact import Artifact, ArtifactKind
from workbench.model.command import Surroundings
from workbench.model.errors import Conflict, NotAllowed, SandboxUnavailable
from workbench.model.statuses import ApprovalStatus
from workbench.secrets.scope import find_profile, release


async def preview(context: Context, *, project_id: str, run_id: str, actor: Actor) -> Artifact:
    """Tries the command of a run that waits for an approval; returns the artifact that tells what it did.

    Raises Conflict when the run waits for none, or what would be tried is not what the approval is about,
    NotAllowed when the gate objects or the connector cannot, TooBusy when too many previews go on or wait,
    and what the vault and the connector raise.
    """
    # What is tried is looked up and judged when its turn has come: by then it may be decided.
    async with context.previews.take(project_id):
        return await _preview(context, project_id, run_id, actor)


async def _preview(context: Context, project_id: str, run_id: str, actor: Actor) -> Artifact:
    reads = context.ledger.for_project(project_id)
    run, steps = await reads.run_with_steps(run_id)
    pending = [
        approval
        for approval in await reads.approvals(run_id=run_id)
        if approval.status is ApprovalStatus.PENDING
    ]
    if not pending:
        raise Conflict(
            f"run {run_id} waits for no approval",
            remedy="only what is held is previewed: workbench approvals",
        )
    approval = pending[0]
    step = next(step for step in steps if step.step_id == approval.step_id)
    command = next(planned.command for planned in run.plan.steps if planned.step_key == step.step_key)
    snapshot = await look(
        context, project_id, connector=step.connector, actor=actor.name, step_id=step.step_id
    )
    project = snapshot.project
    request = AdmissionRequest(
        run_id=run_id,
        step_id=step.step_id,
        command=command,
        sandbox_profile=context.sandbox_profile,
        is_preview=True,
    )
    admission = await context.ask(request, snapshot)
    if not admission.is_admitted:
        raise NotAllowed(
            f"the command may not be tried: {admission.reason}", remedy="see why the run is held"
        )
    _refuse_other(admission, approval)
    if problems := context.not_ready.get(step.connector):
        raise SandboxUnavailable(problems[0].message, remedy=problems[0].remedy)
    connector = context.connectors[step.connector]
    if not isinstance(connector, Previewer):
        raise NotAllowed(
            f"connector {step.connector} cannot try a command on a copy", remedy="decide without a preview"
        )

    async def stop() -> str | None:
        return await read_kill(context, project_id, step.connector)

    async def check(copied: Surroundings) -> None:
        # What the copy holds may be another than what was looked at just now.
        _refuse_other(
            await context.think(lambda: context.admit(request, snapshot, surroundings=copied)), approval
        )

    released = release(context.vault, project, command.env_profile)
    subject = {"approval_id": approval.approval_id, "subject_digest": admission.subject_digest}
    begun = {**subject, "flags": render_answers(admission.switch_answers)}
    started = Note(tag="preview:started", payload=begun, run_id=run_id, step_id=step.step_id)
    await context.ledger.append(project_id, [started], actor=actor.name, via=actor.via)
    found = await connector.preview(
        DispatchRequest(
            admission=admission,
            project=project,
            run_id=run_id,
            step_id=step.step_id,
            attempt=step.attempt,
            # Variables alone: secrets are released only to what was approved. That one of them lies in a
            # file as well is no reason to show it.
            environment=dict(find_profile(project, command.env_profile).variables),
            masks=released.masks,
            mode=command.mode,
            timeout_seconds=command.timeout_seconds,
        ),
        name=context.new_id("pre_"),
        terms=PreviewTerms(
            hides=is_secret,
            omits_history=not may_read_history(admission.judgement),
            check=check,
            stop=stop,
        ),
    )
    artifact = Artifact(
        artifact_id=context.new_id("art_"),
        project_id=project_id,
        run_id=run_id,
        step_id=step.step_id,
        kind=ArtifactKind.REPORT,
        media_type="application/json",
        uri=f"{PREVIEW_URI}{found.name}",
        digest=found.digest,
        size_bytes=found.size_bytes,
        truncated=bool(found.report["is_cut"]),
        links=(approval.approval_id,),
    )
    told = {
        **subject,
        "artifact_id": artifact.artifact_id,
        "digest": found.digest,
        "end_reason": found.report["end_reason"],
        "exit_code": found.report["exit_code"],
        "counts": found.report["counts"],
    }
    moves: list[Move] = [
        AddArtifact(artifact=artifact),
        Note(tag=RECORDED, payload=told, run_id=run_id, step_id=step.step_id),
    ]
    await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)
    return artifact


def _refuse_other(admission: Admission, approval: Approval) -> None:
    """Raises Conflict when what was judged is not what the approval is about."""
    if admission.subject_digest != approval.subject_digest:
        raise Conflict(
            f"what approval {approval.approval_id} is about has changed since it was asked for: the scripts "
            "and settings that the command rests on, the policy, or the project's settings",
            remedy=f"put back what was changed; or workbench approve {approval.approval_id} --reason WHY: "
            "that takes no vote, and asks anew about what it is now, which can be previewed",
        )
