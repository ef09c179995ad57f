"""While a command is understood, the event loop serves everybody else."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
from pathlib import Path

from support.engine import open_engine_house
from workbench.engine.submit import submit
from workbench.model.actor import Actor, Role
from workbench.model.admission import Admission, AdmissionRequest, GateSnapshot
from workbench.model.command import Command, Surroundings
from workbench.model.statuses import RunStatus

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")


async def test_judging_waits_for_nothing_that_the_loop_does_and_the_loop_not_for_it(tmp_path: Path) -> None:
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path) as house:
        judging, served = threading.Event(), threading.Event()
        inner = house.context.admit

        def admit(
            request: AdmissionRequest, snapshot: GateSnapshot, *, surroundings: Surroundings
        ) -> Admission:
            judging.set()
            # On the loop this would wait for what only the loop can do.
            assert served.wait(20), "the loop served nobody while a command was judged"
            return inner(request, snapshot, surroundings=surroundings)

        context = dataclasses.replace(house.context, admit=admit)

        async def serve() -> None:
            while not judging.is_set():
                await asyncio.sleep(0)
            served.set()

        serving = asyncio.create_task(serve())
        run = await submit(context, project_id="prj_1", command=Command(source_text="ls", cwd=""), actor=ANN)
        await serving
        assert run.status is RunStatus.QUEUED
