"""A process that was stopped between the record of a start and the launch launches nothing when it wakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from support.engine import open_engine_house
from workbench.engine.drive import drive
from workbench.engine.reap import lose
from workbench.engine.submit import submit
from workbench.ledger.lease import Lease, boot_seconds
from workbench.ledger.ledger import Ledger
from workbench.ledger.move import JoinWorker, Move, MoveStep
from workbench.model.actor import Actor, Role
from workbench.model.command import Command
from workbench.model.errors import LeaseLost
from workbench.model.event import Event
from workbench.model.moves import StepMove
from workbench.model.statuses import StepStatus

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")


class Sleepy(Ledger):
    """Sleeps past the lease as soon as a start is recorded."""

    lease: Lease

    async def append(
        self, project_id: str, moves: Sequence[Move], *, actor: str, via: str, once: str | None = None
    ) -> list[Event]:
        events = await super().append(project_id, moves, actor=actor, via=via, once=once)
        if any(isinstance(move, MoveStep) and move.move is StepMove.START for move in moves):
            self.lease.end()
        return events


@pytest.mark.parametrize("is_sleepy", [True, False])
async def test_a_start_that_was_recorded_under_a_lost_lease_is_not_dispatched(
    postgres_url: str, tmp_path: Path, is_sleepy: bool
) -> None:
    async with open_engine_house(postgres_url, tmp_path) as house:
        ledger = Sleepy(postgres_url, house.clock) if is_sleepy else Ledger(postgres_url, house.clock)
        place = JoinWorker(
            worker_id="wrk_a", pool="default", host="h", version="1", concurrency=1, lease_seconds=600
        )
        await ledger.join(place)
        lease = Lease(postgres_url, seconds=600, on_renewed=lambda _id, _until: None)
        lease.begin("wrk_a", asked_at=boot_seconds())
        ledger.fence(lease)
        if isinstance(ledger, Sleepy):
            ledger.lease = lease
        context = replace(house.context, ledger=ledger, lease=lease)
        project_id = house.project.project_id
        command = Command(source_text="ls", cwd=house.project.workspace_root)
        run = await submit(context, project_id=project_id, command=command, actor=ANN)
        try:
            if not is_sleepy:
                await drive(context, project_id, run.run_id)
                assert len(house.connector.dispatched) == 1
                return
            with pytest.raises(LeaseLost):
                await drive(context, project_id, run.run_id)
            assert house.connector.dispatched == []
            (step,) = await ledger.for_project(project_id).steps(run.run_id)
            assert (step.status, step.worker_id) == (StepStatus.RUNNING, "wrk_a")
            # Whoever else drives the run leaves the step to its worker, or to who says that it is lost.
            other = Lease(postgres_url, seconds=600, on_renewed=lambda _id, _until: None)
            await house.context.ledger.join(replace(place, worker_id="wrk_b"))
            other.begin("wrk_b", asked_at=boot_seconds())
            await drive(replace(house.context, lease=other), project_id, run.run_id)
            assert house.connector.dispatched == []
            (step,) = await ledger.for_project(project_id).steps(run.run_id)
            assert step.status is StepStatus.RUNNING, "its end is not for others to write"
            await lose(house.context, "wrk_a", is_known=True)
            await other.close()
        finally:
            await lease.close()
            await ledger.close()
