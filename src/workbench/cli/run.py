"""workbench run: asks for a run, streams it, and ends with the command's own status."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import shlex
import shutil
import signal
import stat
import struct
import sys
import termios
import threading
import tty
from collections.abc import Iterator
from typing import Any, Final

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_socket

from workbench.cli.client import Client, connect, how_to_go_on, reconnect
from workbench.cli.decide import describe_deciders
from workbench.cli.guard import Guards, guard_for
from workbench.cli.output import RISK_BARS, describe_rules, print_json, print_note
from workbench.cli.place import find_project, working_directory
from workbench.cli.refusals import Refusals
from workbench.model.counted import render_count
from workbench.model.errors import ServerUnavailable
from workbench.model.network import NO_NETWORK
from workbench.model.place import USUAL

HELD: Final = 75
DENIED: Final = 77
SWITCHED_OFF: Final = 78
UNAVAILABLE: Final = 69
SERVER_LOST: Final = 74
CANCELED: Final = 130
READER_GONE: Final = 141
"""As a shell says it of a program that a closed pipe has ended: 128 and the number of SIGPIPE."""
TIMED_OUT: Final = 124

_BLOCKED_STATUS: Final = {
    "approval": HELD,
    "policy": DENIED,
    "boundary": DENIED,
    "kill_switch": SWITCHED_OFF,
    "switch": SWITCHED_OFF,
    "connector_unavailable": UNAVAILABLE,
}
_HEAD: Final = struct.Struct(">BQI")


def join_command(words: list[str]) -> str:
    """Returns the shell text of what stood after --: one word is shell text, several are quoted each."""
    return words[0] if len(words) == 1 else shlex.join(words)


def run(
    *,
    words: list[str],
    repo: str | None,
    feature: str | None,
    connector: str,
    env_profile: str,
    mode: str | None,
    timeout: int | None,
    idle_timeout: int | None,
    allow_hosts: list[str],
    detach: bool,
    as_json: bool,
    rule: str | None = None,
    pool: str = USUAL.pool,
    priority: str = USUAL.priority,
) -> int:
    """Asks the server for the run and returns the exit status the interface promises."""
    client = connect()
    project = find_project(client, repo)
    size = shutil.get_terminal_size()
    chosen = mode or ("pty" if sys.stdout.isatty() and not as_json else "pipe")
    made = client.post(
        "/api/runs",
        {
            "project_id": project["project_id"],
            "command": join_command(words),
            "cwd": working_directory(project),
            "feature_id": feature,
            "recommendation_rule_id": rule,
            "connector": connector,
            "env_profile": env_profile,
            "mode": chosen,
            "timeout_seconds": timeout,
            "idle_timeout_seconds": idle_timeout,
            "allow_hosts": allow_hosts,
            "pool": pool,
            "priority": priority,
            "rows": max(1, min(size.lines, 1000)),
            "columns": max(1, min(size.columns, 1000)),
        },
    )
    if made["status"] == "blocked":
        return _report_blocked(made, as_json)
    if detach:
        if as_json:
            print_json(made)
        else:
            print_note(
                f"{made['run_id']} {made['status']}. Follow it: workbench logs {made['run_id']} --follow"
            )
        return 0
    if _has_waiting_input():
        print_note("note: standard input is not handed to the command; name a file in it instead")
    try:
        return _attend(client, made, chosen == "pty" and sys.stdin.isatty(), as_json)
    except ServerUnavailable as error:
        raise ServerUnavailable(error.message, remedy=how_to_go_on(made["run_id"])) from error
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            print_note(f"{made['run_id']}: nobody reads its output here any more")
        print_note(f"{made['run_id']} goes on: workbench show {made['run_id']}")
        raise


def _attend(client: Client, made: dict[str, Any], is_interactive: bool, as_json: bool) -> int:
    """Stays with a run until it has ended or is held, and returns the status to end with."""
    refusals = Refusals(made["run_id"], is_raw=is_interactive)
    if made["network"] != NO_NETWORK:
        refusals.watch(client)
    follow(client, made["run_id"], interactive=is_interactive, show=not as_json)
    ended = client.get(f"/api/runs/{made['run_id']}")
    if ended["status"] == "blocked":
        return _report_blocked(ended, as_json)
    if as_json:
        print_json(ended)
    refusals.tell_rest(ended)
    _tell_what_was_cut(ended)
    for words in end_notes(ended):
        print_note(f"{ended['run_id']}: {words}")
    return exit_status(ended)


def _tell_what_was_cut(run: dict[str, Any]) -> None:
    """Whoever reads the output must know when it is not whole."""
    if any(artifact["truncated"] for artifact in run["artifacts"]):
        dropped = sum(event["payload"].get("dropped_bytes") or 0 for event in run["events"])
        words = render_count(dropped, "byte of it was", "bytes of it were")
        print_note(f"{run['run_id']}: the output is not whole: {words} not kept")


def end_notes(run: dict[str, Any]) -> list[str]:
    """Returns what whoever asked for a run must know of its steps' ends beside how they ended."""
    return [words for step in run["steps"] for words in step["notes"]]


def _has_waiting_input() -> bool:
    """Tells whether something was piped in, which no step of a run can see."""
    try:
        descriptor = sys.stdin.fileno()
        if not stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            return False
        return fcntl.ioctl(descriptor, termios.FIONREAD, b"\0" * 4) != b"\0" * 4
    except (OSError, ValueError, AttributeError):
        return False


def exit_status(run: dict[str, Any]) -> int:
    """Returns the status `workbench run` ends with for an ended run."""
    if run["status"] == "succeeded":
        return 0
    if run["status"] == "canceled":
        return CANCELED
    reason = run["steps"][0]["provider_status_raw"]
    print_note(f"{run['run_id']}: {run['why']}")
    if reason in ("timed_out", "idle_timed_out"):
        return TIMED_OUT
    code = run["exit_code"]
    return code if code else 1


def follow(
    client: Client,
    run_id: str,
    *,
    interactive: bool = False,
    offset: int = 0,
    show: bool = True,
    leave_key: bytes = b"",
) -> None:
    """Copies the run's output here until it ends or is held, going on at the same byte after a cut.

    With `interactive` the keyboard is the run's; pressing `leave_key`, where there is one, ends it too.
    """
    position = offset
    guards = (guard_for(sys.stdout), guard_for(sys.stderr))
    while True:
        try:
            with _socket(client, run_id, position) as socket:
                keyboard = _keyboard(socket, leave_key) if interactive else None
                for reached in _copy(socket, run_id, position, keyboard, guards if show else None):
                    position = reached
            if show:
                _put(1, guards[0].end())
                _put(2, guards[1].end())
            return
        except KeyboardInterrupt:
            client.post(f"/api/runs/{run_id}/cancel", {"reason": "interrupted at the terminal"})
            # The proof of the end comes as "ended"; a second interrupt stops waiting for it.
            interactive = False
        except _Unwritable as error:
            raise error.cause from None
        except (ConnectionClosed, WebSocketException, OSError) as error:
            if isinstance(error, InvalidStatus) or _is_refused(error):
                # Asked again it would refuse again; asked for the run, it says why.
                with contextlib.suppress(ServerUnavailable):
                    client.get(f"/api/runs/{run_id}")
            # The server went away or was replaced; the run goes on, and so do we, where we stopped.
            client = reconnect(run_id)


def _is_refused(error: Exception) -> bool:
    return isinstance(error, ConnectionClosed) and error.rcvd is not None and error.rcvd.code >= 4000


def _copy(
    socket: ClientConnection,
    run_id: str,
    position: int,
    keyboard: contextlib.AbstractContextManager[None] | None,
    guards: Guards | None,
) -> Iterator[int]:
    with keyboard or contextlib.nullcontext():
        for message in socket:
            if isinstance(message, bytes):
                stream, offset, _ = _HEAD.unpack_from(message)
                data = message[_HEAD.size :]
                position = offset + len(data)
                if guards is not None:
                    _put(stream, guards[stream == 2].pass_on(data))
                yield position
                continue
            told = json.loads(message)
            if told["type"] == "ended":
                return
            if told["type"] == "gap":
                position = told["offset"] + told["bytes"]
                if guards is not None:
                    lost = render_count(told["bytes"], "byte of the output was", "bytes of the output were")
                    print_note(f"{lost} not kept here")
                yield position
            if told["type"] == "input_wanted" and told["since"] and keyboard is None:
                print_note(f"{run_id} waits for input; answer it: workbench attach {run_id}")
            if told["type"] == "refused" and keyboard is not None:
                print_note(f"{told['detail']}; {told['remedy']}")
            # Queued is not worth a word: it lasts milliseconds. A hold is reported by the caller.
            if told["type"] == "waiting" and told["status"] == "blocked":
                return
            if told["type"] == "waiting" and told["status"] == "running":
                print_note(told["why"])


def _put(stream: int, data: bytes) -> None:
    out = sys.stderr if stream == 2 else sys.stdout
    try:
        # What was said before it comes before it, also where stdout is no terminal.
        out.flush()
        out.buffer.write(data)
        out.buffer.flush()
    except OSError as error:
        raise _Unwritable(error) from error


class _Unwritable(Exception):
    """What is printed here has no reader or no room: no fault of the server's, and nothing to try again."""

    def __init__(self, cause: OSError) -> None:
        self.cause = cause


def _socket(client: Client, run_id: str, offset: int) -> ClientConnection:
    return connect_socket(
        f"ws://127.0.0.1:{client.endpoint.port}/api/runs/{run_id}/terminal?offset={offset}",
        additional_headers={"Authorization": f"Bearer {client.token}"},
        user_agent_header="workbench-cli",
        compression=None,
        max_size=None,
        open_timeout=15,
        proxy=None,
    )


@contextlib.contextmanager
def _keyboard(socket: ClientConnection, leave_key: bytes) -> Iterator[None]:
    """Hands the keyboard to the run: raw mode, under the run's input lease, until the output ends.

    The key that leaves closes the connection, which ends the output as well.
    """
    descriptor = sys.stdin.fileno()
    before = termios.tcgetattr(descriptor)
    socket.send(json.dumps({"type": "lease"}))
    stop_reading, wake = os.pipe()

    def resize(*_: object) -> None:
        size = shutil.get_terminal_size()
        with contextlib.suppress(WebSocketException):
            socket.send(json.dumps({"type": "resize", "rows": size.lines, "columns": size.columns}))

    def read() -> None:
        with contextlib.suppress(WebSocketException, OSError):
            while True:
                ready, _, _ = select.select([descriptor, stop_reading], [], [])
                if stop_reading in ready:
                    return
                data = os.read(descriptor, 4096)
                if not data:
                    return
                typed, key, _ = data.partition(leave_key) if leave_key else (data, b"", b"")
                if typed:
                    socket.send(typed)
                if key:
                    socket.close()
                    return

    reader = threading.Thread(target=read, daemon=True)
    earlier = signal.signal(signal.SIGWINCH, resize)
    tty.setraw(descriptor)
    reader.start()
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
        signal.signal(signal.SIGWINCH, earlier)
        os.write(wake, b"x")
        reader.join(1)
        os.close(stop_reading)
        os.close(wake)


def _report_blocked(run: dict[str, Any], as_json: bool) -> int:
    if as_json:
        print_json(run)
    verdict = run["steps"][0]["verdict"] or {}
    print_note(f"❚❚ {run['run_id']} is blocked. {run['why']}")
    if verdict:
        print_note(f"  risk {RISK_BARS[verdict['risk_level']]} {verdict['risk_level']}")
        for words in describe_rules(verdict["matched_rules"]):
            if words.partition(": ")[2] not in run["why"]:
                print_note(f"  {words}")
    for approval in run["approvals"]:
        if approval["status"] == "pending":
            for line in describe_deciders(approval):
                print_note(f"  {line}")
            print_note(f"  see first what it would do, on a copy: workbench preview {run['run_id']}")
            word = "approve" if "approve" in approval["moves"] else "deny"
            if word in approval["moves"]:
                print_note(f"  decide: workbench {word} {approval['approval_id']} --reason WHY")
    return _BLOCKED_STATUS.get(run["blocked_by"], 1)
