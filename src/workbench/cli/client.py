"""Talks to the server of this home over loopback, and starts one in the background when none runs."""

from __future__ import annotations

import http.client
import json
import os
import select
import sys
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from workbench.app.home import (
    Endpoint,
    Settings,
    find_server,
    load_config,
    prepare_home,
    read_token,
)
from workbench.model.errors import ServerUnavailable, WorkbenchError

_START_SECONDS = 30.0
_RETURN_SECONDS = 10.0
_AGENT = "workbench-cli"


class RemoteProblem(WorkbenchError):
    """What the server said, as it said it."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(
            str(problem.get("detail", "the server refused")),
            remedy=str(problem.get("remedy", "look at the server's log")),
            code=str(problem.get("code", "refused")),
        )
        self.http_status = int(problem.get("status", 500))


class Client:
    """JSON over HTTP with one token; `agent` is the way by which the server records that it came."""

    def __init__(self, endpoint: Endpoint, token: str, *, agent: str = _AGENT) -> None:
        self.endpoint, self.token, self._agent = endpoint, token, agent

    def get(self, path: str, **query: str | int | None) -> Any:
        return self.call("GET", path, query=query)

    def post(self, path: str, body: dict[str, Any], *, headers: dict[str, str] | None = None) -> Any:
        return self.call("POST", path, body=body, headers=headers)

    def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str | int | None] | None = None,
        body: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Any:
        """Returns the decoded answer; raises RemoteProblem with the server's own words."""
        return self._call(method, path, query, body, headers)[0]

    def get_page(self, path: str, **query: str | int | None) -> tuple[list[dict[str, Any]], str | None]:
        """Returns a page of a list, and the cursor of the next one or None."""
        return self._call("GET", path, query, None, None)

    def _call(
        self,
        method: str,
        path: str,
        query: dict[str, str | int | None] | None,
        body: dict[str, Any] | None,
        headers: dict[str, str] | None,
    ) -> tuple[Any, str | None]:
        connection = self._connect()
        try:
            self._send(connection, method, path, query, body, headers)
            answer = connection.getresponse()
            data = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise _gone(error) from error
        finally:
            connection.close()
        if answer.status >= 400:
            raise RemoteProblem(_parse(data, answer.status))
        return json.loads(data) if data else None, answer.getheader("X-Next-Cursor")

    def stream(self, path: str, **query: str | int | None) -> Iterator[bytes]:
        """Yields the bytes of an answer as they come."""
        connection = self._connect(timeout=None)
        try:
            self._send(connection, "GET", path, query, None, None)
            answer = connection.getresponse()
            if answer.status >= 400:
                raise RemoteProblem(_parse(answer.read(), answer.status))
            while data := answer.read1(65536):
                yield data
        except (OSError, http.client.HTTPException) as error:
            raise _gone(error) from error
        finally:
            connection.close()

    def _connect(self, timeout: float | None = 60.0) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.endpoint.port, timeout=timeout)

    def _send(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        query: dict[str, str | int | None] | None,
        body: dict[str, Any] | None,
        headers: dict[str, str] | None,
    ) -> None:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        target = quote(path) + (f"?{urlencode(given)}" if given else "")
        all_headers = {
            "Host": f"127.0.0.1:{self.endpoint.port}",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": self._agent,
            **(headers or {}),
        }
        content = None
        if body is not None:
            content = json.dumps(body).encode()
            all_headers["Content-Type"] = "application/json"
        connection.request(method, target, body=content, headers=all_headers)


def connect(*, start: bool = True) -> Client:
    """Returns a client of this home's server; with `start`, one is started in the background if none runs."""
    config = load_config(for_stopping=not start)
    endpoint = find_server(config)
    if endpoint is None:
        if not start:
            raise ServerUnavailable(
                f"no server runs for {config.home}", remedy="start one: workbench up --detach"
            )
        endpoint = start_in_background(config, port=None)
    return Client(endpoint, read_token(config))


def reconnect(run_id: str | None = None) -> Client:
    """Returns a client of the next server of this home, once there is one; it never starts one itself.

    Raises ServerUnavailable when none comes within some seconds: somebody has stopped it on purpose. Its
    remedy names the run that is followed.
    """
    config = load_config()
    deadline = time.monotonic() + _RETURN_SECONDS
    while time.monotonic() < deadline:
        endpoint = find_server(config)
        if endpoint is not None:
            return Client(endpoint, read_token(config))
        time.sleep(0.05)
    raise ServerUnavailable(
        f"the server of {config.home} has stopped and none has taken its place",
        remedy=how_to_go_on(run_id) if run_id else "start one: workbench up --detach",
    )


def how_to_go_on(run_id: str) -> str:
    """Returns the remedy of whoever follows a run and has lost the server: the run does not need it."""
    return f"the run goes on; start a server and follow it: workbench logs {run_id} --follow"


def start_in_background(config: Settings, *, port: int | None) -> Endpoint:
    """Starts a server that outlives this command; returns once it is ready, or raises why it is not."""
    prepare_home(config.home)
    ready, writing = os.pipe()
    log = os.open(config.home / "server.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    arguments = [sys.executable, "-m", "workbench", "up", "--no-browser"]
    if port is not None:
        arguments += ["--port", str(port)]
    actions = [
        (os.POSIX_SPAWN_DUP2, null, 0),
        (os.POSIX_SPAWN_DUP2, log, 1),
        (os.POSIX_SPAWN_DUP2, log, 2),
        (os.POSIX_SPAWN_DUP2, writing, 3),
    ]
    environment = {**os.environ, "WORKBENCH_READY_FD": "3"}
    os.posix_spawn(sys.executable, arguments, environment, file_actions=actions, setsid=True)
    for descriptor in (writing, log, null):
        os.close(descriptor)
    try:
        answer = _read_line(ready)
    finally:
        os.close(ready)
    if answer.get("code") == "already_running":
        return _wait_for_other(config)
    if "code" in answer:
        raise RemoteProblem({**answer, "detail": answer.get("message"), "status": 503})
    endpoint = find_server(config)
    if endpoint is None:
        raise ServerUnavailable(
            "the server ended before it was ready", remedy=f"look at {config.home / 'server.log'}"
        )
    return endpoint


def _read_line(descriptor: int) -> dict[str, Any]:
    data = b""
    deadline = time.monotonic() + _START_SECONDS
    while b"\n" not in data:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([descriptor], [], [], left)[0]:
            raise ServerUnavailable(
                f"the server was not ready within {_START_SECONDS:.0f} s",
                remedy="look at server.log in WORKBENCH_HOME",
            )
        piece = os.read(descriptor, 65536)
        if not piece:
            return {}
        data += piece
    found: dict[str, Any] = json.loads(data)
    return found


def _wait_for_other(config: Settings) -> Endpoint:
    """Another command started the server at the same moment: its server is the server."""
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        endpoint = find_server(config)
        if endpoint is not None:
            return endpoint
        time.sleep(0.05)
    raise ServerUnavailable(
        f"a server holds {config.home} but does not say where it answers",
        remedy="look at server.log there",
    )


def _gone(error: Exception) -> ServerUnavailable:
    return ServerUnavailable(
        f"the server went away while it was asked: {error}",
        remedy="try again; runs go on meanwhile, and the next server adopts them",
    )


def _parse(data: bytes, status: int) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except ValueError:
        found = {}
    return found if isinstance(found, dict) else {"status": status}
