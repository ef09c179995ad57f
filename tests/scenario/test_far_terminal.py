"""The terminal of a step that another machine runs: seen, typed into, asked for again when it is cut off."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.fixtures import Start
from support.ground import make_repository
from support.long import later
from support.server import Project
from support.terminal import Seen, read_terminal, wait_said
from support.workers import Worker, worker

LEASE_SECONDS = "60"


@pytest.fixture
def project(start: Start, postgres_url: str, tmp_path: Path) -> Project:
    """A project at a server that runs nothing itself."""
    server = start(database_url=postgres_url, concurrency="0", lease_seconds=LEASE_SECONDS)
    return server.add(make_repository(tmp_path / "repo"))


@pytest.fixture
def machine(project: Project, postgres_url: str, tmp_path: Path) -> Iterator[Worker]:
    settings = {"WORKBENCH_DATABASE_URL": postgres_url, "WORKBENCH_LEASE_SECONDS": LEASE_SECONDS}
    with worker(tmp_path / "a", settings=settings) as made:
        yield made


def test_a_terminal_is_seen_and_typed_into_whichever_machine_runs_it(
    project: Project, machine: Worker
) -> None:
    bench = project.bench
    script = "stty size; IFS= read -r line; echo got=$line; stty size; seq 1 50000; exit 3"
    run = project.submit(project.script("ask.sh", script), mode="pty")
    seen, other_seen = Seen(offset=0), Seen(offset=0)
    with bench.terminal(run["run_id"]) as socket, bench.terminal(run["run_id"]) as other:
        while b"24 80" not in seen.data:
            seen.take(socket.recv(timeout=60))
        socket.send(json.dumps({"type": "lease"}))
        assert wait_said(socket, seen, "lease")["held"] is True
        # One keyboard a run, whoever asks for it from where.
        other.send(json.dumps({"type": "lease"}))
        assert wait_said(other, other_seen, "lease")["held"] is False
        socket.send(json.dumps({"type": "resize", "rows": 30, "columns": 100}))
        socket.send(b"hello\n")
        while not (seen.said and seen.said[-1]["type"] == "ended"):
            seen.take(socket.recv(timeout=60))
    ended = bench.wait(run["run_id"])
    assert (ended["status"], ended["exit_code"], seen.said[-1]["status"]) == ("failed", 3, "failed")
    assert b"got=hello" in seen.data
    assert b"30 100" in seen.data
    (folder,) = (machine.home / "runs" / run["run_id"]).iterdir()
    raw = (folder / "output.bin").read_bytes()
    assert seen.data == raw
    assert raw.endswith(b"50000\r\n")
    tags = [event["tag"] for event in ended["events"] if event["tag"].startswith("terminal:")]
    assert tags == ["terminal:lease_taken", "terminal:typed", "terminal:lease_released"]
    # From any offset, after its end too.
    assert bench.watch(run["run_id"], offset=len(raw) - 7).data == b"50000\r\n"


@pytest.mark.parametrize("by", ["stopped", later("killed")])
def test_a_machine_that_falls_silent_is_asked_again_and_no_byte_is_lost_or_doubled(
    project: Project, machine: Worker, by: str
) -> None:
    bench = project.bench
    script = "echo first; until [ -e go ]; do read -t 0.3 <> <(:); done; seq 1 2000"
    run = project.submit(project.script("wait.sh", script), mode="pipe")
    with bench.terminal(run["run_id"]) as socket:
        seen = Seen(offset=0)
        while b"first" not in seen.data:
            seen.take(socket.recv(timeout=60))
        if by == "stopped":
            machine.signal(signal.SIGSTOP)
        else:
            machine.kill()
        assert "does not answer" in wait_said(socket, seen, "waiting")["why"]
        (project.repo / "go").touch()
        if by == "stopped":
            machine.signal(signal.SIGCONT)
        else:
            machine.start()
        rest = read_terminal(socket, offset=seen.end)
    assert seen.data + rest.data == b"first\n" + b"".join(b"%d\n" % number for number in range(1, 2001))
    assert rest.said[-1]["status"] == "succeeded"


def test_what_another_machine_put_into_the_store_is_read_here(
    start: Start, postgres_url: str, tmp_path: Path
) -> None:
    settings = {"WORKBENCH_DATABASE_URL": postgres_url, "WORKBENCH_LEASE_SECONDS": LEASE_SECONDS}
    settings["WORKBENCH_ARTIFACTS_URL"] = (tmp_path / "store").as_uri()
    bench = start(
        database_url=postgres_url, concurrency="0", artifacts_url=settings["WORKBENCH_ARTIFACTS_URL"]
    )
    project = bench.add(make_repository(tmp_path / "repo"))
    with worker(tmp_path / "a", settings=settings) as machine:
        run = project.run("echo kept", mode="pipe")

        def is_stored() -> bool:
            return any(event["tag"] == "artifact:stored" for event in bench.run_of(run["run_id"])["events"])

        bench.wait_until(is_stored)
        machine.stop()
    answer = bench.http.get(f"/api/runs/{run['run_id']}/transcript", params={"format": "raw"})
    assert (answer.status_code, answer.content) == (200, b"kept\n")
    assert bench.watch(run["run_id"]).data == b"kept\n"
