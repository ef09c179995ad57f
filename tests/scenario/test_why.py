"""An open run says in one line why it is not moving, in the same words wherever one looks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.ground import make_repository
from support.server import Project, Workbench

QUIET = "echo ready; until [ -e go ]; do read -t 0.02 <> <(:); done; exit 0"


def everywhere(project: Project, run_id: str) -> str:
    """Returns the line of one run, which `show`, `runs` and the page's two reads have alike."""
    why = str(project.bench.run_of(run_id)["why"])
    (listed,) = [
        run
        for run in project.bench.get("/api/runs", project_id=project.project_id)
        if run["run_id"] == run_id
    ]
    assert listed["why"] == why
    assert why in project.cli("show", run_id).text
    assert f"{run_id}: {why}" in project.cli("runs").text
    return why


@pytest.fixture
def guarded(served: Workbench, tmp_path: Path) -> Project:
    """A project whose risky commands two people must approve, each of them named."""
    rules = [{"risk_level": level, "people": ["user:bob", "user:cy"]} for level in ("medium", "high")]
    return served.add(make_repository(tmp_path / "guarded"), approvers=rules, approval_quorum=2)


def test_a_held_run_names_who_may_approve_it(project: Project) -> None:
    why = everywhere(project, project.run("rm -rf build")["run_id"])
    assert re.match(
        r"Waiting for approval by whoever is approver or admin \((medium|high) risk\), until 20\S+Z\.", why
    ), why


def test_a_held_run_names_the_people_and_how_many_must(guarded: Project) -> None:
    why = everywhere(guarded, guarded.run("rm -rf build")["run_id"])
    assert "Waiting for approval by user:bob or user:cy; 2 different people must, 0 have (" in why


def test_a_cancel_that_waits_for_its_proof_says_since_when(project: Project) -> None:
    run = project.submit(project.script("deaf.sh", f"trap '' TERM INT HUP; {QUIET}"))
    project.bench.wait_output(run["run_id"], b"ready\n")
    asked = project.bench.post(f"/api/runs/{run['run_id']}/cancel", {"reason": "enough"})
    assert re.fullmatch(
        r"Cancel requested at \d\d:\d\d:\d\d UTC, \d+ seconds? ago; waiting for the proof that no process "
        r"is left\.",
        asked["why"],
    ), asked["why"]
    assert project.bench.wait(run["run_id"])["status"] == "canceled"


@pytest.mark.long
def test_a_run_that_puts_nothing_out_says_for_how_long(project: Project) -> None:
    run = project.submit(project.script("quiet.sh", QUIET))
    project.bench.wait_output(run["run_id"], b"ready\n")
    whys = (project.bench.run_of(run["run_id"])["why"] for _ in range(100_000))
    assert any(re.fullmatch(r"Running in the sandbox; no output for 1\d seconds\.", why) for why in whys)
    (project.repo / "go").touch()
    assert project.bench.wait(run["run_id"])["status"] == "succeeded"
