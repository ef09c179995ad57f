"""Lets an approver change what is held while approving it: judged anew, shown as a difference, recorded.

An edit never changes what an earlier vote was for: the old question is withdrawn and a new one, bound to the
new subject, takes its place in the same append. Whoever edited becomes an author beside who asked: where the
project asks for a second person, neither's approval counts and the new question waits for another. It widens
nothing: what policy denies stays denied, and the time to decide is not made longer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from workbench.engine.context import Context
from workbench.engine.decide import find_decidable, vote_for
from workbench.engine.look import read_policy
from workbench.engine.submit import approval_request, ask_gate, render_judgement
from workbench.gate.approvals import APPROVE, may_decide, needed_quorum
from workbench.ledger.move import EditRun, EditStep, Move, MoveApproval, MoveRun, MoveStep
from workbench.model.actor import Actor
from workbench.model.admission import Admission
from workbench.model.approval import Approval, CommandChange
from workbench.model.clock import render_time
from workbench.model.command import Command
from workbench.model.errors import Conflict, InvalidInput, NotAllowed
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.people import names_in
from workbench.model.project import Project
from workbench.model.reason import is_said
from workbench.model.run import Run, Step
from workbench.model.statuses import ApprovalStatus, BlockedBy

_NAMES = "network for this run alone"
_ANY_REASON = "the edit is being looked at"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What an approver wants instead; what is None stays as it was asked for."""

    source_text: str | None = None
    cwd: str | None = None
    timeout_seconds: int | None = None
    allow_hosts: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditReview:
    """What an edit would come to; nothing was written. `refusal` says why it cannot be, or is empty."""

    approval: Approval
    project: Project
    run: Run
    step: Step
    admission: Admission
    changes: tuple[CommandChange, ...]
    refusal: str


async def review_edit(
    context: Context, *, project_id: str, approval_id: str, edit: Edit, actor: Actor
) -> EditReview:
    """Judges an edited request as the gate would now; raises as approve does, and for an edit of nothing."""
    approval = await find_decidable(context, project_id, approval_id, actor, APPROVE, _ANY_REASON, None)
    return await _judge(context, approval, edit, actor)


async def approve_edited(
    context: Context,
    *,
    project_id: str,
    approval_id: str,
    edit: Edit,
    actor: Actor,
    reason: str,
    edited_digest: str,
    subject_digest: str | None = None,
) -> Approval:
    """Puts the edited request in the place of what is held, with this actor's approval of it.

    Returns the new approval: approved, or pending where more people are needed. `subject_digest` is what the
    approver saw held, `edited_digest` what the edit was shown to come to. Raises as approve does, NotAllowed
    for an edit that policy or the boundary refuses, or whose risk this actor may not approve.
    """
    if not is_said(reason):
        raise InvalidInput(
            "an edit needs a reason: it changes what somebody else asked for",
            remedy="say why: workbench approve ID --edit COMMAND --reason R",
        )
    approval = await find_decidable(context, project_id, approval_id, actor, APPROVE, reason, subject_digest)
    seen = await _judge(context, approval, edit, actor)
    if seen.refusal:
        raise NotAllowed(
            f"the edited command cannot be approved: {seen.refusal}",
            remedy="edit it differently, approve it as it is, or deny it",
            code="edit_refused",
        )
    # Without it nobody would notice that a script under the edited command is another than the one shown.
    if edited_digest != seen.admission.subject_digest:
        raise Conflict(
            "the edited command is no longer what was shown",
            remedy="look at what it comes to now, and decide",
        )
    create = replace(
        approval_request(context, seen.project, seen.admission, requested_by=approval.requested_by),
        expires_at=approval.expires_at,
        quorum=needed_quorum(approval, seen.project),
        edited_by=actor.name,
        changes=seen.changes,
    )
    asked = Approval(
        approval_id=create.approval_id,
        project_id=project_id,
        run_id=create.run_id,
        step_id=create.step_id,
        status=ApprovalStatus.PENDING,
        subject_digest=create.subject_digest,
        risk_level=create.risk_level,
        quorum=create.quorum,
        requested_by=create.requested_by,
        decisions=(),
        created_at="",
        expires_at=create.expires_at,
        is_used=False,
        version=1,
        edited_by=create.edited_by,
        editors=(*approval.editors, actor.name),
    )
    now = render_time(context.clock.now())
    people = await context.ledger.people(names_in(asked, seen.project) | {actor.name})
    permission = may_decide(
        asked,
        actor=actor,
        decision=APPROVE,
        reason=reason,
        project=seen.project,
        people=people,
        policy=await read_policy(context, project_id),
        now=now,
    )
    if not permission.is_allowed and not permission.is_self_approval:
        raise NotAllowed(
            permission.reason, remedy="ask somebody who may approve this risk, or edit it differently"
        )
    moves: list[Move] = [
        MoveApproval(
            approval_id=approval_id,
            move=ApprovalMove.WITHDRAW,
            decision="edit",
            reason=reason,
            version=approval.version,
            token_id=actor.token_id,
        ),
        _edit_run(seen, approval, create.approval_id, reason),
        EditStep(
            step_id=seen.step.step_id,
            version=seen.step.version,
            verdict=render_judgement(seen.admission),
            subject_digest=seen.admission.subject_digest,
        ),
        create,
    ]
    vote = None
    if permission.is_allowed:
        vote = vote_for(context, asked, actor, reason, project=seen.project, people=people)
    is_released = vote is not None and vote.move is not None
    if vote is not None:
        moves.append(vote)
    if is_released:
        note = {"approval_id": create.approval_id}
        moves += [
            MoveStep(step_id=seen.step.step_id, move=StepMove.RELEASE, note=note),
            MoveRun(run_id=seen.run.run_id, move=RunMove.RELEASE, note=note),
        ]
    await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)
    if is_released:
        await context.starter.start(project_id, seen.run.run_id, place=seen.run.place)
    return await context.ledger.for_project(project_id).approval(create.approval_id)


async def _judge(context: Context, approval: Approval, edit: Edit, actor: Actor) -> EditReview:
    reads = context.ledger.for_project(approval.project_id)
    run, steps = await reads.run_with_steps(approval.run_id)
    step = next(step for step in steps if step.step_id == approval.step_id)
    held = _command_of(run, step)
    wanted = replace(
        held,
        source_text=held.source_text if edit.source_text is None else edit.source_text,
        cwd=held.cwd if edit.cwd is None else edit.cwd,
        timeout_seconds=held.timeout_seconds if edit.timeout_seconds is None else edit.timeout_seconds,
        allow_hosts=held.allow_hosts if edit.allow_hosts is None else edit.allow_hosts,
    )
    project, admission = await ask_gate(
        context,
        approval.project_id,
        wanted,
        run_id=run.run_id,
        step_id=step.step_id,
        actor=replace(actor, name=run.requested_by),
    )
    changes = describe_changes(held, admission.request.command)
    if not changes:
        raise InvalidInput("the edit changes nothing", remedy="approve it as it is, or say what to change")
    is_open = admission.is_admitted or admission.blocked_by is BlockedBy.APPROVAL
    return EditReview(
        approval=approval,
        project=project,
        run=run,
        step=step,
        admission=admission,
        changes=changes,
        refusal="" if is_open else admission.reason,
    )


def describe_changes(held: Command, wanted: Command) -> tuple[CommandChange, ...]:
    """Returns what differs between two requests, as words, in the order in which people read it."""
    pairs = (
        ("command", held.source_text, wanted.source_text),
        ("working directory", held.cwd, wanted.cwd),
        ("time limit", _limit(held), _limit(wanted)),
        (_NAMES, _names(held), _names(wanted)),
    )
    return tuple(
        CommandChange(field=name, before=before, after=after)
        for name, before, after in pairs
        if before != after
    )


def command_asked(approval: Approval, held: Command, approvals: Iterable[Approval]) -> Command:
    """Returns the command that this approval was about: what is held now, without the edits that came after.

    `approvals` are those of its run; an approval that was edited away still says what it was asked for.
    """
    command = held
    for later in sorted(approvals, key=lambda each: each.approval_id, reverse=True):
        if later.step_id != approval.step_id or later.approval_id <= approval.approval_id:
            continue
        before = {change.field: change.before for change in later.changes}
        limit = before.get("time limit", _limit(command))
        command = replace(
            command,
            source_text=before.get("command", command.source_text),
            cwd=before.get("working directory", command.cwd),
            timeout_seconds=None if limit == "none" else int(limit.removesuffix(" s")),
            allow_hosts=tuple(before[_NAMES].split()) if _NAMES in before else command.allow_hosts,
        )
    return command


def _names(command: Command) -> str:
    # A name has no space in it, so that what was written can be read again.
    return " ".join(command.allow_hosts)


def _limit(command: Command) -> str:
    return "none" if command.timeout_seconds is None else f"{command.timeout_seconds} s"


def _command_of(run: Run, step: Step) -> Command:
    return next(planned.command for planned in run.plan.steps if planned.step_key == step.step_key)


def _edit_run(seen: EditReview, old: Approval, new_approval_id: str, reason: str) -> EditRun:
    steps = tuple(
        replace(planned, command=seen.admission.request.command)
        if planned.step_key == seen.step.step_key
        else planned
        for planned in seen.run.plan.steps
    )
    return EditRun(
        run_id=seen.run.run_id,
        plan=replace(seen.run.plan, steps=steps),
        version=seen.run.version,
        note={
            "reason": reason,
            "approval_id": new_approval_id,
            "takes_place_of": old.approval_id,
            "changes": [{"field": c.field, "before": c.before, "after": c.after} for c in seen.changes],
        },
    )
