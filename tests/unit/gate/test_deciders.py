"""Who is named as a decider is who may decide: the two never say different things."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from workbench.gate.approvals import APPROVE, DENY, may_decide
from workbench.gate.deciders import DECIDING, Answers, describe_deciders, find_deciders
from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval
from workbench.model.people import People
from workbench.model.project import ApproverRule, Project
from workbench.model.statuses import ApprovalStatus
from workbench.model.verdict import RiskLevel
from workbench.policy.load import load_policy

NOW = "2026-03-01T12:00:00.000Z"
PROJECT = Project(project_id="prj_1", name="p", workspace_root="/srv/ws")
APPROVAL = Approval(
    approval_id="apr_1",
    project_id="prj_1",
    run_id="run_1",
    step_id="step_1",
    status=ApprovalStatus.PENDING,
    subject_digest="sha256:x",
    risk_level=RiskLevel.HIGH,
    quorum=1,
    requested_by="user:ann",
    decisions=(),
    created_at="2026-03-01T11:00:00.000Z",
    expires_at="2026-03-01T13:00:00.000Z",
    is_used=False,
    version=1,
)
POLICY = load_policy()
KNOWN: Answers = {}
RULES = [
    (),
    (ApproverRule(risk_level=RiskLevel.HIGH, role=Role.ADMIN),),
    (ApproverRule(risk_level=RiskLevel.HIGH, role=Role.ADMIN, people=("user:bea", "user:ann")),),
    (ApproverRule(risk_level=RiskLevel.HIGH, role=None, people=("user:bea",)),),
    (ApproverRule(risk_level=RiskLevel.MEDIUM, role=Role.ADMIN),),
]


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("has_four_eyes", [False, True])
@pytest.mark.parametrize("editor", [None, "user:bea"])
def test_they_are_who_may_approve_and_deny(
    rules: tuple[ApproverRule, ...], has_four_eyes: bool, editor: str | None
) -> None:
    project = dataclasses.replace(PROJECT, approvers=rules, forbid_self_approval=has_four_eyes)
    approval = dataclasses.replace(APPROVAL, edited_by=editor)
    found = find_deciders(approval, project, People(now=NOW), POLICY, known=KNOWN)
    for name, role in itertools.product(("user:ann", "user:bea", "user:cy"), Role):
        actor = Actor(name=name, role=role, via="api")

        def may(decision: str, actor: Actor = actor) -> bool:
            return may_decide(
                approval,
                actor=actor,
                decision=decision,
                reason="r",
                project=project,
                now=NOW,
                policy=POLICY,
            ).is_allowed

        is_named = name in found.people and role in found.people_roles
        said = (role in found.roles or is_named) and name not in found.left_out
        assert said == may(APPROVE), (name, role)
        assert (role in DECIDING) == may(DENY), (name, role)


def test_it_is_said_in_sentences() -> None:
    rule = ApproverRule(risk_level=RiskLevel.HIGH, role=None, people=("user:bea", "user:cy", "token:dan"))
    project = dataclasses.replace(PROJECT, approvers=(rule,), forbid_self_approval=True, approval_quorum=2)
    found = find_deciders(APPROVAL, project, People(now=NOW), POLICY)
    assert describe_deciders(found, APPROVAL) == (
        "May be approved by user:bea, user:cy or token:dan; 2 different people must, 0 have; not by "
        "user:ann, who asked for it. May be denied by whoever is approver or admin."
    )


def test_all_authors_are_named_as_left_out() -> None:
    strict = dataclasses.replace(PROJECT, forbid_self_approval=True)
    for editors, words in (
        (("user:bea",), "not by user:ann, who asked for it, or user:bea, who changed it"),
        (
            ("user:bea", "user:cy"),
            "not by user:ann, who asked for it, or user:bea or user:cy, who changed it",
        ),
        (("user:ann",), "not by user:ann, who asked for it"),
    ):
        approval = dataclasses.replace(APPROVAL, edited_by=editors[-1], editors=editors)
        found = find_deciders(approval, strict, People(now=NOW), POLICY)
        assert f"; {words}. May be denied" in describe_deciders(found, approval)


def test_without_a_policy_nobody_may_and_it_says_why() -> None:
    found = find_deciders(APPROVAL, PROJECT, People(now=NOW), None, broken="it is broken; mend it.")
    assert (found.roles, found.people, found.people_roles) == ((), (), ())
    assert describe_deciders(found, APPROVAL) == (
        "Nobody may approve it: it is broken; mend it. May be denied by whoever is approver or admin."
    )
