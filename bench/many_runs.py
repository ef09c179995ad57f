"""Measures many runs at once: their start beside as many bare bubblewraps, the proven end of all, a long
queue, and how soon the next server has a run of one that was killed.

A run counts as started when its command has appended a line to one file, for ours and the plain ones alike.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from websockets.frames import Opcode

from bench.figure import Figure, median
from bench.server import Server
from bench.start_to_output import bare_line

_HANDS = 8
_PATIENCE_SECONDS = 300.0
_HELD = "all:\n\t@echo x >> started; exec sleep 1000\n"
_WAITING = "all:\n\t@echo ready; exec sleep 1000\n"


def measure_many(server: Server, ground: Path, repo: Path, *, at_once: int, queued: int) -> list[Figure]:
    """Returns the figures, in seconds; raises RuntimeError when a run is lost."""
    (repo / "held.mk").write_text(_HELD)
    project_id = server.add(repo)
    command = "make -s -f held.mk"
    asked = {"project_id": project_id, "command": command}
    argv = [str(word) for word in server.call("POST", "/api/review", asked)["executes"]]
    plain, ours, stops = [], [], []
    for _ in range(3):
        plain.append(_start_bare(argv, repo, at_once))
        taken, runs = _start_ours(server, repo, project_id, command, at_once)
        ours.append(taken)
        stops.append(_stop_all(server, project_id, runs))
    return [
        Figure(
            name=f"start of {at_once} runs at once",
            value=median(ours),
            unit="s",
            count=len(ours),
            reference_name="as many bare bubblewraps",
            reference=median(plain),
            limit=2,
            limits_ratio=True,
        ),
        Figure(
            name=f"stop of {at_once} runs, until no process of them is left",
            value=median([gone for gone, _ in stops]),
            unit="s",
            count=len(stops),
            limit=1,
        ),
        Figure(
            name=f"stop of {at_once} runs, until all of them are recorded as canceled",
            value=median([recorded for _, recorded in stops]),
            unit="s",
            count=len(stops),
        ),
        Figure(
            name=f"{queued} runs asked for at once, to the end of the last, none lost",
            value=_drain(server, project_id, queued),
            unit="s",
            count=queued,
        ),
        Figure(
            name="kill -9 of a server, to the next one's word that its run goes on",
            value=median([_adopt(ground / f"adopted-{number}", ground) for number in range(3)]),
            unit="s",
            count=3,
            limit=3,
        ),
    ]


def _start_bare(argv: Sequence[str], repo: Path, count: int) -> float:
    (repo / "started").write_text("")
    line = bare_line(argv, repo)
    began = time.perf_counter()
    with _all_ended() as started:
        for _ in range(count):
            started.append(
                subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, process_group=0)
            )
        return _wait_started(repo, count) - began


@contextlib.contextmanager
def _all_ended() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    try:
        yield started
    finally:
        for process in started:
            process.kill()
        for process in started:
            process.wait()


def _start_ours(
    server: Server, repo: Path, project_id: str, command: str, count: int
) -> tuple[float, list[str]]:
    (repo / "started").write_text("")
    body = {"project_id": project_id, "command": command, "mode": "pipe"}
    began = time.perf_counter()
    runs = [str(made["run_id"]) for made in _post_all(server, ["/api/runs"] * count, body)]
    return _wait_started(repo, count) - began, runs


def _wait_started(repo: Path, count: int) -> float:
    """Returns the time at which so many commands have said that they run."""
    path = repo / "started"
    deadline = time.perf_counter() + _PATIENCE_SECONDS
    while path.stat().st_size < 2 * count:
        if time.perf_counter() > deadline:
            raise RuntimeError(f"{path.stat().st_size // 2} of {count} commands started")
        time.sleep(0.002)
    return time.perf_counter()


def _stop_all(server: Server, project_id: str, runs: Sequence[str]) -> tuple[float, float]:
    """Stops them by the kill switch; returns when no process was left, and when each end was recorded."""
    asked = {"engaged": True, "reason": "measured", "project_id": project_id, "stop_running": True}
    began = time.perf_counter()
    with ThreadPoolExecutor(1) as hand:
        stopping = hand.submit(_post_all, server, ["/api/kill"], asked)
        while _is_any_left():
            time.sleep(0.005)
        gone = time.perf_counter() - began
        stopping.result(_PATIENCE_SECONDS)
    ended = _wait_all(server, runs)
    recorded = time.perf_counter() - began
    _post_all(server, ["/api/kill"], {**asked, "engaged": False, "stop_running": False})
    if wrong := [run for run in ended if run["status"] != "canceled"]:
        raise RuntimeError(f"{len(wrong)} of {len(runs)} runs were not canceled: {wrong[0]['why']}")
    return gone, recorded


def _is_any_left() -> bool:
    """Says whether a process has the command's file in its command line: a sandbox has, to its very end."""
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if b"held.mk" in Path(f"/proc/{name}/cmdline").read_bytes():
                    return True
    return False


def _drain(server: Server, project_id: str, count: int) -> float:
    body = {"project_id": project_id, "command": "echo hello", "mode": "pipe"}
    began = time.perf_counter()
    runs = [str(made["run_id"]) for made in _post_all(server, ["/api/runs"] * count, body)]
    ended = _wait_all(server, runs)
    taken = time.perf_counter() - began
    if wrong := [run for run in ended if run["status"] != "succeeded"]:
        raise RuntimeError(f"{len(wrong)} of {count} runs did not succeed: {wrong[0]['why']}")
    return taken


def _adopt(home: Path, ground: Path) -> float:
    repo = ground / home.name / "repo"
    repo.mkdir(parents=True)
    (repo / "wait.mk").write_text(_WAITING)
    first = Server(home / "home")
    try:
        run_id = first.submit(first.add(repo), "make -s -f wait.mk", "pipe")
        next(frame for frame in first.frames(run_id) if frame.opcode is Opcode.BINARY)
    finally:
        first.process.kill()
        first.process.wait()
    began = time.perf_counter()
    second = Server(home / "home")
    try:
        found = second.call("GET", f"/api/runs/{run_id}")
        taken = time.perf_counter() - began
        second.call("POST", f"/api/runs/{run_id}/cancel", {"reason": "measured"})
        second.wait_ended(run_id)
        if found["status"] != "running" or found["steps"][0]["attempt"] != 1:
            raise RuntimeError(f"the run was not adopted: {found['why']}")
    finally:
        second.close()
    return taken


def _post_all(server: Server, paths: Sequence[str], body: dict[str, Any]) -> list[Any]:
    """Posts the same to each path, over a few connections, and returns the answers in order."""

    def take_share(first: int) -> list[tuple[int, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=_PATIENCE_SECONDS)
        headers = {"Authorization": f"Bearer {server.token}", "Content-Type": "application/json"}
        answers = []
        for number in range(first, len(paths), _HANDS):
            connection.request("POST", paths[number], body=json.dumps(body), headers=headers)
            answer = connection.getresponse()
            data = answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"POST {paths[number]}: {data.decode()}")
            answers.append((number, json.loads(data)))
        connection.close()
        return answers

    with ThreadPoolExecutor(_HANDS) as hands:
        shares = list(hands.map(take_share, range(_HANDS)))
    return [answer for _, answer in sorted((pair for share in shares for pair in share), key=_number)]


def _number(pair: tuple[int, Any]) -> int:
    return pair[0]


def _wait_all(server: Server, runs: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the runs once none of them is open any more."""
    deadline = time.perf_counter() + _PATIENCE_SECONDS
    for status in ("queued", "running"):
        while _get(server, f"/api/runs?status={status}&limit=1"):
            if time.perf_counter() > deadline:
                raise RuntimeError(f"runs are still {status} after {_PATIENCE_SECONDS:.0f} s")

            time.sleep(0.01)
    return [_get(server, f"/api/runs/{run_id}") for run_id in runs]


def _get(server: Server, path: str) -> Any:
    # The server closes a connection that idles for 5 s, as one may while many runs are asked for.
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", server.port, timeout=_PATIENCE_SECONDS)
    ) as asked:
        asked.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
        answer = asked.getresponse()
        data = answer.read()
    if answer.status >= 400:
        raise RuntimeError(f"GET {path}: {data.decode()}")
    return json.loads(data)
