"""Admissions as the gate would give them, for tests of what stands behind the gate."""

from __future__ import annotations

from workbench.model.admission import Admission, AdmissionRequest
from workbench.model.command import Command
from workbench.model.statuses import BlockedBy
from workbench.model.verdict import Decision, Judgement, RiskLevel, Verdict


def admission_for(
    command: Command,
    *,
    run_id: str = "run_1",
    step_id: str = "step_run_1",
    decision: Decision = Decision.ALLOW,
    approval_id: str | None = None,
    subject_digest: str = "sha256:1",
    blocked_by: BlockedBy | None = None,
    parsed_strictly: bool = True,
) -> Admission:
    """An admission with this verdict; what policy would say is no part of these tests."""
    verdict = Verdict(
        verdict=decision,
        risk_level=RiskLevel.HIGH,
        reason_codes=("why",),
        matched_rules=(),
        policy_digest="sha256:0",
    )
    return Admission(
        request=AdmissionRequest(run_id=run_id, step_id=step_id, command=command, sandbox_profile="hardened"),
        is_admitted=blocked_by is None,
        blocked_by=blocked_by,
        reason="",
        judgement=Judgement(verdict=verdict, argv=("/bin/true",), parsed_strictly=parsed_strictly),
        subject_digest=subject_digest,
        argv=("/bin/true",),
        approval_id=approval_id,
    )
