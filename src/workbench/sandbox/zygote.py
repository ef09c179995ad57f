"""Starts the zygote and asks it for shims, from the server's side.

One zygote a server, started again when it has died. A request goes over as a sealed memory file, so that
neither its size nor its secrets meet a command line. What a shim does afterwards is not seen here.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.model.errors import SandboxUnavailable

NOT_STARTED = "step_not_started"
"""The code of the error that says for certain that nothing was started."""

_PATIENCE_SECONDS = 10.0
_ROOT = str(Path(__file__).resolve().parents[2])
_PROGRAM = "import sys; sys.path.append(sys.argv[1]); from workbench.sandbox.spawner import main; main()"


class Zygote:
    """The warm process that forks shims. All methods belong to one event loop."""

    def __init__(self, *, log_path: Path) -> None:
        self._log_path = log_path
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._tickets = 0
        self._lock = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """The process id of the zygote that runs now, if one does."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Starts the zygote unless it runs."""
        async with self._lock:
            if self._process is not None and self._process.poll() is None and self._socket is not None:
                return
            await self._stop()
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            ours.setblocking(False)
            try:
                self._process = await asyncio.to_thread(_start_process, theirs, self._log_path)
            except OSError as error:
                ours.close()
                raise SandboxUnavailable(
                    f"the process that starts steps cannot be started: {error.strerror}",
                    remedy=f"see that {sys.executable} can be executed and that memory is left",
                ) from error
            finally:
                theirs.close()
            self._socket = ours
            self._reader = asyncio.create_task(self._read(ours))

    async def close(self) -> None:
        """Ends the zygote; shims go on."""
        async with self._lock:
            await self._stop()

    async def spawn(self, request: Mapping[str, Any]) -> None:
        """Returns once a shim has taken the step on.

        A zygote that dies meanwhile is replaced and asked once more: the step folder's claim lets only one
        shim through. Raises SandboxUnavailable, with the code NOT_STARTED when it is certain that nothing
        was started; otherwise the claim alone tells.
        """
        try:
            answer = await self._ask(request)
        except (ConnectionError, BrokenPipeError):
            try:
                answer = await self._ask(request)
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

    async def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        await self.start()
        assert self._socket is not None
        self._tickets += 1
        ticket = f"{os.getpid()}.{self._tickets}"
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[ticket] = answer
        descriptor = _render_request(request)
        try:
            socket.send_fds(self._socket, [ticket.encode()], [descriptor])
            return await asyncio.wait_for(answer, _PATIENCE_SECONDS)
        finally:
            os.close(descriptor)
            del self._waiting[ticket]

    async def _read(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                message = await loop.sock_recv(connection, 65536)
            except OSError:
                message = b""
            if not message:
                break
            answer = json.loads(message)
            waiting = self._waiting.get(answer.pop("ticket"))
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)
        if self._socket is connection:
            self._socket = None
            connection.close()
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the zygote has died"))

    async def _stop(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            await asyncio.gather(reader, return_exceptions=True)
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        process, self._process = self._process, None
        if process is not None:
            await asyncio.to_thread(_end_process, process)


def _start_process(theirs: socket.socket, log_path: Path) -> subprocess.Popen[bytes]:
    with open(log_path, "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _PROGRAM, _ROOT],
            stdin=theirs.fileno(),
            stdout=log,
            stderr=log,
            cwd="/",
            env={"LANG": "C.UTF-8", "PATH": "/usr/bin:/bin"},
            start_new_session=True,
        )


def _render_request(request: Mapping[str, Any]) -> int:
    """Returns a memory file that holds the request."""
    descriptor = os.memfd_create("request")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(json.dumps(dict(request)).encode())
    return descriptor


def _end_process(process: subprocess.Popen[bytes]) -> None:
    """Its socket is closed, so it ends by itself; a stuck one is killed."""
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _no_answer(error: OSError) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"no supervisor took the step on: {error or 'no answer in time'}",
        remedy="start the run again; if it happens again, see zygote.log in WORKBENCH_HOME/sandbox",
    )
