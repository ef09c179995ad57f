"""Starts a real server on a home of its own and talks to it: one kept-alive connection, and terminals."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.sync.client import ClientConnection
from websockets.sync.client import connect as connect_socket
from websockets.uri import parse_uri

FRAME_HEAD = struct.Struct(">BQI")
_START_SECONDS = 60.0
_IDLE_SECONDS = 2.0


def environment(home: Path) -> dict[str, str]:
    """Returns the environment of every process measured: the caller's, with this home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WORKBENCH_")}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    return {**kept, "WORKBENCH_HOME": str(home)}


def free_port() -> int:
    """Returns a port that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Server:
    """A running server, with WORKBENCH_* settings by keyword.

    `ready_seconds` is the time from its spawn to the first answer of /readyz.
    """

    def __init__(self, home: Path, **settings: str) -> None:
        self.home, self.port = home, free_port()
        began = time.perf_counter()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "workbench", "up", "--no-browser", "--port", str(self.port)],
            env={**environment(home), **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._wait_ready(began + _START_SECONDS)
        self.ready_seconds = time.perf_counter() - began
        self.token = (home / "token").read_text().strip()
        self._connect()

    def _connect(self) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        self._connection.connect()
        self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._asked_at = time.perf_counter()

    def _wait_ready(self, deadline: float) -> None:
        while time.perf_counter() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended with status {self.process.returncode}")
            try:
                with contextlib.closing(
                    http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
                ) as asked:
                    asked.request("GET", "/readyz")
                    if asked.getresponse().status == 200:
                        return
            except OSError:
                time.sleep(0.005)
        raise TimeoutError(f"the server was not ready within {_START_SECONDS:.0f} s")

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Returns the decoded answer over the kept-alive connection; raises RuntimeError for a refusal."""
        if time.perf_counter() > self._asked_at + _IDLE_SECONDS:
            # The server has closed it by now, or is about to.
            self._connect()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body)
        self._connection.request(method, path, body=content, headers=headers)
        answer = self._connection.getresponse()
        data = answer.read()
        self._asked_at = time.perf_counter()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {data.decode()}")
        return json.loads(data)

    def add(self, repo: Path) -> str:
        """Makes the folder a project and returns its id."""
        return str(self.call("POST", "/api/projects", {"path": str(repo)})["project_id"])

    def submit(self, project_id: str, command: str, mode: str) -> str:
        """Asks for a run and returns its id; a run that is held is an error here."""
        made = self.call("POST", "/api/runs", {"project_id": project_id, "command": command, "mode": mode})
        if made["status"] == "blocked":
            raise RuntimeError(f"{command!r} was held: {made['why']}")
        return str(made["run_id"])

    def frames(self, run_id: str) -> Iterator[Frame]:
        """Yields the terminal's messages, by the WebSocket protocol on a plain socket, without threads."""
        path = f"/api/runs/{run_id}/terminal"
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{self.port}{path}"), max_size=None)
            request = protocol.connect()
            request.headers["Authorization"] = f"Bearer {self.token}"
            protocol.send_request(request)
            while True:
                for out in protocol.data_to_send():
                    connection.sendall(out)
                data = connection.recv(1 << 20)
                if not data:
                    return
                protocol.receive_data(data)
                for event in protocol.events_received():
                    if isinstance(event, Frame) and event.opcode in (Opcode.TEXT, Opcode.BINARY):
                        yield event

    def terminal(self, run_id: str) -> ClientConnection:
        """Opens the terminal with a complete WebSocket client, as a program would."""
        return connect_socket(
            f"ws://127.0.0.1:{self.port}/api/runs/{run_id}/terminal",
            additional_headers={"Authorization": f"Bearer {self.token}"},
            compression=None,
            max_size=None,
            proxy=None,
        )

    def wait_ended(self, run_id: str) -> dict[str, Any]:
        """Returns the run once it has ended; told by its events, without reading its output."""
        asked = http.client.HTTPConnection("127.0.0.1", self.port, timeout=600)
        with contextlib.closing(asked):
            headers = {"Authorization": f"Bearer {self.token}"}
            asked.request("GET", f"/api/runs/{run_id}/events", headers=headers)
            for line in asked.getresponse():
                if line.startswith(b"data: ") and json.loads(line[6:])["tag"] in _ENDS:
                    break
        found: dict[str, Any] = self.call("GET", f"/api/runs/{run_id}")
        return found

    def close(self) -> None:
        """Stops the server and returns once it has gone."""
        self._connection.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


_ENDS = frozenset({"run:succeeded", "run:failed", "run:canceled"})


@contextlib.contextmanager
def running(home: Path) -> Iterator[Server]:
    """A started server, stopped afterwards."""
    server = Server(home)
    try:
        yield server
    finally:
        server.close()
