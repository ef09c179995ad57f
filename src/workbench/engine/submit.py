"""Takes a request and makes it a run: admitted and queued, or blocked with the reason.

Nothing starts here; `drive` asks the gate again at the start of each step.
"""

from __future__ import annotations

import os
import posixpath
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from workbench.engine.context import Context
from workbench.engine.flags import render_answers
from workbench.engine.look import look
from workbench.engine.ready import prepare_first
from workbench.gate.boundary import is_within
from workbench.ledger.ledger import ProjectLedger
from workbench.ledger.move import CreateApproval, CreateRun, CreateStep, Move, MoveStep
from workbench.ledger.queue_rows import QueueDepth
from workbench.model.actor import Actor
from workbench.model.admission import Admission, AdmissionRequest
from workbench.model.clock import render_time
from workbench.model.command import Command
from workbench.model.errors import Conflict, InvalidInput, TooBusy
from workbench.model.event import Event
from workbench.model.moves import RunMove, StepMove
from workbench.model.network import beyond
from workbench.model.place import USUAL, Place
from workbench.model.plan import StepKind, parse_plan, single_command
from workbench.model.project import Project
from workbench.model.run import Run
from workbench.model.statuses import RUN_ENDED, BlockedBy, RunStatus
from workbench.model.verdict import Judgement, RiskLevel
from workbench.secrets.scope import find_profile


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What the gate would say now about a command; nothing was written."""

    project: Project
    command: Command
    admission: Admission


async def review(context: Context, *, project_id: str, command: Command, actor: Actor) -> Review:
    """Asks the gate about a command as submit would, and writes nothing. Raises TooBusy too."""
    async with context.reviews.take(project_id):
        project, admission = await ask_gate(context, project_id, command, run_id="", step_id="", actor=actor)
    return Review(project=project, command=admission.request.command, admission=admission)


async def submit(
    context: Context,
    *,
    project_id: str,
    command: Command,
    actor: Actor,
    feature_id: str | None = None,
    recommendation_rule_id: str | None = None,
    idempotency_key: str | None = None,
    retry_of_run_id: str | None = None,
    place: Place = USUAL,
) -> Run:
    """Makes a run of one command and returns it queued or blocked.

    The same idempotency key gives the same run. Raises TooBusy when too many wait for their turn already, and
    InvalidInput for a command, directory, profile, pool or connector that cannot be; a policy's no is no
    error but a run that is blocked, and audited.
    """
    reads = context.ledger.for_project(project_id)
    if idempotency_key is not None:
        earlier = await reads.run_by_idempotency_key(idempotency_key)
        if earlier is not None:
            asked = _normalize(context, await context.ledger.project(project_id), command)
            return _same_request(earlier, await _first_asked(reads, earlier), asked, actor, feature_id)
    depth = await _require_room(context, project_id, place)
    run_id, step_id = context.new_id("run_"), context.new_id("step_")
    project, admission = await ask_gate(
        context, project_id, command, run_id=run_id, step_id=step_id, actor=actor
    )
    if admission.is_admitted and not depth.in_pool:
        # Its sandbox is built while the run is recorded; nothing of it runs before drive lets it.
        await prepare_first(context, admission, project)
    moves = _moves_for(context, project, admission, actor)
    moves[0] = replace(
        moves[0],
        feature_id=feature_id,
        recommendation_rule_id=recommendation_rule_id,
        idempotency_key=idempotency_key,
        retry_of_run_id=retry_of_run_id,
        place=place,
    )
    try:
        events = await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)
    except Conflict:
        earlier = await reads.run_by_idempotency_key(idempotency_key or "")
        if earlier is None:
            raise
        first = await _first_asked(reads, earlier)
        return _same_request(earlier, first, admission.request.command, actor, feature_id)
    if admission.is_admitted:
        await context.starter.start(project_id, run_id, place=place)
    return _created(project_id, moves[0], events[0])


async def retry(
    context: Context,
    *,
    project_id: str,
    run_id: str,
    actor: Actor,
    is_acknowledged: bool,
    allow_hosts: tuple[str, ...] = (),
) -> Run:
    """Makes a new run of an ended one's command; raises InvalidInput unless its effects are acknowledged.

    `allow_hosts` are network names that it may reach besides those the first one could; as they go beyond the
    project's, the new run needs an approval of its own, which holds for it alone.
    """
    run = await context.ledger.for_project(project_id).run(run_id)
    if not is_acknowledged:
        raise InvalidInput(
            "a retry repeats what the first run already did",
            remedy="acknowledge it: workbench retry RUN --acknowledge",
        )
    if run.status not in RUN_ENDED and run.status is not RunStatus.BLOCKED:
        raise Conflict(f"run {run_id} is {run.status} still", remedy="cancel it, or wait for its end")
    if run.status is RunStatus.BLOCKED and run.blocked_by is BlockedBy.APPROVAL:
        raise Conflict(f"run {run_id} waits for an approval", remedy="decide it, or cancel the run")
    command = run.plan.steps[0].command
    return await submit(
        context,
        project_id=project_id,
        command=replace(command, allow_hosts=(*command.allow_hosts, *allow_hosts)),
        actor=actor,
        feature_id=run.feature_id,
        recommendation_rule_id=run.recommendation_rule_id,
        retry_of_run_id=run_id,
        place=run.place,
    )


def approval_request(
    context: Context, project: Project, admission: Admission, *, requested_by: str
) -> CreateApproval:
    """Returns the question that a held step puts to people, bound to the admission's subject digest."""
    expires_at = context.clock.now() + timedelta(seconds=context.limits.approval_expiry_seconds)
    return CreateApproval(
        approval_id=context.new_id("apr_"),
        run_id=admission.request.run_id,
        step_id=admission.request.step_id,
        subject_digest=admission.subject_digest,
        risk_level=_risk(admission.judgement),
        quorum=project.approval_quorum or context.limits.quorum,
        requested_by=requested_by,
        expires_at=render_time(expires_at),
        note={"command": admission.request.command.source_text, "cwd": admission.request.command.cwd},
    )


def render_judgement(admission: Admission) -> dict[str, Any]:
    """Returns the judgement as JSON values, as the ledger keeps it beside the step."""
    judgement = admission.judgement
    verdict = judgement.verdict
    return {
        "verdict": verdict.verdict.value,
        "risk_level": verdict.risk_level.value,
        "reason_codes": list(verdict.reason_codes),
        "matched_rules": [
            {
                "rule_id": rule.rule_id,
                "text": rule.text,
                "source": rule.source,
                "verdict": None if rule.verdict is None else rule.verdict.value,
            }
            for rule in verdict.matched_rules
        ],
        "policy_digest": verdict.policy_digest,
        "parsed_strictly": judgement.parsed_strictly,
        "texts_digest": judgement.texts_digest,
        "argv": list(admission.argv),
        "admission": admission.reason,
        "commands": [
            {
                "program": facts.program,
                "argv": list(facts.argv),
                "cwd": facts.cwd,
                "reads": list(facts.reads),
                "writes": list(facts.writes),
                "network": facts.network,
                "effects": [effect.value for effect in facts.effects],
            }
            for facts in judgement.commands
        ],
    }


def _created(project_id: str, create: CreateRun, event: Event) -> Run:
    """Returns the run as its first event made it, so that nobody has to read it back."""
    return Run(
        run_id=create.run_id,
        project_id=project_id,
        feature_id=create.feature_id,
        recommendation_rule_id=create.recommendation_rule_id,
        plan=create.plan,
        status=RunStatus(event.payload["status"]),
        blocked_by=create.blocked_by,
        requested_by=create.requested_by,
        cancel_requested_at=None,
        retry_of_run_id=create.retry_of_run_id,
        created_at=event.at,
        started_at=None,
        ended_at=None,
        version=1,
        place=create.place,
    )


def _moves_for(context: Context, project: Project, admission: Admission, actor: Actor) -> list[Any]:
    request = admission.request
    command = request.command
    flags = render_answers(admission.switch_answers)
    note = {"reason": admission.reason, "command": command.source_text, "flags": flags}
    blocked_by = admission.blocked_by
    create = CreateRun(
        run_id=request.run_id,
        move=RunMove.ADMIT if admission.is_admitted else RunMove.HOLD,
        plan=single_command(command),
        requested_by=actor.name,
        blocked_by=blocked_by,
        note=note,
    )
    step = CreateStep(
        step_id=request.step_id,
        run_id=request.run_id,
        step_key="command",
        kind=StepKind.COMMAND,
        connector=command.connector,
        verdict=render_judgement(admission),
        subject_digest=admission.subject_digest,
    )
    moves: list[Move] = [create, step]
    if not admission.is_admitted:
        moves.append(
            MoveStep(
                step_id=request.step_id,
                move=StepMove.HOLD,
                blocked_by=blocked_by,
                note={"reason": admission.reason, "flags": flags},
            )
        )
    if blocked_by is BlockedBy.APPROVAL:
        moves.append(approval_request(context, project, admission, requested_by=actor.name))
    return moves


async def _require_room(context: Context, project_id: str, place: Place) -> QueueDepth:
    """Returns how many runs wait already; raises TooBusy when no more are taken, before anything is recorded.

    A pool of others needs a ledger that others can reach: raises InvalidInput.
    """
    if context.lease is None and place.pool != USUAL.pool:
        raise InvalidInput(
            f"there is no pool {place.pool!r}: this ledger is one server's own",
            remedy="leave --pool out, or keep the ledger in PostgreSQL and start a worker of that pool",
        )
    depth = await context.ledger.queue_depth(project_id, place.pool)
    share = max(1, context.limits.max_queued // 2)
    for waiting, most, where in (
        (depth.of_project, share, " of this project"),
        (depth.total, context.limits.max_queued, ""),
    ):
        if waiting >= most:
            raise TooBusy(
                f"{waiting} runs{where} wait for their turn already, and no more than {most} may",
                remedy="nothing was recorded: ask again once some of them have had it (workbench runs)",
            )
    return depth


async def ask_gate(
    context: Context, project_id: str, command: Command, *, run_id: str, step_id: str, actor: Actor
) -> tuple[Project, Admission]:
    """Asks the gate about a command as `actor` gave it, made whole first; raises as submit does."""
    snapshot = await look(context, project_id, connector=command.connector, actor=actor.name)
    project = snapshot.project
    normal = _normalize(context, project, command)
    _require_folder(project, normal.cwd)
    request = AdmissionRequest(
        run_id=run_id,
        step_id=step_id,
        command=normal,
        sandbox_profile=context.sandbox_profile,
    )
    return project, await context.ask(request, snapshot)


def _normalize(context: Context, project: Project, command: Command) -> Command:
    text = command.source_text
    if not text.strip():
        raise InvalidInput(
            "the command is empty", remedy="give one after --, for example: workbench run -- ls"
        )
    if "\0" in text:
        raise InvalidInput("the command holds a NUL byte", remedy="remove it; no program can be given one")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("the command is not valid text", remedy="give it in UTF-8") from None
    if command.connector not in context.connectors:
        known = ", ".join(sorted(context.connectors))
        raise InvalidInput(f"there is no connector {command.connector!r}", remedy=f"use one of: {known}")
    find_profile(project, command.env_profile)
    cwd = posixpath.normpath(posixpath.join(project.workspace_root, command.cwd or "."))
    names = beyond(command.allow_hosts, project.network_allowlist)
    context.check_names(names)
    return replace(
        command,
        cwd=cwd,
        timeout_seconds=command.timeout_seconds or context.limits.default_timeout_seconds,
        allow_hosts=names,
    )


def _require_folder(project: Project, cwd: str) -> None:
    """Refuses a working directory that is not there; one outside the workspace is for the gate to judge.

    Nothing is said about paths outside, so that nobody can ask which of them exist.
    """
    try:
        resolved = os.path.realpath(cwd)
        is_missing = is_within(resolved, project.workspace_root) and not os.path.isdir(resolved)
    except ValueError:
        raise InvalidInput("the working directory holds a NUL byte", remedy="remove it") from None
    if is_missing:
        raise InvalidInput(
            f"the working directory {cwd} is no folder", remedy="make it first, or name one that exists"
        )


async def _first_asked(reads: ProjectLedger, run: Run) -> Command:
    """Returns the command as the run's first event has it: an approver may have edited it since."""
    first, *_ = await reads.events(run_id=run.run_id, limit=1)
    return parse_plan(first.payload["plan"]).steps[0].command


def _same_request(
    earlier: Run, first: Command, command: Command, actor: Actor, feature_id: str | None
) -> Run:
    """An idempotency key that comes back with another request is a mistake, not a repeat."""
    # A terminal may have been resized between the two tries; that is no other request.
    asked = replace(command, rows=first.rows, columns=first.columns)
    if (first, earlier.requested_by, earlier.feature_id) != (asked, actor.name, feature_id):
        raise Conflict(
            f"this idempotency key already made run {earlier.run_id} of another request",
            remedy="use a new key for a new request",
        )
    return earlier


def _risk(judgement: Judgement) -> RiskLevel:
    return judgement.verdict.risk_level
