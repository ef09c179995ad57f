"""Which steps are of this machine, and which of another that shares the ledger."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from support.engine import Notebook, open_engine_house
from workbench.connectors.contract import DispatchRequest, ExternalRef
from workbench.engine.context import Context
from workbench.engine.drive import drive
from workbench.engine.elsewhere import require_output
from workbench.engine.submit import submit
from workbench.ledger.lease import Lease, boot_seconds
from workbench.ledger.move import JoinWorker
from workbench.model.actor import Actor, Role
from workbench.model.command import Command
from workbench.model.errors import Elsewhere

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")


class Asked(Notebook):
    """Asks for a step's output when its start is recorded and nothing of it lies in the home yet."""

    here: Context
    there: Context
    seen: tuple[str, ...] = ()

    async def dispatch(self, request: DispatchRequest) -> ExternalRef:
        (step,) = await self.here.ledger.for_project(request.project.project_id).steps(request.run_id)
        assert step.external_run_id is not None
        assert not (self.here.home / "runs" / step.external_run_id).exists()
        await require_output(self.here, step)
        with pytest.raises(Elsewhere, match="wrk_a on h"):
            await require_output(self.there, step)
        self.seen = ("here", "not there")
        return await super().dispatch(request)


async def test_a_step_that_is_about_to_start_here_is_not_said_to_be_elsewhere(
    postgres_url: str, tmp_path: Path
) -> None:
    async with open_engine_house(postgres_url, tmp_path) as house:
        place = JoinWorker(
            worker_id="wrk_a", pool="default", host="h", version="1", concurrency=1, lease_seconds=600
        )
        await house.context.ledger.join(place)
        leases = [Lease(postgres_url, seconds=600, on_renewed=lambda _id, _until: None) for _ in range(2)]
        for lease, worker_id in zip(leases, ("wrk_a", "wrk_b"), strict=True):
            lease.begin(worker_id, asked_at=boot_seconds())
        asked = Asked()
        asked.there = replace(house.context, lease=leases[1])
        asked.here = replace(house.context, lease=leases[0], connectors={"local": asked})
        project_id = house.project.project_id
        command = Command(source_text="ls", cwd=house.project.workspace_root)
        try:
            run = await submit(asked.here, project_id=project_id, command=command, actor=ANN)
            await drive(asked.here, project_id, run.run_id)
        finally:
            for lease in leases:
                await lease.close()
        assert asked.seen == ("here", "not there")
