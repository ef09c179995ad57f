"""Starts the zygote and asks it for shims, from the server's side.

One zygote a server, started again when it has died. A request goes over as a sealed memory file, so that
neither its size nor its secrets meet a command line; with it goes one end of a socket, over which the shim
gets the word to start and answers. What a shim does afterwards is not seen here.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.model.errors import SandboxUnavailable
from workbench.sandbox import step_folder
from workbench.sandbox.census import is_stopped
from workbench.sandbox.leftover import forget_zygote, record_zygote
from workbench.sandbox.watch import end_marked

NOT_STARTED = "step_not_started"
"""The code of the error that says for certain that nothing was started."""

PATIENCE_SECONDS = 10.0
"""How long a supervisor may take to answer, as a rule."""

_LONGEST_ANSWER = 65536
_ROOT = str(Path(__file__).resolve().parents[2])
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from workbench.sandbox.spawner import main; main()"


class Held:
    """A supervisor that builds its sandbox and then waits for the word; no command runs before it.

    Without the word, and when this side closes, it takes the sandbox down again and leaves nothing.
    """

    def __init__(self, connection: socket.socket, patience_seconds: float) -> None:
        self._connection, self._patience_seconds = connection, patience_seconds

    async def start(self) -> dict[str, Any]:
        """Gives the word and returns the answer.

        Raises ConnectionError when the supervisor has died, and TimeoutError when it does not answer.
        """
        loop = asyncio.get_running_loop()
        try:
            # One that could not build its sandbox has said so and gone: its answer lies here all the same.
            with contextlib.suppress(BrokenPipeError):
                await loop.sock_sendall(self._connection, step_folder.START)
            answer = await asyncio.wait_for(self._receive(), self._patience_seconds)
        finally:
            self.close()
        if not answer:
            raise ConnectionResetError("the supervisor has died")
        document: dict[str, Any] = json.loads(answer)
        return document

    def close(self) -> None:
        """Gives the supervisor up, unless it has the word; then it goes on by itself."""
        self._connection.close()

    async def _receive(self) -> bytes:
        loop = asyncio.get_running_loop()
        try:
            return await loop.sock_recv(self._connection, _LONGEST_ANSWER)
        except ConnectionResetError:
            # It left without having read our word, which the kernel reports first.
            return await loop.sock_recv(self._connection, _LONGEST_ANSWER)


class Zygote:
    """The warm process that forks shims. All methods belong to one event loop."""

    def __init__(
        self,
        *,
        log_path: Path,
        scratch: Path,
        patience_seconds: float = PATIENCE_SECONDS,
        records: Path | None = None,
    ) -> None:
        """`records` is the folder by which a later server finds one that outlived this process."""
        self._log_path, self._scratch, self._records = log_path, scratch, records
        self._patience_seconds = patience_seconds
        self.nobody: int | None = None
        """The Host's; set before the start it lets a request's `ownerless` folders be shown as nobody's."""
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._lock = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process id of the zygote that runs now, if one does."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Starts the zygote unless it runs; a stopped one is replaced."""
        async with self._lock:
            process = self._process
            if process is not None and process.poll() is None and not is_stopped(process.pid):
                return
            await self._stop()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setblocking(False)
            try:
                self._process = await asyncio.to_thread(self._launch, theirs)
            except OSError as error:
                ours.close()
                raise SandboxUnavailable(
                    f"the process that starts steps cannot be started: {error.strerror}",
                    remedy=f"see that {sys.executable} can be executed and that memory is left",
                ) from error
            finally:
                theirs.close()
            self._socket = ours
            if self._records is not None:
                record_zygote(self._records, self._process.pid)

    async def close(self) -> None:
        """Ends the zygote; shims go on."""
        async with self._lock:
            await self._stop()

    async def hold(self, request: Mapping[str, Any]) -> Held:
        """Has a supervisor build the sandbox of this request, and returns at once; raises OSError."""
        await self.start()
        assert self._socket is not None
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        descriptor = _render_request(request)
        try:
            await _send_descriptors(self._socket, [descriptor, theirs.fileno()], self._patience_seconds)
        except BaseException:
            ours.close()
            raise
        finally:
            os.close(descriptor)
            theirs.close()
        return Held(ours, self._patience_seconds)

    async def spawn(self, request: Mapping[str, Any], *, held: Held | None = None) -> None:
        """Returns once a shim has taken the step on: the one that is held for this request, or a new one.

        One that has died meanwhile or does not answer, or a zygote, is replaced and asked once more: the step
        folder's claim lets only one shim through. Raises SandboxUnavailable, with the code NOT_STARTED when
        it is certain that nothing was started; otherwise the claim alone tells.
        """
        try:
            answer = await (held or await self.hold(request)).start()
        except (ConnectionError, TimeoutError) as first:
            try:
                # A killed one may pass for alive a moment longer, so another is started in any case.
                await self.close()
                if isinstance(first, ConnectionError):
                    # No supervisor has the step; a bubblewrap that lost its own at the very start may hang.
                    # One that is only silent may have it.
                    await end_marked(step_folder.mark_of(str(request["folder"])))
                answer = await (await self.hold(request)).start()
            except OSError as error:
                raise _no_answer(error) from error
            if "is_taken" in answer:
                return
        except OSError as error:
            raise _no_answer(error) from error
        if "error" in answer:
            raise SandboxUnavailable(
                f"the step was not started: {answer['error']}",
                remedy="mend the cause (`workbench doctor` looks for the usual ones), then retry the run",
                code=NOT_STARTED,
            )

    def _launch(self, theirs: socket.socket) -> subprocess.Popen[bytes]:
        nobody = -1 if self.nobody is None else self.nobody
        with open(self._log_path, "ab") as log:
            self._scratch.mkdir(mode=0o700, exist_ok=True)
            return subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT, str(self._scratch), str(nobody)],
                stdin=theirs.fileno(),
                stdout=log,
                stderr=log,
                cwd="/",
                env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
                start_new_session=True,
                pass_fds=() if nobody < 0 else (nobody,),
            )

    async def _stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(_end_process, process)
            if self._records is not None:
                forget_zygote(self._records, process.pid)


async def _send_descriptors(
    connection: socket.socket, descriptors: list[int], patience_seconds: float
) -> None:
    """Sends them as one message, and waits while the zygote has a full queue."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            socket.send_fds(connection, [b"shim"], descriptors)
            return
        except BlockingIOError:
            has_room = asyncio.Event()
            loop.add_writer(connection, has_room.set)
            try:
                await asyncio.wait_for(has_room.wait(), patience_seconds)
            finally:
                loop.remove_writer(connection)


def _render_request(request: Mapping[str, Any]) -> int:
    """Returns a memory file that holds the request."""
    descriptor = os.memfd_create("request")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(json.dumps(dict(request)).encode())
    return descriptor


def _end_process(process: subprocess.Popen[bytes]) -> None:
    """Its socket is closed, so it ends by itself; a stuck one is killed."""
    try:
        process.wait(0 if is_stopped(process.pid) else 2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _no_answer(error: OSError) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"no supervisor took the step on: {str(error) or 'the process that starts steps does not answer'}",
        remedy="start the run again; if it happens again, see zygote.log in WORKBENCH_HOME/sandbox",
    )
