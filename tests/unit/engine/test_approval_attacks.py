"""What changes between a decision and its start counts at the start: rules, people, policy, grants, time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from support.engine import House, open_engine_house
from support.policies import write_into
from workbench.engine.decide import approve, deny, expire_overdue
from workbench.engine.edit import Edit, approve_edited, review_edit
from workbench.engine.submit import submit
from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval
from workbench.model.command import Command
from workbench.model.errors import Conflict, IllegalMove, InvalidInput, NotAllowed
from workbench.model.project import ApproverRule, EnvProfile, Project
from workbench.model.statuses import ApprovalStatus, BlockedBy, RunStatus
from workbench.model.verdict import RiskLevel

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")
BOB = Actor(name="user:bob", role=Role.APPROVER, via="page")
CY = Actor(name="user:cy", role=Role.APPROVER, via="mcp")
DENY_NETWORK = """@id("no-net") @risk("high") @reason("no_net")
forbid (principal, action in [Action::"run", Action::"run_with_approval"], resource) when { context.network };
"""
PROJECT_CHANGES: dict[str, Callable[[Project], Project]] = {
    "a second person is asked for": lambda project: replace(project, forbid_self_approval=True),
    "two are asked for": lambda project: replace(project, approval_quorum=2),
    "somebody else is named": lambda project: replace(
        project, approvers=(ApproverRule(risk_level=RiskLevel.HIGH, role=None, people=("user:cy",)),)
    ),
    "the network is opened": lambda project: replace(project, network_allowlist=("example.org",)),
    "a toolchain is added": lambda project: replace(project, toolchains=("/opt/tools",)),
    "a secret is added": lambda project: replace(
        project, env_profiles=(EnvProfile(name="default", secrets=("TOKEN",)),)
    ),
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as opened:
        yield opened


async def hold(house: House) -> Approval:
    command = Command(source_text="rm -rf build", cwd="")
    run = await submit(house.context, project_id="prj_1", command=command, actor=ANN)
    (approval,) = await house.context.ledger.for_project("prj_1").approvals(run_id=run.run_id)
    return approval


async def vote(
    house: House, approval: Approval, actor: Actor, reason: str = "it can be built again"
) -> Approval:
    return await approve(
        house.context, project_id="prj_1", approval_id=approval.approval_id, actor=actor, reason=reason
    )


async def is_held(house: House, approval: Approval) -> bool:
    """Drives what was released; returns whether nothing started and the question was put anew."""
    await house.drive()
    reads = house.context.ledger.for_project("prj_1")
    run = await reads.run(approval.run_id)
    newest = (await reads.approvals(run_id=approval.run_id))[0]
    return (
        house.connector.dispatched == []
        and run.blocked_by is BlockedBy.APPROVAL
        and newest.status is ApprovalStatus.PENDING
        and newest.approval_id != approval.approval_id
    )


@pytest.mark.parametrize("change", PROJECT_CHANGES)
async def test_a_project_that_changes_between_decision_and_start_asks_anew(house: House, change: str) -> None:
    asked = await hold(house)
    # The requester's own vote, which no rule forbade when it was given.
    assert (await vote(house, asked, ANN)).status is ApprovalStatus.APPROVED
    await house.put(PROJECT_CHANGES[change](house.project))
    assert await is_held(house, asked)


async def test_who_may_approve_no_more_when_it_starts_has_not_approved(house: House) -> None:
    for name, lowered in (("user:dan", Role.OPERATOR), ("user:eli", None)):
        asked = await hold(house)
        token_id = await house.give_token(name, Role.APPROVER)
        await vote(house, asked, Actor(name=name, role=Role.APPROVER, via="page", token_id=token_id))
        await house.revoke(token_id)
        if lowered is not None:
            await house.give_token(name, lowered)
        assert await is_held(house, asked), name


async def test_a_vote_whose_token_was_revoked_does_not_help_the_next_one_and_can_be_given_again(
    house: House,
) -> None:
    await house.put(replace(house.project, approval_quorum=2))
    asked = await hold(house)
    stolen = await house.give_token("user:dan", Role.APPROVER)
    dan = Actor(name="user:dan", role=Role.APPROVER, via="page", token_id=stolen)
    assert (await vote(house, asked, dan)).status is ApprovalStatus.PENDING
    await house.revoke(stolen)
    assert (await vote(house, asked, BOB)).status is ApprovalStatus.PENDING
    new = await house.give_token("user:dan", Role.APPROVER)
    assert (await vote(house, asked, replace(dan, token_id=new))).status is ApprovalStatus.APPROVED
    await house.drive()
    assert len(house.connector.dispatched) == 1


async def test_one_person_with_two_tokens_is_one_voter_and_no_second_person(house: House) -> None:
    phone = await house.give_token("token:ann-phone", Role.ADMIN, person="ann")
    ann = Actor(name="token:ann-phone", role=Role.ADMIN, via="page", person="ann", token_id=phone)
    await house.put(replace(house.project, approval_quorum=2))
    asked = await hold(house)
    assert (await vote(house, asked, ANN)).status is ApprovalStatus.PENDING
    with pytest.raises(NotAllowed, match="one person"):
        await vote(house, asked, ann)
    await house.put(replace(house.project, forbid_self_approval=True, approval_quorum=1))
    mine = await hold(house)
    with pytest.raises(NotAllowed, match="second person"):
        await vote(house, mine, ann)
    edit = Edit(source_text="rm -rf build/old")
    seen = await review_edit(
        house.context, project_id="prj_1", approval_id=mine.approval_id, edit=edit, actor=BOB
    )
    changed = await approve_edited(
        house.context,
        project_id="prj_1",
        approval_id=mine.approval_id,
        edit=edit,
        actor=BOB,
        reason="less",
        edited_digest=seen.admission.subject_digest,
    )
    assert changed.status is ApprovalStatus.PENDING
    second = await house.give_token("token:bob-phone", Role.ADMIN, person="user:bob")
    with pytest.raises(NotAllowed, match="second person"):
        await vote(house, changed, replace(BOB, name="token:bob-phone", person="bob", token_id=second))
    await house.drive()
    assert house.connector.dispatched == []


async def test_a_policy_that_changes_between_decision_and_start_asks_anew(house: House) -> None:
    asked = await hold(house)
    await vote(house, asked, BOB)
    write_into(house.context.home, DENY_NETWORK)
    assert await is_held(house, asked)


async def test_a_vote_that_the_project_has_come_to_forbid_does_not_help_the_next_one(house: House) -> None:
    await house.put(replace(house.project, approval_quorum=2))
    asked = await hold(house)
    assert (await vote(house, asked, ANN)).status is ApprovalStatus.PENDING
    await house.put(replace(house.project, forbid_self_approval=True))
    assert (await vote(house, asked, BOB)).status is ApprovalStatus.PENDING
    await house.drive()
    assert house.connector.dispatched == []
    assert (await vote(house, asked, CY)).status is ApprovalStatus.APPROVED
    await house.drive()
    assert len(house.connector.dispatched) == 1


async def test_a_decision_is_replayed_to_no_effect_and_its_approval_starts_one_thing(house: House) -> None:
    asked = await hold(house)
    await vote(house, asked, BOB)
    await house.drive()
    for again in (BOB, CY):
        with pytest.raises(IllegalMove):
            await vote(house, asked, again)
    await house.context.starter.start("prj_1", asked.run_id)
    await house.drive()
    assert len(house.connector.dispatched) == 1
    assert (await house.context.ledger.for_project("prj_1").approval(asked.approval_id)).is_used


async def test_an_approval_of_something_else_than_what_was_seen_is_refused(house: House) -> None:
    asked = await hold(house)
    for decide in (approve, deny):
        with pytest.raises(Conflict, match="another subject"):
            await decide(
                house.context,
                project_id="prj_1",
                approval_id=asked.approval_id,
                actor=BOB,
                reason="yes",
                subject_digest="sha256:" + "0" * 64,
            )


async def test_a_high_risk_and_a_denial_need_a_reason_that_says_something(house: House) -> None:
    asked = await hold(house)
    for reason in ("", " ", "\n\t"):
        with pytest.raises(InvalidInput, match="needs a reason"):
            await vote(house, asked, BOB, reason)
        with pytest.raises(InvalidInput, match="needs a reason"):
            await deny(
                house.context, project_id="prj_1", approval_id=asked.approval_id, actor=BOB, reason=reason
            )


async def test_a_time_out_is_an_outcome_of_its_own_that_no_clock_takes_back(house: House) -> None:
    asked = await hold(house)
    late = house.context.limits.approval_expiry_seconds
    house.clock.advance(late)
    with pytest.raises(IllegalMove) as refused:
        await vote(house, asked, BOB)
    assert f"workbench retry {asked.run_id} --acknowledge" in refused.value.remedy
    house.clock.advance(-late)
    with pytest.raises(IllegalMove):
        await vote(house, asked, BOB)
    await house.drive()
    reads = house.context.ledger.for_project("prj_1")
    ended, run = await reads.approval(asked.approval_id), await reads.run(asked.run_id)
    assert (ended.status, run.status) == (ApprovalStatus.EXPIRED, RunStatus.CANCELED)
    assert [decision.decision for decision in ended.decisions if decision.decision == "approve"] == []
    assert house.connector.dispatched == []
    assert await expire_overdue(house.context) == 0


async def test_the_first_decision_wins_and_the_second_is_told(house: House) -> None:
    asked = await hold(house)
    await deny(house.context, project_id="prj_1", approval_id=asked.approval_id, actor=BOB, reason="no")
    with pytest.raises(IllegalMove, match="denied"):
        await vote(house, asked, CY)
    await house.drive()
    assert house.connector.dispatched == []
