"""An approver edits what is held: judged anew, bound anew, recorded, and never more than what policy lets."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.engine import House, open_engine_house
from workbench.engine.context import Limits
from workbench.engine.decide import approve, deny, expire_overdue
from workbench.engine.edit import Edit, approve_edited, command_asked, review_edit
from workbench.engine.operate import set_kill
from workbench.engine.remember import remember_rules
from workbench.engine.submit import submit
from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval, CommandChange
from workbench.model.command import Command
from workbench.model.errors import Conflict, IllegalMove, InvalidInput, NotAllowed
from workbench.model.project import ApproverRule
from workbench.model.run import Run
from workbench.model.statuses import ApprovalStatus, BlockedBy, RunStatus
from workbench.model.verdict import RiskLevel

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")
BOB = Actor(name="user:bob", role=Role.APPROVER, via="page")
CY = Actor(name="user:cy", role=Role.ADMIN, via="api")
RISKY = "rm -rf build"
SAFER = Edit(source_text="rm -r build/old")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as opened:
        yield opened


async def hold(house: House, text: str = RISKY) -> tuple[Run, Approval]:
    run = await submit(
        house.context, project_id="prj_1", command=Command(source_text=text, cwd=""), actor=ANN
    )
    assert run.blocked_by is BlockedBy.APPROVAL
    (approval,) = await house.context.ledger.for_project("prj_1").approvals(run_id=run.run_id)
    return run, approval


async def edited(house: House, approval: Approval, edit: Edit, actor: Actor = BOB) -> Approval:
    seen = await review_edit(
        house.context, project_id="prj_1", approval_id=approval.approval_id, edit=edit, actor=actor
    )
    return await approve_edited(
        house.context,
        project_id="prj_1",
        approval_id=approval.approval_id,
        edit=edit,
        actor=actor,
        reason="only the old part",
        subject_digest=approval.subject_digest,
        edited_digest=seen.admission.subject_digest,
    )


async def test_the_edited_command_is_what_runs_and_everybody_sees_who_changed_what(house: House) -> None:
    run, asked = await hold(house)
    approved = await edited(house, asked, dataclasses.replace(SAFER, timeout_seconds=60))
    await house.drive()
    (dispatched,) = house.connector.dispatched
    assert dispatched.admission.request.command.source_text == "rm -r build/old"
    assert dispatched.timeout_seconds == 60
    assert dispatched.admission.subject_digest == approved.subject_digest != asked.subject_digest
    reads = house.context.ledger.for_project("prj_1")
    ended, _ = await reads.run_with_steps(run.run_id)
    old, new = await reads.approval(asked.approval_id), await reads.approval(approved.approval_id)
    assert (ended.status, ended.plan.steps[0].command.source_text) == (
        RunStatus.SUCCEEDED,
        "rm -r build/old",
    )
    assert (old.status, old.is_used, new.status, new.is_used) == (
        ApprovalStatus.WITHDRAWN,
        False,
        ApprovalStatus.APPROVED,
        True,
    )
    assert (new.requested_by, new.edited_by) == ("user:ann", "user:bob")
    assert new.changes == (
        CommandChange(field="command", before=RISKY, after="rm -r build/old"),
        CommandChange(field="time limit", before="3600 s", after="60 s"),
    )
    (event,) = [e for e in await reads.events(run_id=run.run_id) if e.tag == "run:edited"]
    assert (event.actor, event.payload["via"], event.payload["takes_place_of"]) == (
        "user:bob",
        "page",
        asked.approval_id,
    )
    assert event.payload["changes"][0] == {
        "field": "command",
        "before": RISKY,
        "after": "rm -r build/old",
    }
    held = ended.plan.steps[0].command
    assert command_asked(old, held, [old, new]).source_text == RISKY
    assert command_asked(old, held, [old, new]).timeout_seconds == 3600
    assert command_asked(new, held, [old, new]) == held
    assert (await house.context.ledger.verify()).ok


async def test_an_idempotent_request_still_finds_its_run_after_an_edit(house: House) -> None:
    async def ask() -> Run:
        return await submit(
            house.context,
            project_id="prj_1",
            command=Command(source_text=RISKY, cwd=""),
            actor=ANN,
            idempotency_key="once",
        )

    run = await ask()
    (asked,) = await house.context.ledger.for_project("prj_1").approvals(run_id=run.run_id)
    await edited(house, asked, SAFER)
    assert (await ask()).run_id == run.run_id


async def test_looking_at_an_edit_writes_nothing_and_shows_what_it_comes_to(house: House) -> None:
    run, asked = await hold(house, "frobnicate --all")
    before = await house.context.ledger.for_project("prj_1").events()
    seen = await review_edit(
        house.context,
        project_id="prj_1",
        approval_id=asked.approval_id,
        edit=Edit(source_text=RISKY),
        actor=BOB,
    )
    assert (asked.risk_level, seen.admission.judgement.verdict.risk_level) == (
        RiskLevel.MEDIUM,
        RiskLevel.HIGH,
    )
    assert (seen.refusal, [change.after for change in seen.changes]) == ("", [RISKY])
    assert await house.context.ledger.for_project("prj_1").events() == before
    assert (await house.context.ledger.for_project("prj_1").run(run.run_id)).status is RunStatus.BLOCKED


async def test_an_edit_to_what_policy_allows_runs_and_spends_the_approval_too(house: House) -> None:
    _, asked = await hold(house)
    approved = await edited(house, asked, Edit(source_text="ls"))
    await house.drive()
    assert [d.admission.approval_id for d in house.connector.dispatched] == [approved.approval_id]
    assert (await house.context.ledger.for_project("prj_1").approval(approved.approval_id)).is_used


@pytest.mark.parametrize(
    "edit", [Edit(source_text="sudo rm -rf /"), Edit(cwd="/etc"), Edit(source_text="rm -rf x", cwd="/")]
)
async def test_what_policy_or_the_boundary_refuses_no_edit_can_bring_in(house: House, edit: Edit) -> None:
    run, asked = await hold(house)
    with pytest.raises(NotAllowed) as caught:
        await edited(house, asked, edit)
    assert caught.value.code == "edit_refused"
    still = await house.context.ledger.for_project("prj_1").approval(asked.approval_id)
    assert (still, (await house.context.ledger.for_project("prj_1").run(run.run_id)).plan) == (
        asked,
        run.plan,
    )


async def test_an_edit_of_nothing_without_a_reason_or_of_something_else_is_refused(house: House) -> None:
    _, asked = await hold(house)
    common = {"project_id": "prj_1", "approval_id": asked.approval_id, "actor": BOB}
    with pytest.raises(InvalidInput, match="changes nothing"):
        await edited(house, asked, Edit(source_text=RISKY))
    with pytest.raises(InvalidInput, match="reason"):
        await approve_edited(house.context, edit=SAFER, reason=" ", edited_digest="", **common)  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="another subject"):
        await approve_edited(
            house.context,
            edit=SAFER,
            reason="r",
            subject_digest="sha256:0",
            edited_digest="sha256:0",
            **common,  # type: ignore[arg-type]
        )
    with pytest.raises(Conflict, match="no longer what was shown"):
        await approve_edited(
            house.context,
            edit=SAFER,
            reason="r",
            edited_digest="sha256:0",
            **common,  # type: ignore[arg-type]
        )
    with pytest.raises(InvalidInput, match="empty"):
        await edited(house, asked, Edit(source_text=" "))


async def test_where_a_second_person_is_asked_for_neither_requester_nor_editor_approves(house: House) -> None:
    await house.put(dataclasses.replace(house.project, forbid_self_approval=True))
    _, asked = await hold(house)
    pending = await edited(house, asked, Edit(timeout_seconds=600))
    await house.drive()
    assert (pending.status, pending.decisions, house.connector.dispatched) == (
        ApprovalStatus.PENDING,
        (),
        [],
    )
    vote = {"project_id": "prj_1", "approval_id": pending.approval_id, "reason": "seen it"}
    for actor, own in ((BOB, "their own change"), (ANN, "their own request")):
        with pytest.raises(NotAllowed, match=own) as refused:
            await approve(house.context, actor=actor, **vote)
        assert "anybody who is approver, but not user:ann or user:bob" in refused.value.message
        assert "deny it and ask anew" in refused.value.message
    await house.drive()
    assert house.connector.dispatched == []
    await approve(house.context, actor=CY, **vote)
    await house.drive()
    assert len(house.connector.dispatched) == 1


async def test_an_author_stays_one_through_further_edits_and_a_question_put_anew(house: House) -> None:
    await house.put(dataclasses.replace(house.project, forbid_self_approval=True))
    run, asked = await hold(house)
    dan, eve = (Actor(name=f"user:{name}", role=Role.APPROVER, via="page") for name in ("dan", "eve"))
    for actor in (dan, eve):
        await house.give_token(actor.name, actor.role)
    pending = await edited(house, asked, SAFER)
    pending = await edited(house, pending, Edit(timeout_seconds=60), actor=dan)
    assert pending.authors == ("user:ann", "user:bob", "user:dan")

    async def ask_all(approval: Approval) -> None:
        for actor in (ANN, BOB, dan):
            with pytest.raises(NotAllowed, match="second person"):
                await approve(
                    house.context,
                    project_id="prj_1",
                    approval_id=approval.approval_id,
                    actor=actor,
                    reason="x",
                )

    await ask_all(pending)
    given = {"project_id": "prj_1", "actor": eve, "reason": "yes"}
    await approve(house.context, approval_id=pending.approval_id, **given)  # type: ignore[arg-type]
    house.clock.advance(Limits().execution_expiry_seconds)
    await house.drive()
    new, *_ = await house.context.ledger.for_project("prj_1").approvals(run_id=run.run_id)
    assert (new.status, new.edited_by) == (ApprovalStatus.PENDING, None)
    await ask_all(new)
    await approve(house.context, approval_id=new.approval_id, **given)  # type: ignore[arg-type]
    await house.drive()
    assert len(house.connector.dispatched) == 1


async def test_where_a_second_person_is_asked_for_an_editor_remembers_nothing_from_the_run(
    house: House,
) -> None:
    await house.put(dataclasses.replace(house.project, forbid_self_approval=True))
    run, asked = await hold(house, "frobnicate --all")
    await edited(house, asked, Edit(source_text="kill -s CONT 1"), actor=CY)
    for author in (ANN, CY):
        with pytest.raises(NotAllowed, match="second person"):
            await remember_rules(house.context, run_id=run.run_id, days=7, actor=author)
    eve = Actor(name="user:eve", role=Role.ADMIN, via="cli")
    assert (await remember_rules(house.context, run_id=run.run_id, days=7, actor=eve)).rules


async def test_votes_for_the_request_before_the_edit_do_not_count_for_the_one_after(house: House) -> None:
    await house.put(dataclasses.replace(house.project, approval_quorum=2))
    _, asked = await hold(house)
    await approve(
        house.context, project_id="prj_1", approval_id=asked.approval_id, actor=CY, reason="as it is"
    )
    asked = await house.context.ledger.for_project("prj_1").approval(asked.approval_id)
    pending = await edited(house, asked, SAFER)
    assert (pending.status, [d.actor for d in pending.decisions]) == (ApprovalStatus.PENDING, ["user:bob"])
    await approve(
        house.context, project_id="prj_1", approval_id=pending.approval_id, actor=CY, reason="that too"
    )
    await house.drive()
    assert len(house.connector.dispatched) == 1


async def test_a_quorum_that_was_raised_since_the_question_counts_at_once(house: House) -> None:
    _, asked = await hold(house)
    await house.put(dataclasses.replace(house.project, approval_quorum=2))
    vote = {"project_id": "prj_1", "approval_id": asked.approval_id, "reason": "yes"}
    assert (await approve(house.context, actor=BOB, **vote)).status is ApprovalStatus.PENDING
    assert (await approve(house.context, actor=CY, **vote)).status is ApprovalStatus.APPROVED


async def test_an_edit_to_a_higher_risk_needs_who_may_approve_that_risk(house: House) -> None:
    rule = ApproverRule(risk_level=RiskLevel.HIGH, role=Role.ADMIN)
    await house.put(dataclasses.replace(house.project, approvers=(rule,)))
    _, asked = await hold(house, "frobnicate --all")
    with pytest.raises(NotAllowed, match="anybody who is admin"):
        await edited(house, asked, Edit(source_text=RISKY))
    await edited(house, asked, Edit(source_text=RISKY), actor=CY)
    await house.drive()
    assert len(house.connector.dispatched) == 1


async def test_an_edit_gives_no_more_time_to_decide(house: House) -> None:
    await house.put(dataclasses.replace(house.project, forbid_self_approval=True))
    _, asked = await hold(house)
    house.clock.advance(1000)
    pending = await edited(house, asked, SAFER)
    assert pending.expires_at == asked.expires_at
    house.clock.advance(24 * 3600)
    assert await expire_overdue(house.context) == 1
    with pytest.raises(IllegalMove):
        await approve(
            house.context, project_id="prj_1", approval_id=pending.approval_id, actor=CY, reason="late"
        )


async def test_what_is_approved_and_does_not_start_in_time_lapses_and_is_asked_anew(house: House) -> None:
    run, asked = await hold(house)
    await approve(house.context, project_id="prj_1", approval_id=asked.approval_id, actor=BOB, reason="yes")
    house.clock.advance(Limits().execution_expiry_seconds)
    await house.drive()
    assert house.connector.dispatched == []
    reads = house.context.ledger.for_project("prj_1")
    now, (new, old) = await reads.run(run.run_id), await reads.approvals(run_id=run.run_id)
    assert (now.status, now.blocked_by) == (RunStatus.BLOCKED, BlockedBy.APPROVAL)
    assert (old.status, old.is_used, new.status) == (ApprovalStatus.LAPSED, False, ApprovalStatus.PENDING)
    await approve(house.context, project_id="prj_1", approval_id=new.approval_id, actor=BOB, reason="again")
    await house.drive()
    assert len(house.connector.dispatched) == 1


async def test_a_lapse_found_by_the_housekeeping_is_final_before_the_driver_comes(house: House) -> None:
    run, asked = await hold(house)
    await approve(house.context, project_id="prj_1", approval_id=asked.approval_id, actor=BOB, reason="yes")
    house.clock.advance(Limits().execution_expiry_seconds)
    assert await expire_overdue(house.context) == 1
    assert await expire_overdue(house.context) == 0
    house.clock.advance(-Limits().execution_expiry_seconds)
    await house.drive()
    reads = house.context.ledger.for_project("prj_1")
    assert house.connector.dispatched == []
    assert [a.status for a in await reads.approvals(run_id=run.run_id)] == [
        ApprovalStatus.PENDING,
        ApprovalStatus.LAPSED,
    ]


async def test_an_approval_during_a_kill_starts_nothing_and_lapses(house: House) -> None:
    run, asked = await hold(house)
    await set_kill(house.context, engaged=True, actor=ANN, reason="drill")
    await approve(house.context, project_id="prj_1", approval_id=asked.approval_id, actor=BOB, reason="yes")
    await house.drive()
    reads = house.context.ledger.for_project("prj_1")
    assert ((await reads.run(run.run_id)).blocked_by, house.connector.dispatched) == (
        BlockedBy.KILL_SWITCH,
        [],
    )
    house.clock.advance(Limits().execution_expiry_seconds)
    assert await expire_overdue(house.context) == 1


async def test_who_lacks_the_role_decides_nothing_whichever_way_they_come(house: House) -> None:
    _, asked = await hold(house)
    operator = Actor(name="token:agent", role=Role.OPERATOR, via="mcp")
    elsewhere = Actor(name="user:eve", role=Role.ADMIN, via="api", project_id="prj_2")
    for actor in (operator, elsewhere):
        for decide in (approve, deny):
            with pytest.raises(NotAllowed):
                await decide(
                    house.context,
                    project_id="prj_1",
                    approval_id=asked.approval_id,
                    actor=actor,
                    reason="me",
                )
        with pytest.raises(NotAllowed):
            await edited(house, asked, SAFER, actor=actor)
    assert (await house.context.ledger.for_project("prj_1").approval(asked.approval_id)) == asked
