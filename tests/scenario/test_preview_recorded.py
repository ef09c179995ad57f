"""A preview that was made is there for whoever decides later: named, shown, and not run again."""

from __future__ import annotations

from typing import Any

import pytest

from support.edits import approve_edit
from support.server import Project, Workbench


@pytest.fixture
def held(project: Project) -> dict[str, Any]:
    (project.repo / "build").mkdir()
    (project.repo / "build" / "made").write_text("made\n")
    run = project.run("rm -rf build")
    assert run["blocked_by"] == "approval"
    return run


def count_tries(bench: Workbench, run: dict[str, Any]) -> int:
    return [event["tag"] for event in bench.run_of(run["run_id"])["events"]].count("preview:started")


def test_an_approval_names_its_previews_and_who_made_them_the_newest_first(
    project: Project, served: Workbench, held: dict[str, Any]
) -> None:
    approval_id = held["approvals"][0]["approval_id"]
    assert held["approvals"][0]["previews"] == []
    first = served.post(f"/api/runs/{held['run_id']}/preview", {})
    with served.as_token(served.make_token("operator", "bea")["token"]) as bea:
        second = bea.post(f"/api/runs/{held['run_id']}/preview").json()
    (listed,) = project.pending()
    for approval in (
        listed,
        served.get(f"/api/approvals/{approval_id}"),
        served.run_of(held["run_id"])["approvals"][0],
    ):
        told = approval["previews"]
        assert [each["artifact_id"] for each in told] == [second["artifact_id"], first["artifact_id"]]
        assert [each["by"] for each in told] == ["token:bea", first["by"]]
        assert told[0]["at"] == second["at"]
        assert told[0]["counts"] == {"created": 0, "changed": 0, "deleted": 2}
        assert {each["is_current"] for each in told} == {True}
    with served.as_token(served.make_token("viewer")["token"]) as viewer:
        assert viewer.get(f"/api/previews/{second['artifact_id']}").json() == second


def test_the_command_line_names_it_and_shows_it_without_trying_again(
    project: Project, served: Workbench, held: dict[str, Any]
) -> None:
    made = project.cli("preview", held["run_id"], "--json").json
    for words in (("show", held["run_id"]), ("approvals",)):
        said = project.cli(*words).text
        assert f"preview {made['artifact_id']} by {made['by']} at {made['at']}" in said
        assert "0 created, 0 changed, 2 deleted; shown by: workbench preview" in said
    assert project.cli("preview", held["run_id"], "--json").json == made
    shown = project.cli("preview", held["run_id"])
    assert "-made" in shown.text
    assert f"recorded as {made['artifact_id']} for {made['by']}" in shown.text
    assert "--again" in shown.err
    assert count_tries(served, held) == 1
    again = project.cli("preview", held["run_id"], "--again", "--json").json
    assert again["artifact_id"] != made["artifact_id"]
    assert count_tries(served, held) == 2
    assert project.cli("preview", held["run_id"], "--json").json == again


def test_what_was_recorded_is_shown_after_the_decision_too(
    project: Project, served: Workbench, held: dict[str, Any]
) -> None:
    made = project.cli("preview", held["run_id"], "--json").json
    project.cli("deny", held["approvals"][0]["approval_id"], "--reason", "no")
    served.wait(held["run_id"], lambda run: run["status"] == "canceled")
    assert project.cli("preview", held["run_id"], "--json").json == made


def test_a_preview_belongs_to_the_approval_it_was_made_for_and_to_none_that_takes_its_place(
    project: Project, served: Workbench, held: dict[str, Any]
) -> None:
    served.add(project.repo, approval_quorum=2)
    project.cli("preview", held["run_id"], "--json")
    approval_id = held["approvals"][0]["approval_id"]
    edited = approve_edit(served.http, approval_id, reason="less", command="rm -r build").json()
    assert (edited["status"], edited["previews"]) == ("pending", [])
    before, count = project.cli("preview", held["run_id"], "--json").json, count_tries(served, held)
    assert (before["subject_digest"], count) == (edited["subject_digest"], 2)


def test_a_preview_from_before_what_the_request_rests_on_changed_says_so_and_what_to_do(
    project: Project, served: Workbench
) -> None:
    (project.repo / "Makefile").write_text("wipe:\n\trm -rf build\n")
    run = project.run("make wipe")
    (approval,) = run["approvals"]
    assert project.cli("preview", run["run_id"], "--json").json["outdated"] == ""
    (project.repo / "Makefile").write_text("wipe:\n\trm -rf build docs\n")
    shown = project.cli("preview", run["run_id"], "--json").json
    assert "made before what the request rests on changed" in shown["outdated"]
    assert f"workbench approve {approval['approval_id']}" in shown["outdated"]
    assert shown["outdated"] in project.cli("preview", run["run_id"]).text
    again = served.http.post(f"/api/runs/{run['run_id']}/preview")
    assert again.status_code == 409
    assert f"workbench approve {approval['approval_id']}" in again.json()["remedy"]
    # What the remedy says leads on: a new question, of which there can be a preview.
    path = f"/api/approvals/{approval['approval_id']}"
    asked = served.http.post(f"{path}/approve", json={"reason": "as it says"}).json()
    assert asked["code"] == "asked_anew"
    late = served.http.post(f"{path}/approve", json={"reason": "again"})
    (waiting,) = project.pending()
    assert late.status_code == 409
    assert f"workbench approve {waiting['approval_id']}" in late.json()["remedy"]
    assert served.post(f"/api/runs/{run['run_id']}/preview", {})["outdated"] == ""


def test_what_is_no_preview_is_not_shown_as_one(project: Project, served: Workbench) -> None:
    run = project.run("true")
    (transcript,) = run["artifacts"]
    answer = served.http.get(f"/api/previews/{transcript['artifact_id']}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert "workbench show RUN" in answer.json()["remedy"]


def test_who_may_not_see_the_contents_is_told_so_on_the_command_line(
    project: Project, served: Workbench
) -> None:
    (project.repo / ".env").write_text("KEY=abc-9917\n")
    served.add(project.repo, forbid_self_approval=True)
    said = project.cli("preview", project.run("rm -f .env; cat .env; cp README.md new")["run_id"])
    assert said.status == 0
    assert "second person" in said.text
    assert "empty in the copy, as secrets lie there by their name: .env" in said.text
    assert "- .env" not in said.text
