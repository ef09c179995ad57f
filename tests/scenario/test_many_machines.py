"""Workers on one PostgreSQL: killed, cut off or stopped, no step is run twice, and every run ends right."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cable import Cable, cable
from support.fixtures import Start
from support.ground import make_repository
from support.long import later
from support.namespaces import without_bubblewrap
from support.processes import live_shims, unfinished_steps
from support.server import ENDED, Project, StartFailed, Workbench
from support.workers import Worker, worker

STEP = """
echo "$1" >> launched
until [ -e go ]; do read -t 0.3 <> <(:); done
echo "$1" >> finished
"""
PROGRAM = "import os, sys\nos.execvp('bash', ['bash', 'step.sh', *sys.argv[1:]])\n"
LEASE_SECONDS = 8


def prepare(project: Project) -> None:
    """Puts the program into the repository that notes each launch and waits for the file `go`."""
    (project.repo / "step.sh").write_text(STEP)
    (project.repo / "step.py").write_text(PROGRAM)


def lines(project: Project, name: str) -> list[str]:
    path = project.repo / name
    return path.read_text().split() if path.exists() else []


def wait_until(is_reached: Callable[[], bool], seconds: float = 90) -> None:
    """Returns once the condition holds. What is waited for is on several machines, so none tells of all."""
    deadline = time.monotonic() + seconds
    pause = threading.Event()
    while not is_reached():
        assert time.monotonic() < deadline, "this never came about"
        pause.wait(0.05)


def settings_of(url: str) -> dict[str, str]:
    return {"WORKBENCH_DATABASE_URL": url, "WORKBENCH_LEASE_SECONDS": str(LEASE_SECONDS)}


@pytest.fixture
def server(start: Start, postgres_url: str) -> Workbench:
    """A server that runs nothing itself."""
    return start(database_url=postgres_url, concurrency="0", lease_seconds=str(LEASE_SECONDS))


@pytest.fixture
def project(server: Workbench, tmp_path: Path) -> Project:
    made = server.add(make_repository(tmp_path / "repo"))
    prepare(made)
    return made


def statuses(project: Project) -> Counter[str]:
    found = project.bench.get("/api/runs", project_id=project.project_id, limit=500)
    return Counter(run["status"] for run in found)


def reasons(project: Project) -> list[str]:
    """Returns why the runs are where they are, those first that neither run nor wait."""
    found = project.bench.get("/api/runs", project_id=project.project_id, limit=500)
    return [run["why"] for run in sorted(found, key=lambda run: run["status"] in ("running", "queued"))]


@contextlib.contextmanager
def three(tmp_path: Path, url: str, wire: Cable, places: int) -> Iterator[tuple[Worker, Worker, Worker]]:
    """Three machines; the second one's cable is `wire`."""
    words = ("--concurrency", str(places))
    with contextlib.ExitStack() as stack:
        yield (
            stack.enter_context(worker(tmp_path / "a", *words, settings=settings_of(url))),
            stack.enter_context(worker(tmp_path / "b", *words, settings=settings_of(wire.url))),
            stack.enter_context(worker(tmp_path / "c", *words, settings=settings_of(url))),
        )


@pytest.mark.parametrize("places", [later(4), later(67)])
def test_of_three_workers_one_is_killed_one_cut_off_and_one_stopped_and_nothing_runs_twice(
    project: Project, postgres_url: str, tmp_path: Path, places: int
) -> None:
    running, waiting = 3 * places, 3
    with (
        cable(postgres_url, tmp_path / "wire") as wire,
        three(tmp_path, postgres_url, wire, places) as machines,
    ):
        killed, _cut_off, stopped = machines
        runs = [project.submit(f"python3 step.py {number}")["run_id"] for number in range(running + waiting)]
        wait_until(lambda: len(lines(project, "launched")) == running)
        assert statuses(project) == {"running": running, "queued": waiting}, reasons(project)

        killed.kill()
        wire.freeze()
        stopped.signal(signal.SIGSTOP)
        found = map(project.bench.run_of, runs[:running])
        asleep = next(r["run_id"] for r in found if r["steps"][0]["worker_id"] == stopped.worker_id)
        wait_until(lambda: "was not seen for" in project.bench.run_of(asleep)["why"])
        wait_until(lambda: statuses(project)["failed"] == running)
        for machine in machines:
            assert unfinished_steps(machine.home) == [], "its steps ended with its lease"
        assert lines(project, "finished") == []

        (project.repo / "go").touch()
        wire.thaw()
        stopped.signal(signal.SIGCONT)
        # Both come back under other names, and take what still waits.
        wait_until(lambda: statuses(project)["succeeded"] == waiting)

        assert sorted(lines(project, "launched"), key=int) == [str(n) for n in range(running + waiting)]
        assert len(lines(project, "finished")) == waiting
        for run_id in runs:
            run = project.bench.run_of(run_id)
            assert run["status"] in ENDED
            (step,) = run["steps"]
            assert step["attempt"] == 1
            if run["status"] == "failed":
                assert "lost: worker" in run["why"], run["why"]
                assert step["worker_id"] in {machine.worker_id for machine in machines}
                ends = [e for e in run["events"] if e["tag"] in ("step:succeeded", "step:failed")]
                assert len(ends) == 1, "no zombie wrote an end of its own"
        events = project.bench.cli("audit", "verify")
        assert events.status == 0, events.err
        for machine in machines:
            assert unfinished_steps(machine.home) == []


@pytest.mark.parametrize("by", ["cancel", later("kill")])
def test_a_cancel_on_the_server_ends_a_step_on_another_machine_with_proof(
    project: Project, postgres_url: str, tmp_path: Path, by: str
) -> None:
    with worker(tmp_path / "a", settings=settings_of(postgres_url)) as machine:
        run = project.submit("python3 step.py 1")
        wait_until(lambda: lines(project, "launched") == ["1"])
        seen = project.bench.run_of(run["run_id"])
        assert seen["why"].startswith(f"Running in the sandbox on worker {machine.worker_id}"), seen["why"]
        answer = project.bench.http.get(f"/api/runs/{run['run_id']}/transcript")
        assert (answer.status_code, answer.json()["code"]) == (409, "elsewhere")
        assert machine.worker_id in answer.json()["detail"]
        if by == "cancel":
            project.bench.post(f"/api/runs/{run['run_id']}/cancel", {"reason": "enough"})
        else:
            said = project.cli("kill", "--reason", "enough", "--stop-running")
            assert said.status == 0, said.err
            held = project.submit("python3 step.py 2")
            assert (held["status"], held["blocked_by"]) == ("blocked", "kill_switch")
        ended = project.bench.wait(run["run_id"])
        assert (ended["status"], unfinished_steps(machine.home)) == ("canceled", [])
        assert lines(project, "finished") == []


def test_a_worker_that_is_started_again_within_its_lease_takes_up_what_it_ran(
    project: Project, postgres_url: str, tmp_path: Path
) -> None:
    # Longer than a start takes on the busiest machine.
    settings = {**settings_of(postgres_url), "WORKBENCH_LEASE_SECONDS": "60"}
    with worker(tmp_path / "a", settings=settings) as machine:
        first = machine.worker_id
        run = project.submit("python3 step.py 1")
        wait_until(lambda: lines(project, "launched") == ["1"])
        assert machine.stop() == 0
        assert len(live_shims(machine.home)) == 1, "it left the step to its sandbox"
        machine.start()
        assert machine.worker_id == first
        (project.repo / "go").touch()
        assert project.bench.wait(run["run_id"])["status"] == "succeeded"
        assert lines(project, "launched") == ["1"]
        assert machine.stop() == 0
        assert [w["worker_id"] for w in project.bench.get("/api/status")["worker_list"]] != [first]


def test_what_nobody_can_run_waits_and_says_for_whom(
    project: Project, postgres_url: str, tmp_path: Path
) -> None:
    run = project.submit("python3 step.py 1", pool="gpu", priority="high")
    shown = project.bench.run_of(run["run_id"])
    assert (shown["status"], shown["pool"], shown["priority"]) == ("queued", "gpu", "high")
    assert shown["why"] == ("Waiting: no worker of pool gpu is live; start one: workbench worker --pool gpu")
    (project.repo / "go").touch()
    with worker(tmp_path / "a", "--pool", "gpu", settings=settings_of(postgres_url)) as machine:
        ended = project.bench.wait(run["run_id"])
        assert (ended["status"], ended["steps"][0]["worker_id"]) == ("succeeded", machine.worker_id)
        status: dict[str, Any] = project.bench.get("/api/status")
        assert status["workers"] == 2
        assert [w["pool"] for w in status["worker_list"]] == ["default", "gpu"]


@pytest.mark.long
def test_two_servers_share_a_ledger_and_each_decides_on_what_the_other_holds_or_runs(
    start: Start, postgres_url: str, tmp_path: Path
) -> None:
    one = start(database_url=postgres_url)
    two = start(database_url=postgres_url)
    project = one.add(make_repository(tmp_path / "repo"))
    prepare(project)
    running = project.submit("python3 step.py 1")
    wait_until(lambda: lines(project, "launched") == ["1"])
    held = project.run("rm -rf build && echo once >> effect")
    (approval,) = held["approvals"]
    body = {"reason": "fine", "subject_digest": approval["subject_digest"]}
    two.post(f"/api/approvals/{approval['approval_id']}/approve", body)
    assert two.wait(held["run_id"], lambda run: run["status"] == "succeeded")
    assert (project.repo / "effect").read_text() == "once\n"
    two.post(f"/api/runs/{running['run_id']}/cancel", {"reason": "enough"})
    assert two.wait(running["run_id"])["status"] == "canceled"
    assert unfinished_steps(one.home) == []
    assert two.stop() == 0
    assert project.run("echo on")["status"] == "succeeded"
    assert [w["state"] for w in one.get("/api/status")["worker_list"]] == ["live"]
    assert one.cli("audit", "verify").status == 0


@pytest.mark.long
def test_a_machine_that_can_run_nothing_takes_nothing(
    project: Project, postgres_url: str, tmp_path: Path
) -> None:
    run = project.submit("python3 step.py 1")
    with pytest.raises(StartFailed) as caught:
        with worker(tmp_path / "a", prefix=without_bubblewrap(), settings=settings_of(postgres_url)):
            pass
    assert caught.value.answer["code"] == "sandbox_unavailable"
    assert [w["pool"] for w in project.bench.get("/api/status")["worker_list"]] == ["default"]
    assert project.bench.run_of(run["run_id"])["status"] == "queued"


def test_a_ledger_of_one_server_takes_no_workers_no_pools_and_has_places(
    start: Start, tmp_path: Path
) -> None:
    with pytest.raises(StartFailed) as caught, worker(tmp_path / "a"):
        pass
    assert "WORKBENCH_DATABASE_URL" in caught.value.answer["remedy"]
    with pytest.raises(StartFailed) as caught:
        start(concurrency="0")
    assert (caught.value.answer["code"], "workers" in caught.value.answer["remedy"]) == (
        "invalid_input",
        True,
    )
    project = start().add(make_repository(tmp_path / "repo"))
    said = project.cli("run", "--pool", "gpu", "--", "true")
    assert (said.status != 0, "there is no pool 'gpu'" in said.err) == (True, True), said.err
    assert project.bench.get("/api/runs", project_id=project.project_id) == []


@pytest.mark.parametrize("is_shared", [False, later(True)])
def test_what_is_too_much_is_refused_at_the_door_and_nothing_of_it_is_recorded(
    start: Start, tmp_path: Path, request: pytest.FixtureRequest, is_shared: bool
) -> None:
    if is_shared:
        bench = start(database_url=request.getfixturevalue("postgres_url"), concurrency="1", max_queued="4")
    else:
        bench = start(concurrency="1", max_queued="4")
    project = bench.add(make_repository(tmp_path / "repo"))
    prepare(project)
    first = project.submit("python3 step.py 0")
    wait_until(lambda: lines(project, "launched") == ["0"])
    waiting = [project.submit(f"python3 step.py {number}") for number in (1, 2)]
    body = {"project_id": project.project_id, "command": "python3 step.py 3", "mode": "pipe"}
    refused = bench.http.post("/api/runs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_busy")
    assert int(refused.headers["Retry-After"]) > 0
    said = project.cli("run", "--detach", "--", "python3 step.py 3")
    assert (said.status != 0, "wait for their turn already" in said.err) == (True, True), said.err
    assert len(bench.get("/api/runs", project_id=project.project_id)) == 3
    (project.repo / "go").touch()
    for run in (first, *waiting):
        assert bench.wait(run["run_id"])["status"] == "succeeded"
    assert lines(project, "launched") == ["0", "1", "2"]
    assert bench.get("/api/audit/verify", project_id=project.project_id)["ok"] is True


@pytest.mark.parametrize("is_shared", [False, later(True)])
def test_one_run_of_a_project_does_not_wait_behind_many_of_another(
    start: Start, tmp_path: Path, request: pytest.FixtureRequest, is_shared: bool
) -> None:
    shared = {"database_url": request.getfixturevalue("postgres_url")} if is_shared else {}
    bench = start(concurrency="1", **shared)
    busy, quiet = (bench.add(make_repository(tmp_path / name)) for name in ("busy", "quiet"))
    for project in (busy, quiet):
        prepare(project)
    (quiet.repo / "go").touch()
    first = busy.submit("python3 step.py 0")["run_id"]
    wait_until(lambda: lines(busy, "launched") == ["0"])
    many = [busy.submit(f"python3 step.py {number}")["run_id"] for number in range(1, 9)]
    urgent = busy.submit("python3 step.py 99", priority="high")["run_id"]
    one = quiet.submit("python3 step.py 0")["run_id"]
    (busy.repo / "go").touch()
    assert bench.wait(one)["status"] == "succeeded"
    assert len(lines(busy, "launched")) <= 4, "the other project had a turn or two before"
    for run_id in (first, urgent, *many):
        assert bench.wait(run_id)["status"] == "succeeded"
    assert lines(busy, "launched") == ["0", "99", *(str(number) for number in range(1, 9))]


@pytest.mark.long
def test_a_thousand_queued_runs_drain_first_come_first_served(start: Start, tmp_path: Path) -> None:
    project = start(concurrency="4").add(make_repository(tmp_path / "repo"))
    prepare(project)
    (project.repo / "go").touch()
    runs = [project.submit(f"python3 step.py {number}")["run_id"] for number in range(1000)]
    wait_until(lambda: len(lines(project, "finished")) == 1000, 600)
    assert {project.bench.wait(run_id)["status"] for run_id in runs} == {"succeeded"}
    launched = [int(number) for number in lines(project, "launched")]
    assert sorted(launched) == list(range(1000))
    # Four at a time: none comes much sooner than its turn.
    assert max(abs(place - number) for place, number in enumerate(launched)) <= 8


@pytest.mark.long
def test_workers_of_two_versions_stand_side_by_side_and_open_runs_finish(
    project: Project, postgres_url: str, tmp_path: Path
) -> None:
    # The package says its version where it is installed; a folder before that says another.
    newer = tmp_path / "newer" / "feature_execution_workbench-9.9.9.dist-info"
    newer.mkdir(parents=True)
    (newer / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: feature-execution-workbench\nVersion: 9.9.9\n"
    )
    settings = {**settings_of(postgres_url), "WORKBENCH_LEASE_SECONDS": "30"}
    with worker(tmp_path / "a", "--concurrency", "2", settings=settings) as old:
        running = [project.submit(f"python3 step.py {number}")["run_id"] for number in range(2)]
        wait_until(lambda: len(lines(project, "launched")) == 2)
        waiting = [project.submit(f"python3 step.py {number}")["run_id"] for number in (2, 3)]
        with worker(
            tmp_path / "b", "--concurrency", "2", settings={**settings, "PYTHONPATH": str(newer.parent)}
        ) as new:
            found = {w["worker_id"]: w["version"] for w in project.bench.get("/api/status")["worker_list"]}
            assert (found[old.worker_id] != "9.9.9", found[new.worker_id]) == (True, "9.9.9")
            assert old.stop() == 0
            wait_until(lambda: len(lines(project, "launched")) == 4)
            for run_id in waiting:
                assert project.bench.run_of(run_id)["steps"][0]["worker_id"] == new.worker_id
            # The old machine comes back in the new version, and takes up what it left running.
            first = old.worker_id
            old.settings["PYTHONPATH"] = str(newer.parent)
            old.start()
            assert old.worker_id == first
            (project.repo / "go").touch()
            for run_id in (*running, *waiting):
                assert project.bench.wait(run_id)["status"] == "succeeded"
            assert sorted(lines(project, "launched")) == ["0", "1", "2", "3"]
            assert project.bench.cli("audit", "verify").status == 0
