"""Turns what is shown of a project's policy into the wire's shapes. It decides nothing."""

from __future__ import annotations

from typing import Literal

from workbench.api import wire, wire_policy
from workbench.engine.inspect import Change, PolicyView, Replayed
from workbench.engine.organisation import OrganisationChange
from workbench.gate.standing import Finding, LayerState, Part, Trace, read_remembered
from workbench.model.actor import Actor, Role
from workbench.model.layer import RememberedRule


def policy_out(view: PolicyView, actor: Actor) -> wire_policy.PolicyOut:
    standing, accepted = view.standing, view.acceptance
    layer_of = {rule_id: _layer_name(layer.name) for layer in standing.layers for rule_id in layer.rule_ids}
    is_open = standing.layers[-1].state in (
        LayerState.NOT_ACCEPTED,
        LayerState.CHANGED,
        LayerState.BROKEN,
    )
    return wire_policy.PolicyOut(
        project_id=view.project.project_id,
        posture=standing.posture,
        posture_from=standing.posture_from,
        policy_digest=standing.policy_digest,
        problem=standing.problem,
        remedy=standing.remedy,
        layers=[
            wire_policy.PolicyLayerOut(
                name=_layer_name(layer.name),
                place=layer.place,
                state=layer.state.value,
                problem=layer.problem,
                remedy=layer.remedy,
                note=layer.note,
                accepted_by=accepted.actor if accepted and layer.name == "project" else None,
                accepted_at=accepted.at if accepted and layer.name == "project" else None,
                rule_ids=list(layer.rule_ids),
                moves=_organisation_moves(actor)
                if layer.name == "organisation" and layer.state is LayerState.CHANGED
                else [],
            )
            for layer in standing.layers
        ],
        rules=[
            wire_policy.PolicyRuleOut(
                rule_id=rule.rule_id,
                layer=layer_of[rule.rule_id],
                verdict=None if rule.verdict is None else rule.verdict.value,
                risk_level=rule.risk.value,
                reason_code=rule.reason,
                text=rule.text,
                source=rule.source,
                cedar=rule.cedar,
            )
            for rule in standing.rules
        ],
        digest=view.digest,
        moves=_moves(actor) if is_open else [],
    )


def policy_preview_out(change: Change, actor: Actor) -> wire_policy.PolicyPreviewOut:
    is_sound = not change.problem and all(finding.is_proved for finding in change.findings)
    return wire_policy.PolicyPreviewOut(
        digest=change.digest,
        problem=change.problem,
        remedy=change.remedy,
        posture=change.posture,
        added=list(change.added),
        removed=list(change.removed),
        difference=list(change.difference),
        findings=_findings_out(change.findings),
        replayed=change.replayed,
        changes=_replayed_out(change.changes),
        moves=[move for move in _moves(actor) if move == "accept"] if is_sound else [],
    )


def organisation_preview_out(change: OrganisationChange, actor: Actor) -> wire_policy.OrganisationPreviewOut:
    is_sound = not change.problem and all(finding.is_proved for finding in change.findings)
    return wire_policy.OrganisationPreviewOut(
        digest=change.digest,
        previous_digest=change.previous_digest,
        problem=change.problem,
        remedy=change.remedy,
        rules=list(change.rules),
        difference=list(change.difference),
        examples=change.examples,
        findings=_findings_out(change.findings),
        replayed=change.replayed,
        changes=_replayed_out(change.changes),
        moves=_organisation_moves(actor) if is_sound and change.digest != change.previous_digest else [],
    )


def _findings_out(findings: tuple[Finding, ...]) -> list[wire_policy.FindingOut]:
    return [
        wire_policy.FindingOut(
            name=finding.name,
            text=finding.text,
            is_proved=finding.is_proved,
            counter_example=list(finding.example_words),
        )
        for finding in findings
    ]


def _replayed_out(changes: tuple[Replayed, ...]) -> list[wire_policy.ReplayedOut]:
    return [
        wire_policy.ReplayedOut(
            run_id=one.run_id,
            command=one.command,
            recorded=one.recorded,
            now=one.now,
            changed=one.changed.verdict.value,
            by_policy=one.by_policy,
            reason_codes=list(one.changed.reason_codes),
            rule_ids=[rule.rule_id for rule in one.changed.matched_rules],
        )
        for one in changes
    ]


def trace_out(trace: Trace) -> wire_policy.TraceOut:
    verdict = trace.verdict
    return wire_policy.TraceOut(
        verdict=verdict.verdict.value,
        risk_level=verdict.risk_level.value,
        reason_codes=list(verdict.reason_codes),
        policy_digest=verdict.policy_digest,
        parts=[_part_out(part) for part in trace.parts],
    )


def remembered_out(rule: RememberedRule, actor: Actor, *, is_in_force: bool) -> wire.RememberedRuleOut:
    flags, facts = read_remembered(rule.cedar)
    return wire.RememberedRuleOut(
        rule_id=rule.rule_id,
        project_id=rule.project_id,
        program=rule.program,
        form=rule.form,
        flags=list(flags),
        facts=list(facts),
        cedar=rule.cedar,
        from_run_id=rule.from_run_id,
        created_by=rule.created_by,
        created_at=rule.created_at,
        expires_at=rule.expires_at,
        revoked_at=rule.revoked_at,
        is_in_force=is_in_force,
        moves=["forget"] if is_in_force and actor.has(Role.ADMIN) else [],
    )


def _part_out(part: Part) -> wire_policy.TracePartOut:
    return wire_policy.TracePartOut(
        program=part.command.program if part.command else None,
        argv=list(part.command.argv) if part.command else [],
        cwd=part.command.cwd if part.command else None,
        facts=list(part.facts),
        notes=list(part.notes),
        verdict=part.decision.value,
        error=part.error,
        rules=[
            wire_policy.CauseOut(
                rule_id=cause.rule.rule_id,
                source=cause.rule.source,
                text=cause.rule.text,
                verdict=None if cause.rule.verdict is None else cause.rule.verdict.value,
                because=list(cause.facts),
            )
            for cause in part.causes
        ],
        changes=[
            wire_policy.WouldChangeOut(
                verdict=change.verdict.value, without=list(change.without), having=list(change.having)
            )
            for change in part.changes
        ],
        may_be_remembered=part.may_be_remembered,
    )


def _moves(actor: Actor) -> list[str]:
    moves = ["preview"] if actor.has(Role.OPERATOR) else []
    return [*moves, "accept"] if actor.has(Role.ADMIN) else moves


def _organisation_moves(actor: Actor) -> list[str]:
    """What is in force in every project is accepted by an admin of all of them."""
    return ["accept"] if actor.has(Role.ADMIN) and actor.project_id is None else []


def _layer_name(name: str) -> Literal["shipped", "organisation", "project"]:
    match name:
        case "organisation" | "project":
            return name
        case _:
            return "shipped"
