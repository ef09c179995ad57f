"""A sandbox built before its step may start: nothing of it runs, and without the word nothing stays."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_steps import Ground, make_request, open_connector, open_ground, processes_with
from support.processes import find_children
from workbench.model.errors import BoundaryViolation, NotAllowed, SandboxUnavailable
from workbench.model.statuses import BlockedBy, TerminalMode

SERVER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from local_steps import StillClock, make_request
from workbench.connectors.local import LocalConnector

async def main():
    home, workspace, script = Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
    connector = LocalConnector(state_home=home, clock=StillClock())
    await connector.start()
    await connector.prepare(make_request(workspace, script, step_id="step_held"))
    print("prepared", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path) as opened:
        yield opened


async def held_processes(mark: str) -> list[int]:
    """Returns the processes that hold the command, once there are any."""
    while not (found := processes_with(mark)):
        await asyncio.sleep(0)
    return found


async def wait_mounted(mark: str, path: Path) -> None:
    """Returns once the sandbox of this command has mounted something at a path of the workspace."""
    while not any(f"/newroot{path} " in mounts_of(pid) for pid in processes_with(mark)):
        await asyncio.sleep(0)


def mounts_of(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/mountinfo").read_text()
    return ""


async def wait_gone(mark: str) -> None:
    while pids := processes_with(mark):
        for pid in pids:
            try:
                held = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
            assert (await asyncio.to_thread(select.select, [held], [], [], 30))[0] == [held]
            os.close(held)


@pytest.mark.parametrize("mode", list(TerminalMode))
async def test_a_prepared_step_runs_once_when_it_is_dispatched(ground: Ground, mode: TerminalMode) -> None:
    request = make_request(ground.workspace, "echo hello; echo x >> made", mode=mode)
    await ground.connector.prepare(request)
    outcome = await ground.finish(await ground.connector.dispatch(request))
    assert outcome.text == "hello\n"
    assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 0)
    assert (ground.workspace / "made").read_text() == "x\n"
    assert outcome.ref == await ground.connector.dispatch(request)
    assert (ground.workspace / "made").read_text() == "x\n"


async def test_what_is_never_dispatched_never_runs_and_leaves_nothing(ground: Ground) -> None:
    request = make_request(ground.workspace, "touch made; : unsaid-77aa")
    await ground.connector.prepare(request)
    await held_processes("unsaid-77aa")
    # It is taken down by itself, soon.
    await wait_gone("unsaid-77aa")
    assert list((ground.home / "runs").iterdir()) == []
    while list(ground.workspace.iterdir()):
        await asyncio.sleep(0)


async def test_what_was_not_admitted_is_not_prepared(ground: Ground) -> None:
    request = make_request(ground.workspace, ": barred-66bb", blocked_by=BlockedBy.POLICY)
    with pytest.raises(NotAllowed):
        await ground.connector.prepare(request)
    assert processes_with("barred-66bb") == []


async def test_another_command_than_the_prepared_one_is_what_runs(ground: Ground) -> None:
    prepared = make_request(ground.workspace, "echo prepared > made; : first-55cc", step_id="step_same")
    asked = make_request(ground.workspace, "echo asked > made", step_id="step_same")
    await ground.connector.prepare(prepared)
    await held_processes("first-55cc")
    await ground.finish(await ground.connector.dispatch(asked))
    assert (ground.workspace / "made").read_text() == "asked\n"
    await wait_gone("first-55cc")


async def test_a_step_starts_while_another_in_its_workspace_is_taken_down(ground: Ground) -> None:
    """What the other holds for its own time is not taken for what is there to stay."""
    for number in range(8):
        await ground.connector.prepare(make_request(ground.workspace, "true", step_id=f"step_a{number}"))
        await ground.connector.prepare(make_request(ground.workspace, "false", step_id=f"step_a{number}"))
        outcome = await ground.run("echo x")
        assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 0)


async def test_another_environment_than_the_prepared_one_is_what_the_command_gets(ground: Ground) -> None:
    one = make_request(ground.workspace, "echo $WHICH", step_id="step_env", environment={"WHICH": "one"})
    two = make_request(ground.workspace, "echo $WHICH", step_id="step_env", environment={"WHICH": "two"})
    await ground.connector.prepare(one)
    assert (await ground.finish(await ground.connector.dispatch(two))).text == "two\n"


async def test_a_prepared_supervisor_that_was_killed_is_replaced_and_its_command_not_let_go(
    ground: Ground,
) -> None:
    """A killed supervisor's end of the barrier closes before the kernel ends its children."""
    for number in range(8):
        request = make_request(ground.workspace, f"echo {number} >> made; : killed-44dd")
        await ground.connector.prepare(request)
        await held_processes("killed-44dd")
        assert ground.connector.zygote_pid is not None
        for shim in find_children(ground.connector.zygote_pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(shim, signal.SIGKILL)
        outcome = await ground.finish(await ground.connector.dispatch(request))
        assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 0), outcome.ended
        await wait_gone("killed-44dd")
    assert (ground.workspace / "made").read_text().split() == [str(number) for number in range(8)]


async def test_a_server_killed_before_the_word_leaves_a_step_that_was_never_started(tmp_path: Path) -> None:
    home, workspace = tmp_path.resolve() / "home", tmp_path.resolve() / "workspace"
    workspace.mkdir()
    script = "echo x >> made; : orphan-33ee"
    line = [sys.executable, "-c", SERVER, str(Path(__file__).parents[1]), str(home), str(workspace), script]
    with subprocess.Popen(line, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        await asyncio.to_thread(server.stdout.readline)
        server.kill()
    await wait_gone("orphan-33ee")
    assert not (workspace / "made").exists()
    async with open_connector(home) as connector:
        assert (await connector.reconcile([])).orphans == ()
        outcome_of = make_request(workspace, script, step_id="step_held")
        ref = await connector.dispatch(outcome_of)
        *_, last = [snapshot async for snapshot in connector.observe(ref)]
    assert last.ended is not None
    assert (last.ended.end_reason, last.ended.exit_code) == ("exited", 0)
    assert (workspace / "made").read_text() == "x\n"


async def test_what_is_prepared_and_then_held_back_never_runs_and_a_dispatch_of_another_kind_is_refused(
    ground: Ground,
) -> None:
    """Between preparation and start the gate may have said no: only an admission that says yes lets it go."""
    request = make_request(ground.workspace, "touch made; : barred-88dd", step_id="step_barred")
    await ground.connector.prepare(request)
    await held_processes("barred-88dd")
    barred = make_request(
        ground.workspace,
        "touch made; : barred-88dd",
        step_id="step_barred",
        blocked_by=BlockedBy.KILL_SWITCH,
    )
    with pytest.raises(NotAllowed):
        await ground.connector.dispatch(barred)
    await wait_gone("barred-88dd")
    assert not (ground.workspace / "made").exists()
    assert list((ground.home / "runs").iterdir()) == []


async def test_many_dispatches_at_once_start_a_prepared_command_once(ground: Ground) -> None:
    for number in range(6):
        request = make_request(ground.workspace, f"echo x >> made{number}", step_id=f"step_race{number}")
        await ground.connector.prepare(request)
        refs = await asyncio.gather(*(ground.connector.dispatch(request) for _ in range(8)))
        assert len(set(refs)) == 1
        outcome = await ground.finish(refs[0])
        assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 0)
        assert (ground.workspace / f"made{number}").read_text() == "x\n"


async def test_a_workspace_exchanged_between_preparation_and_start_is_never_run_in(ground: Ground) -> None:
    """The mounts were made of the old folder: whoever puts another in its place gains nothing in either."""
    for number in range(4):
        request = make_request(ground.workspace, "echo x > made; : moved-99ee", step_id=f"step_moved{number}")
        await ground.connector.prepare(request)
        await held_processes("moved-99ee")
        aside = ground.workspace.with_name(f"aside{number}")
        victim = ground.workspace.with_name(f"victim{number}")
        victim.mkdir()
        ground.workspace.rename(aside)
        ground.workspace.symlink_to(victim)
        # Started in the old folder, or refused: a start from nothing sees the link.
        with contextlib.suppress(SandboxUnavailable, BoundaryViolation):
            outcome = await ground.finish(await ground.connector.dispatch(request))
            assert outcome.ended.end_reason in ("exited", "failed_to_start")
        ground.workspace.unlink()
        aside.rename(ground.workspace)
        assert list(victim.iterdir()) == []
        await wait_gone("moved-99ee")


async def test_a_protected_folder_exchanged_between_preparation_and_start_is_found_out(
    ground: Ground,
) -> None:
    subprocess.run(["git", "init", "-q", str(ground.workspace)], check=True)
    hooks = ground.workspace / ".git" / "hooks"
    request = make_request(ground.workspace, "echo evil > .git/hooks/post-checkout; : hooks-22ff")
    await ground.connector.prepare(request)
    await wait_mounted("hooks-22ff", hooks)
    hooks.rename(hooks.with_name("aside"))
    hooks.mkdir()
    outcome = await ground.finish(await ground.connector.dispatch(request))
    assert list(hooks.iterdir()) == []
    assert not (hooks.with_name("aside") / "post-checkout").exists()
    assert (outcome.ended.end_reason, outcome.ended.exit_code) != ("exited", 0)


@pytest.mark.parametrize("whom", ["zygote", "shim", "starter"])
async def test_a_start_runs_at_most_once_whoever_is_killed_around_it(ground: Ground, whom: str) -> None:
    """Killed after the word was on its way: the claim alone tells, and no command ever runs twice."""
    for number in range(10):
        mark = f"around-{whom}-{number}-aa11"
        request = make_request(
            ground.workspace, f"echo {number} >> made; : {mark}", step_id=f"step_{whom}{number}"
        )
        await ground.connector.prepare(request)
        zygote = ground.connector.zygote_pid
        assert zygote is not None
        shims = find_children(zygote)
        victims = {
            "zygote": [zygote],
            "shim": shims,
            "starter": [pid for shim in shims for pid in find_children(shim)],
        }[whom]
        dispatch = asyncio.create_task(ground.connector.dispatch(request))
        for _ in range(number):
            await asyncio.sleep(0)
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            ref = await dispatch
        except SandboxUnavailable:
            ref = ground.connector.ref_for(request.run_id, request.step_id, request.attempt)
        outcome = await ground.finish(ref)
        made = ground.workspace / "made"
        runs = made.read_text().split().count(str(number)) if made.exists() else 0
        assert runs <= 1
        if outcome.ended.end_reason == "exited":
            assert (runs, outcome.ended.exit_code) == (1, 0)
        if outcome.ended.end_reason == "never_started":
            assert runs == 0
        # Once more the same dispatch: whatever became of the first, nothing is started by it.
        with contextlib.suppress(SandboxUnavailable):
            await ground.connector.dispatch(request)
        await ground.finish(ref)
        assert (made.read_text().split().count(str(number)) if made.exists() else 0) == runs
        await wait_gone(mark)
