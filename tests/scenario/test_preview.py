"""Who decides about a held command sees first what it does, on a copy that belongs to the question."""

from __future__ import annotations

import hashlib
import json
import queue
import threading
from typing import Any

import httpx
import pytest

from local_steps import processes_with
from support.server import Project, Workbench


def hold(project: Project, command: str = "rm -rf build", **fields: Any) -> dict[str, Any]:
    (project.repo / "build").mkdir(exist_ok=True)
    (project.repo / "build" / "made").write_text("made\n")
    run = project.run(command, **fields)
    assert (run["status"], run["blocked_by"]) == ("blocked", "approval")
    return run


def test_a_held_run_is_previewed_and_stays_held(project: Project, served: Workbench) -> None:
    run = hold(project)
    said = project.cli("preview", run["run_id"])
    assert said.status == 0
    for shown in (
        "0 created, 0 changed, 2 deleted",
        "- build/made",
        "--- a/build/made",
        "-made",
        "exit status 0",
    ):
        assert shown in said.text
    assert (project.repo / "build" / "made").read_text() == "made\n"
    after = served.run_of(run["run_id"])
    assert (after["status"], after["blocked_by"]) == ("blocked", "approval")
    assert after["approvals"][0]["status"] == "pending"


def test_the_preview_is_an_artifact_of_the_question_and_its_digest_is_in_the_ledger(
    project: Project, served: Workbench
) -> None:
    run = hold(project, mode="pty")
    found = project.cli("preview", run["run_id"], "--json").json
    (approval,) = run["approvals"]
    after = served.run_of(run["run_id"])
    (artifact,) = [each for each in after["artifacts"] if each["kind"] == "report"]
    assert (artifact["artifact_id"], artifact["links"]) == (found["artifact_id"], [approval["approval_id"]])
    stored = served.http.get(f"/api/artifacts/{artifact['artifact_id']}").content
    assert "sha256:" + hashlib.sha256(stored).hexdigest() == artifact["digest"] == found["digest"]
    assert json.loads(stored)["deleted"] == found["deleted"]
    tags = [event["tag"] for event in after["events"]]
    assert tags[-3:] == ["preview:started", "artifact:recorded", "preview:recorded"]
    recorded = after["events"][-1]["payload"]
    assert (recorded["digest"], recorded["approval_id"]) == (found["digest"], approval["approval_id"])
    assert recorded["subject_digest"] == approval["subject_digest"] == found["subject_digest"]
    assert served.cli("audit", "verify").status == 0


def test_the_approval_still_holds_after_a_preview(project: Project, served: Workbench) -> None:
    run = hold(project)
    project.cli("preview", run["run_id"])
    assert project.cli("approve", run["approvals"][0]["approval_id"], "--reason", "seen").status == 0
    served.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    assert not (project.repo / "build").exists()


def test_only_what_waits_for_an_approval_is_previewed(project: Project, served: Workbench) -> None:
    done = project.run("true")
    answer = served.http.post(f"/api/runs/{done['run_id']}/preview")
    assert (answer.status_code, answer.json()["code"]) == (409, "conflict")
    denied = project.run("sudo true")
    assert served.http.post(f"/api/runs/{denied['run_id']}/preview").status_code == 409
    held = hold(project)
    project.cli("cancel", held["run_id"], "--reason", "no")
    assert served.http.post(f"/api/runs/{held['run_id']}/preview").status_code == 409


def test_the_kill_switch_stops_previews_too(project: Project, served: Workbench) -> None:
    run = hold(project)
    assert project.cli("kill", "--project", ".", "--reason", "stop everything").status == 0
    answer = served.http.post(f"/api/runs/{run['run_id']}/preview")
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
    assert "kill switch" in answer.json()["detail"]
    assert "preview:started" not in [event["tag"] for event in served.run_of(run["run_id"])["events"]]


def test_a_viewer_may_not_have_anything_executed(project: Project, served: Workbench) -> None:
    run = hold(project)
    with served.as_token(served.make_token("viewer")["token"]) as viewer:
        assert viewer.post(f"/api/runs/{run['run_id']}/preview").status_code == 403


def test_a_preview_gets_no_secret(project: Project, served: Workbench) -> None:
    secret = served.cli("secret", "set", "--project", str(project.repo), "TOKEN", stdin=b"hunter2-hunter2\n")
    assert secret.status == 0
    project.cli("project", "env", "default", "--variable", "PLAIN=plain-1", "--secret", "TOKEN")
    run = hold(project, "rm -rf build; env")
    found = project.cli("preview", run["run_id"], "--json").json
    assert "PLAIN=plain-1" in found["output_tail"]
    assert "TOKEN" not in found["output_tail"]


def test_a_server_killed_amid_a_preview_leaves_nothing_of_it_and_the_run_held(
    project: Project, served: Workbench
) -> None:
    run = hold(project, "rm -rf build && tail -f /dev/null preview-5544")
    assert len(processes_with("preview-5544")) == 0

    def ask() -> None:
        try:
            served.http.post(f"/api/runs/{run['run_id']}/preview")
        except httpx.HTTPError:
            return

    for _ in range(3):
        asking = threading.Thread(target=ask)
        asking.start()
        while not processes_with("preview-5544"):
            assert asking.is_alive()
        assert served.process is not None
        served.process.kill()
        served.process.wait()
        asking.join(60)
        served.start()
        assert processes_with("preview-5544") == []
        assert list((served.home / "previews").rglob("tree")) == []
    assert (project.repo / "build" / "made").read_text() == "made\n"
    assert served.run_of(run["run_id"])["status"] == "blocked"


def test_many_previews_at_once_each_get_their_own_copy(project: Project, served: Workbench) -> None:
    runs = [hold(project, f"rm -rf build old{number}") for number in range(6)]
    found: list[dict[str, Any]] = []
    asking = [
        threading.Thread(
            target=lambda run=run: found.append(served.post(f"/api/runs/{run['run_id']}/preview", {}))
        )
        for run in runs
    ]
    for thread in asking:
        thread.start()
    for thread in asking:
        thread.join(120)
    assert sorted(one["run_id"] for one in found) == sorted(run["run_id"] for run in runs)
    assert {tuple(one["deleted"]) for one in found} == {("build/", "build/made")}
    assert (project.repo / "build" / "made").read_text() == "made\n"


def test_a_queue_of_previews_is_bounded_and_who_is_refused_is_told_what_to_do(
    project: Project, served: Workbench
) -> None:
    run = hold(project, "rm -rf build && tail -f /dev/null preview-5545")
    first: queue.SimpleQueue[None] = queue.SimpleQueue()
    answers: list[httpx.Response] = []

    def ask() -> None:
        with served.as_token(served.token) as client:
            answers.append(client.post(f"/api/runs/{run['run_id']}/preview", timeout=120))
        first.put(None)

    asking = [threading.Thread(target=ask) for _ in range(9)]
    for thread in asking:
        thread.start()
    # The first goes on until starts are stopped, so one of nine finds no place; it alone is answered.
    first.get(timeout=60)
    (refused,) = answers
    while not processes_with("preview-5545"):
        assert any(thread.is_alive() for thread in asking)
    served.post("/api/kill", {"engaged": True, "reason": "drill"})
    for thread in asking:
        thread.join(120)
    served.post("/api/kill", {"engaged": False, "reason": "over"})
    assert (refused.status_code, refused.json()["code"]) == (429, "too_busy")
    assert "no more than 8" in refused.json()["detail"]
    assert "try again" in refused.json()["remedy"]
    # Those that waited were looked at anew when their turn came, and starts were stopped by then.
    assert sorted(answer.status_code for answer in answers) == [201, *[403] * 7, 429]
    notes = [event["tag"] for event in served.run_of(run["run_id"])["events"]]
    assert (notes.count("preview:started"), notes.count("preview:recorded")) == (1, 1)


@pytest.mark.long
@pytest.mark.parametrize("route", ["/api/policy/check", "/api/review"])
def test_questions_that_pile_up_are_refused_and_starts_are_judged_meanwhile(
    project: Project, served: Workbench, route: str
) -> None:
    (project.repo / "Makefile").write_text("all:\n" + "".join(f"\techo {n}\n" for n in range(20_000)))
    body = {"project_id": project.project_id, "command": "; ".join(["make all"] * 40)}
    viewer = served.make_token("viewer")["token"]
    statuses: list[int] = []

    def ask() -> None:
        with served.as_token(viewer) as client:
            statuses.append(client.post(route, json=body, timeout=120).status_code)

    asking = [threading.Thread(target=ask) for _ in range(100)]
    for thread in asking:
        thread.start()
    assert project.run("echo still")["status"] == "succeeded"
    for thread in asking:
        thread.join(120)
    assert set(statuses) == {200, 429}
    assert len(statuses) == 100


def test_traces_that_pile_up_are_refused_and_starts_are_judged_meanwhile(
    project: Project, served: Workbench
) -> None:
    (project.repo / "Makefile").write_text("all:\n" + "".join(f"\techo {n}\n" for n in range(20_000)))
    body = {"project_id": project.project_id, "command": "; ".join(["make all"] * 40)}
    statuses: list[int] = []

    def ask() -> None:
        with served.as_token(served.token) as client:
            statuses.append(client.post("/api/policy/explain", json=body, timeout=120).status_code)

    asking = [threading.Thread(target=ask) for _ in range(40)]
    for thread in asking:
        thread.start()
    assert project.run("echo still")["status"] == "succeeded"
    for thread in asking:
        thread.join(120)
    assert set(statuses) == {200, 429}
    assert len(statuses) == 40
