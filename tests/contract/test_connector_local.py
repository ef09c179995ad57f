"""What every connector promises, against the real thing; another one joins CONNECTORS."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from local_steps import Ground, make_request, open_connector, open_ground, processes_with
from workbench.connectors.contract import CancelOutcome, Connector, Ended, ExternalRef, NativeState
from workbench.connectors.local import LocalLimits
from workbench.model.errors import BoundaryViolation, Conflict, InvalidInput, NotAllowed, NotFound
from workbench.model.statuses import BlockedBy, TerminalMode

Open = Callable[[Path], AbstractAsyncContextManager[Ground]]
CONNECTORS: dict[str, Open] = {"local": open_ground}


@pytest.fixture(params=CONNECTORS)
async def ground(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ground]:
    async with CONNECTORS[request.param](tmp_path) as opened:
        yield opened


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


async def test_it_is_a_connector_and_names_itself(ground: Ground) -> None:
    connector: Connector = ground.connector
    assert connector.connector_id in CONNECTORS
    assert await connector.validate_config() == ()


async def test_a_command_runs_to_its_proven_end(ground: Ground) -> None:
    outcome = await ground.run("echo hello; exit 3")
    assert outcome.last.state is NativeState.ENDED
    assert outcome.ended == Ended(
        exit_code=3,
        signal=None,
        end_reason="exited",
        processes_left=0,
        output_bytes=6,
        dropped_bytes=0,
        end_offset=6,
        output_digest=digest(b"hello\n"),
        index_digest=outcome.ended.index_digest,
    )
    index = ground.home / "runs" / outcome.ref.external_run_id / "index.bin"
    assert outcome.ended.index_digest == digest(index.read_bytes())
    assert outcome.data == b"hello\n"


async def test_the_reference_is_known_before_the_dispatch(ground: Ground) -> None:
    request = make_request(ground.workspace, "true")
    expected = ground.connector.ref_for(request.run_id, request.step_id, request.attempt)
    assert await ground.connector.dispatch(request) == expected


async def test_what_was_not_admitted_is_never_started(ground: Ground) -> None:
    request = make_request(ground.workspace, "touch made", blocked_by=BlockedBy.POLICY)
    with pytest.raises(NotAllowed):
        await ground.connector.dispatch(request)
    ref = ground.connector.ref_for(request.run_id, request.step_id, request.attempt)
    assert (await ground.connector.reconcile([ref])).missing == (ref,)
    assert not (ground.workspace / "made").exists()


async def test_a_key_starts_at_most_once_however_often_it_is_dispatched(ground: Ground) -> None:
    request = make_request(ground.workspace, "echo once >> made")
    refs = await asyncio.gather(*(ground.connector.dispatch(request) for _ in range(5)))
    assert len(set(refs)) == 1
    await ground.finish(refs[0])
    assert await ground.connector.dispatch(request) == refs[0]
    assert (ground.workspace / "made").read_text() == "once\n"


async def test_another_command_under_the_same_key_is_a_conflict(ground: Ground) -> None:
    await ground.connector.dispatch(make_request(ground.workspace, "true", step_id="step_a"))
    with pytest.raises(Conflict):
        await ground.connector.dispatch(make_request(ground.workspace, "false", step_id="step_a"))


async def test_pipe_mode_keeps_the_streams_apart_to_the_byte(ground: Ground) -> None:
    outcome = await ground.run(r"printf 'a\0\377'; printf 'b\r\n' >&2")
    assert outcome.streams == {"stdout": b"a\0\xff", "stderr": b"b\r\n"}


async def test_pty_mode_is_a_terminal_of_the_asked_size(ground: Ground) -> None:
    outcome = await ground.run("test -t 0 && test -t 1 && stty size", mode=TerminalMode.PTY)
    assert outcome.streams == {"terminal": b"24 80\r\n"}


async def test_input_and_size_reach_the_terminal(ground: Ground) -> None:
    script = (
        # What had come of the line when the time was over is part of it.
        "trap 'stty size' WINCH; stty -echo; echo ready; "
        "until read -t 0.1 part; do line=$line$part; done; echo got $line$part"
    )
    request = make_request(ground.workspace, script, mode=TerminalMode.PTY)
    ref = await ground.connector.dispatch(request)
    seen = b""
    async for chunk in ground.connector.logs(ref, offset=0, follow=True):
        seen += chunk.data
        if seen == b"ready\r\n":
            await ground.connector.resize(ref, rows=33, columns=111)
        if seen.endswith(b"33 111\r\n"):
            await ground.connector.write_input(ref, b"word\n")
    assert seen == b"ready\r\n33 111\r\ngot word\r\n"


async def test_input_in_pipe_mode_and_after_the_end_is_refused(ground: Ground) -> None:
    piped = await ground.run("true")
    with pytest.raises(InvalidInput):
        await ground.connector.write_input(piped.ref, b"x")
    ended = await ground.run("true", mode=TerminalMode.PTY)
    with pytest.raises(Conflict):
        await ground.connector.write_input(ended.ref, b"x")


async def test_every_offset_resumes_the_log_with_nothing_lost_or_doubled(ground: Ground) -> None:
    outcome = await ground.run("for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done")
    for offset in range(len(outcome.data) + 1):
        rest = [chunk async for chunk in ground.connector.logs(outcome.ref, offset=offset, follow=False)]
        assert b"".join(chunk.data for chunk in rest) == outcome.data[offset:]


async def test_many_followers_see_the_same_bytes_live(ground: Ground) -> None:
    ref = await ground.connector.dispatch(make_request(ground.workspace, "seq 1 20000"))
    outcomes = await asyncio.gather(*(ground.finish(ref) for _ in range(10)))
    assert {outcome.data for outcome in outcomes} == {"".join(f"{n}\n" for n in range(1, 20001)).encode()}


async def test_the_states_are_seen_in_order_and_end_with_the_end(ground: Ground) -> None:
    ref = await ground.connector.dispatch(
        make_request(ground.workspace, "echo x; read", mode=TerminalMode.PTY)
    )
    states = []
    async for snapshot in ground.connector.observe(ref):
        states.append(snapshot.state)
        if snapshot.state is NativeState.RUNNING:
            await ground.connector.write_input(ref, b"\n")
    assert states in (
        [NativeState.STARTING, NativeState.RUNNING, NativeState.ENDED],
        [NativeState.RUNNING, NativeState.ENDED],
    )


async def test_cancel_proves_that_nothing_is_left_of_stubborn_ones(ground: Ground) -> None:
    script = """
        mark=stubborn-7f3a; trap '' TERM HUP
        setsid bash -c "trap '' TERM HUP; exec -a $mark sleep 1000" &
        (setsid bash -c "trap '' TERM; (exec -a $mark sleep 1000) & (exec -a $mark sleep 1000) &" &)
        (exec -a $mark sleep 1000) & kill -STOP $!
        echo ready; while :; do sleep 1; done
    """
    ref = await ground.connector.dispatch(make_request(ground.workspace, script))
    async for chunk in ground.connector.logs(ref, offset=0, follow=True):
        if b"ready" in chunk.data:
            break
    outcome = await ground.connector.cancel(ref, reason="enough", deadline_seconds=5)
    assert outcome is CancelOutcome.CONFIRMED
    assert processes_with("stubborn-7f3a") == []
    ended = (await ground.connector.snapshot(ref)).ended
    assert ended is not None
    assert (ended.end_reason, ended.processes_left, ended.detail) == ("canceled", 0, "enough")


async def test_a_polite_command_may_tidy_up_when_it_is_canceled(ground: Ground) -> None:
    script = "trap 'echo tidied; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    ref = await ground.connector.dispatch(make_request(ground.workspace, script))
    async for chunk in ground.connector.logs(ref, offset=0, follow=True):
        if b"ready" in chunk.data:
            break
    assert await ground.connector.cancel(ref, reason="x", deadline_seconds=5) is CancelOutcome.CONFIRMED
    outcome = await ground.finish(ref)
    assert outcome.data.endswith(b"tidied\n")
    assert outcome.ended.end_reason == "canceled"


async def test_cancel_right_after_the_dispatch_starts_nothing_that_stays(ground: Ground) -> None:
    for _ in range(10):
        ref = await ground.connector.dispatch(make_request(ground.workspace, ": early-33e1; sleep 1000"))
        outcome = await ground.connector.cancel(ref, reason="x", deadline_seconds=5)
        assert outcome is CancelOutcome.CONFIRMED
        assert processes_with("early-33e1") == []


async def test_cancel_of_an_ended_run_is_confirmed_and_changes_nothing(ground: Ground) -> None:
    outcome = await ground.run("true")
    assert (
        await ground.connector.cancel(outcome.ref, reason="x", deadline_seconds=1) is CancelOutcome.CONFIRMED
    )
    assert (await ground.connector.snapshot(outcome.ref)).ended == outcome.ended


@pytest.mark.parametrize(
    ("script", "options", "reason"),
    [
        ("while :; do echo x; sleep 0.05; done", {"timeout_seconds": 1}, "timed_out"),
        ("echo x; sleep 1000", {"idle_timeout_seconds": 1}, "idle_timed_out"),
    ],
)
async def test_time_limits_end_a_run(
    ground: Ground, script: str, options: dict[str, int], reason: str
) -> None:
    outcome = await ground.run(script, **options)
    assert (outcome.ended.end_reason, outcome.ended.processes_left) == (reason, 0)
    assert "1 second" in outcome.ended.detail


async def test_a_program_that_is_not_there_failed_to_start_and_says_so(ground: Ground) -> None:
    outcome = await ground.run("", argv=("/usr/bin/no-such-program",))
    assert outcome.ended.end_reason == "failed_to_start"
    assert "no-such-program" in outcome.ended.detail


async def test_a_signal_is_told_from_an_exit(ground: Ground) -> None:
    outcome = await ground.run("kill -SEGV $$")
    assert (outcome.ended.end_reason, outcome.ended.signal) == ("signaled", 11)


async def test_daemons_end_with_the_command_that_left_them(ground: Ground) -> None:
    outcome = await ground.run(
        "(setsid bash -c 'exec -a leftover-51c2 sleep 1000' >/dev/null 2>&1 &); echo x"
    )
    assert (outcome.ended.end_reason, outcome.ended.processes_left) == ("exited", 0)
    assert processes_with("leftover-51c2") == []


async def test_secrets_reach_neither_disk_nor_followers(ground: Ground) -> None:
    script = "printf 'a %s' ${S:0:4}; sleep 0.1; printf '%s%s b' ${S:4} $S; printf $S >&2"
    outcome = await ground.run(script, environment={"S": "hunter2"}, masks=(b"hunter2",))
    assert outcome.streams == {"stdout": b"a ****** b", "stderr": b"***"}
    assert not any(b"hunter2" in path.read_bytes() for path in ground.home.rglob("*") if path.is_file())


async def test_environment_reaches_the_command_and_no_command_line(ground: Ground) -> None:
    request = make_request(
        ground.workspace, "echo $TOKEN; read", mode=TerminalMode.PTY, environment={"TOKEN": "env-93ab"}
    )
    ref = await ground.connector.dispatch(request)
    async for chunk in ground.connector.logs(ref, offset=0, follow=True):
        if b"env-93ab" in chunk.data:
            assert processes_with("env-93ab") == []
            await ground.connector.write_input(ref, b"\n")


async def test_the_transcript_is_an_artifact_with_its_digest(ground: Ground) -> None:
    outcome = await ground.run("echo hello")
    (found,) = await ground.connector.artifacts(outcome.ref)
    assert found.digest == digest(Path(found.path).read_bytes()) == digest(b"hello\n")
    assert (found.size_bytes, found.truncated) == (6, False)


async def test_a_new_process_adopts_what_runs_and_loses_no_byte(ground: Ground, tmp_path: Path) -> None:
    request = make_request(ground.workspace, "echo one; read; echo two", mode=TerminalMode.PTY)
    ref = await ground.connector.dispatch(request)
    async for _ in ground.connector.logs(ref, offset=0, follow=True):
        break
    async with open_connector(ground.home) as other:
        assert (await other.reconcile([])).orphans == (ref,)
        assert (await other.snapshot(ref)).state is NativeState.RUNNING
        await other.write_input(ref, b"\n")
        await ground.finish(ref)
        data = b"".join([chunk.data async for chunk in other.logs(ref, offset=0, follow=True)])
        assert data == b"one\r\n\r\ntwo\r\n"
        assert (await other.reconcile([ref])).found == (ref,)


async def test_what_was_prepared_but_never_started_is_lost_for_ever(ground: Ground) -> None:
    request = make_request(ground.workspace, "touch made")
    ref = ground.connector.ref_for(request.run_id, request.step_id, request.attempt)
    folder = ground.home / "runs" / ref.external_run_id
    folder.mkdir(parents=True)
    assert (await ground.connector.snapshot(ref)).state is NativeState.LOST
    assert await ground.connector.dispatch(request) == ref
    assert (await ground.connector.snapshot(ref)).state is NativeState.LOST
    assert not (ground.workspace / "made").exists()


@pytest.mark.parametrize("name", ["../../etc", "run_1/../x.1", "run_1/step.x", "run_1", "/", "a/b.1/c"])
async def test_a_reference_cannot_lead_out_of_the_state_folder(ground: Ground, name: str) -> None:
    with pytest.raises(NotFound):
        await ground.connector.snapshot(ExternalRef(connector_id="local", external_run_id=name))


async def test_a_working_directory_outside_the_workspace_is_refused(ground: Ground) -> None:
    (ground.workspace / "link").symlink_to("/usr")
    for cwd in (Path("/usr"), ground.workspace / "..", ground.workspace / "link", ground.workspace / "no"):
        with pytest.raises(BoundaryViolation):
            await ground.connector.dispatch(make_request(ground.workspace, "true", cwd=cwd))


async def test_output_above_the_limit_is_counted_and_the_command_goes_on(tmp_path: Path) -> None:
    async with open_ground(tmp_path, limits=LocalLimits(max_output_bytes=1000)) as ground:
        outcome = await ground.run("head -c 5000 /dev/zero; touch done")
    kept = outcome.ended.output_bytes
    assert 960 < kept <= 1000
    assert (outcome.ended.dropped_bytes, outcome.ended.end_offset) == (5000 - kept, 5000)
    assert outcome.ended.output_digest == digest(bytes(kept))
    assert (outcome.ended.end_reason, outcome.ended.exit_code) == ("exited", 0)
    assert "limit of 1000 bytes" in outcome.ended.detail
    assert (ground.workspace / "done").exists()


async def test_text_asciicast_and_search_come_from_the_one_log(ground: Ground) -> None:
    outcome = await ground.run(
        r"printf '\033[31mred\033[0m\n\033]52;c;eA==\007plain\n'", mode=TerminalMode.PTY
    )
    assert b"".join(ground.connector.transcript(outcome.ref, "text")) == b"red\nplain\n"
    head, *events = [line.decode() for line in ground.connector.transcript(outcome.ref, "asciicast")]
    assert '"version": 2' in head
    assert "]52" not in "".join(events)
    assert [hit.line for hit in ground.connector.search(outcome.ref, "PLAIN")] == [2]
    assert b"".join(ground.connector.transcript(outcome.ref, "raw")) == outcome.data
