"""A clock that is set forward or back: seen in the log, nothing starts by it, and the order stays."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from support.clock import ToldClock
from support.engine import House, open_engine_house
from workbench.app.clock import OrderedIds
from workbench.engine.decide import expire_overdue
from workbench.engine.held_up import describe_wait, hold_up
from workbench.engine.notice_jump import ClockWatch, record_jump
from workbench.engine.submit import submit
from workbench.ledger.ledger import HOUSE
from workbench.model.actor import Actor, Role
from workbench.model.command import Command
from workbench.model.errors import LedgerUnavailable
from workbench.model.statuses import RunStatus

ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")


class SettableClock(ToldClock):
    """A ToldClock whose wall can be set while its steady hand goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.steady = 1000.0

    def monotonic(self) -> float:
        return self.steady

    def advance(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)
        self.steady += seconds

    def set(self, seconds: float) -> None:
        """Sets the wall clock forward, or back, by so many seconds."""
        self.moment += timedelta(seconds=seconds)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_engine_house(
        f"sqlite:///{tmp_path}/ledger.db", tmp_path, clock=SettableClock()
    ) as opened:
        yield opened


async def ask(house: House) -> str:
    run = await submit(
        house.context,
        project_id=house.project.project_id,
        command=Command(source_text="rm -rf build", cwd=house.project.workspace_root),
        actor=ANN,
    )
    assert run.status is RunStatus.BLOCKED
    return run.run_id


async def jumps(house: House) -> list[int]:
    events = await house.context.ledger.for_project(HOUSE).events()
    return [event.payload["seconds"] for event in events if event.tag == "clock:jumped"]


def set_by(house: House, seconds: float) -> None:
    assert isinstance(house.clock, SettableClock)
    house.clock.set(seconds)


async def test_an_approval_that_a_jump_ends_starts_nothing_and_the_jump_is_told_first(house: House) -> None:
    watch = ClockWatch(house.clock)
    run_id = await ask(house)
    house.clock.advance(2)
    await record_jump(house.context, watch)
    assert await jumps(house) == []
    set_by(house, 3 * 24 * 3600)
    await record_jump(house.context, watch)
    assert await expire_overdue(house.context) == 1
    await record_jump(house.context, watch)
    assert await jumps(house) == [3 * 24 * 3600]
    run = await house.context.ledger.for_project(house.project.project_id).run(run_id)
    assert run.status is RunStatus.CANCELED
    assert house.connector.dispatched == []


async def test_a_clock_that_is_put_back_is_told_and_keeps_order_and_chain(house: House) -> None:
    watch = ClockWatch(house.clock)
    first = await ask(house)
    set_by(house, -3600)
    await record_jump(house.context, watch)
    second = await ask(house)
    assert await expire_overdue(house.context) == 0
    assert await jumps(house) == [-3600]
    events = await house.context.ledger.for_project(house.project.project_id).events()
    order = [event.run_id for event in events if event.tag == "run:blocked"]
    assert order == [first, second]
    assert (await house.context.ledger.verify()).ok


async def test_a_jump_that_cannot_be_recorded_is_recorded_later(house: House) -> None:
    watch = ClockWatch(house.clock)
    set_by(house, 3600)
    assert watch.look() is not None
    house.clock.advance(10)
    await record_jump(house.context, watch)
    assert await jumps(house) == [3600]


def test_ids_keep_their_order_though_the_clock_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = 1_800_000_000_000_000_000
    monkeypatch.setattr("workbench.app.clock.time.time_ns", lambda: moment)
    new_id = OrderedIds()
    first = new_id("run_")
    moment -= 3600 * 1_000_000_000
    # Of the same millisecond their random bits decide, so the milliseconds alone are compared.
    assert new_id("run_")[:14] == first[:14]
    moment += 2 * 3600 * 1_000_000_000
    assert new_id("run_") > first


def test_how_long_a_run_has_waited_is_told_by_the_steady_clock() -> None:
    clock = SettableClock()
    error = LedgerUnavailable("the database cannot be reached", remedy="start it")
    held = hold_up(error, None, at=clock.now(), monotonic=clock.monotonic())
    clock.set(-86400)
    clock.advance(12)
    held = hold_up(error, held, at=clock.now(), monotonic=clock.monotonic())
    assert describe_wait(held, monotonic=clock.monotonic()) == (
        "Waiting to go on for 12 seconds: the database cannot be reached; start it; "
        "tried again at 03:04:17 UTC."
    )
