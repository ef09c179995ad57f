"""Every way to a start, with the kill switch thrown at each moment of it, in each kind: nothing starts.

The ways are read from the source as well, so that one more cannot come without being tried here.
"""

from __future__ import annotations

import ast
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import text

from support.callers import Trying
from support.engine import House, open_engine_house
from support.long import later
from workbench.connectors.contract import DispatchRequest, Ended, ExternalRef, NativeState, Snapshot
from workbench.engine.decide import approve
from workbench.engine.drive import drive
from workbench.engine.edit import Edit, approve_edited, review_edit
from workbench.engine.operate import set_kill
from workbench.engine.preview import preview
from workbench.engine.recover import recover
from workbench.engine.remember import remember_rules
from workbench.engine.resume import resume
from workbench.engine.submit import retry, submit
from workbench.ledger.database import open_engine
from workbench.model.actor import Actor, Role
from workbench.model.command import Command
from workbench.model.errors import WorkbenchError
from workbench.model.event import Event
from workbench.model.run import Run
from workbench.model.statuses import BlockedBy, RunStatus

ENGINE = Path(__file__).parents[2] / "src" / "workbench"
ANN = Actor(name="user:ann", role=Role.ADMIN, via="cli")
BOB = Actor(name="user:bob", role=Role.APPROVER, via="page")

Engage = Callable[[House], Awaitable[None]]


class Watched(Trying):
    """A connector that throws the kill switch when it is told to get ready, if a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.when_preparing: Callable[[], Awaitable[None]] | None = None
        self.never_started: set[str] = set()

    async def prepare(self, request: DispatchRequest) -> None:
        if self.when_preparing is not None:
            engage, self.when_preparing = self.when_preparing, None
            await engage()

    async def snapshot(self, ref: ExternalRef) -> Snapshot:
        if ref.external_run_id not in self.never_started:
            return await super().snapshot(ref)
        ended = Ended(
            exit_code=None,
            signal=None,
            end_reason="never_started",
            processes_left=0,
            output_bytes=0,
            dropped_bytes=0,
            output_digest="sha256:0",
        )
        return Snapshot(
            native="never_started", state=NativeState.ENDED, reason="", observed_at="", ended=ended
        )


# -- the kinds of a kill ----------------------------------------------------------------------------------


async def for_all(house: House) -> None:
    await set_kill(house.context, engaged=True, actor=ANN, reason="drill")


async def for_project(house: House) -> None:
    await set_kill(house.context, engaged=True, actor=ANN, reason="drill", project_id="prj_1")


async def for_connector(house: House) -> None:
    await set_kill(house.context, engaged=True, actor=ANN, reason="drill", connector="local")


async def by_file(house: House) -> None:
    house.context.kill_file.write_text("drill\n")


async def by_folder(house: House) -> None:
    house.context.kill_file.mkdir()


async def by_dangling_link(house: House) -> None:
    house.context.kill_file.symlink_to("/nowhere")


async def by_pipe(house: House) -> None:
    os.mkfifo(house.context.kill_file)


async def by_input_output_error(house: House) -> None:
    # Opens like any file, and the kernel answers each read of it with an I/O error.
    house.context.kill_file.symlink_to("/proc/self/mem")


async def by_lost_record(house: House) -> None:
    engine = open_engine(f"sqlite:///{house.context.home}/ledger.db")
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE kill_records"))
    engine.dispose()


KINDS: Final[dict[str, Engage]] = {
    "all": for_all,
    "project": for_project,
    "connector": for_connector,
    "file": by_file,
    "folder in its place": by_folder,
    "dangling link": by_dangling_link,
    "pipe": by_pipe,
    "input/output error": by_input_output_error,
    "record lost": by_lost_record,
}


# -- the ways to a start ----------------------------------------------------------------------------------


async def ask(house: House, text: str) -> Run:
    return await submit(
        house.context, project_id="prj_1", command=Command(source_text=text, cwd=""), actor=ANN
    )


async def held_for_approval(house: House, text: str = "rm -rf build") -> tuple[Run, str]:
    run = await ask(house, text)
    assert run.blocked_by is BlockedBy.APPROVAL
    (approval,) = await house.context.ledger.for_project("prj_1").approvals(run_id=run.run_id)
    return run, approval.approval_id


async def ready_nothing(house: House) -> str:
    return ""


async def go_submit(house: House, _id: str) -> None:
    await ask(house, "ls")


async def ready_approval(house: House) -> str:
    return (await held_for_approval(house))[1]


async def go_approve(house: House, approval_id: str) -> None:
    await approve(house.context, project_id="prj_1", approval_id=approval_id, actor=BOB, reason="fine")


async def go_approve_edited(house: House, approval_id: str) -> None:
    edit = Edit(source_text="rm -rf build/old")
    seen = await review_edit(house.context, project_id="prj_1", approval_id=approval_id, edit=edit, actor=BOB)
    await approve_edited(
        house.context,
        project_id="prj_1",
        approval_id=approval_id,
        edit=edit,
        actor=BOB,
        reason="less",
        edited_digest=seen.admission.subject_digest,
    )


async def ready_allowed_by_now(house: House) -> str:
    run, approval_id = await held_for_approval(house, "kill -s CONT 1")
    await remember_rules(house.context, run_id=run.run_id, days=1, actor=ANN)
    return approval_id


async def ready_ended(house: House) -> str:
    run = await ask(house, "ls")
    await house.drive()
    house.connector.dispatched.clear()
    return run.run_id


async def go_retry(house: House, run_id: str) -> None:
    await retry(house.context, project_id="prj_1", run_id=run_id, actor=ANN, is_acknowledged=True)


async def ready_held(house: House) -> str:
    await for_all(house)
    run = await ask(house, "ls")
    await set_kill(house.context, engaged=False, actor=ANN, reason="over")
    assert run.blocked_by is BlockedBy.KILL_SWITCH
    return run.run_id


async def go_resume(house: House, run_id: str) -> None:
    await resume(house.context, project_id="prj_1", run_id=run_id, actor=ANN, reason="go on")


async def ready_waiting(house: House) -> str:
    (await held_for_approval(house))
    run = await house.context.ledger.open_runs()
    return run[0].run_id


async def go_preview(house: House, run_id: str) -> None:
    await preview(house.context, project_id="prj_1", run_id=run_id, actor=ANN)


async def ready_queued(house: House) -> str:
    run = await ask(house, "ls")
    house.starter.asked.clear()
    return run.run_id


async def go_recover(house: House, _id: str) -> None:
    await recover(house.context)


async def ready_recorded_only(house: House) -> str:
    """A start that was recorded, and whose server ended before it handed the step over."""
    run = await ask(house, "ls")
    connector = house.connector
    assert isinstance(connector, Watched)

    class Gone(Exception):
        """The server is no more."""

    async def fail(_request: DispatchRequest) -> ExternalRef:
        raise Gone

    connector.dispatch = fail  # type: ignore[method-assign,assignment]
    house.starter.asked.clear()
    with pytest.raises(Gone):
        await drive(house.context, "prj_1", run.run_id)
    del connector.dispatch
    house.context.run_locks.clear()
    (step,) = await house.context.ledger.for_project("prj_1").steps(run.run_id)
    connector.never_started.add(str(step.external_run_id))
    return run.run_id


Way = tuple[Callable[[House], Awaitable[str]], Callable[[House, str], Awaitable[None]], str]
"""What makes it ready, what goes it, and which function of the source it is."""

WAYS: Final[dict[str, Way]] = {
    "submit": (ready_nothing, go_submit, "submit.submit"),
    "an approval": (ready_approval, go_approve, "decide.approve"),
    "an edited approval": (ready_approval, go_approve_edited, "edit.approve_edited"),
    "allowed by now": (ready_allowed_by_now, go_approve, "renew.renew"),
    "a retry": (ready_ended, go_retry, "submit.retry"),
    "a resume": (ready_held, go_resume, "resume.resume"),
    "a preview": (ready_waiting, go_preview, "preview._preview"),
    "recovery of what was queued": (ready_queued, go_recover, "recover.recover"),
    "recovery of what was only recorded": (ready_recorded_only, go_recover, "drive._watch"),
}
STARTS_ITSELF: Final = {"submit.retry", "drive._watch"}
"""They come to a start by one of the others."""


def calls_that_lead_to_a_start() -> set[str]:
    """Every function of the source that has a run driven, or a connector start or try something."""
    found = set()
    for path in sorted(ENGINE.rglob("*.py")):
        if path.parent.name in ("connectors", "sandbox"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                called = {
                    ast.unparse(each.func)
                    for each in ast.walk(node)
                    if isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)
                }
                if any(
                    name.endswith((".starter.start", ".dispatch"))
                    or name in ("connector.preview", "self._drive")
                    for name in called
                ):
                    found.add(f"{path.stem}.{node.name}")
    return found


def test_these_are_all_the_ways_there_are() -> None:
    tried = {way[2] for way in WAYS.values()} - STARTS_ITSELF
    # The driver itself, at which all of them end, and what calls it.
    assert calls_that_lead_to_a_start() == tried | {"drive._start", "durable._drive_until_done"}


async def go_to_the_end(house: House, way: Way, key: str) -> str:
    """Goes the way as far as it leads, and returns the refusal, if there is one."""
    try:
        await way[1](house, key)
        await house.drive()
    except (WorkbenchError, AssertionError) as error:
        return str(error)
    return ""


def count_starts(house: House) -> int:
    connector = house.connector
    assert isinstance(connector, Watched)
    return len(connector.dispatched) + len(connector.tried)


@pytest.mark.parametrize("name", WAYS)
async def test_without_a_kill_each_way_leads_to_a_start(name: str, tmp_path: Path) -> None:
    way = WAYS[name]
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path, connector=Watched()) as house:
        key = await way[0](house)
        assert await go_to_the_end(house, way, key) == ""
        assert count_starts(house) == 1


async def _held(house: House, refusal: str) -> None:
    """Nothing was started or tried; what is to start says that the kill switch holds it, or was refused."""
    assert count_starts(house) == 0
    if "cannot be used" in refusal:
        # Without its record the ledger takes no start, and who asked is told.
        return
    held = [run for run in await house.context.ledger.open_runs() if run.blocked_by is BlockedBy.KILL_SWITCH]
    if not refusal:
        assert len(held) == 1
        assert held[0].status is RunStatus.BLOCKED
    for run in held:
        told = await house.context.ledger.for_project("prj_1").events(run_id=run.run_id)
        reason = [each.payload["reason"] for each in told if each.tag == "run:blocked"][-1]
        assert "kill" in reason.lower()
        assert len([each for each in told if each.tag == "step:started"]) == len(
            [each for each in told if each.tag == "step:interrupted"]
        )


def kinds(*soon: str) -> list[Any]:
    """All kinds, of which only these are tried each time."""
    return [kind if kind in soon else later(kind) for kind in KINDS]


@pytest.mark.parametrize("kind", kinds("all", "file"))
@pytest.mark.parametrize("name", WAYS)
async def test_a_kill_before_it_stops_each_way(name: str, kind: str, tmp_path: Path) -> None:
    way = WAYS[name]
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path, connector=Watched()) as house:
        key = await way[0](house)
        await KINDS[kind](house)
        await _held(house, await go_to_the_end(house, way, key))


@pytest.mark.parametrize("kind", kinds("project"))
@pytest.mark.parametrize("name", [name for name in WAYS if name != "a preview"])
async def test_a_kill_after_the_gate_was_asked_stops_what_was_let_in(
    name: str, kind: str, tmp_path: Path
) -> None:
    way, connector = WAYS[name], Watched()
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path, connector=connector) as house:
        key = await way[0](house)
        connector.when_preparing = lambda: KINDS[kind](house)
        await _held(house, await go_to_the_end(house, way, key))
        assert connector.when_preparing is None
        if kind not in ("all", "project", "connector"):
            return
        # A kill that is recorded lets not even the record of a start in after it.
        reads = house.context.ledger.for_project("prj_1")
        for run in await house.context.ledger.open_runs():
            started = await reads.tagged_events(run.run_id, "step:started")
            assert len(started) == (1 if name == "recovery of what was only recorded" else 0)


@pytest.mark.parametrize("kind", kinds("file"))
@pytest.mark.parametrize("name", [name for name in WAYS if name != "a preview"])
async def test_a_kill_after_the_start_was_recorded_stops_it_before_it_is_handed_over(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = WAYS[name]
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path, connector=Watched()) as house:
        key = await way[0](house)
        append = house.context.ledger.append
        engaged: list[bool] = []

        async def append_and_engage(*words: Any, **named: Any) -> list[Event]:
            events = await append(*words, **named)
            if not engaged and any(event.tag == "step:started" for event in events):
                engaged.append(True)
                await KINDS[kind](house)
            return events

        monkeypatch.setattr(house.context.ledger, "append", append_and_engage)
        await _held(house, await go_to_the_end(house, way, key))
        assert engaged


async def test_what_is_to_be_ended_with_it_is_canceled_though_its_start_was_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_engine_house(f"sqlite:///{tmp_path}/ledger.db", tmp_path, connector=Watched()) as house:
        run = await ask(house, "ls")
        append = house.context.ledger.append

        async def append_and_stop(*words: Any, **named: Any) -> list[Event]:
            events = await append(*words, **named)
            if any(event.tag == "step:started" for event in events):
                told = await set_kill(
                    house.context, engaged=True, actor=ANN, reason="drill", stop_running=True
                )
                assert told == (run.run_id,)
            return events

        monkeypatch.setattr(house.context.ledger, "append", append_and_stop)
        await house.drive()
        assert count_starts(house) == 0
        ended = await house.context.ledger.for_project("prj_1").run(run.run_id)
        assert ended.status is RunStatus.CANCELED
        await set_kill(house.context, engaged=False, actor=ANN, reason="over")
        await recover(house.context)
        await house.drive()
        assert count_starts(house) == 0
