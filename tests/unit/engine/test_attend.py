"""The keyboard of a run: one holder, who typed and how much is in the audit log, and never what."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from support.engine import House, Notebook, open_engine_house
from workbench.connectors.contract import ExternalRef
from workbench.engine.attend import Keyboards
from workbench.model.actor import Actor, Role
from workbench.model.errors import LedgerUnavailable, NotAllowed

REF = ExternalRef(connector_id="local", external_run_id="run_1/stp_1.1")
ANN = Actor(name="user:ann", role=Role.OPERATOR, via="api")
BOB = Actor(name="user:bob", role=Role.OPERATOR, via="api")


class Typewriter(Notebook):
    """Takes what is typed."""

    def __init__(self) -> None:
        super().__init__()
        self.typed = b""

    async def write_input(self, ref: ExternalRef, data: bytes) -> None:
        self.typed += data


class Desk:
    """A house with one run's keyboard, and what the audit log says of it."""

    def __init__(self, house: House, typewriter: Typewriter) -> None:
        self.house, self.context, self.typewriter = house, house.context, typewriter
        self.keyboards = Keyboards()

    async def take(self, actor: Actor, key: str) -> bool:
        return await self.keyboards.take(
            self.context, project_id="prj_1", run_id="run_1", key=key, actor=actor, status="running"
        )

    async def type(self, key: str, data: bytes) -> None:
        await self.keyboards.type(self.context, run_id="run_1", key=key, ref=REF, data=data)

    async def look(self, key: str) -> str:
        return await self.keyboards.look_after(self.context, run_id="run_1", key=key)

    async def told(self) -> list[tuple[str, str, dict[str, Any]]]:
        events = await self.context.ledger.for_project("prj_1").events(run_id="run_1")
        return [
            (
                event.tag.removeprefix("terminal:"),
                event.actor,
                {k: v for k, v in event.payload.items() if k != "via"},
            )
            for event in events
        ]


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    typewriter = Typewriter()
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path, connector=typewriter) as house:
        yield Desk(house, typewriter)


async def test_bursts_are_recorded_with_who_how_much_and_a_keyed_digest_and_never_what(desk: Desk) -> None:
    assert await desk.take(ANN, "one")
    assert not await desk.take(BOB, "two")
    with pytest.raises(NotAllowed):
        await desk.type("two", b"x")
    await desk.type("one", b"hunter")
    await desk.type("one", b"2-secret\n")
    assert await desk.look("one") == ""
    assert [tag for tag, _, _ in await desk.told()] == ["lease_taken"]
    desk.house.clock.advance(3)
    assert await desk.look("one") == ""
    await desk.type("one", b"and more")
    await desk.keyboards.release(desk.context, run_id="run_1", key="two")
    await desk.keyboards.release(desk.context, run_id="run_1", key="one")
    told = await desk.told()
    assert [(tag, actor) for tag, actor, _ in told] == [
        ("lease_taken", "user:ann"),
        ("typed", "user:ann"),
        ("typed", "user:ann"),
        ("lease_released", "user:ann"),
    ]
    mark = desk.context.vault.open_mark("prj_1")
    mark.update(b"hunter2-secret\n")
    assert told[1][2]["digest"] == f"hmac-sha256:{mark.hexdigest()}"
    assert [told[1][2]["bytes"], told[2][2]["bytes"], told[3][2]["typed_bytes"]] == [15, 8, 23]
    assert desk.typewriter.typed == b"hunter2-secret\nand more"
    assert "hunter" not in str(told)
    # Another project's key gives another digest, so that one log says nothing of the other.
    other = desk.context.vault.open_mark("prj_2")
    other.update(b"hunter2-secret\n")
    assert other.hexdigest() != mark.hexdigest()
    assert (await desk.context.ledger.verify()).ok


async def test_a_silent_holder_loses_the_keyboard_and_typing_keeps_it(desk: Desk) -> None:
    await desk.take(ANN, "one")
    for _ in range(3):
        desk.house.clock.advance(200)
        await desk.type("one", b"k")
        assert await desk.look("one") == ""
    desk.house.clock.advance(300)
    assert await desk.look("one") == "nothing was typed for 300 seconds"
    assert await desk.look("one") == ""
    with pytest.raises(NotAllowed):
        await desk.type("one", b"too late")
    assert await desk.take(BOB, "two")
    assert [tag for tag, _, _ in await desk.told()][-2:] == ["lease_expired", "lease_taken"]


async def test_what_could_not_be_recorded_is_recorded_later_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.take(ANN, "one")
    await desk.type("one", b"first")
    desk.house.clock.advance(3)
    with monkeypatch.context() as patch:

        async def refuse(*_: object, **__: object) -> None:
            raise LedgerUnavailable("full", remedy="free it")

        patch.setattr(desk.context.ledger, "append", refuse)
        with pytest.raises(LedgerUnavailable):
            await desk.look("one")
        await desk.type("one", b"second!")
    await desk.look("one")
    await desk.keyboards.release(desk.context, run_id="run_1", key="one")
    told = await desk.told()
    assert [payload.get("bytes") for tag, _, payload in told if tag == "typed"] == [5, 7]
    assert desk.typewriter.typed == b"firstsecond!"
