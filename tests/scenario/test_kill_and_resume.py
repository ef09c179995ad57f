"""The kill switch over real processes: what it says, what it ends, what goes on afterwards and by whom."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from support.ground import make_repository
from support.processes import live_shims, wait_gone
from support.server import Project, Workbench, running


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A server of this file's own: what is thrown here stops every project's runs."""
    with running(tmp_path_factory.mktemp("kill") / "home") as started:
        yield started


@pytest.fixture(autouse=True)
def _as_it_was(bench: Workbench) -> Iterator[None]:
    yield
    (bench.home / "KILL").unlink(missing_ok=True)
    bench.post("/api/kill", {"engaged": False, "reason": "the test is over"})


def test_an_approval_while_it_is_on_says_so_and_a_person_resumes_the_run_with_it(
    own: Project, bench: Workbench
) -> None:
    (own.repo / "build").mkdir()
    run = own.run("rm -rf build")["run_id"]
    (approval,) = own.pending()
    assert own.cli("kill", "--reason", "a drill").status == 0
    said = own.cli("approve", approval["approval_id"], "--reason", "it may go")
    assert said.status == 0
    assert "Approved, and nothing starts: the kill switch is on (a drill" in said.err
    assert f"workbench resume {run}" in said.err
    held = bench.wait(run, lambda found: found["blocked_by"] == "kill_switch")
    assert "resume" in held["moves"]
    assert "a drill" in held["why"]
    assert "a drill" in own.cli("show", run).text
    refused = own.cli("resume", run)
    assert refused.status == 1
    assert "stays held: the kill switch is on: a drill" in refused.err
    assert own.cli("unkill", "--reason", "over").status == 0
    assert bench.run_of(run)["status"] == "blocked", "nothing resumes by itself"
    viewer = bench.make_token("viewer")["token"]
    with bench.as_token(viewer) as client:
        assert client.post(f"/api/runs/{run}/resume", json={}).status_code == 403
        assert client.get(f"/api/runs/{run}").json()["moves"] == []
    assert own.cli("resume", run, "--reason", "the drill is over").status == 0
    ended = bench.wait(run)
    assert ended["status"] == "succeeded"
    assert not (own.repo / "build").exists()
    tags = [event["tag"] for event in ended["events"]]
    assert tags.count("approval:used") == 1
    released = [event for event in ended["events"] if event["tag"] == "run:released"][-1]
    assert (released["actor"], released["payload"]["reason"]) == (
        bench.get("/api/me")["actor"],
        "the drill is over",
    )
    again = own.cli("resume", run)
    assert again.status == 1
    assert "resume" in again.err


@pytest.mark.long
def test_what_was_held_before_it_was_asked_about_is_asked_about_when_it_is_resumed(
    own: Project, bench: Workbench
) -> None:
    bench.post("/api/kill", {"engaged": True, "reason": "wait", "project_id": own.project_id})
    run = own.run("rm -rf build")
    assert (run["blocked_by"], own.pending()) == ("kill_switch", [])
    bench.post("/api/kill", {"engaged": False, "reason": "over", "project_id": own.project_id})
    bench.post(f"/api/runs/{run['run_id']}/resume", {})
    bench.wait(run["run_id"], lambda found: found["blocked_by"] == "approval")
    assert [each["run_id"] for each in own.pending()] == [run["run_id"]]


def test_what_runs_is_ended_with_the_proof_that_nothing_of_it_is_left(own: Project, bench: Workbench) -> None:
    run = own.submit(own.script("go.sh", "trap '' TERM; echo ready; sleep 600 & wait; sleep 600"))["run_id"]
    bench.wait_output(run, b"ready\n")
    (shim,) = live_shims(bench.home).values()
    descriptor = os.pidfd_open(shim)
    said = own.cli("kill", "--project", own.project_id, "--reason", "stop it", "--stop-running")
    assert said.status == 0
    assert f"kill switch ON for project:{own.project_id}: stop it" in said.text
    assert "1 run ended, with proof that no process is left" in said.text
    wait_gone(descriptor)
    os.close(descriptor)
    ended = bench.run_of(run)
    tags = {event["tag"]: event["payload"] for event in ended["events"]}
    assert (ended["status"], tags["step:canceled"]["processes_left"]) == ("canceled", 0)
    assert own.cli("unkill", "--project", own.project_id, "--reason", "over").status == 0


def test_a_part_is_said_to_be_on_and_what_is_still_on_is_not_said_to_be_off(
    own: Project, bench: Workbench
) -> None:
    for words, scope in (
        (("--connector", "local"), "connector:local"),
        (("--project", own.project_id), f"project:{own.project_id}"),
    ):
        assert f"ON for {scope}: part" in own.cli("kill", *words, "--reason", "part").text
    said = own.cli("unkill", "--connector", "local", "--reason", "over")
    assert "kill switch off; nothing was resumed: workbench resume RUN" in said.text
    assert own.cli("kill", "--reason", "all of it").status == 0
    said = own.cli("unkill", "--project", own.project_id, "--reason", "over")
    assert (said.text, "for all is still on: all of it" in said.err) == ("", True)


@pytest.mark.long
def test_with_server_and_database_down_it_is_thrown_and_holds_from_the_first_start_on(
    tmp_path: Path, postgres_url: str
) -> None:
    """The database cannot be reached, so that nothing but the file can say it."""
    away = {"WORKBENCH_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none?connect_timeout=2"}
    with running(tmp_path / "home", WORKBENCH_DATABASE_URL=postgres_url) as bench:
        own = bench.add(make_repository(tmp_path / "repo"))
        assert own.run("true")["status"] == "succeeded"
        bench.kill()
        said = own.cli("kill", "--reason", "everything is down", settings=away)
        assert (said.status, (bench.home / "KILL").exists()) == (0, True), said.err
        bench.start()
        held = own.run("true")
        assert held["blocked_by"] == "kill_switch"
        assert "everything is down" in held["why"]


@contextlib.contextmanager
def two_servers(folder: Path, url: str) -> Iterator[tuple[Project, Project]]:
    with contextlib.ExitStack() as stack:
        found = [
            stack.enter_context(running(folder / name, WORKBENCH_DATABASE_URL=url)) for name in ("a", "b")
        ]
        yield tuple(  # type: ignore[misc]
            each.add(make_repository(folder / f"repo-{each.home.name}")) for each in found
        )


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.long
def test_two_servers_on_one_database_obey_it_at_once_and_a_lost_record_stops_both(
    tmp_path: Path, postgres_url: str
) -> None:
    with two_servers(tmp_path, postgres_url) as (one, other):
        assert one.run("true")["status"] == other.run("true")["status"] == "succeeded"
        one.bench.post("/api/kill", {"engaged": True, "reason": "thrown at one"})
        thrown = one.bench.get("/api/kill")["at"]
        held = [each.run("true") for each in (other, one)]
        assert [run["blocked_by"] for run in held] == ["kill_switch"] * 2
        assert all("thrown at one" in run["why"] for run in held)
        for each in (one, other):
            for run in each.bench.get("/api/runs", project_id=each.project_id):
                assert run["started_at"] is None or moment(run["started_at"]) <= moment(thrown)
        other.bench.post("/api/kill", {"engaged": False, "reason": "over"})
        assert [each.run("true")["status"] for each in (one, other)] == ["succeeded"] * 2
        with psycopg.connect(postgres_url, autocommit=True) as database:
            database.execute("ALTER TABLE kill_records RENAME TO lost")
            for each in (one, other):
                run = each.run("true")
                assert (run["status"], run["blocked_by"]) == ("blocked", "kill_switch")
                assert "cannot be read, which counts as engaged" in run["why"]
            database.execute("ALTER TABLE lost RENAME TO kill_records")
        assert one.run("true")["status"] == "succeeded"


@pytest.mark.long
def test_what_runs_by_another_server_of_the_database_is_ended_too(tmp_path: Path, postgres_url: str) -> None:
    with two_servers(tmp_path, postgres_url) as (one, other):
        run = other.submit(other.script("go.sh", "echo ready; sleep 600"))["run_id"]
        other.bench.wait_output(run, b"ready\n")
        (shim,) = live_shims(other.bench.home).values()
        descriptor = os.pidfd_open(shim)
        said = one.cli("kill", "--reason", "stop all", "--stop-running")
        assert said.status == 0, said.err
        assert "1 run ended, with proof that no process is left" in said.text
        wait_gone(descriptor)
        os.close(descriptor)
        ended = one.bench.run_of(run)
        tags = {event["tag"]: event["payload"] for event in ended["events"]}
        assert (ended["status"], tags["step:canceled"]["processes_left"]) == ("canceled", 0)
