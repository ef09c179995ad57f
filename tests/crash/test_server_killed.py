"""kill -9 of server, zygote and shim around a run: adopted or said to be lost, never run twice."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from support.fixtures import Start
from support.ground import make_repository
from support.processes import find_marked, is_running, kill_and_wait, live_shims, unfinished_steps, wait_gone
from support.server import Project, Workbench, running

WAITING = "until [ -e go ]; do read -t 0.02 <> <(:); done"
ONCE = "echo begun >> effect"


@pytest.fixture(scope="module")
def one_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with running(tmp_path_factory.mktemp("killed") / "home") as bench:
        yield bench


@pytest.fixture
def bench(one_home: Workbench) -> Iterator[Workbench]:
    """The server that every test here kills; what the last one started again serves the next."""
    yield one_home
    assert unfinished_steps(one_home.home) == []


def test_a_run_goes_on_while_the_server_is_dead_and_is_adopted(own: Project, bench: Workbench) -> None:
    command = own.script("go.sh", f"{ONCE}; seq 1 2000; {WAITING}; seq 2001 4000; exit 0")
    run = own.submit(command)
    before = bench.wait_output(run["run_id"], b"2000\n")
    bench.kill()
    assert len(unfinished_steps(bench.home)) == 1
    bench.start()
    adopted = bench.run_of(run["run_id"])
    assert (adopted["status"], adopted["steps"][0]["attempt"]) == ("running", 1)
    (own.repo / "go").touch()
    rest = bench.watch(run["run_id"], offset=before.end)
    assert before.data + rest.data == b"".join(b"%d\n" % number for number in range(1, 4001))
    ended = bench.run_of(run["run_id"])
    assert (ended["status"], ended["exit_code"]) == ("succeeded", 0)
    assert (own.repo / "effect").read_text() == "begun\n"
    assert bench.get("/api/audit/verify", project_id=own.project_id)["ok"] is True


@pytest.mark.long
def test_whoever_watches_a_run_whose_server_is_killed_for_good_is_told_how_to_go_on(
    own: Project, bench: Workbench
) -> None:
    words = ["run", "--", own.script("attached.sh", f"echo begun; {WAITING}; echo over; exit 1")]
    with subprocess.Popen(
        [sys.executable, "-m", "workbench", *words],
        env=bench.environment,
        cwd=own.repo,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as watching:
        assert watching.stdout is not None
        assert watching.stdout.readline() == b"begun\n"
        (run,) = bench.get("/api/runs", project_id=own.project_id)
        bench.kill()
        _, told = watching.communicate(timeout=60)
    assert watching.returncode == 74, told
    assert f"workbench logs {run['run_id']} --follow" in told.decode()
    (own.repo / "go").touch()
    bench.start()
    assert bench.watch(run["run_id"]).data == b"begun\nover\n"
    # A run's own 1 stays a 1.
    assert bench.wait(run["run_id"])["exit_code"] == 1


def test_a_run_that_ends_while_the_server_is_dead_is_known_whole_afterwards(
    own: Project, bench: Workbench
) -> None:
    run = own.submit(f"{ONCE}; echo one; sleep 0.2; echo two; exit 9")
    bench.wait_output(run["run_id"], b"one\n")
    (shim,) = live_shims(bench.home).values()
    descriptor = os.pidfd_open(shim)
    bench.kill()
    wait_gone(descriptor)
    os.close(descriptor)
    bench.start()
    ended = bench.wait(run["run_id"])
    assert (ended["status"], ended["exit_code"], ended["why"]) == ("failed", 9, "Failed: exit code 9.")
    assert bench.watch(run["run_id"]).data == b"one\ntwo\n"
    assert (own.repo / "effect").read_text() == "begun\n"


@pytest.mark.parametrize("mode", ["ended", "lost"])
def test_the_first_answer_of_the_next_server_knows_what_ended_meanwhile(
    own: Project, bench: Workbench, mode: str
) -> None:
    command = own.script("go.sh", f"{ONCE}; echo ready; {WAITING}; echo two; exit 9")
    runs = [own.submit(command)["run_id"] for _ in range(3)]
    for run_id in runs:
        bench.wait_output(run_id, b"ready\n")
    shims = list(live_shims(bench.home).values())
    bench.kill()
    descriptors = [os.pidfd_open(shim) for shim in shims]
    if mode == "ended":
        (own.repo / "go").touch()
    for shim, descriptor in zip(shims, descriptors, strict=True):
        if mode == "lost":
            kill_and_wait(shim)
        wait_gone(descriptor)
        os.close(descriptor)
    bench.start()
    found = [bench.run_of(run_id) for run_id in runs]
    expected = {"ended": ("failed", 9), "lost": ("failed", None)}[mode]
    assert [(run["status"], run["exit_code"]) for run in found] == [expected] * 3
    assert all(("lost" in run["why"]) == (mode == "lost") for run in found)
    assert bench.get("/api/audit/verify", project_id=own.project_id)["ok"] is True


def test_a_run_survives_the_server_being_killed_again_and_again(own: Project, bench: Workbench) -> None:
    command = own.script("go.sh", f"{ONCE}; echo one; {WAITING}; echo two")
    run = own.submit(command, mode="pty")
    bench.wait_output(run["run_id"], b"one\r\n")
    for _ in range(3):
        bench.kill()
        bench.start()
        assert bench.run_of(run["run_id"])["status"] == "running"
    (own.repo / "go").touch()
    assert bench.watch(run["run_id"]).data == b"one\r\ntwo\r\n"
    assert bench.run_of(run["run_id"])["status"] == "succeeded"
    assert (own.repo / "effect").read_text() == "begun\n"


def test_an_adopted_run_can_be_canceled_with_proof(own: Project, bench: Workbench) -> None:
    mark = f"adopted-{own.project_id}"
    command = own.script("go.sh", f"trap '' TERM; (exec -a {mark} sleep 1000) & echo ready; wait; wait")
    run = own.submit(command)
    bench.wait_output(run["run_id"], b"ready\n")
    bench.kill()
    bench.start()
    bench.post(f"/api/runs/{run['run_id']}/cancel", {"reason": "enough"})
    ended = bench.wait(run["run_id"])
    assert ended["status"] == "canceled"
    assert find_marked(mark) == []


def test_a_cancel_that_was_asked_for_right_before_the_crash_is_carried_out_after_it(
    own: Project, bench: Workbench
) -> None:
    command = own.script("go.sh", "trap '' TERM INT HUP; echo ready; while :; do read -t 1 <> <(:); done")
    run = own.submit(command)
    bench.wait_output(run["run_id"], b"ready\n")
    asked = bench.post(f"/api/runs/{run['run_id']}/cancel", {"reason": "enough"})
    bench.kill()
    assert asked["cancel_requested_at"] is not None
    bench.start()
    ended = bench.wait(run["run_id"])
    assert (ended["status"], unfinished_steps(bench.home)) == ("canceled", [])


def test_a_killed_zygote_ends_no_run_and_the_next_run_starts(own: Project, bench: Workbench) -> None:
    command = own.script("go.sh", f"echo one; {WAITING}; echo two")
    run = own.submit(command)
    bench.wait_output(run["run_id"], b"one\n")
    kill_and_wait(bench.zygote)
    assert bench.wait(own.submit("echo next")["run_id"])["status"] == "succeeded"
    (own.repo / "go").touch()
    assert bench.watch(run["run_id"]).data == b"one\ntwo\n"
    assert bench.run_of(run["run_id"])["status"] == "succeeded"


def test_a_killed_shim_is_a_failed_run_that_says_lost_with_no_process_left(
    own: Project, bench: Workbench
) -> None:
    mark = f"lost-{own.project_id}"
    command = own.script("go.sh", f"setsid bash -c 'exec -a {mark} sleep 1000' & echo ready; wait")
    run = own.submit(command)
    bench.wait_output(run["run_id"], b"ready\n")
    (shim,) = live_shims(bench.home).values()
    kill_and_wait(shim)
    ended = bench.wait(run["run_id"])
    assert ended["status"] == "failed"
    assert "lost" in ended["why"]
    assert find_marked(mark) == []
    assert bench.watch(run["run_id"]).data == b"ready\n"
    again = bench.post(f"/api/runs/{run['run_id']}/retry", {"acknowledge": True})
    assert again["retry_of_run_id"] == run["run_id"]
    bench.post(f"/api/runs/{again['run_id']}/cancel", {"reason": "the test is over"})
    assert bench.wait(again["run_id"])["status"] == "canceled"


def test_a_shim_killed_while_the_server_is_dead_is_found_lost_at_the_next_start(
    own: Project, bench: Workbench
) -> None:
    run = own.submit(f"{ONCE}; echo ready; sleep 1000")
    bench.wait_output(run["run_id"], b"ready\n")
    (shim,) = live_shims(bench.home).values()
    bench.kill()
    kill_and_wait(shim)
    bench.start()
    ended = bench.wait(run["run_id"])
    assert (ended["status"], "lost" in ended["why"]) == ("failed", True)
    assert (own.repo / "effect").read_text() == "begun\n"


def test_a_held_approval_survives_a_crash_and_can_be_given_afterwards(own: Project, bench: Workbench) -> None:
    run = own.run("rm -rf build && echo once >> effect")
    (approval,) = run["approvals"]
    bench.kill()
    bench.start()
    assert [a["approval_id"] for a in own.pending()] == [approval["approval_id"]]
    body = {"reason": "still fine", "subject_digest": approval["subject_digest"]}
    bench.post(f"/api/approvals/{approval['approval_id']}/approve", body)
    assert bench.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    assert (own.repo / "effect").read_text() == "once\n"


@contextlib.contextmanager
def killed_at(tag: str, project: Project) -> Iterator[None]:
    """Kills the server the moment a project's event with this tag can be read in the ledger's file."""
    bench = project.bench
    process = bench.process
    assert process is not None

    def watch() -> None:
        with contextlib.closing(sqlite3.connect(f"file:{bench.home}/ledger.db?mode=ro", uri=True)) as ledger:
            query = "SELECT 1 FROM execution_events WHERE project_id = ? AND tag = ?"
            while not ledger.execute(query, (project.project_id, tag)).fetchone():
                assert is_running(process.pid)
        process.kill()

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        # The request may be answered or cut off: both are what a crash looks like from outside.
        with contextlib.suppress(httpx.TransportError):
            yield
        watching.result(30)
    bench.kill()


@pytest.mark.parametrize("tag", ["run:queued", "step:started", "run:succeeded"])
def test_a_crash_right_after_an_append_loses_nothing_and_repeats_nothing(
    own: Project, bench: Workbench, tag: str
) -> None:
    """The server is killed as soon as the event lies in the database, wherever the rest of it is by then."""
    with killed_at(tag, own):
        own.submit("echo once >> effect; echo out", key="crash")
    bench.start()
    run = bench.wait(own.submit("echo once >> effect; echo out", key="crash")["run_id"])
    effect = own.repo / "effect"
    if run["status"] == "failed":
        # Killed between the making of the step's folder and the start: given up for ever, and said so.
        assert tag == "step:started"
        assert "lost" in run["why"], run["why"]
        assert not effect.exists()
    else:
        assert (run["status"], run["exit_code"]) == ("succeeded", 0)
        assert effect.read_text() == "once\n"
        assert bench.watch(run["run_id"]).data == b"out\n"
    assert len(bench.get("/api/runs", project_id=own.project_id)) == 1
    assert bench.get("/api/audit/verify", project_id=own.project_id)["ok"] is True


def test_on_postgresql_a_run_is_adopted_after_a_crash_and_everything_is_there(
    start: Start, tmp_path: Path, postgres_url: str
) -> None:
    bench = start(database_url=postgres_url)
    project = bench.add(make_repository(tmp_path / "repo"))
    done = project.run("echo first")
    command = project.script("go.sh", f"{ONCE}; echo one; {WAITING}; echo two")
    run = project.submit(command)
    bench.wait_output(run["run_id"], b"one\n")
    held = project.run("rm -rf build")
    bench.kill()
    bench.start()
    assert bench.run_of(done["run_id"])["status"] == "succeeded"
    (project.repo / "go").touch()
    ended = bench.wait(run["run_id"])
    assert (ended["status"], bench.watch(run["run_id"]).data) == ("succeeded", b"one\ntwo\n")
    assert (project.repo / "effect").read_text() == "begun\n"
    (approval,) = project.pending()
    bench.post(f"/api/approvals/{approval['approval_id']}/approve", {"reason": "fine"})
    assert bench.wait(held["run_id"], lambda run: run["status"] == "succeeded")
    assert not (bench.home / "ledger.db").exists()
    assert bench.cli("audit", "verify").status == 0
