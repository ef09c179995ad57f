"""Turns the model's nouns into the wire's shapes. It decides nothing: moves and reasons come from engine."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from workbench.api import wire, wire_decide
from workbench.engine.accept import policy_note, policy_state
from workbench.engine.edit import EditReview, command_asked
from workbench.engine.explain import allowed_approval_moves, allowed_run_moves, explain
from workbench.engine.recorded import list_previews
from workbench.gate import Policy, render_visible
from workbench.gate.approvals import (
    APPROVE,
    DENY,
    Permission,
    count_people,
    describe_approvers,
    may_decide,
    needed_quorum,
    needs_reason,
    standing_votes,
)
from workbench.gate.deciders import DECIDING, Answers, describe_deciders, find_deciders
from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval, CommandChange
from workbench.model.artifact import Artifact, Hold
from workbench.model.errors import WorkbenchError
from workbench.model.event import Event
from workbench.model.feature import Diagnostic, Evidence, Feature, TaskStatus
from workbench.model.network import render_reach
from workbench.model.people import People, person_of
from workbench.model.project import EnvProfile, Project
from workbench.model.recommendation import Advice
from workbench.model.run import Run, RunEnd, Step
from workbench.model.statuses import ApprovalStatus, BlockedBy
from workbench.model.verdict import Decision, Judgement, RiskLevel

PolicyInForce = Policy | WorkbenchError
"""The policy in force for a project, or what is wrong with it: then nobody can decide anything there."""


def project_out(project: Project, actor: Actor, policy: Policy) -> wire.ProjectOut:
    # A token that is bound to one project does not say what that project may do.
    may_change = actor.has(Role.ADMIN) and actor.project_id is None
    return wire.ProjectOut(
        project_id=project.project_id,
        name=project.name,
        workspace_root=project.workspace_root,
        default_connector=project.default_connector,
        env_profiles=[env_profile_out(profile) for profile in project.env_profiles],
        network_allowlist=list(project.network_allowlist),
        forbid_self_approval=project.forbid_self_approval,
        approval_quorum=project.approval_quorum,
        approvers=[
            wire.ApproverRuleOut(
                risk_level=rule.risk_level.value,
                role=None if rule.role is None else rule.role.value,
                people=list(rule.people),
            )
            for rule in project.approvers
        ],
        retention_days=project.retention_days,
        retention_bytes=project.retention_bytes,
        toolchains=list(project.toolchains),
        policy=policy_state(project),
        policy_note=policy_note(policy, project),
        created_at=project.created_at,
        moves=["change"] if may_change else [],
    )


def env_profile_out(profile: EnvProfile) -> wire.EnvProfileOut:
    return wire.EnvProfileOut(
        name=profile.name,
        variable_names=sorted(profile.variables),
        secret_names=sorted(profile.secrets),
    )


def evidence_out(evidence: tuple[Evidence, ...]) -> list[wire.EvidenceOut]:
    return [wire.EvidenceOut(**asdict(item)) for item in evidence]


def feature_out(feature: Feature) -> wire.FeatureOut:
    return wire.FeatureOut(**_feature_fields(feature))


def diagnostics_out(found: Iterable[Diagnostic]) -> list[wire.DiagnosticOut]:
    return [wire.DiagnosticOut(path=d.path, line=d.line, problem=d.problem, remedy=d.remedy) for d in found]


def feature_detail_out(
    feature: Feature, advice: Advice, diagnostics: Iterable[Diagnostic]
) -> wire.FeatureDetailOut:
    """Returns a feature with all that is known of it, and those `diagnostics` that are of its documents."""
    own = {document.path for document in feature.documents}
    return wire.FeatureDetailOut(
        **_feature_fields(feature),
        task_list=[
            wire.TaskOut(
                task_id=task.task_id,
                title=task.title,
                status=task.status.value,
                path=task.path,
                line=task.line,
                phase=task.phase,
                depends_on=list(task.depends_on),
                is_parallel=task.is_parallel,
                requirements=list(task.requirements),
            )
            for task in feature.tasks
        ],
        evidence=evidence_out(feature.evidence),
        diagnostics=diagnostics_out(d for d in diagnostics if d.path in own),
        advice=advice_out(advice),
    )


def _feature_fields(feature: Feature) -> dict[str, Any]:
    return {
        "feature_id": feature.feature_id,
        "slug": feature.slug,
        "title": feature.title,
        "format": feature.format,
        "declared_status": feature.declared_status,
        "inferred_status": feature.inferred_status.value,
        "drift": evidence_out(feature.drift),
        "phases": [
            wire.PhaseOut(
                phase_id=phase.phase_id,
                title=phase.title,
                status=phase.status.value,
                declared_status=phase.declared_status,
                path=phase.path,
                line=phase.line,
            )
            for phase in feature.phases
        ],
        "tasks": count_tasks(feature),
        "documents": [
            wire.DocumentOut(path=document.path, role=document.role.value, title=document.title)
            for document in feature.documents
        ],
        "depends_on": list(feature.depends_on),
    }


def count_tasks(feature: Feature) -> wire.TaskCountOut:
    """Counts tasks; one in progress is open, a canceled one counts in the total only."""
    states = [task.status for task in feature.tasks]
    return wire.TaskCountOut(
        total=len(states),
        done=states.count(TaskStatus.DONE),
        open=states.count(TaskStatus.OPEN) + states.count(TaskStatus.IN_PROGRESS),
        blocked=states.count(TaskStatus.BLOCKED),
    )


def advice_out(advice: Advice) -> wire.AdviceOut:
    found = advice.recommendation
    return wire.AdviceOut(
        feature_id=advice.feature_id,
        reason=advice.reason,
        evidence=evidence_out(advice.evidence),
        recommendation=None
        if found is None
        else wire.RecommendationOut(
            feature_id=found.feature_id,
            rule_id=found.rule_id,
            rule_text=found.rule_text,
            command=found.command,
            connector=found.connector,
            alternatives=[
                wire.AlternativeOut(
                    command=other.command,
                    connector=other.connector,
                    why=other.why,
                    runnable=wire.RunnableOut(ok=other.runnable.ok, reasons=list(other.runnable.reasons)),
                    evidence=evidence_out(other.evidence),
                )
                for other in found.alternatives
            ],
            evidence=evidence_out(found.evidence),
            confidence=found.confidence,
            measured_runs=found.measured_runs,
            runnable=wire.RunnableOut(ok=found.runnable.ok, reasons=list(found.runnable.reasons)),
            would_change=list(found.would_change),
        ),
    )


def verdict_fields(judgement: Judgement) -> dict[str, Any]:
    """Returns the fields of VerdictOut."""
    verdict = judgement.verdict
    return {
        "verdict": verdict.verdict.value,
        "risk_level": verdict.risk_level.value,
        "reason_codes": list(verdict.reason_codes),
        "matched_rules": [wire.MatchedRuleOut(**asdict(rule)) for rule in verdict.matched_rules],
        "commands": [
            wire.CommandFactsOut(
                program=facts.program,
                argv=list(facts.argv),
                cwd=facts.cwd,
                reads=list(facts.reads),
                writes=list(facts.writes),
                network=facts.network,
                effects=[effect.value for effect in facts.effects],
                source=facts.source,
            )
            for facts in judgement.commands
        ],
        "policy_digest": verdict.policy_digest,
        "parsed_strictly": judgement.parsed_strictly,
    }


def run_fields(
    run: Run,
    steps: tuple[Step, ...],
    actor: Actor,
    approvals: tuple[Approval, ...] = (),
    *,
    end: RunEnd | None,
) -> dict[str, Any]:
    """Returns the fields of RunOut."""
    command = run.plan.steps[0].command
    step = steps[0] if steps else None
    verdict = step.verdict if step else None
    return {
        "run_id": run.run_id,
        "project_id": run.project_id,
        "feature_id": run.feature_id,
        "recommendation_rule_id": run.recommendation_rule_id,
        "command": command.source_text,
        "cwd": command.cwd,
        "connector": command.connector,
        "mode": command.mode.value,
        "status": run.status.value,
        "blocked_by": None if run.blocked_by is None else run.blocked_by.value,
        "why": explain(run, steps, approvals, end),
        "risk_level": verdict["risk_level"] if verdict else None,
        "requested_by": run.requested_by,
        "cancel_requested_at": run.cancel_requested_at,
        "canceled": None
        if end is None
        else wire.RunEndOut(how=end.how, by=end.by, reason=end.reason, at=end.at),
        "retry_of_run_id": run.retry_of_run_id,
        "exit_code": step.exit_code if step else None,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "version": run.version,
        "pool": run.place.pool,
        "priority": run.place.priority,
        "moves": allowed_run_moves(run, actor),
    }


def run_out(run: Run, steps: tuple[Step, ...], actor: Actor, end: RunEnd | None) -> wire.RunOut:
    return wire.RunOut(**run_fields(run, steps, actor, end=end))


def run_detail_out(
    run: Run,
    steps: tuple[Step, ...],
    *,
    project: Project,
    approvals: tuple[Approval, ...],
    people: People,
    artifacts: tuple[Artifact, ...],
    events: tuple[Event, ...],
    previews: tuple[Event, ...],
    end: RunEnd | None,
    hold: Hold | None,
    actor: Actor,
    now: str,
    policy: PolicyInForce,
) -> wire.RunDetailOut:
    return wire.RunDetailOut(
        **run_fields(run, steps, actor, approvals, end=end),
        plan_digest=run.plan.plan_digest,
        network=render_reach(project.network_allowlist, run.plan.steps[0].command.allow_hosts),
        steps=[step_out(run, step, events) for step in steps],
        approvals=[
            approval_out(
                approval,
                run,
                steps,
                project,
                actor,
                now,
                policy,
                approvals,
                people=people,
                previews=previews,
            )
            for approval in approvals
        ],
        artifacts=[artifact_out(artifact) for artifact in artifacts],
        hold=None
        if hold is None
        else wire.HoldOut(reason=hold.reason, held_by=hold.held_by, held_at=hold.held_at),
        # Asked of what runs, by whoever renders it.
        input_wanted_since=None,
        events=[event_out(event) for event in events],
    )


def step_out(run: Run, step: Step, events: tuple[Event, ...]) -> wire.StepOut:
    """`events` are the run's, in their order."""
    command = next(p.command for p in run.plan.steps if p.step_key == step.step_key)
    return wire.StepOut(
        step_id=step.step_id,
        step_key=step.step_key,
        kind=step.kind.value,
        connector=step.connector,
        external_run_id=step.external_run_id,
        provider_status_raw=step.provider_status_raw,
        sync_status=step.sync_status.value,
        status=step.status.value,
        blocked_by=None if step.blocked_by is None else step.blocked_by.value,
        attempt=step.attempt,
        verdict=step.verdict,
        subject_digest=step.subject_digest,
        exit_code=step.exit_code,
        failure_reason=step.failure_reason,
        notes=_end_notes(step, events),
        started_at=step.started_at,
        ended_at=step.ended_at,
        worker_id=step.worker_id,
        command=command.source_text,
        cwd=command.cwd,
    )


def _end_notes(step: Step, events: tuple[Event, ...]) -> list[str]:
    """Returns what the step's last end was recorded with beside how it ended."""
    ends = (event.payload for event in reversed(events) if event.step_id == step.step_id)
    return next((list(payload["notes"]) for payload in ends if "notes" in payload), [])


def approval_out(
    approval: Approval,
    run: Run,
    steps: tuple[Step, ...],
    project: Project,
    actor: Actor,
    now: str,
    policy: PolicyInForce,
    approvals: tuple[Approval, ...] = (),
    *,
    people: People,
    stopped: str | None = None,
    known: Answers | None = None,
    previews: Iterable[Event],
) -> wire.ApprovalOut:
    """`people` are those that the approval names. `approvals` are all of the run: an approval that was edited
    away shows what it was asked for.

    `stopped` says why nothing may start now, kill switch or kill file, or is None. Which moves the actor
    has is asked as the decision itself would be, under the policy in force; `known` is as in find_deciders.
    `previews` are the run's events of previews.
    """
    step = next(step for step in steps if step.step_id == approval.step_id)
    held = next(p.command for p in run.plan.steps if p.step_key == step.step_key)
    command = command_asked(approval, held, approvals)
    may_approve = _may_decide(approval, APPROVE, actor, project, people, now, policy)
    may_deny = _may_decide(approval, DENY, actor, project, people, now, policy)
    is_pending = approval.status is ApprovalStatus.PENDING
    votes = standing_votes(approval, project, people) if is_pending else approval.decisions
    # The step's verdict is on what is held now; what was edited away is shown without one.
    verdict = (step.verdict or {}) if command == held else {}
    return wire.ApprovalOut(
        approval_id=approval.approval_id,
        project_id=approval.project_id,
        run_id=approval.run_id,
        step_id=approval.step_id,
        feature_id=run.feature_id,
        status=approval.status.value,
        subject_digest=approval.subject_digest,
        risk_level=approval.risk_level.value,
        quorum=needed_quorum(approval, project),
        requested_by=approval.requested_by,
        edited_by=approval.edited_by,
        changes=changes_out(approval.changes),
        approvals_given=count_people(tuple(v for v in votes if v.decision == APPROVE), people),
        decisions=[
            wire.ApprovalDecisionOut(
                actor=vote.actor,
                person=people.person_of(vote.actor),
                decision=vote.decision,
                reason=vote.reason,
                at=vote.at,
            )
            for vote in approval.decisions
        ],
        created_at=approval.created_at,
        expires_at=approval.expires_at,
        start_by=approval.start_by,
        is_used=approval.is_used,
        command=command.source_text,
        command_visible=render_visible(command.source_text),
        cwd=command.cwd,
        env_profile=command.env_profile,
        connector=command.connector,
        timeout_seconds=command.timeout_seconds,
        reason_codes=verdict.get("reason_codes", []),
        matched_rules=[wire.MatchedRuleOut(**rule) for rule in verdict.get("matched_rules", [])],
        commands=[wire.CommandFactsOut(**facts) for facts in verdict.get("commands", [])],
        network=render_reach(project.network_allowlist, command.allow_hosts),
        allow_hosts=list(command.allow_hosts),
        previews=[wire.ApprovalPreviewOut(**asdict(each)) for each in list_previews(approval, previews)],
        may_preview=is_pending and actor.has(Role.OPERATOR),
        may_propose=actor.has(Role.OPERATOR)
        and (is_pending or approval.status is ApprovalStatus.APPROVED)
        and not command.allow_hosts,
        is_own_request=people.person_of(approval.requested_by) == person_of(actor),
        needs_reason=needs_reason(approval.risk_level, APPROVE),
        approvers=describe_approvers(project, approval.risk_level),
        deciders=deciders_out(approval, actor, project, people, policy, may_approve, may_deny, known)
        if is_pending
        else None,
        notice=_notice(approval, run, may_approve, stopped),
        moves=allowed_approval_moves(
            approval, actor, is_permitted=may_approve.is_allowed, is_deniable=may_deny.is_allowed
        ),
    )


def deciders_out(
    approval: Approval,
    actor: Actor,
    project: Project,
    people: People,
    policy: PolicyInForce,
    may_approve: Permission,
    may_deny: Permission,
    known: Answers | None,
) -> wire.DecidersOut:
    """Names who may decide a pending approval, and says whether `actor` may."""
    if isinstance(policy, WorkbenchError):
        broken = f"{policy.message}; {policy.remedy}"
        found = find_deciders(approval, project, people, None, broken=broken)
    else:
        found = find_deciders(approval, project, people, policy, known=known)
    words = [word for word, one in (("approve", may_approve), ("deny", may_deny)) if one.is_allowed]
    return wire.DecidersOut(
        roles=[role.value for role in found.roles],
        people=list(found.people),
        people_roles=[role.value for role in found.people_roles],
        deny_roles=[role.value for role in DECIDING],
        quorum=found.quorum,
        given=found.given,
        left_out=list(found.left_out),
        text=describe_deciders(found, approval),
        actor=actor.name,
        may_approve=may_approve.is_allowed,
        may_deny=may_deny.is_allowed,
        why_not="" if may_approve.is_allowed else may_approve.reason,
        you=f"You may {' or '.join(words)} it." if words else "You may not decide it.",
    )


def _may_decide(
    approval: Approval,
    decision: str,
    actor: Actor,
    project: Project,
    people: People,
    now: str,
    policy: PolicyInForce | None,
) -> Permission:
    if isinstance(policy, WorkbenchError):
        if decision == APPROVE:
            # The decision itself would be refused in these words.
            return Permission(is_allowed=False, reason=f"{policy.message}; {policy.remedy}")
        policy = None
    # Asked with a reason given: whether one is missing is for the moment of decision.
    return may_decide(
        approval,
        actor=actor,
        decision=decision,
        reason="given",
        project=project,
        people=people,
        now=now,
        policy=policy,
    )


def changes_out(changes: tuple[CommandChange, ...]) -> list[wire.ChangeOut]:
    return [
        wire.ChangeOut(
            field=change.field, before=render_visible(change.before), after=render_visible(change.after)
        )
        for change in changes
    ]


def edit_out(seen: EditReview) -> wire_decide.EditOut:
    command = seen.admission.request.command
    fields = verdict_fields(seen.admission.judgement)
    if seen.refusal and seen.admission.blocked_by is not BlockedBy.POLICY:
        # What policy thinks of it is not the answer: it cannot be approved all the same.
        blocked_by = seen.admission.blocked_by
        codes = [] if blocked_by is None else [blocked_by.value]
        fields |= {"verdict": Decision.DENY.value, "reason_codes": codes, "matched_rules": []}
    return wire_decide.EditOut(
        **fields,
        command_visible=render_visible(command.source_text),
        cwd=command.cwd,
        changes=changes_out(seen.changes),
        subject_digest=seen.admission.subject_digest,
        risk_before=seen.approval.risk_level.value,
        refusal=seen.refusal,
    )


def self_approval_notice(risk_level: RiskLevel, project: Project) -> str:
    """Returns what somebody should know who asks for approval and may be the one to approve."""
    if project.forbid_self_approval:
        return "This project asks for a second person: you cannot approve your own request."
    if risk_level is RiskLevel.HIGH:
        return "High risk: if you approve this yourself, it is recorded as a self-approval."
    return ""


def _notice(approval: Approval, run: Run, permission: Permission, stopped: str | None) -> str:
    if approval.status is ApprovalStatus.APPROVED and not approval.is_used and stopped is not None:
        # Said in the answer to the decision, and for as long as the approval waits for its start.
        return (
            f"Approved, and nothing starts: the kill switch is on ({stopped}). The run is held; once the "
            f"switch is off, somebody resumes it: workbench resume {run.run_id}. The approval counts until "
            f"{approval.start_by or approval.expires_at}; after that it is asked about anew."
        )
    if approval.status is not ApprovalStatus.PENDING:
        return ""
    if not permission.is_allowed:
        return f"You cannot approve this: {permission.reason.rstrip('.')}."
    notices = []
    if permission.is_self_approval:
        notices.append("This is your own request: approving it is recorded as a self-approval.")
    if stopped is not None:
        notices.append(
            f"The kill switch is on ({stopped}): approved now, it is held and does not start by itself; "
            "resume the run once the switch is off."
        )
    return " ".join(notices)


def artifact_out(artifact: Artifact) -> wire.ArtifactOut:
    return wire.ArtifactOut(
        artifact_id=artifact.artifact_id,
        run_id=artifact.run_id,
        step_id=artifact.step_id,
        kind=artifact.kind.value,
        media_type=artifact.media_type,
        digest=artifact.digest,
        size_bytes=artifact.size_bytes,
        truncated=artifact.truncated,
        links=list(artifact.links),
        removed_at=artifact.removed_at,
        removed_reason=artifact.removed_reason,
    )


def event_out(event: Event) -> wire.EventOut:
    return wire.EventOut(
        seq=event.seq,
        project_id=event.project_id,
        run_id=event.run_id,
        step_id=event.step_id,
        tag=event.tag,
        actor=event.actor,
        at=event.at,
        payload=event.payload,
        leaf_hash=event.leaf_hash,
    )
