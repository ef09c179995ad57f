"""Ledger, log and transcript on one disk: a run's output leaves the ledger its room, and where the disk is
full all the same, a run waits, says why and goes on, and everything can be stopped."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ground import make_repository
from support.namespaces import beside, with_small_disk
from support.processes import find_marked
from support.server import ENDED, Project, Said, Workbench, running

WAITING = "until [ -e go ]; do read -t 0.02 <> <(:); done"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Workbench]:
    home = tmp_path / "home"
    with running(home, prefix=with_small_disk(home, size_bytes=24 << 20)) as bench:
        yield bench


@pytest.fixture
def own(bench: Workbench, tmp_path: Path) -> Project:
    return bench.add(make_repository(tmp_path / "repo"))


def home_of(bench: Workbench) -> Path:
    """The home as the server sees it."""
    return Path(f"{bench.root}{bench.home}")


def cli(bench: Workbench, *words: str) -> Said:
    """Runs a command on the machine that the server sees."""
    assert bench.process is not None
    return bench.cli(*words, prefix=beside(bench.process.pid))


@contextlib.contextmanager
def full(bench: Workbench) -> Iterator[None]:
    """Fills the home's disk from outside to its last byte, until the ledger takes nothing."""
    filler = home_of(bench) / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"\0" * 4096)
    body = {"name": "execution.connectors", "state": "off", "reason": "is there room?"}
    assert any(bench.http.put("/api/switches", json=body).status_code == 503 for _ in range(200))
    try:
        yield
    finally:
        filler.unlink()


def test_a_run_that_floods_the_ledgers_own_disk_ends_right_and_leaves_it_room(
    bench: Workbench, own: Project
) -> None:
    (own.repo / "Makefile").write_text("flood:\n\t@seq 1 8000000\n\t@echo x >> effect\n")
    ended = own.run("make flood")
    assert (ended["status"], ended["exit_code"]) == ("succeeded", 0)
    assert "transcript was cut" in ended["why"]
    assert (own.repo / "effect").read_text() == "x\n"
    disk = os.statvfs(home_of(bench))
    assert disk.f_bavail * disk.f_frsize > 2 << 20
    (artifact,) = ended["artifacts"]
    assert 4 << 20 < artifact["size_bytes"] < 21 << 20
    (end,) = [event for event in ended["events"] if event["tag"] == "step:succeeded"]
    assert "nearly full" in end["payload"]["detail"]
    # What comes after it shows nothing, and still starts, is canceled and is stopped.
    assert own.run("echo after")["status"] == "succeeded"
    run = own.submit(own.script("go.sh", WAITING))
    bench.wait(run["run_id"], lambda run: run["status"] == "running")
    assert cli(bench, "cancel", run["run_id"], "--reason", "enough").status == 0
    assert bench.run_of(run["run_id"])["status"] == "canceled"
    assert cli(bench, "kill", "--reason", "enough").status == 0
    assert not (home_of(bench) / "KILL").exists()
    assert own.run("true")["blocked_by"] == "kill_switch"


def test_a_run_that_ends_on_a_full_disk_waits_and_says_why_until_there_is_room(
    bench: Workbench, own: Project
) -> None:
    run = own.submit(own.script("go.sh", f"echo ready; {WAITING}; seq 1 3000; echo x >> effect"))
    bench.wait_output(run["run_id"], b"ready\n")
    with full(bench):
        (own.repo / "go").touch()
        # Asked until it says so: nothing can be recorded just now, so no event tells of it.
        whys = (bench.run_of(run["run_id"])["why"] for _ in range(5000))
        assert any("disk" in why and "Waiting to go on" in why for why in whys)
        with bench.terminal(run["run_id"]) as socket:
            assert any("Waiting to go on" in word for word in socket if isinstance(word, str))
    ended = bench.wait(run["run_id"], lambda run: run["status"] in ENDED)
    assert (ended["status"], ended["exit_code"]) == ("succeeded", 0)
    assert "transcript was cut" in ended["why"]
    assert (own.repo / "effect").read_text() == "x\n"
    assert bench.get("/api/audit/verify", project_id=own.project_id)["ok"] is True
    assert '"event": "ledger not written"' in bench.log.read_text()


def start_stubborn(own: Project, mark: str) -> str:
    """Starts a run whose process carries the mark and ends only when it must; returns the run's id."""
    command = own.script("go.sh", f"(trap '' TERM; exec -a {mark} sleep 1000) & echo ready; wait; wait")
    run = own.submit(command)
    own.bench.wait_output(run["run_id"], b"ready\n")
    return str(run["run_id"])


def test_a_cancel_that_cannot_be_recorded_ends_the_processes_and_is_recorded_once_there_is_room(
    bench: Workbench, own: Project
) -> None:
    mark = f"full-{own.project_id}"
    run_id = start_stubborn(own, mark)
    with full(bench):
        said = cli(bench, "cancel", run_id, "--reason", "it floods")
        assert find_marked(mark) == []
        assert said.status == 1
        assert "its processes have ended" in said.err
        assert "free space" in said.err
        assert bench.run_of(run_id)["status"] == "running"
    ended = bench.wait(run_id)
    assert ended["status"] == "canceled"
    (asked,) = [event for event in ended["events"] if event["tag"] == "run:cancel_requested"]
    assert asked["actor"].startswith("user:")
    assert asked["payload"]["reason"] == "it floods"
    assert bench.get("/api/audit/verify", project_id=own.project_id)["ok"] is True


@pytest.mark.long
def test_a_kill_that_cannot_be_recorded_sets_the_file_ends_what_runs_and_is_obeyed(
    bench: Workbench, own: Project
) -> None:
    mark = f"full-{own.project_id}"
    run_id = start_stubborn(own, mark)
    kill = home_of(bench) / "KILL"
    with full(bench):
        said = cli(bench, "kill", "--reason", "it floods")
        assert said.status == 0, said.err
        assert "KILL is set, without its reason" in said.text
        assert kill.read_bytes() == b""
        said = cli(bench, "kill", "--reason", "it floods", "--stop-running")
        assert find_marked(mark) == []
        assert said.status == 0, said.err
        assert "KILL is set" in said.text
        assert "what ran in its scope has ended" in said.err
        assert bench.get("/api/kill")["engaged"] is True
        scoped = cli(bench, "kill", "--reason", "it floods", "--connector", "local")
        assert scoped.status == 1
    assert bench.wait(run_id)["status"] == "canceled"
    assert own.run("true")["blocked_by"] == "kill_switch"
    assert cli(bench, "unkill", "--reason", "mended").status == 0
    assert own.run("true")["status"] == "succeeded"


def test_a_kill_over_http_that_cannot_be_recorded_stops_starts_by_the_file(
    bench: Workbench, own: Project
) -> None:
    kill = home_of(bench) / "KILL"
    with full(bench):
        scoped = bench.http.post(
            "/api/kill", json={"engaged": True, "reason": "it floods", "connector": "local"}
        )
        assert scoped.status_code == 503
        assert not kill.exists()
        answer = bench.http.post("/api/kill", json={"engaged": True, "reason": "it floods"})
        assert answer.status_code == 503
        assert "on by the file KILL; no record of it can be written" in answer.json()["detail"]
        assert kill.exists()
        assert bench.get("/api/kill")["engaged"] is True
    assert own.run("true")["blocked_by"] == "kill_switch"
    assert cli(bench, "unkill", "--reason", "mended").status == 0
    assert own.run("true")["status"] == "succeeded"


def test_a_kill_reaches_a_server_that_does_not_answer_by_its_file(bench: Workbench, own: Project) -> None:
    written = home_of(bench) / "server.json"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        written.write_text(json.dumps({**json.loads(written.read_text()), "port": taken.getsockname()[1]}))
        said = cli(bench, "kill", "--reason", "it hangs")
    assert said.status == 0, said.err
    assert "KILL is set" in said.text
    assert "it hangs" in (home_of(bench) / "KILL").read_text()
    assert own.run("true")["blocked_by"] == "kill_switch"
