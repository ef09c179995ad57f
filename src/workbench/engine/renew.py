"""Puts a question anew when what it asks about is not what it was: a recipe, the policy, a setting changed.

An approval of something stale would let nothing start, so it is not taken: the old question is withdrawn, and
the new one, which says what has changed, takes its place in the same append.
"""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import replace
from typing import Any, Final

from workbench.engine.context import Context
from workbench.engine.submit import approval_request, render_judgement
from workbench.gate import render_visible
from workbench.gate.approvals import needed_quorum
from workbench.ledger.move import EditStep, Move, MoveApproval, MoveRun, MoveStep
from workbench.model.actor import Actor
from workbench.model.admission import Admission
from workbench.model.approval import Approval, CommandChange
from workbench.model.errors import AskedAnew, Conflict
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.project import Project
from workbench.model.run import Run, Step
from workbench.model.verdict import Decision

_LONGEST: Final = 400
_AS_IT_WAS: Final = ("as it was", "changed")


async def renew(
    context: Context,
    approval: Approval,
    *,
    project: Project,
    run: Run,
    step: Step,
    admission: Admission,
    actor: Actor,
) -> Approval:
    """Withdraws a pending approval whose subject is not what `admission` is about; it takes no vote.

    Raises AskedAnew, which names the new approval, where policy still asks. Where policy allows the command
    by now, the run goes on and the withdrawn approval is returned; its last decision says so. Raises Conflict
    where the command can be approved no more: the run is held with the reason.
    """
    changes = describe_drift(step.verdict or {}, admission)
    drift = "; ".join(
        f"{each.field}: {_shown(each.before) or 'none'} -> {_shown(each.after) or 'none'}" for each in changes
    )
    judgement = admission.judgement
    decision = judgement.verdict.verdict if judgement.argv else Decision.DENY
    if decision is Decision.REQUIRES_APPROVAL:
        create = replace(
            approval_request(context, project, admission, requested_by=approval.requested_by),
            quorum=needed_quorum(approval, project),
            # Who changed what was asked for stays with the question, before what has changed by itself.
            edited_by=approval.edited_by,
            changes=(*(approval.changes if approval.edited_by else ()), *changes),
        )
        renewed: list[Move] = [
            _withdraw(approval, f"what it asks about has changed ({drift})", actor),
            EditStep(
                step_id=step.step_id,
                version=step.version,
                verdict=render_judgement(admission),
                subject_digest=admission.subject_digest,
            ),
            create,
        ]
        await context.ledger.append(approval.project_id, renewed, actor=actor.name, via=actor.via)
        raise AskedAnew(
            f"nothing was approved: what {approval.approval_id} asks about has changed since ({drift}); "
            f"{create.approval_id} asks in its place",
            remedy=f"look at it (workbench show {run.run_id}), then decide: "
            f"workbench approve {create.approval_id} --reason WHY",
            approval_id=create.approval_id,
        )
    is_allowed = decision is Decision.ALLOW and judgement.parsed_strictly
    word = "policy allows it by now, and it goes on without an approval" if is_allowed else admission.reason
    note = {"approval_id": approval.approval_id, "reason": word}
    released: list[Move] = [
        _withdraw(approval, f"{word} ({drift})", actor),
        # The driver asks the gate again: it starts the step, or holds it with the reason of that moment.
        MoveStep(step_id=step.step_id, move=StepMove.RELEASE, version=step.version, note=note),
        MoveRun(run_id=run.run_id, move=RunMove.RELEASE, version=run.version, note=note),
    ]
    await context.ledger.append(approval.project_id, released, actor=actor.name, via=actor.via)
    await context.starter.start(approval.project_id, run.run_id, place=run.place)
    if not is_allowed:
        raise Conflict(
            f"nothing was approved: what {approval.approval_id} asks about has changed since ({drift}), and "
            f"no approval lets it start any more: {admission.reason}",
            remedy=f"see what holds it now: workbench show {run.run_id}",
        )
    return await context.ledger.for_project(approval.project_id).approval(approval.approval_id)


def describe_drift(asked: dict[str, Any], admission: Admission) -> tuple[CommandChange, ...]:
    """Returns what differs between a judgement as it was recorded and that of now, in words; never nothing.

    What is covered by the subject's digest and recorded nowhere else is named as the settings.
    """
    now = render_judgement(admission)
    pairs = [
        ("verdict", _verdict(asked), _verdict(now)),
        ("rules", _rules(asked), _rules(now)),
        ("what it runs", *_apart(_runs(asked), _runs(now))),
        ("what it reads, writes or reaches", *_apart(_touches(asked), _touches(now))),
        ("policy", str(asked.get("policy_digest", ""))[:19], now["policy_digest"][:19]),
    ]
    if asked.get("texts_digest", now["texts_digest"]) != now["texts_digest"]:
        pairs.append(("scripts and settings that it was understood by", *_AS_IT_WAS))
    found = [
        CommandChange(field=name, before=before[:_LONGEST], after=after[:_LONGEST])
        for name, before, after in pairs
        if before != after
    ]
    if not found:
        settings = "the project's settings or its sandbox"
        found.append(CommandChange(field=settings, before=_AS_IT_WAS[0], after=_AS_IT_WAS[1]))
    return tuple(found)


def _withdraw(approval: Approval, reason: str, actor: Actor) -> MoveApproval:
    return MoveApproval(
        approval_id=approval.approval_id,
        move=ApprovalMove.WITHDRAW,
        decision="withdraw",
        reason=reason,
        version=approval.version,
        token_id=actor.token_id,
    )


def _verdict(judged: dict[str, Any]) -> str:
    return f"{judged.get('verdict', '')}, {judged.get('risk_level', '')} risk"


def _rules(judged: dict[str, Any]) -> str:
    return " ".join(str(rule["rule_id"]) for rule in judged.get("matched_rules", []))


def _runs(judged: dict[str, Any]) -> Counter[str]:
    return Counter(shlex.join(call["argv"]) for call in judged.get("commands", []))


def _touches(judged: dict[str, Any]) -> Counter[str]:
    calls = judged.get("commands", [])
    paths = {path for call in calls for path in (*call["reads"], *call["writes"])}
    network = {"the network"} if any(call["network"] for call in calls) else set()
    return Counter([*paths, *network, *{effect for call in calls for effect in call["effects"]}])


def _apart(before: Counter[str], after: Counter[str]) -> tuple[str, str]:
    """Returns what only one of the two has, each side as one text."""
    return "; ".join(sorted((before - after).elements())), "; ".join(sorted((after - before).elements()))


def _shown(text: str) -> str:
    return render_visible(" ".join(text.split()))
