"""Line 4 and the standards of all phases: switches and the kill switch stop starts, by each of their ways."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ground import make_repository
from support.processes import live_shims, wait_gone
from support.server import Project, Workbench, running


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A server of this file's own: what is flipped here stops every project's runs."""
    with running(tmp_path_factory.mktemp("switches") / "home") as started:
        yield started


@pytest.fixture(autouse=True)
def _as_it_was(bench: Workbench) -> Iterator[None]:
    yield
    for scope in ({}, *({"project_id": project["project_id"]} for project in bench.get("/api/projects"))):
        bench.post("/api/kill", {"engaged": False, "reason": "the test is over", **scope})
        body: dict[str, object] = {
            "name": "execution.local",
            "state": "on",
            "reason": "the test is over",
            **scope,
        }
        body["override"] = True
        assert bench.http.put("/api/switches", json=body).is_success
    kill = bench.home / "KILL"
    if kill.is_dir() and not kill.is_symlink():
        kill.rmdir()
    kill.unlink(missing_ok=True)


def test_a_switch_set_off_holds_runs_with_78_and_says_who_and_why(own: Project, bench: Workbench) -> None:
    assert own.cli("switch", "set", "execution.local", "off", "--reason", "maintenance").status == 0
    said = own.cli("run", "--", "true")
    assert said.status == 78
    assert "execution.local" in said.err
    (run,) = bench.get("/api/runs", project_id=own.project_id)
    assert (run["status"], run["blocked_by"]) == ("blocked", "switch")
    assert own.cli("switch", "set", "execution.local", "on", "--reason", "done", "--override").status == 0
    assert own.cli("run", "--", "true").status == 0
    unknown = own.cli("switch", "set", "execution.moon", "on", "--reason", "x")
    assert unknown.status == 2
    assert "execution.local" in unknown.err


def test_a_projects_own_switch_leaves_other_projects_alone(
    own: Project, bench: Workbench, tmp_path: Path
) -> None:
    other = bench.add(make_repository(tmp_path / "other"))
    body = {"name": "execution.local", "state": "off", "project_id": own.project_id, "reason": "only here"}
    assert bench.http.put("/api/switches", json=body).status_code == 200
    assert own.run("true")["blocked_by"] == "switch"
    assert other.run("true")["status"] == "succeeded"


def test_the_kill_switch_holds_starts_with_78_and_releasing_it_resumes_nothing(
    own: Project, bench: Workbench
) -> None:
    assert own.cli("kill", "--reason", "drill").status == 0
    said = own.cli("run", "--", "echo x >> effect")
    assert said.status == 78
    assert "drill" in said.err
    assert bench.get("/api/kill")["engaged"] is True
    assert own.cli("unkill", "--reason", "over").status == 0
    (run,) = bench.get("/api/runs", project_id=own.project_id)
    assert (run["status"], run["blocked_by"]) == ("blocked", "kill_switch")
    assert not (own.repo / "effect").exists()
    again = bench.post(f"/api/runs/{run['run_id']}/retry", {"acknowledge": True})
    assert bench.wait(again["run_id"])["status"] == "succeeded"


def test_kill_with_stop_running_ends_what_runs_with_proof(own: Project, bench: Workbench) -> None:
    run = own.submit("echo begun; sleep 1000")
    bench.wait_output(run["run_id"], b"begun\n")
    assert own.cli("kill", "--reason", "stop all", "--stop-running").status == 0
    ended = bench.wait(run["run_id"])
    assert ended["status"] == "canceled"
    tags = {event["tag"]: event["payload"] for event in ended["events"]}
    assert tags["step:canceled"]["processes_left"] == 0


@pytest.mark.parametrize("scope", ["project", "connector"])
def test_a_kill_may_have_a_scope(own: Project, bench: Workbench, scope: str) -> None:
    value = own.project_id if scope == "project" else "local"
    assert own.cli("kill", f"--{scope}", value, "--reason", "part").status == 0
    assert own.run("true")["blocked_by"] == "kill_switch"
    assert own.cli("unkill", f"--{scope}", value, "--reason", "over").status == 0
    assert own.run("true")["status"] == "succeeded"


def test_the_kill_file_stops_starts_and_an_unreadable_one_counts_as_on(
    own: Project, bench: Workbench
) -> None:
    kill = bench.home / "KILL"
    kill.write_text("the building is on fire\n")
    said = own.cli("run", "--", "true")
    assert said.status == 78
    assert "the building is on fire" in said.err
    kill.unlink()
    assert own.cli("run", "--", "true").status == 0
    kill.symlink_to("/nonexistent")
    assert own.cli("run", "--", "true").status == 78
    kill.unlink()
    kill.mkdir()
    assert own.cli("run", "--", "true").status == 78


def test_a_kill_between_request_and_approval_keeps_the_approved_run_from_starting(
    own: Project, bench: Workbench
) -> None:
    run = own.run("rm -rf build")
    (approval,) = own.pending()
    bench.post("/api/kill", {"engaged": True, "reason": "wait"})
    bench.post(f"/api/approvals/{approval['approval_id']}/approve", {"reason": "fine"})
    held = bench.wait(run["run_id"], lambda run: run["blocked_by"] == "kill_switch")
    assert (held["status"], held["started_at"]) == ("blocked", None)
    assert "wait" in held["why"]


def test_every_flip_is_audited_with_actor_and_reason(own: Project, bench: Workbench) -> None:
    own.cli("kill", "--reason", "drill")
    own.cli("unkill", "--reason", "over")
    own.cli("switch", "set", "execution.local", "off", "--reason", "night")
    verified = own.cli("audit", "verify", "--json").json
    assert verified["ok"] is True
    switch = next(s for s in bench.get("/api/switches") if s["name"] == "execution.local")
    assert (switch["state"], switch["reason"]) == ("off", "night")
    assert switch["changed_by"].startswith("user:")


def test_only_an_admin_releases_what_an_operator_may_engage(own: Project, bench: Workbench) -> None:
    operator = bench.make_token("operator")["token"]
    with bench.as_token(operator) as client:
        assert client.post("/api/kill", json={"engaged": True, "reason": "stop"}).status_code == 200
        refused = client.post("/api/kill", json={"engaged": False, "reason": "go"})
        assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed")
    assert bench.get("/api/kill")["engaged"] is True


def test_with_no_server_a_part_is_killed_by_a_record_and_nothing_is_started_for_it(tmp_path: Path) -> None:
    with running(tmp_path / "home") as bench:
        here, other = (bench.add(make_repository(tmp_path / name)) for name in ("here", "other"))
        bench.stop()
        for words in (("--project", "here"), ("--connector", "local")):
            assert here.cli("kill", *words, "--reason", "part").status == 0
        assert not (bench.home / "server.json").exists()
        unknown = here.cli("kill", "--project", "nowhere", "--reason", "part")
        assert unknown.status != 0
        assert "workbench project list" in unknown.err
        assert here.cli("unkill", "--connector", "local", "--reason", "only the project").status == 0
        assert not (bench.home / "server.json").exists()
        bench.start()
        assert here.run("true")["blocked_by"] == "kill_switch"
        assert other.run("true")["status"] == "succeeded"
        assert other.cli("audit", "verify").status == 0


@pytest.mark.long
def test_with_no_server_a_part_is_killed_before_one_is_started_to_end_what_was_left_running(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "home") as bench:
        here = bench.add(make_repository(tmp_path / "here"))
        run = here.submit(here.script("go.sh", "echo ready; sleep 600"))["run_id"]
        bench.wait_output(run, b"ready\n")
        (shim,) = live_shims(bench.home).values()
        descriptor = os.pidfd_open(shim)
        bench.kill()
        said = here.cli("kill", "--project", "here", "--reason", "stop it", "--stop-running")
        assert said.status == 0, said.err
        assert here.cli("down").status == 0
        bench.start()
        assert bench.wait(run)["status"] == "canceled"
        wait_gone(descriptor)
        os.close(descriptor)
