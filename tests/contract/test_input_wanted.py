"""A step that waits for typing is known as one; nothing is that is busy, sleeps or waits for more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_steps import Ground, make_request, open_ground
from workbench.connectors.contract import ExternalRef
from workbench.model.statuses import TerminalMode

# Each of these is quiet for long enough to be looked at more than once, with the terminal as its input.
NOT_WAITING = """
import os, select, subprocess, sys, time
from time import sleep as rest
def pause(what):
    print(what, flush=True)
pause("sleep"); rest(0.9)
pause("busy")
end = time.monotonic() + 0.9
while time.monotonic() < end: pass
pause("a pipe"); subprocess.run("sleep 0.9 | cat", shell=True)
pause("a child"); subprocess.run(["sleep", "0.9"])
pause("now and then")
end = time.monotonic() + 0.9
while time.monotonic() < end: select.select([0], [], [], 0.2)
pause("the terminal or something else")
r, w = os.pipe()
if os.fork() == 0:
    os.close(r); rest(0.9); os._exit(0)
os.close(w); select.select([0, r], [], [])
pause("another terminal")
ours, theirs = os.openpty()
if os.fork() == 0:
    rest(0.9); os.write(ours, b"x\\n"); rest(0.2); os._exit(0)
os.read(theirs, 5)
open("asked", "w").close()
"""
WAITING = {
    "bash": "read x",
    "cat": "cat",
    "python": "python3 -c 'input()'",
    "a prompt for a password": "python3 -c 'import getpass; getpass.getpass()'",
    "select": "python3 -c 'import select; select.select([0], [], [])'",
    "poll": "python3 -c 'import select; p = select.poll(); p.register(0, select.POLLIN); p.poll()'",
    "with work in the background": "sleep 100 & read x; kill %1",
}
IN_SHORT = ("bash", "a prompt for a password", "select")


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path) as opened:
        yield opened


async def wait_wanted(ground: Ground, ref: ExternalRef) -> None:
    """Returns once the step is known to wait for input."""
    async with asyncio.timeout(60):
        while ground.connector.input_wanted(ref) is None:
            # Taken from the disk: nothing tells of it.
            await asyncio.sleep(0)


@pytest.mark.long
async def test_only_what_waits_for_this_terminal_alone_waits_for_input(ground: Ground) -> None:
    (ground.workspace / "quiet.py").write_text(NOT_WAITING)
    request = make_request(
        ground.workspace, "python3 quiet.py; read x; echo got:$x; sleep 1000", mode=TerminalMode.PTY
    )
    ref = await ground.connector.dispatch(request)
    await wait_wanted(ground, ref)
    # Had anything before been taken for a wait, this would not be there yet.
    assert (ground.workspace / "asked").exists()
    since = ground.connector.input_wanted(ref)
    assert since is not None
    assert since.endswith("Z")
    await ground.connector.write_input(ref, b"here\n")
    async for chunk in ground.connector.logs(ref, offset=0, follow=True):
        if b"got:here" in chunk.data:
            break
    # It was answered, and what it does now is no wait for anybody.
    async with asyncio.timeout(60):
        while ground.connector.input_wanted(ref) is not None:
            await asyncio.sleep(0)
    await ground.connector.cancel(ref, reason="done", deadline_seconds=5)
    assert not (ground.home / "runs" / ref.external_run_id / "waiting.json").exists()


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(script, id=name, marks=() if name in IN_SHORT else pytest.mark.long)
        for name, script in WAITING.items()
    ],
)
async def test_whatever_way_a_program_waits_for_typing_is_known(ground: Ground, script: str) -> None:
    ref = await ground.connector.dispatch(make_request(ground.workspace, script, mode=TerminalMode.PTY))
    await wait_wanted(ground, ref)
    # ^D where it is asked for, a line where that is.
    await ground.connector.write_input(ref, b"\n")
    await ground.connector.write_input(ref, b"\x04")
    outcome = await ground.finish(ref)
    assert outcome.ended.end_reason in ("exited", "canceled")
    assert ground.connector.input_wanted(ref) is None


async def test_a_step_without_a_terminal_never_waits_for_input(ground: Ground) -> None:
    ref = (await ground.run("cat; echo done")).ref
    assert ground.connector.input_wanted(ref) is None
