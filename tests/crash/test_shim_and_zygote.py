"""kill -9 of zygote, server and shim while steps run: what goes on, what is proven, what is left."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_steps import Ground, finish, make_request, open_connector, open_ground, processes_with
from support.processes import find_children
from workbench.connectors.contract import CancelOutcome, ExternalRef, NativeState
from workbench.connectors.local import LocalLimits
from workbench.model.errors import SandboxUnavailable
from workbench.model.statuses import TerminalMode
from workbench.sandbox.leftover import end_leftovers

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
    ref = await connector.dispatch(make_request(workspace, script))
    print(ref.external_run_id, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path) as opened:
        yield opened


def shim_of(ground: Ground, ref: ExternalRef) -> int:
    return int(json.loads((ground.home / "runs" / ref.external_run_id / "claim.json").read_text())["pid"])


async def first_chunk(ground: Ground, ref: ExternalRef) -> None:
    async for _ in ground.connector.logs(ref, offset=0, follow=True):
        return


async def test_a_run_outlives_the_zygote_and_the_next_one_starts(ground: Ground) -> None:
    request = make_request(ground.workspace, "echo one; read; echo two", mode=TerminalMode.PTY)
    ref = await ground.connector.dispatch(request)
    await first_chunk(ground, ref)
    assert ground.connector.zygote_pid is not None
    os.kill(ground.connector.zygote_pid, signal.SIGKILL)
    await ground.connector.write_input(ref, b"\n")
    outcome = await ground.finish(ref)
    assert outcome.data == b"one\r\n\r\ntwo\r\n"
    assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 0)
    again = await ground.run("echo again")
    assert again.data == b"again\n"


async def test_a_run_outlives_the_server_and_is_adopted_with_no_byte_lost(tmp_path: Path) -> None:
    home, workspace = tmp_path.resolve() / "home", tmp_path.resolve() / "workspace"
    workspace.mkdir()
    script = "i=0; while [ ! -e stop ]; do echo line $((i++)); done; echo last; exit 7"
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(Path(__file__).parents[1]), str(home), str(workspace), script],
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    with server.stdout:
        name = (await asyncio.to_thread(server.stdout.readline)).decode().strip()
    server.kill()
    server.wait()
    ref = ExternalRef(connector_id="local", external_run_id=name)
    async with open_connector(home) as connector:
        assert (await connector.reconcile([])).orphans == (ref,)
        async for _ in connector.logs(ref, offset=0, follow=True):
            (workspace / "stop").touch()
            break
        outcome = await finish(connector, ref)
    lines = outcome.text.splitlines()
    assert lines == [*(f"line {number}" for number in range(len(lines) - 1)), "last"]
    assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 7)
    assert outcome.ended.processes_left == 0


async def test_a_killed_shim_takes_everything_with_it_and_the_step_is_lost(ground: Ground) -> None:
    script = "setsid bash -c 'exec -a orphan-c0de sleep 1000' & echo ready; exec -a orphan-c0de sleep 1000"
    ref = await ground.connector.dispatch(make_request(ground.workspace, script))
    await first_chunk(ground, ref)
    os.kill(shim_of(ground, ref), signal.SIGKILL)
    outcome = await ground.finish(ref)
    assert outcome.last.state is NativeState.LOST
    assert (outcome.ended.end_reason, outcome.ended.processes_left) == ("lost", 0)
    assert outcome.data == b"ready\n"
    assert outcome.ended.output_bytes == 6
    assert processes_with("orphan-c0de") == []
    assert list(ground.workspace.iterdir()) == []


async def test_of_a_flood_whose_shim_is_killed_beginning_and_end_are_kept_and_counted(tmp_path: Path) -> None:
    async with open_ground(tmp_path, limits=LocalLimits(max_output_bytes=4096)) as ground:
        script = "seq 1 20000; echo ready; exec sleep 1000"
        ref = await ground.connector.dispatch(make_request(ground.workspace, script))
        async for chunk in ground.connector.logs(ref, offset=0, follow=True):
            if chunk.data.endswith(b"ready\n"):
                break
        os.kill(shim_of(ground, ref), signal.SIGKILL)
        outcome = await ground.finish(ref)
    whole = b"".join(b"%d\n" % number for number in range(1, 20001)) + b"ready\n"
    ended = outcome.ended
    assert (ended.end_reason, ended.end_offset) == ("lost", len(whole))
    assert ended.output_bytes + ended.dropped_bytes == len(whole)
    assert outcome.data == whole[:2048] + whole[2048 + ended.dropped_bytes :]
    assert ended.output_digest == f"sha256:{hashlib.sha256(outcome.data).hexdigest()}"


async def test_a_shim_killed_at_any_moment_of_the_start_leaves_no_process(ground: Ground) -> None:
    for _ in range(10):
        request = make_request(ground.workspace, ": early-5f5f; sleep 1000")
        ref = await ground.connector.dispatch(request)
        os.kill(shim_of(ground, ref), signal.SIGKILL)
        outcome = await ground.finish(ref)
        assert (outcome.ended.end_reason, outcome.ended.processes_left) == ("lost", 0)
        assert processes_with("early-5f5f") == []


async def test_a_lost_step_stays_lost_for_who_comes_later(ground: Ground) -> None:
    request = make_request(ground.workspace, "echo ready; sleep 1000")
    ref = await ground.connector.dispatch(request)
    await first_chunk(ground, ref)
    os.kill(shim_of(ground, ref), signal.SIGKILL)
    outcome = await ground.finish(ref)
    async with open_connector(ground.home) as other:
        later = await other.snapshot(ref)
        assert (later.state, later.ended) == (NativeState.LOST, outcome.ended)
        assert await other.dispatch(request) == ref
        assert (await other.snapshot(ref)).state is NativeState.LOST


async def test_a_shim_that_does_not_answer_is_killed_with_its_step(ground: Ground) -> None:
    script = "echo ready; exec -a frozen-11aa sleep 1000"
    ref = await ground.connector.dispatch(make_request(ground.workspace, script))
    await first_chunk(ground, ref)
    os.kill(shim_of(ground, ref), signal.SIGSTOP)
    outcome = await ground.connector.cancel(ref, reason="enough of it", deadline_seconds=4)
    assert outcome is CancelOutcome.CONFIRMED
    assert processes_with("frozen-11aa") == []
    ended = (await ground.finish(ref)).ended
    assert (ended.end_reason, ended.processes_left) == ("canceled", 0)
    assert ended.detail.startswith("enough of it; its supervisor did not answer")


@pytest.mark.long
async def test_a_stopped_supervisor_that_was_typed_at_is_killed_too(ground: Ground) -> None:
    request = make_request(ground.workspace, "echo ready; sleep 1000", mode=TerminalMode.PTY)
    ref = await ground.connector.dispatch(request)
    await first_chunk(ground, ref)
    os.kill(shim_of(ground, ref), signal.SIGSTOP)
    # More than its socket holds, so that the last of it waits for ever.
    typing = asyncio.create_task(ground.connector.write_input(ref, b"x" * (8 << 20)))
    await asyncio.sleep(0)
    async with asyncio.timeout(60):
        outcome = await ground.connector.cancel(ref, reason="enough", deadline_seconds=4)
    assert outcome is CancelOutcome.CONFIRMED
    assert (await ground.finish(ref)).ended.end_reason == "canceled"
    typing.cancel()
    await asyncio.gather(typing, return_exceptions=True)


async def test_a_time_limit_holds_where_the_supervisor_is_stopped(tmp_path: Path) -> None:
    async with open_ground(tmp_path, limits=LocalLimits(shim_patience_seconds=1)) as ground:
        script = "echo ready; exec -a frozen-22bb sleep 1000"
        request = make_request(ground.workspace, script, timeout_seconds=2)
        ref = await ground.connector.dispatch(request)
        await first_chunk(ground, ref)
        shim = shim_of(ground, ref)
        os.kill(shim, signal.SIGSTOP)
        try:
            async with asyncio.timeout(60):
                outcome = await ground.finish(ref)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(shim, signal.SIGCONT)
        assert processes_with("frozen-22bb") == []
        assert outcome.last.state is NativeState.ENDED
        assert (outcome.ended.end_reason, outcome.ended.processes_left) == ("timed_out", 0)
        assert outcome.ended.detail.startswith(
            "the time limit of 2 seconds was reached; its supervisor did not"
        )
        async with open_connector(ground.home) as other:
            assert (await other.snapshot(ref)).ended == outcome.ended


async def test_a_supervisor_that_answers_is_left_to_end_its_step_itself(tmp_path: Path) -> None:
    """The command takes its grace to the full, longer than the server's patience with silence."""
    async with open_ground(tmp_path, limits=LocalLimits(shim_patience_seconds=1.5)) as ground:
        script = "trap '' TERM; echo ready; while :; do sleep 0.1; done"
        ref = await ground.connector.dispatch(make_request(ground.workspace, script, timeout_seconds=1))
        ended = (await ground.finish(ref)).ended
    assert (ended.end_reason, ended.detail) == ("timed_out", "the time limit of 1 second was reached")


async def test_a_killed_sandbox_is_a_lost_command_and_not_one_that_never_started(ground: Ground) -> None:
    ref = await ground.connector.dispatch(make_request(ground.workspace, "echo ready; sleep 1000"))
    await first_chunk(ground, ref)
    for bubblewrap in find_children(shim_of(ground, ref)):
        os.kill(bubblewrap, signal.SIGKILL)
    outcome = await ground.finish(ref)
    assert outcome.data == b"ready\n"
    assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("lost", None)
    assert outcome.ended.detail == "its sandbox was killed by signal 9, and the command with it"
    assert outcome.ended.processes_left == 0


async def test_a_stopped_zygote_is_replaced(ground: Ground) -> None:
    stopped = ground.connector.zygote_pid
    assert stopped is not None
    os.kill(stopped, signal.SIGSTOP)
    outcome = await ground.run("echo one >> made")
    assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 0)
    assert ground.connector.zygote_pid != stopped
    assert (ground.workspace / "made").read_text() == "one\n"


async def test_a_stopped_zygote_of_a_killed_server_is_ended_by_the_next_one(tmp_path: Path) -> None:
    home, workspace = tmp_path.resolve() / "home", tmp_path.resolve() / "workspace"
    workspace.mkdir()
    script = "echo ready; while [ ! -e stop ]; do sleep 0.05; done; exit 7"
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(Path(__file__).parents[1]), str(home), str(workspace), script],
        stdout=subprocess.PIPE,
    )
    assert server.stdout is not None
    with server.stdout:
        name = (await asyncio.to_thread(server.stdout.readline)).decode().strip()
    (record,) = (home / "sandbox").glob("zygote-*.json")
    zygote = int(json.loads(record.read_text())["zygote"]["pid"])
    gone = os.pidfd_open(zygote)
    try:
        os.kill(zygote, signal.SIGSTOP)
        # Not while its server lives.
        assert (end_leftovers(home / "sandbox"), record.exists()) == (0, True)
        server.kill()
        server.wait()
        async with open_connector(home) as connector:
            assert select.select([gone], [], [], 0)[0]
            assert not record.exists()
            (workspace / "stop").touch()
            outcome = await finish(connector, ExternalRef(connector_id="local", external_run_id=name))
    finally:
        with contextlib.suppress(OSError):
            signal.pidfd_send_signal(gone, signal.SIGKILL)
        os.close(gone)
        server.kill()
        server.wait()
    assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 7)
    assert list((home / "sandbox").glob("zygote-*")) == []


async def test_who_should_start_a_step_and_does_not_answer_is_replaced(tmp_path: Path) -> None:
    async with open_ground(tmp_path, limits=LocalLimits(start_patience_seconds=3)) as ground:
        zygote = ground.connector.zygote_pid
        assert zygote is not None
        # The child that waits to become the next shim, once there is one.
        while not (waiting := find_children(zygote)):
            await asyncio.sleep(0)
        for pid in waiting:
            os.kill(pid, signal.SIGSTOP)
        outcome = await ground.run("echo one >> made")
        assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 0)
        for pid in waiting:
            os.kill(pid, signal.SIGCONT)
            gone = os.pidfd_open(pid)
            await asyncio.to_thread(select.select, [gone], [], [], 30)
            os.close(gone)
    assert (ground.workspace / "made").read_text() == "one\n"


async def test_a_zygote_killed_between_two_dispatches_starts_each_step_once(ground: Ground) -> None:
    for number in range(5):
        if ground.connector.zygote_pid is not None:
            os.kill(ground.connector.zygote_pid, signal.SIGKILL)
        outcome = await ground.run(f"echo {number} >> made")
        assert outcome.ended.end_reason == "exited"
    assert (ground.workspace / "made").read_text() == "0\n1\n2\n3\n4\n"


async def test_a_full_disk_under_the_transcript_stops_the_log_but_not_the_command(ground: Ground) -> None:
    # The kernel answers EFBIG beyond this limit, which the shim inherits: to it the disk is full.
    assert ground.connector.zygote_pid is not None
    zygote = ground.connector.zygote_pid
    resource.prlimit(zygote, resource.RLIMIT_FSIZE, (8192, 8192))
    # One child may wait already to become the next shim; those that come from now on inherit the limit.
    for pid in find_children(zygote):
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (8192, 8192))
    outcome = await ground.run("head -c 500000 /dev/zero; touch done")
    assert (outcome.ended.output_bytes, outcome.ended.dropped_bytes) == (8192, 500000 - 8192)
    assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 0)
    assert "full" in outcome.ended.detail
    assert (ground.workspace / "done").exists()


async def test_an_end_that_cannot_be_written_is_told_until_it_can(ground: Ground) -> None:
    request = make_request(ground.workspace, "echo ready; read; exit 5", mode=TerminalMode.PTY)
    ref = await ground.connector.dispatch(request)
    await first_chunk(ground, ref)
    shim = shim_of(ground, ref)
    resource.prlimit(shim, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    await ground.connector.write_input(ref, b"\n")
    outcome = await ground.finish(ref)
    assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 5)
    written = ground.home / "runs" / ref.external_run_id / "exit.json"
    assert not written.exists()
    async with open_connector(ground.home) as other:
        assert (await other.snapshot(ref)).ended == outcome.ended
    resource.prlimit(shim, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    gone = os.pidfd_open(shim)
    await asyncio.to_thread(select.select, [gone], [], [], 30)
    os.close(gone)
    assert json.loads(written.read_text())["exit_code"] == 5


async def test_a_step_that_nobody_takes_on_in_time_is_given_up_and_says_why(tmp_path: Path) -> None:
    # Less than an interpreter needs to begin, so that the next one does not answer in time either.
    async with open_ground(tmp_path, limits=LocalLimits(start_patience_seconds=0.002)) as ground:
        zygote = ground.connector.zygote_pid
        assert zygote is not None
        while not (waiting := find_children(zygote)):
            await asyncio.sleep(0)
        for pid in waiting:
            os.kill(pid, signal.SIGSTOP)
        with pytest.raises(SandboxUnavailable, match="the process that starts steps does not answer"):
            await ground.run("echo one >> made")
        for pid in waiting:
            os.kill(pid, signal.SIGKILL)
    assert not (ground.workspace / "made").exists()
