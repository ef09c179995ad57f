"""Who may decide, when a quorum is reached, when an approval has lapsed."""

from __future__ import annotations

import dataclasses

import pytest

from support.people import holding, people
from workbench.gate.approvals import (
    Permission,
    describe_approvers,
    has_lapsed,
    is_expired,
    is_quorum_reached,
    may_decide,
    standing_votes,
)
from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval, ApprovalDecision
from workbench.model.people import Holding, People
from workbench.model.project import ApproverRule, Project
from workbench.model.statuses import ApprovalStatus
from workbench.model.verdict import RiskLevel

NOW = "2026-03-01T12:00:00.000Z"
PROJECT = Project(project_id="prj_1", name="p", workspace_root="/srv/ws")
APPROVAL = Approval(
    approval_id="apr_1",
    project_id="prj_1",
    run_id="run_1",
    step_id="step_1",
    status=ApprovalStatus.PENDING,
    subject_digest="sha256:x",
    risk_level=RiskLevel.MEDIUM,
    quorum=1,
    requested_by="ann",
    decisions=(),
    created_at="2026-03-01T11:00:00.000Z",
    expires_at="2026-03-01T13:00:00.000Z",
    is_used=False,
    version=1,
)
VOTERS = people(NOW, ann=Role.ADMIN, bob=Role.APPROVER)


def vote(actor: str, decision: str = "approve") -> ApprovalDecision:
    return ApprovalDecision(actor=actor, decision=decision, reason="r", at=NOW)


def asked(
    actor: str = "bob",
    decision: str = "approve",
    reason: str = "",
    project: Project = PROJECT,
    role: Role = Role.APPROVER,
    reach: str | None = None,
    **more: object,
) -> Permission:
    approval = dataclasses.replace(APPROVAL, **more)  # type: ignore[arg-type]
    who = Actor(name=actor, role=role, via="api", project_id=reach)
    return may_decide(
        approval, actor=who, decision=decision, reason=reason, project=project, now=NOW, people=VOTERS
    )


@pytest.mark.parametrize(
    ("decisions", "quorum", "expected"),
    [
        ((), 0, False),
        ((), 1, False),
        ((vote("a"),), 1, True),
        ((vote("a"), vote("a")), 2, False),
        ((vote("a"), vote("b")), 2, True),
        ((vote("a"), vote("b", "deny")), 1, False),
        ((vote("a", "odd"),), 1, False),
    ],
)
def test_a_quorum_counts_different_people_and_no_denial(
    decisions: tuple[ApprovalDecision, ...], quorum: int, expected: bool
) -> None:
    assert is_quorum_reached(decisions, quorum) is expected


@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        ("2026-03-01T12:00:00.001Z", False),
        (NOW, True),
        ("2026-03-01T11:59:59.999Z", True),
        ("2026-03-01T13:30:00+01:30", True),
        ("", True),
        ("never", True),
        ("2026-03-01T13:00:00", True),
    ],
)
def test_an_approval_lapses_at_its_time_and_when_the_time_is_unreadable(
    expires_at: str, expected: bool
) -> None:
    assert is_expired(dataclasses.replace(APPROVAL, expires_at=expires_at), NOW) is expected


def test_somebody_else_may_decide() -> None:
    assert asked() == Permission(is_allowed=True, reason="")
    assert asked(decision="deny", reason="no") == Permission(is_allowed=True, reason="")


def test_the_requester_may_approve_and_is_told_so() -> None:
    permission = asked("ann", reason="needed", risk_level=RiskLevel.HIGH)
    assert permission == Permission(
        is_allowed=True, reason="you are approving your own request", is_self_approval=True
    )


def test_a_project_can_ask_for_a_second_person() -> None:
    strict = dataclasses.replace(PROJECT, forbid_self_approval=True)
    assert not asked("ann", project=strict).is_allowed
    assert asked("ann", project=strict).is_self_approval
    assert asked("ann", decision="deny", reason="no", project=strict).is_allowed
    assert asked("bob", project=strict).is_allowed


@pytest.mark.parametrize(
    "change",
    [
        {"decision": "maybe"},
        {"actor": ""},
        {"project_id": "prj_2"},
        *({"status": status} for status in ApprovalStatus if status is not ApprovalStatus.PENDING),
        {"expires_at": NOW},
        {"decisions": (vote("bob"),)},
        {"risk_level": RiskLevel.HIGH, "reason": "  "},
        {"decision": "deny"},
        {"role": Role.OPERATOR},
        {"reach": "prj_2"},
    ],
)
def test_a_decision_that_cannot_count_is_refused_with_a_reason(change: dict[str, object]) -> None:
    permission = asked(**change)  # type: ignore[arg-type]
    assert not permission.is_allowed
    assert permission.reason


def test_who_asked_and_who_ever_edited_are_authors_and_somebody_else_is_the_second_person() -> None:
    strict = dataclasses.replace(PROJECT, forbid_self_approval=True)
    for name in ("ann", "bob", "cy"):
        own = asked(name, project=strict, edited_by="bob", editors=("cy", "bob"))
        assert (own.is_allowed, own.is_self_approval) == (False, True)
        assert "but not ann, cy or bob" in own.reason
        assert "deny it and ask anew" in own.reason
        assert asked(name, edited_by="bob", editors=("cy", "bob")).is_self_approval
        assert asked(name, decision="deny", reason="no", project=strict, edited_by="bob").is_allowed
    assert asked("dan", project=strict, edited_by="bob", editors=("cy", "bob")).is_allowed


def test_an_agent_approves_nothing_of_its_own_or_of_the_person_it_acts_for() -> None:
    voters = People(
        now=NOW,
        holdings=(
            holding("token:agent", Role.APPROVER, person="ann"),
            holding("token:second", Role.APPROVER, person="ann"),
        ),
    )
    agent = Actor(name="token:agent", role=Role.APPROVER, via="mcp", person="ann")

    def asks(actor: Actor, decision: str = "approve", **more: object) -> Permission:
        approval = dataclasses.replace(APPROVAL, **more)  # type: ignore[arg-type]
        return may_decide(
            approval, actor=actor, decision=decision, reason="r", project=PROJECT, now=NOW, people=voters
        )

    for own in (
        {"requested_by": "token:agent"},
        {"requested_by": "ann"},
        {"requested_by": "token:second"},
        {"requested_by": "bob", "edited_by": "ann"},
        {"requested_by": "bob", "editors": ("token:second",)},
    ):
        refused = asks(agent, **own)
        assert not refused.is_allowed, own
        assert "workbench approve apr_1" in refused.reason
        assert "the page" in refused.remedy
        assert asks(agent, "deny", **own).is_allowed
        # The person, by any way of their own, may.
        for via in ("page", "cli", "api"):
            assert asks(dataclasses.replace(agent, name="ann", via=via), **own).is_allowed
    assert asks(agent, requested_by="bob").is_allowed


@pytest.mark.parametrize(
    ("rule", "words", "allowed", "refused"),
    [
        (
            ApproverRule(risk_level=RiskLevel.HIGH, role=Role.ADMIN),
            "anybody who is admin",
            [("cy", Role.ADMIN)],
            [("bob", Role.APPROVER)],
        ),
        (
            ApproverRule(risk_level=RiskLevel.HIGH, people=("bob", "cy")),
            "bob or cy",
            [("bob", Role.APPROVER)],
            [("dan", Role.ADMIN), ("bob", Role.OPERATOR)],
        ),
        (
            ApproverRule(risk_level=RiskLevel.HIGH, role=Role.ADMIN, people=("bob",)),
            "anybody who is admin or bob",
            [("bob", Role.APPROVER), ("dan", Role.ADMIN)],
            [("cy", Role.APPROVER)],
        ),
        (ApproverRule(risk_level=RiskLevel.HIGH), "nobody", [], [("dan", Role.ADMIN)]),
    ],
)
def test_a_project_says_who_approves_which_risk(
    rule: ApproverRule, words: str, allowed: list[tuple[str, Role]], refused: list[tuple[str, Role]]
) -> None:
    project = dataclasses.replace(PROJECT, approvers=(rule,))
    high = {"project": project, "reason": "r", "risk_level": RiskLevel.HIGH}
    for name, role in allowed:
        assert asked(name, role=role, **high).is_allowed  # type: ignore[arg-type]
    for name, role in refused:
        permission = asked(name, role=role, **high)  # type: ignore[arg-type]
        assert not permission.is_allowed
    assert describe_approvers(project, RiskLevel.HIGH) == words
    assert describe_approvers(project, RiskLevel.LOW) == "anybody who is approver"
    assert asked("bob", project=project, reason="r", risk_level=RiskLevel.MEDIUM).is_allowed
    assert asked("eve", decision="deny", project=project, reason="r", risk_level=RiskLevel.HIGH).is_allowed


@pytest.mark.parametrize(
    ("start_by", "expires_at", "expected"),
    [
        ("2026-03-01T12:00:00.001Z", "2026-03-01T11:00:00.000Z", False),
        (NOW, "2026-03-01T13:00:00.000Z", True),
        ("soon", "2026-03-01T13:00:00.000Z", True),
        (None, "2026-03-01T13:00:00.000Z", False),
        (None, NOW, True),
    ],
)
def test_what_was_approved_lapses_when_nothing_starts_in_time(
    start_by: str | None, expires_at: str, expected: bool
) -> None:
    approved = dataclasses.replace(APPROVAL, start_by=start_by, expires_at=expires_at)
    assert has_lapsed(approved, NOW) is expected


PHONE, LAPTOP = "token:bea-phone", "token:bea-laptop"
BEA = People(
    now=NOW,
    holdings=(
        holding(PHONE, Role.APPROVER, person="bea"),
        holding(LAPTOP, Role.ADMIN, person="bea"),
        holding("token:cy", Role.APPROVER),
    ),
)


def test_two_tokens_of_one_person_are_one_voter() -> None:
    assert not is_quorum_reached((vote(PHONE), vote(LAPTOP)), 2, BEA)
    assert is_quorum_reached((vote(PHONE), vote("token:cy")), 2, BEA)
    # Who is named twice in different clothes is one person too, whatever tokens say.
    for name in ("token: ann\u200b", "token:user:ann", "TOKEN:ANN", "token:\uff41nn"):
        assert not is_quorum_reached((vote("user:Ann"), vote(name)), 2), name


@pytest.mark.parametrize("strict", [False, True])
def test_one_person_asks_and_approves_by_two_tokens_and_that_is_self_approval(strict: bool) -> None:
    project = dataclasses.replace(PROJECT, forbid_self_approval=strict)
    for author in ({"requested_by": PHONE}, {"edited_by": PHONE}):
        permission = may_decide(
            dataclasses.replace(APPROVAL, **author),  # type: ignore[arg-type]
            actor=Actor(name=LAPTOP, role=Role.ADMIN, via="page", person="bea"),
            decision="approve",
            reason="r",
            project=project,
            now=NOW,
            people=BEA,
        )
        assert (permission.is_allowed, permission.is_self_approval) == (not strict, True)


def test_one_person_votes_once_by_whatever_token() -> None:
    permission = may_decide(
        dataclasses.replace(APPROVAL, decisions=(vote(PHONE),), quorum=2),
        actor=Actor(name=LAPTOP, role=Role.ADMIN, via="page", person="bea"),
        decision="approve",
        reason="r",
        project=PROJECT,
        now=NOW,
        people=BEA,
    )
    assert not permission.is_allowed
    assert "one person" in permission.reason


@pytest.mark.parametrize(
    ("held", "stands"),
    [
        ((holding("bob", Role.APPROVER),), True),
        ((holding("bob", Role.ADMIN, expires_at="2026-03-01T12:00:00.001Z"),), True),
        ((holding("bob", Role.APPROVER, project_id="prj_1"),), True),
        ((), False),
        ((holding("bob", Role.OPERATOR),), False),
        ((holding("bob", Role.APPROVER, revoked_at=NOW),), False),
        ((holding("bob", Role.APPROVER, expires_at=NOW),), False),
        ((holding("bob", Role.APPROVER, expires_at="soon"),), False),
        ((holding("bob", Role.APPROVER, project_id="prj_2"),), False),
        ((holding("bob", Role.APPROVER, revoked_at=NOW), holding("bob", Role.VIEWER)), False),
    ],
)
def test_a_vote_counts_while_its_giver_may_still_give_it(held: tuple[Holding, ...], stands: bool) -> None:
    approval = dataclasses.replace(APPROVAL, decisions=(vote("bob"),))
    people_now = People(now=NOW, holdings=held)
    assert (standing_votes(approval, PROJECT, people_now) == approval.decisions) is stands


def test_a_vote_is_worth_what_the_very_token_it_was_given_with_is_worth() -> None:
    stolen = dataclasses.replace(vote("bob"), token_id="tok_stolen")
    approval = dataclasses.replace(APPROVAL, decisions=(stolen,))
    kept = holding("bob", Role.ADMIN)
    lost = holding("bob", Role.ADMIN, token_id="tok_stolen")
    assert standing_votes(approval, PROJECT, People(now=NOW, holdings=(kept, lost))) == (stolen,)
    revoked = dataclasses.replace(lost, revoked_at=NOW)
    assert standing_votes(approval, PROJECT, People(now=NOW, holdings=(kept, revoked))) == ()
    # Another actor's token is no leave either.
    others = holding("eve", Role.ADMIN, token_id="tok_stolen")
    assert standing_votes(approval, PROJECT, People(now=NOW, holdings=(kept, others))) == ()


def test_a_rule_that_asks_for_an_admin_asks_the_role_of_now() -> None:
    rule = ApproverRule(risk_level=RiskLevel.MEDIUM, role=Role.ADMIN)
    project = dataclasses.replace(PROJECT, approvers=(rule,))
    approval = dataclasses.replace(APPROVAL, decisions=(vote("bob"),))
    assert standing_votes(approval, project, people(NOW, bob=Role.ADMIN)) == approval.decisions
    assert standing_votes(approval, project, people(NOW, bob=Role.APPROVER)) == ()
