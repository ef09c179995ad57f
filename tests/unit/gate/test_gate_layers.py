"""The door with layers over the policy: the strictest counts, what is broken or changed opens nothing."""

from __future__ import annotations

import pytest

from support.people import people
from workbench.gate import admit
from workbench.model.actor import Role
from workbench.model.admission import Admission, AdmissionRequest, GateSnapshot, SwitchAnswer, SwitchState
from workbench.model.approval import Approval, ApprovalDecision
from workbench.model.command import Command
from workbench.model.layer import PolicyLayer, PolicyLayers, RememberedRule
from workbench.model.project import Project
from workbench.model.statuses import ApprovalStatus, BlockedBy
from workbench.model.verdict import RiskLevel
from workbench.policy import load_policy
from workbench.policy.load import ExampleSurroundings

POLICY = load_policy(is_tried=False)
PROJECT = Project(project_id="prj_1", name="p", workspace_root="/srv/ws")
NO_DELETING = PolicyLayer(
    place=".workbench",
    rules_text='@id("keep") @risk("high") @reason("keep")\n'
    'forbid (principal, action in [Action::"run", Action::"run_with_approval"], resource)'
    " when { context.deletes };",
)
ACCEPTED = PolicyLayers(project=NO_DELETING, accepted_digest=NO_DELETING.digest)


def answer(text: str, *, layers: PolicyLayers | None = None, approval: Approval | None = None) -> Admission:
    snapshot = GateSnapshot(
        project=PROJECT,
        switch_answers=(SwitchAnswer(source="ledger", state=SwitchState.ON),),
        switch_name="execution.local",
        kill_reason=None,
        approval=approval,
        actor="ann",
        now="2026-01-01T12:00:00.000Z",
        layers=layers,
        people=people(ann=Role.ADMIN, bob=Role.APPROVER),
    )
    request = AdmissionRequest(
        run_id="run_1",
        step_id="step_1",
        command=Command(source_text=text, cwd="/srv/ws"),
        sandbox_profile="hardened",
    )
    return admit(request, snapshot, policy=POLICY, surroundings=ExampleSurroundings())


def approval_of(admission: Admission) -> Approval:
    return Approval(
        approval_id="apr_1",
        project_id="prj_1",
        run_id="run_1",
        step_id="step_1",
        status=ApprovalStatus.APPROVED,
        subject_digest=admission.subject_digest,
        risk_level=RiskLevel.HIGH,
        quorum=1,
        requested_by="ann",
        decisions=(
            ApprovalDecision(actor="bob", decision="approve", reason="fine", at="2026-01-01T11:00:00.000Z"),
        ),
        created_at="2026-01-01T10:00:00.000Z",
        expires_at="2026-01-02T12:00:00.000Z",
        is_used=False,
        version=1,
    )


def test_an_accepted_layer_decides_and_an_unaccepted_one_does_not() -> None:
    assert answer("rm x").blocked_by is BlockedBy.APPROVAL
    assert answer("rm x", layers=PolicyLayers(project=NO_DELETING)).blocked_by is BlockedBy.APPROVAL
    assert answer("rm x", layers=ACCEPTED).blocked_by is BlockedBy.POLICY
    assert answer("ls", layers=ACCEPTED).is_admitted


def test_an_approval_given_before_a_layer_was_accepted_is_good_for_nothing_after() -> None:
    before = approval_of(answer("git reset --hard"))
    assert answer("git reset --hard", approval=before).is_admitted
    admission = answer("git reset --hard", approval=before, layers=ACCEPTED)
    assert (admission.is_admitted, admission.blocked_by) == (False, BlockedBy.APPROVAL)


BROKEN = {
    "a broken organisation file": PolicyLayers(
        organisation=PolicyLayer(place="$WORKBENCH_HOME", rules_text="forbid (")
    ),
    "an unreadable organisation file": PolicyLayers(
        organisation=PolicyLayer(place="$WORKBENCH_HOME", problem="it is a pipe")
    ),
    "a changed project file": PolicyLayers(project=NO_DELETING, accepted_digest="sha256:other"),
    "a project file taken away": PolicyLayers(accepted_digest=NO_DELETING.digest),
    "a remembered rule that is none": PolicyLayers(
        remembered=(
            RememberedRule(
                rule_id="rem_1",
                project_id="prj_1",
                program="rm",
                form="",
                cedar='@id("x-y") @risk("low") @reason("x_y")\n'
                'permit (principal, action in [Action::"run", Action::"run_with_approval"], resource);',
                from_run_id="run_1",
                created_by="eve",
                created_at="2026-01-01T00:00:00.000Z",
                expires_at="2027-01-01T00:00:00.000Z",
            ),
        )
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_or_changed_denies_even_the_harmless_and_no_approval_lifts_it(case: str) -> None:
    admission = answer("ls", layers=BROKEN[case])
    assert (admission.is_admitted, admission.blocked_by, admission.argv) == (False, BlockedBy.POLICY, ())
    assert admission.judgement.verdict.reason_codes in (("policy_broken",), ("policy_changed",))
    assert admission.judgement.verdict.risk_level is RiskLevel.HIGH
    assert "policy" in admission.reason
    again = answer("ls", layers=BROKEN[case], approval=approval_of(admission))
    assert not again.is_admitted
