"""What is stale is not approved: it is asked about anew, goes on unasked, or can be approved no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from support.engine import House, open_engine_house
from workbench.engine.cancel import cancel
from workbench.engine.context import Limits
from workbench.engine.decide import approve, deny, expire_overdue
from workbench.engine.remember import remember_rules
from workbench.engine.submit import submit
from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval, CommandChange
from workbench.model.command import Command
from workbench.model.errors import AskedAnew, Conflict
from workbench.model.statuses import ApprovalStatus, BlockedBy, RunStatus

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")
BOB = Actor(name="user:bob", role=Role.APPROVER, via="page")
CY = Actor(name="user:cy", role=Role.ADMIN, via="api")
ASK_ALL = """@id("ask-all") @risk("high") @reason("ask_all") @text("Everything is asked about.")
forbid (principal, action == Action::"run", resource);
"""
DENY_ALL = """@id("deny-all") @risk("high") @reason("deny_all") @text("Nothing runs.")
forbid (principal, action in [Action::"run", Action::"run_with_approval"], resource);
"""
REMEMBERABLE = "kill -s CONT 1"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as opened:
        yield opened


async def hold(house: House, text: str = "rm -rf build") -> Approval:
    command = Command(source_text=text, cwd="")
    run = await submit(house.context, project_id="prj_1", command=command, actor=ANN)
    assert run.blocked_by is BlockedBy.APPROVAL
    (approval,) = await house.context.ledger.for_project("prj_1").approvals(run_id=run.run_id)
    return approval


async def vote(house: House, approval_id: str, actor: Actor = BOB) -> Approval:
    return await approve(
        house.context, project_id="prj_1", approval_id=approval_id, actor=actor, reason="looked"
    )


async def found(house: House, approval: Approval) -> tuple[RunStatus, BlockedBy | None, list[Approval]]:
    reads = house.context.ledger.for_project("prj_1")
    run = await reads.run(approval.run_id)
    return run.status, run.blocked_by, await reads.approvals(run_id=approval.run_id)


def lay(house: House, rules: str) -> None:
    """Lays down an organisation's rule with an example, the first that there is."""
    name = rules.split('"')[1]
    (house.context.home / "policy.examples.toml").write_text(f'[{name}]\nmatch = ["ls"]\n')
    (house.context.home / "policy.cedar").write_text(rules)


async def test_an_approval_of_what_has_changed_is_refused_and_asked_about_anew(house: House) -> None:
    asked = await hold(house)
    lay(house, ASK_ALL)
    with pytest.raises(AskedAnew, match=f"nothing was approved: what {asked.approval_id} asks") as refused:
        await vote(house, asked.approval_id)
    status, blocked_by, (new, old) = await found(house, asked)
    assert (status, blocked_by) == (RunStatus.BLOCKED, BlockedBy.APPROVAL)
    assert (old.status, new.status, new.decisions) == (
        ApprovalStatus.WITHDRAWN,
        ApprovalStatus.PENDING,
        (),
    )
    assert refused.value.approval_id == new.approval_id
    assert new.approval_id in refused.value.message
    assert new.approval_id in refused.value.remedy
    changed = {change.field: change for change in new.changes}
    assert "ask-all" in changed["rules"].after
    assert "ask-all" not in changed["rules"].before
    assert "policy" in changed
    assert "policy" in old.decisions[-1].reason
    assert "policy" in refused.value.message
    await house.drive()
    assert house.connector.dispatched == []
    assert (await vote(house, new.approval_id)).status is ApprovalStatus.APPROVED
    await house.drive()
    assert len(house.connector.dispatched) == 1
    assert (await house.context.ledger.verify()).ok


async def test_a_setting_that_is_recorded_nowhere_else_is_named_as_one(house: House) -> None:
    asked = await hold(house)
    await house.put(replace(house.project, toolchains=("/opt/tools",)))
    with pytest.raises(AskedAnew):
        await vote(house, asked.approval_id)
    _, _, (new, _) = await found(house, asked)
    assert new.changes == (
        CommandChange(field="the project's settings or its sandbox", before="as it was", after="changed"),
    )


async def test_votes_for_what_it_was_do_not_count_for_what_it_is(house: House) -> None:
    await house.put(replace(house.project, approval_quorum=2))
    asked = await hold(house)
    assert (await vote(house, asked.approval_id, CY)).status is ApprovalStatus.PENDING
    lay(house, ASK_ALL)
    with pytest.raises(AskedAnew) as refused:
        await vote(house, asked.approval_id)
    assert (await vote(house, refused.value.approval_id)).status is ApprovalStatus.PENDING
    assert (await vote(house, refused.value.approval_id, CY)).status is ApprovalStatus.APPROVED


async def test_of_many_who_approve_something_stale_at_once_one_asks_anew(house: House) -> None:
    asked = await hold(house)
    lay(house, ASK_ALL)
    told = await asyncio.gather(
        *(vote(house, asked.approval_id, actor) for actor in (BOB, CY, ANN)), return_exceptions=True
    )
    assert all(isinstance(each, Conflict) for each in told)
    assert [isinstance(each, AskedAnew) for each in told].count(True) == 1
    _, _, approvals = await found(house, asked)
    assert [each.status for each in approvals] == [ApprovalStatus.PENDING, ApprovalStatus.WITHDRAWN]


async def test_what_policy_allows_by_now_goes_on_and_the_answer_says_so(house: House) -> None:
    asked = await hold(house, REMEMBERABLE)
    await remember_rules(house.context, run_id=asked.run_id, days=7, actor=CY)
    answer = await vote(house, asked.approval_id)
    assert (answer.status, answer.is_used) == (ApprovalStatus.WITHDRAWN, False)
    assert "policy allows it by now, and it goes on without an approval" in answer.decisions[-1].reason
    await house.drive()
    assert len(house.connector.dispatched) == 1
    assert (await found(house, asked))[0] is RunStatus.SUCCEEDED
    house.clock.advance(Limits().approval_expiry_seconds)
    assert await expire_overdue(house.context) == 0


async def test_what_policy_denies_by_now_is_held_by_it_and_nothing_is_approved(house: House) -> None:
    asked = await hold(house)
    lay(house, DENY_ALL)
    with pytest.raises(Conflict, match="policy denies it") as refused:
        await vote(house, asked.approval_id)
    assert not isinstance(refused.value, AskedAnew)
    await house.drive()
    status, blocked_by, (only,) = await found(house, asked)
    assert (status, blocked_by, only.status) == (
        RunStatus.BLOCKED,
        BlockedBy.POLICY,
        ApprovalStatus.WITHDRAWN,
    )
    assert house.connector.dispatched == []


async def test_a_denial_is_taken_whatever_has_changed(house: House) -> None:
    asked = await hold(house)
    lay(house, ASK_ALL)
    await deny(house.context, project_id="prj_1", approval_id=asked.approval_id, actor=BOB, reason="no")
    status, _, (only,) = await found(house, asked)
    assert (status, only.status) == (RunStatus.CANCELED, ApprovalStatus.DENIED)


async def test_what_starts_without_its_approval_never_lapses(house: House) -> None:
    asked = await hold(house, REMEMBERABLE)
    await vote(house, asked.approval_id)
    # Between the vote and the start it has come to be allowed.
    await remember_rules(house.context, run_id=asked.run_id, days=7, actor=CY)
    await house.drive()
    assert [each.admission.approval_id for each in house.connector.dispatched] == [None]
    status, _, (only,) = await found(house, asked)
    assert (status, only.status, only.is_used) == (RunStatus.SUCCEEDED, ApprovalStatus.WITHDRAWN, False)
    assert "started without it" in only.decisions[-1].reason
    house.clock.advance(Limits().execution_expiry_seconds)
    assert await expire_overdue(house.context) == 0
    tags = [e.tag for e in await house.context.ledger.for_project("prj_1").events(run_id=asked.run_id)]
    assert "approval:lapsed" not in tags


async def test_an_approval_of_a_run_that_has_ended_never_lapses(house: House) -> None:
    asked = await hold(house)
    await vote(house, asked.approval_id)
    await cancel(house.context, project_id="prj_1", run_id=asked.run_id, actor=ANN, reason="not now")
    house.clock.advance(Limits().execution_expiry_seconds)
    assert await expire_overdue(house.context) == 0
    _, _, (only,) = await found(house, asked)
    assert only.status is ApprovalStatus.WITHDRAWN


async def test_an_approval_that_does_not_hold_at_the_start_gives_way_to_the_question_put_anew(
    house: House,
) -> None:
    asked = await hold(house)
    await vote(house, asked.approval_id)
    lay(house, ASK_ALL)
    await house.drive()
    house.clock.advance(Limits().execution_expiry_seconds)
    assert await expire_overdue(house.context) == 0
    _, blocked_by, (new, old) = await found(house, asked)
    assert blocked_by is BlockedBy.APPROVAL
    assert (new.status, old.status) == (ApprovalStatus.PENDING, ApprovalStatus.WITHDRAWN)
