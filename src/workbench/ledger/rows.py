"""Turns table rows into the model's nouns and back. Nothing here decides anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from workbench.model.actor import Role
from workbench.model.admission import SwitchState
from workbench.model.approval import Approval, ApprovalDecision, CommandChange
from workbench.model.artifact import Artifact, ArtifactKind
from workbench.model.canonical import render_canonical
from workbench.model.entry_gate import OverriddenGate
from workbench.model.event import Event
from workbench.model.layer import RememberedRule
from workbench.model.place import USUAL, Place, RunPriority
from workbench.model.plan import StepKind, parse_plan
from workbench.model.project import ApproverRule, EnvProfile, Project
from workbench.model.run import Run, Step
from workbench.model.statuses import ApprovalStatus, BlockedBy, RunStatus, StepStatus, SyncStatus
from workbench.model.verdict import RiskLevel

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchRecord:
    """`state` is None where the row holds no word that is known; that counts as off, never as what it was.

    `overridden` are the entry gates that did not pass when the switch was set in spite of them.
    """

    name: str
    project_id: str
    state: SwitchState | None
    since: str | None
    until: str | None
    people: tuple[str, ...]
    reason: str
    changed_by: str
    changed_at: str
    overridden: tuple[OverriddenGate, ...] = ()


def render_json(value: Any) -> str:
    """Returns the canonical JSON text in which a column stores structured values."""
    return render_canonical(value).decode()


def _optional_json(text: str | None) -> Any:
    return None if text is None else msgspec.json.decode(text)


def _blocked_by(word: str | None) -> BlockedBy | None:
    return None if word is None else BlockedBy(word)


def render_project_settings(project: Project) -> str:
    """Returns what the settings column holds: everything but id, name, root and age."""
    return render_json(
        {
            "default_connector": project.default_connector,
            "env_profiles": [
                {
                    "name": profile.name,
                    "variables": dict(profile.variables),
                    "secrets": list(profile.secrets),
                }
                for profile in project.env_profiles
            ],
            "network_allowlist": list(project.network_allowlist),
            "forbid_self_approval": project.forbid_self_approval,
            "toolchains": list(project.toolchains),
            "approval_quorum": project.approval_quorum,
            "approvers": [
                {
                    "risk_level": rule.risk_level.value,
                    "role": None if rule.role is None else rule.role.value,
                    "people": list(rule.people),
                }
                for rule in project.approvers
            ],
            **_accepted_policy(project),
            **_retention(project),
        }
    )


def _accepted_policy(project: Project) -> dict[str, str]:
    """Projects from before policies could be accepted keep the bytes that their events have hashed."""
    return (
        {"accepted_policy_digest": project.accepted_policy_digest} if project.accepted_policy_digest else {}
    )


def _retention(project: Project) -> dict[str, int]:
    """So do those without limits, which are what projects were before there were any."""
    limits = {"retention_days": project.retention_days, "retention_bytes": project.retention_bytes}
    return {name: limit for name, limit in limits.items() if limit is not None}


def render_changes(changes: tuple[CommandChange, ...]) -> str | None:
    """Returns what the changes column holds: nothing, unless something was edited."""
    if not changes:
        return None
    return render_json([{"field": c.field, "before": c.before, "after": c.after} for c in changes])


def parse_project(row: Row) -> Project:
    settings = msgspec.json.decode(row["settings"])
    return Project(
        project_id=row["project_id"],
        name=row["name"],
        workspace_root=row["workspace_root"],
        default_connector=settings["default_connector"],
        env_profiles=tuple(
            EnvProfile(name=p["name"], variables=p["variables"], secrets=tuple(p["secrets"]))
            for p in settings["env_profiles"]
        ),
        network_allowlist=tuple(settings["network_allowlist"]),
        forbid_self_approval=settings["forbid_self_approval"],
        toolchains=tuple(settings["toolchains"]),
        # A project that was stored before there were these two leaves both to the server.
        approval_quorum=settings.get("approval_quorum"),
        approvers=tuple(
            ApproverRule(
                risk_level=RiskLevel(rule["risk_level"]),
                role=None if rule["role"] is None else Role(rule["role"]),
                people=tuple(rule["people"]),
            )
            for rule in settings.get("approvers", [])
        ),
        retention_days=settings.get("retention_days"),
        retention_bytes=settings.get("retention_bytes"),
        created_at=row["created_at"],
        accepted_policy_digest=settings.get("accepted_policy_digest", ""),
    )


def parse_remembered_rule(row: Row) -> RememberedRule:
    return RememberedRule(**{name: row[name] for name in RememberedRule.__dataclass_fields__})


def parse_switch(row: Row) -> SwitchRecord:
    """Returns a switch as its row has it; what cannot be read of it lets nobody through."""
    try:
        state: SwitchState | None = SwitchState(row["state"])
        people = tuple(str(name) for name in msgspec.json.decode(row["people"]))
        overridden = msgspec.json.decode(row["overridden"] or "[]", type=list[OverriddenGate])
    except (ValueError, TypeError):
        state, people, overridden = None, (), []
    return SwitchRecord(
        name=row["name"],
        project_id=row["project_id"],
        state=state,
        since=row["since"],
        until=row["until"],
        people=people,
        reason=row["reason"],
        changed_by=row["changed_by"],
        changed_at=row["changed_at"],
        overridden=tuple(overridden),
    )


def render_overridden(gates: tuple[OverriddenGate, ...]) -> str | None:
    """Returns what the column holds of overridden gates; nothing for none."""
    return render_json([asdict(gate) for gate in gates]) if gates else None


def parse_run(row: Row) -> Run:
    return Run(
        run_id=row["run_id"],
        project_id=row["project_id"],
        feature_id=row["feature_id"],
        recommendation_rule_id=row["recommendation_rule_id"],
        plan=parse_plan(msgspec.json.decode(row["plan"])),
        status=RunStatus(row["status"]),
        blocked_by=_blocked_by(row["blocked_by"]),
        requested_by=row["requested_by"],
        cancel_requested_at=row["cancel_requested_at"],
        retry_of_run_id=row["retry_of_run_id"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        version=row["version"],
        place=_parse_place(row),
    )


def _parse_place(row: Row) -> Place:
    return Place(pool=row["pool"] or USUAL.pool, priority=RunPriority(row["priority"] or USUAL.priority))


def parse_step(row: Row) -> Step:
    return Step(
        step_id=row["step_id"],
        run_id=row["run_id"],
        step_key=row["step_key"],
        kind=StepKind(row["kind"]),
        connector=row["connector"],
        external_run_id=row["external_run_id"],
        provider_status_raw=row["provider_status_raw"],
        sync_status=SyncStatus(row["sync_status"]),
        last_reconciled_at=row["last_reconciled_at"],
        status=StepStatus(row["status"]),
        blocked_by=_blocked_by(row["blocked_by"]),
        attempt=row["attempt"],
        verdict=_optional_json(row["verdict"]),
        subject_digest=row["subject_digest"],
        exit_code=row["exit_code"],
        failure_reason=row["failure_reason"],
        resume_token=row["resume_token"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        version=row["version"],
        worker_id=row["worker_id"],
    )


def parse_approval(row: Row) -> Approval:
    return Approval(
        approval_id=row["approval_id"],
        project_id=row["project_id"],
        run_id=row["run_id"],
        step_id=row["step_id"],
        status=ApprovalStatus(row["status"]),
        subject_digest=row["subject_digest"],
        risk_level=RiskLevel(row["risk_level"]),
        quorum=row["quorum"],
        requested_by=row["requested_by"],
        decisions=tuple(ApprovalDecision(**d) for d in msgspec.json.decode(row["decisions"])),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        is_used=bool(row["is_used"]),
        version=row["version"],
        start_by=row["start_by"],
        edited_by=row["edited_by"],
        changes=tuple(CommandChange(**change) for change in _optional_json(row["changes"]) or []),
    )


def parse_artifact(row: Row) -> Artifact:
    return Artifact(
        artifact_id=row["artifact_id"],
        project_id=row["project_id"],
        run_id=row["run_id"],
        step_id=row["step_id"],
        kind=ArtifactKind(row["kind"]),
        media_type=row["media_type"],
        uri=row["uri"],
        digest=row["digest"],
        size_bytes=row["size_bytes"],
        truncated=bool(row["truncated"]),
        links=tuple(msgspec.json.decode(row["links"])),
        # A ledger of an earlier version, which is only looked at, does not have the two.
        removed_at=row.get("removed_at"),
        removed_reason=row.get("removed_reason") or "",
    )


def parse_event(row: Row) -> Event:
    body = msgspec.json.decode(row["body"])
    return Event(
        seq=body["seq"],
        project_id=body["project_id"],
        run_id=body["run_id"],
        step_id=body["step_id"],
        tag=body["tag"],
        actor=body["actor"],
        at=body["at"],
        payload=body["payload"],
        leaf_hash=row["leaf_hash"],
        previous_hash=body["previous_hash"],
    )
