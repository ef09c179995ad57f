"""Work that anybody may ask for is bounded: who is one too many is told at once, and a place comes free."""

from __future__ import annotations

import asyncio

import pytest

from workbench.engine.turns import Turns
from workbench.model.errors import TooBusy


class Ground:
    """Work that goes on until it is let go, and the most of it that went on at once."""

    def __init__(self, turns: Turns) -> None:
        self.turns, self.gate = turns, asyncio.Event()
        self.going = self.highest = 0

    async def work(self, project_id: str) -> None:
        async with self.turns.take(project_id):
            self.going += 1
            self.highest = max(self.highest, self.going)
            await self.gate.wait()
            self.going -= 1


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_so_many_go_on_so_many_wait_and_the_next_is_told_at_once() -> None:
    ground = Ground(Turns("previews", at_once=2, most=5, most_each=4))
    tasks = [asyncio.create_task(ground.work("a")) for _ in range(4)]
    await settle()
    with pytest.raises(TooBusy, match="4 previews go on or wait in this project, and no more than 4 may"):
        await ground.work("a")
    tasks.append(asyncio.create_task(ground.work("b")))
    await settle()
    with pytest.raises(TooBusy, match="on this server"):
        await ground.work("c")
    assert (ground.going, ground.highest) == (2, 2)
    ground.gate.set()
    await asyncio.gather(*tasks)
    assert ground.highest == 2
    await ground.work("a")


async def test_who_gives_up_waiting_leaves_the_place_and_so_does_who_fails() -> None:
    ground = Ground(Turns("traces", at_once=1, most=2, most_each=2))
    tasks = [asyncio.create_task(ground.work("a")) for _ in range(2)]
    await settle()
    tasks[1].cancel()
    await asyncio.gather(tasks[1], return_exceptions=True)
    tasks[1] = asyncio.create_task(ground.work("a"))
    ground.gate.set()
    await asyncio.gather(*tasks)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            async with ground.turns.take("a"):
                raise ZeroDivisionError
    await ground.work("a")
