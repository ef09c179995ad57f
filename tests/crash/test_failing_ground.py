"""A ledger that is cut off, slow, silent or loses its answers: nothing is lost, and the run says what it
waits for."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.faulty_line import FaultyLine, faulty_line
from support.fixtures import Start
from support.ground import make_repository
from support.kill_points import judge_events
from support.long import later
from support.namespaces import make_faulty, with_disk_of_its_own
from support.processes import find_marked, kill_and_wait, live_shims
from support.server import ENDED, Project, Workbench, running

WAITING = "until [ -e go ]; do read -t 0.02 <> <(:); done"


@pytest.fixture
def line(postgres_url: str, tmp_path: Path) -> Iterator[FaultyLine]:
    with faulty_line(postgres_url, tmp_path / "line") as made:
        yield made


@pytest.fixture
def far(start: Start, line: FaultyLine, tmp_path: Path) -> Project:
    """A project of a server whose ledger lies at the other end of the line."""
    return start(database_url=line.url).add(make_repository(tmp_path / "repo"))


def whole(project: Project, run_id: str) -> dict[str, Any]:
    """Returns an ended run whose events, bytes and chain were found to hold."""
    bench = project.bench
    run = bench.wait(run_id, lambda run: run["status"] in ENDED)
    written = bench.http.get(f"/api/runs/{run_id}/transcript", params={"format": "raw"}).content
    judge_events(run["events"], run, written)
    assert bench.get("/api/audit/verify", project_id=project.project_id)["ok"] is True
    return run


def insist(project: Project, command: str, key: str) -> dict[str, Any]:
    """Asks for a run until somebody answers that it is there."""
    for _ in range(1000):
        with contextlib.suppress(AssertionError, httpx.HTTPError):
            return project.submit(command, key=key)
    raise AssertionError("nobody took the run")


@pytest.mark.parametrize("word", [later(b"run:queued"), later(b"run:started"), later(b"run:succeeded")])
def test_an_append_that_was_carried_out_and_not_answered_is_neither_lost_nor_repeated(
    far: Project, line: FaultyLine, word: bytes
) -> None:
    """Who asked is told that nothing is known of it; the run goes on by itself, without another start."""
    line.lose_answer(word)
    command = "echo once >> effect; echo out"
    with contextlib.suppress(AssertionError):
        far.submit(command, key="lost")
    assert line.has_lost.wait(30)
    made = far.bench.get("/api/runs", project_id=far.project_id)
    assert len(made) == 1
    run = whole(far, made[0]["run_id"])
    assert run["status"] == "succeeded"
    assert (far.repo / "effect").read_text() == "once\n"
    assert far.submit(command, key="lost")["run_id"] == run["run_id"]


@pytest.mark.long
def test_an_approval_that_was_recorded_and_not_answered_lets_its_run_start(
    far: Project, line: FaultyLine
) -> None:
    run = far.run("rm -rf build && echo once >> effect")
    (approval,) = run["approvals"]
    line.lose_answer(b"run:released")
    answer = far.bench.http.post(f"/api/approvals/{approval['approval_id']}/approve", json={"reason": "fine"})
    assert answer.status_code == 503
    assert whole(far, run["run_id"])["status"] == "succeeded"
    assert (far.repo / "effect").read_text() == "once\n"


@pytest.mark.long
def test_a_run_that_ends_while_the_database_is_cut_off_waits_says_so_and_goes_on(
    far: Project, line: FaultyLine
) -> None:
    bench = far.bench
    run = far.submit(far.script("go.sh", f"echo ready; {WAITING}; echo once >> effect; echo over"))
    bench.wait_output(run["run_id"], b"ready\n")
    line.cut()
    (far.repo / "go").touch()
    while bench.log.read_text().count("driver waits") < 3:
        answer = bench.http.get(f"/api/runs/{run['run_id']}")
        assert answer.status_code == 503
        assert "the database cannot be reached" in answer.json()["detail"]
    line.mend()
    why = bench.run_of(run["run_id"])["why"]
    assert "Waiting to go on" in why
    assert "the database cannot be reached" in why
    assert "tried again at " in why
    ended = whole(far, run["run_id"])
    assert (ended["status"], ended["why"]) == ("succeeded", "Ended with exit code 0; no process is left.")
    assert (far.repo / "effect").read_text() == "once\n"


@pytest.mark.long
def test_runs_go_through_while_the_database_drops_every_connection_again_and_again(
    start: Start, postgres_url: str, tmp_path: Path
) -> None:
    import psycopg

    bench = start(database_url=postgres_url)
    project = bench.add(make_repository(tmp_path / "repo"))
    others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    over = threading.Event()
    dropped = 0

    def drop() -> None:
        nonlocal dropped
        with psycopg.connect(postgres_url, autocommit=True) as connection:
            for _ in range(300):
                found = connection.execute(f"{others} AND pid <> pg_backend_pid()").fetchall()
                dropped += len(found)
                if over.wait(0.02):
                    return

    dropping = threading.Thread(target=drop)
    dropping.start()
    runs = [insist(project, f"echo once >> effect{n}; seq 1 500", f"dropped{n}")["run_id"] for n in range(6)]
    dropping.join(60)
    over.set()
    assert dropped > 50
    for number, run_id in enumerate(runs):
        assert whole(project, run_id)["status"] == "succeeded"
        assert (project.repo / f"effect{number}").read_text() == "once\n"


@pytest.mark.long
def test_a_slow_line_to_the_database_slows_a_run_down_and_changes_nothing_else(
    far: Project, line: FaultyLine
) -> None:
    line.delay_seconds = 0.03
    for number in range(3):
        run = far.run(f"echo once >> effect{number}; echo out")
        assert whole(far, run["run_id"])["status"] == "succeeded"
        assert (far.repo / f"effect{number}").read_text() == "once\n"


def test_a_ledger_that_does_not_answer_is_what_a_run_says_it_waits_for(
    own: Project, bench: Workbench
) -> None:
    """A write that does not come back, as on a disk that hangs: here somebody else holds the ledger."""
    run = own.submit(own.script("go.sh", f"echo ready; {WAITING}; echo once >> effect"))
    bench.wait_output(run["run_id"], b"ready\n")
    with contextlib.closing(sqlite3.connect(bench.home / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (own.repo / "go").touch()
        whys = (bench.run_of(run["run_id"])["why"] for _ in range(20_000))
        assert any("the ledger has not answered for " in why for why in whys)
        other.execute("ROLLBACK")
    assert whole(own, run["run_id"])["status"] == "succeeded"
    assert (own.repo / "effect").read_text() == "once\n"


@pytest.mark.long
def test_a_disk_that_turns_read_only_in_mid_run_stops_nothing_from_ending_and_loses_no_record(
    tmp_path: Path,
) -> None:
    """A real disk on which the kernel finds a fault: what it cannot take is said, what runs can be ended."""
    home, image = tmp_path / "home", tmp_path / "disk"
    with running(home, prefix=with_disk_of_its_own(home, image)) as bench:
        own = bench.add(make_repository(tmp_path / "repo"))
        before = own.run("echo before")
        ending = own.submit(own.script("go.sh", f"echo ready; {WAITING}; echo once >> effect; exit 0"))
        mark = f"faulty-{own.project_id}"
        other = own.submit(
            own.script("on.sh", f"trap '' TERM; (exec -a {mark} sleep 1000) & echo ready; wait")
        )
        for run in (ending, other):
            bench.wait_output(run["run_id"], b"ready\n")
        os.sync()
        make_faulty(image)
        (own.repo / "go").touch()
        whys = (bench.run_of(ending["run_id"])["why"] for _ in range(20_000))
        why = next(why for why in whys if why.startswith("Waiting to go on"))
        assert "the ledger cannot be used" in why
        answer = bench.http.post(f"/api/runs/{other['run_id']}/cancel", json={"reason": "enough"})
        assert answer.status_code == 503
        assert "its processes have ended" in answer.json()["detail"]
        assert find_marked(mark) == []
        assert own.bench.http.post("/api/runs", json={"project_id": own.project_id, "command": "ls"}).is_error
    # Whoever mends the disk must first end all that has files open on it.
    for pid in find_marked(f"{home}/sandbox"):
        kill_and_wait(pid)
    with running(home, prefix=with_disk_of_its_own(home, image)) as bench:
        runs = {run["run_id"]: run for run in bench.get("/api/runs", project_id=own.project_id)}
        assert runs.keys() == {before["run_id"], ending["run_id"], other["run_id"]}
        assert runs[before["run_id"]]["status"] == "succeeded"
        for run in (ending, other):
            ended = bench.wait(run["run_id"], lambda run: run["status"] in ENDED)
            assert (ended["status"], "lost" in ended["why"]) == ("failed", True)
        assert (own.repo / "effect").read_text() == "once\n"
        assert bench.get("/api/audit/verify", project_id=own.project_id)["ok"] is True


@pytest.mark.parametrize("left", ["no folder", later("a claim of no bytes")])
def test_a_run_that_a_power_cut_leaves_without_a_trace_is_lost_and_not_started_again(
    own: Project, bench: Workbench, left: str
) -> None:
    """The record of the start was on the disk, what came after it was not: here it is taken away."""
    run = own.submit(own.script("go.sh", f"echo once >> effect; echo ready; {WAITING}"))
    bench.wait_output(run["run_id"], b"ready\n")
    (shim,) = live_shims(bench.home).values()
    bench.kill()
    kill_and_wait(shim)
    if left == "no folder":
        shutil.rmtree(bench.home / "runs" / run["run_id"])
    else:
        (claim,) = (bench.home / "runs" / run["run_id"]).glob("*/claim.json")
        claim.write_bytes(b"")
    (bench.home / "sandbox" / "boot").write_text("another boot")
    (own.repo / "go").touch()
    bench.start()
    ended = bench.wait(run["run_id"])
    assert (ended["status"], "lost" in ended["why"]) == ("failed", True)
    assert (own.repo / "effect").read_text() == "once\n"
    # From now on this is the boot in which what left no trace was never started.
    assert own.run("echo after")["status"] == "succeeded"
    assert (bench.home / "sandbox" / "boot").read_text() != "another boot"
