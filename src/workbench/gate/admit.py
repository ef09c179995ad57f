"""The one door: says whether a step may start, in a fixed order, and why not.

The order is switch, kill switch, boundary, policy, approval; the first that objects is the answer. It is
asked at submit and again at every step start. Only this module makes an Admission. It moves no state and
starts nothing; a state it does not know stops the start.
"""

from __future__ import annotations

from workbench.gate.approvals import may_release
from workbench.gate.boundary import find_boundary_problem
from workbench.gate.grants import tell_grants
from workbench.gate.names import ask_for_names
from workbench.gate.switches import find_switch_problem
from workbench.model.admission import Admission, AdmissionRequest, GateSnapshot
from workbench.model.command import Surroundings, subject_digest
from workbench.model.errors import WorkbenchError
from workbench.model.statuses import BlockedBy
from workbench.model.verdict import Decision, Judgement
from workbench.policy import Policy, in_force, judge, refuse_all


def admit(
    request: AdmissionRequest, snapshot: GateSnapshot, *, policy: Policy, surroundings: Surroundings
) -> Admission:
    """Returns whether the step may start now. It is admitted only when nothing objects.

    The judgement is part of every answer, also when a switch stops the start before policy is heard.
    `argv` is what may be executed, and empty unless the step is admitted; the judgement shows it before.
    """
    command = request.command
    project = snapshot.project
    try:
        policy = in_force(policy, snapshot.layers)
    except WorkbenchError as problem:
        # A policy that cannot be used opens nothing: the step is denied, with what is wrong and where.
        judgement = refuse_all(policy, problem)
    else:
        judged = judge(
            policy,
            command.source_text,
            cwd=command.cwd,
            workspace_root=project.workspace_root,
            surroundings=surroundings,
            env_profile=command.env_profile,
            connector=command.connector,
        )
        judgement = tell_grants(ask_for_names(judged, command, project), command, project)
    digest = subject_digest(
        command,
        project,
        sandbox_profile=request.sandbox_profile,
        policy_digest=policy.policy_digest,
        judgement=judgement,
    )
    blocked_by, reason, approval_id = _find_objection(
        request, snapshot, judgement, digest, surroundings, policy
    )
    return Admission(
        request=request,
        is_admitted=blocked_by is None,
        blocked_by=blocked_by,
        reason=reason,
        judgement=judgement,
        subject_digest=digest,
        argv=judgement.argv if blocked_by is None else (),
        approval_id=approval_id,
        switch_answers=snapshot.switch_answers,
    )


def _find_objection(
    request: AdmissionRequest,
    snapshot: GateSnapshot,
    judgement: Judgement,
    digest: str,
    surroundings: Surroundings,
    policy: Policy,
) -> tuple[BlockedBy | None, str, str | None]:
    """Returns who objects and why, and the approval that was used; (None, reason, …) when nobody does."""
    command = request.command
    if problem := find_switch_problem(
        connector=command.connector,
        switch_name=snapshot.switch_name,
        answers=snapshot.switch_answers,
    ):
        return BlockedBy.SWITCH, problem, None
    if snapshot.kill_reason is not None:
        return BlockedBy.KILL_SWITCH, f"the kill switch is on: {snapshot.kill_reason}", None
    if problem := find_boundary_problem(
        snapshot.project, cwd=command.cwd, env_profile=command.env_profile, surroundings=surroundings
    ):
        return BlockedBy.BOUNDARY, problem, None
    verdict = judgement.verdict
    reasons = ", ".join(verdict.reason_codes) or "no reason given"
    released, why = may_release(
        snapshot.approval,
        project_id=snapshot.project.project_id,
        run_id=request.run_id,
        step_id=request.step_id,
        subject_digest=digest,
        now=snapshot.now,
        project=snapshot.project,
        people=snapshot.people,
        policy=policy,
    )
    if verdict.verdict is Decision.ALLOW and judgement.parsed_strictly and judgement.argv:
        # An approver may have edited it into something that needs no approval: the one given is spent too.
        spent = snapshot.approval.approval_id if released and snapshot.approval is not None else None
        return None, f"policy allows it: {reasons}", spent
    if verdict.verdict is Decision.REQUIRES_APPROVAL and judgement.argv and request.is_preview:
        # The approval is what a preview comes before; all else that could object has been heard.
        return None, f"a preview, on a copy alone; policy asks because: {reasons}", None
    if verdict.verdict is Decision.REQUIRES_APPROVAL and judgement.argv:
        if released and snapshot.approval is not None:
            return (
                None,
                f"approved ({snapshot.approval.approval_id}); policy asked because: {reasons}",
                (snapshot.approval.approval_id),
            )
        return BlockedBy.APPROVAL, f"{why}; policy asks because: {reasons}", None
    # A denial, and any word that is none of the three: no approval can lift it.
    said = "" if judgement.commands or not verdict.matched_rules else f": {verdict.matched_rules[0].text}"
    return BlockedBy.POLICY, f"policy denies it: {reasons}{said}", None
