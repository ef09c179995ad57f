"""A held run that somebody lets go on waits for its turn where it was asked for."""

from __future__ import annotations

from pathlib import Path

from support.engine import open_engine_house
from workbench.engine.operate import set_kill
from workbench.engine.resume import resume
from workbench.engine.submit import submit
from workbench.model.actor import Actor, Role
from workbench.model.command import Command
from workbench.model.place import Place, RunPriority
from workbench.model.statuses import BlockedBy, RunStatus

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")


async def test_a_run_that_is_resumed_keeps_its_place(tmp_path: Path) -> None:
    place = Place(priority=RunPriority.HIGH)
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as house:
        await set_kill(house.context, engaged=True, actor=ANN, reason="stop")
        command = Command(source_text="pwd", cwd=house.project.workspace_root)
        held = await submit(
            house.context, project_id=house.project.project_id, command=command, actor=ANN, place=place
        )
        assert held.blocked_by is BlockedBy.KILL_SWITCH
        await set_kill(house.context, engaged=False, actor=ANN, reason="go")
        resumed = await resume(
            house.context, project_id=held.project_id, run_id=held.run_id, actor=ANN, reason="go on"
        )
        assert (resumed.status, resumed.place) == (RunStatus.QUEUED, place)
        assert house.starter.places == [place]
