"""Who may approve is policy too: an organisation's rule is heard at the decision, and only tightens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from support.engine import House, open_engine_house
from support.policies import write_into
from workbench.engine.decide import approve
from workbench.engine.submit import submit
from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval
from workbench.model.command import Command
from workbench.model.errors import NotAllowed, WorkbenchError
from workbench.model.statuses import ApprovalStatus

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")
BOB = Actor(name="user:bob", role=Role.APPROVER, via="page")
CY = Actor(name="user:cy", role=Role.ADMIN, via="mcp")
ONLY_ADMINS = """
@id("admins-approve-high")
@risk("high")
@reason("admins_only")
@text("A high risk is approved by an admin.")
forbid (principal, action == Action::"approve", resource)
when { context.risk == "high" && context.role != "admin" };
"""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as opened:
        yield opened


async def ask(house: House) -> Approval:
    command = Command(source_text="rm -rf build", cwd="")
    run = await submit(house.context, project_id="prj_1", command=command, actor=ANN)
    (approval,) = await house.context.ledger.for_project("prj_1").approvals(run_id=run.run_id)
    return approval


async def decide(house: House, approval: Approval, actor: Actor) -> Approval:
    return await approve(
        house.context,
        project_id="prj_1",
        approval_id=approval.approval_id,
        actor=actor,
        reason="it can be built again",
    )


async def test_an_organisations_rule_about_approvers_is_heard_at_the_decision(house: House) -> None:
    write_into(house.context.home, ONLY_ADMINS)
    approval = await ask(house)
    with pytest.raises(NotAllowed, match="approved by an admin"):
        await decide(house, approval, BOB)
    assert (await decide(house, approval, CY)).status is ApprovalStatus.APPROVED


async def test_a_broken_rule_about_approvers_lets_nobody_approve(house: House) -> None:
    approval = await ask(house)
    (house.context.home / "policy.cedar").write_text(ONLY_ADMINS.replace("context.role", "context.rank"))
    for actor in (BOB, CY):
        with pytest.raises(WorkbenchError) as refused:
            await decide(house, approval, actor)
        assert refused.value.code == "policy_broken"
    reads = house.context.ledger.for_project("prj_1")
    assert (await reads.approval(approval.approval_id)).status is ApprovalStatus.PENDING
