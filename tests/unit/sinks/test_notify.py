"""Each target has a place of its own; what was sent and not yet put down is sent again, never lost."""

from __future__ import annotations

import asyncio
import queue
from pathlib import Path

import pytest

from support.clock import ToldClock
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import CreateRun, MoveRun, PutProject
from workbench.model.command import Command
from workbench.model.moves import RunMove
from workbench.model.plan import single_command
from workbench.model.project import Project
from workbench.model.statuses import BlockedBy
from workbench.sinks.notify import Notices, TargetState
from workbench.sinks.places import read_places, read_problems

PROJECT = Project(project_id="prj_1", name="one", workspace_root="/ws")


class Listener:
    """A target that answers what it is told to, and keeps what it took."""

    def __init__(self, name: str, *answers: str | None, project: str = "") -> None:
        self.name = self.key = name
        self.project = project
        self.answers = list(answers)
        self.taken: queue.Queue[str] = queue.Queue()

    def send(self, title: str, body: str) -> str | None:
        problem = self.answers.pop(0) if self.answers else None
        if problem is None:
            self.taken.put(body.split("\n")[0])
        return problem

    async def next(self) -> str:
        return await asyncio.to_thread(self.taken.get, timeout=30)


async def fail(ledger: Ledger, run_id: str) -> None:
    """A run that was held by policy: people are told of it."""
    plan = single_command(Command(source_text=f"command of {run_id}", cwd="/ws"))
    create = CreateRun(
        run_id=run_id,
        move=RunMove.HOLD,
        plan=plan,
        requested_by="user:ann",
        blocked_by=BlockedBy.POLICY,
        note={"reason": "no"},
    )
    abandon = MoveRun(run_id=run_id, move=RunMove.CANCEL)
    await ledger.append("prj_1", [create, abandon], actor="user:ann", via="cli")


def notices(ledger: Ledger, file: Path, *targets: Listener) -> Notices:
    return Notices(
        ledger,
        targets,
        cursor_file=file,
        url="http://here",
        mask=lambda _project, text: text,
        retry_seconds=(0.01,),
    )


async def sending(sender: Notices) -> asyncio.Task[None]:
    await sender.begin()
    return asyncio.create_task(sender.run())


async def end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.fixture
async def ready(ledger: Ledger) -> Ledger:
    await ledger.append(HOUSE, [PutProject(project=PROJECT)], actor="user:ann", via="cli")
    return ledger


async def test_a_failing_target_is_tried_until_it_takes_it_and_the_other_does_not_wait(
    ready: Ledger, tmp_path: Path
) -> None:
    good, bad = Listener("good"), Listener("bad", "no", "no")
    sender = notices(ready, tmp_path / "notices.json", good, bad)
    task = await sending(sender)
    await fail(ready, "run_1")
    await fail(ready, "run_2")
    assert [await good.next(), await good.next()] == ["command of run_1", "command of run_2"]
    assert [await bad.next(), await bad.next()] == ["command of run_1", "command of run_2"]
    while any(state.problem for state in sender.states()):
        await asyncio.sleep(0)
    assert sender.states() == (
        TargetState(name="good", problem="", project=""),
        TargetState(name="bad", problem="", project=""),
    )
    await end(task)


async def test_what_was_sent_but_not_put_down_is_sent_again(ready: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "notices.json"
    target = Listener("one")
    task = await sending(notices(ready, file, target))
    before = file.read_bytes()
    await fail(ready, "run_1")
    assert await target.next() == "command of run_1"
    await end(task)
    # As a crash between the sending and the putting down leaves it.
    file.write_bytes(before)
    again = await sending(notices(ready, file, target))
    assert await target.next() == "command of run_1"
    await end(again)


@pytest.mark.parametrize("project", ["one", "prj_1"])
async def test_a_target_for_one_project_hears_of_that_one_alone(
    project: str, ready: Ledger, tmp_path: Path
) -> None:
    mine, other, all_ = Listener("mine", project=project), Listener("other", project="two"), Listener("all")
    file = tmp_path / "notices.json"
    task = await sending(notices(ready, file, mine, other, all_))
    await fail(ready, "run_1")
    assert [await mine.next(), await all_.next()] == ["command of run_1"] * 2
    # It has gone past the event all the same, so that it is not told of it later.
    while read_places(file)["other"]["prj_1"] < read_places(file)["mine"]["prj_1"]:
        await asyncio.sleep(0)
    assert other.taken.empty()
    await end(task)


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", '{"one": {}}', '{"one": {"places": [], "problem": 1}}']
)
async def test_a_file_that_cannot_be_read_counts_as_none(text: str, ready: Ledger, tmp_path: Path) -> None:
    file = tmp_path / "notices.json"
    file.write_text(text)
    assert (read_places(file), read_problems(file)) == ({}, {})
    await fail(ready, "run_1")
    target = Listener("one")
    task = await sending(notices(ready, file, target))
    await fail(ready, "run_2")
    assert await target.next() == "command of run_2"
    await end(task)


async def test_a_target_that_hangs_is_said_to_and_gets_no_second_attempt_meanwhile(
    clock: ToldClock, ready: Ledger, tmp_path: Path
) -> None:
    import threading

    go = threading.Event()
    attempts = 0

    class Hanging(Listener):
        def send(self, title: str, body: str) -> str | None:
            nonlocal attempts
            attempts += 1
            go.wait()
            return super().send(title, body)

    target = Hanging("slow")
    sender = Notices(
        ready,
        [target],
        cursor_file=tmp_path / "notices.json",
        url="http://here",
        mask=lambda _project, text: text,
        retry_seconds=(0.01,),
        hangs_seconds=0.01,
    )
    task = await sending(sender)
    await fail(ready, "run_1")
    while not sender.states()[0].problem:
        await asyncio.sleep(0)
    assert "has not answered" in sender.states()[0].problem
    go.set()
    assert await target.next() == "command of run_1"
    assert attempts == 1
    await end(task)
