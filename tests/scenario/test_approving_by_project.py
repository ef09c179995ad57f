"""A project says who approves; an approver may change what is asked; what starts too late is asked anew."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.fixtures import Start
from support.ground import make_repository
from support.server import Project, Workbench

RISKY = "rm -rf build"


def hold(project: Project, command: str = RISKY) -> tuple[dict[str, Any], dict[str, Any]]:
    (project.repo / "build").mkdir(exist_ok=True)
    run = project.run(command)
    assert (run["status"], run["blocked_by"]) == ("blocked", "approval")
    (approval,) = run["approvals"]
    return run, approval


def approve_as(bench: Workbench, token: str, approval: dict[str, Any]) -> Any:
    with bench.as_token(token) as client:
        return client.post(f"/api/approvals/{approval['approval_id']}/approve", json={"reason": "looked"})


def test_a_project_is_told_who_approves_and_every_change_of_it_is_audited(project: Project) -> None:
    served = project.bench
    said = project.cli(
        "project",
        "add",
        str(project.repo),
        "--quorum",
        "2",
        "--approver",
        "high=admin",
        "--approver",
        "high=user:bea",
    )
    assert said.status == 0
    assert "approvals needed: 2" in said.text
    assert "a high risk is approved by admin or user:bea" in said.text
    project.cli("project", "add", str(project.repo), "--approver", "medium=admin")

    def found() -> Any:
        (one,) = [one for one in served.get("/api/projects") if one["project_id"] == project.project_id]
        return one

    assert (found()["approval_quorum"], found()["approvers"]) == (
        2,
        [
            {"risk_level": "high", "role": "admin", "people": ["user:bea"]},
            {"risk_level": "medium", "role": "admin", "people": []},
        ],
    )
    assert project.cli("project", "add", str(project.repo), "--quorum", "0").status == 0
    assert found()["approval_quorum"] is None
    for wrong in ("high", "high=", "grave=admin"):
        assert project.cli("project", "add", str(project.repo), "--approver", wrong).status == 2
    refused = served.http.post(
        "/api/projects", json={"path": str(project.repo), "approvers": [{"risk_level": "high"}]}
    )
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")
    operator = served.make_token("operator")["token"]
    with served.as_token(operator) as client:
        body = {"path": str(project.repo), "approval_quorum": 1}
        assert client.post("/api/projects", json=body).status_code == 403


def test_a_high_risk_waits_for_who_may_approve_it(bench: Workbench, tmp_path: Path) -> None:
    rule = {"risk_level": "high", "role": "admin", "people": ["token:bea"]}
    project = bench.add(make_repository(tmp_path / "repo"), approvers=[rule], approval_quorum=2)
    run, approval = hold(project)
    assert approval["approvers"] == "anybody who is admin or token:bea"
    other = approve_as(bench, bench.make_token("approver", name="cy")["token"], approval)
    assert other.status_code == 403
    assert "anybody who is admin or token:bea" in other.json()["detail"]
    bea = bench.make_token("approver", name="bea")["token"]
    assert approve_as(bench, bea, approval).json()["status"] == "pending"
    assert bench.run_of(run["run_id"])["status"] == "blocked"
    assert approve_as(bench, bench.token, approval).json()["status"] == "approved"
    assert bench.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    _, medium = hold(project, "frobnicate")
    assert medium["approvers"] == "anybody who is approver"


def test_people_are_counted_by_person_from_the_command_line_on(bench: Workbench, tmp_path: Path) -> None:
    project = bench.add(make_repository(tmp_path / "repo"), approval_quorum=2)
    words = ("token", "create", "--role", "approver", "--person", "Bea", "--json")
    phone, laptop = (project.cli(*words, "--name", f"bea-{name}").json for name in ("phone", "laptop"))
    assert (phone["person"], laptop["person"]) == ("bea", "bea")
    other = project.cli("token", "create", "--role", "approver", "--person", "cy", "--name", "bea-phone")
    assert other.status == 1
    assert "token:bea-phone is bea, and cannot be cy too" in other.err
    run, approval = hold(project)
    assert approve_as(bench, phone["token"], approval).json()["approvals_given"] == 1
    refused = approve_as(bench, laptop["token"], approval)
    assert (refused.status_code, "one person" in refused.json()["detail"]) == (403, True)
    bench.http.delete(f"/api/tokens/{phone['token_id']}")
    assert bench.get(f"/api/approvals/{approval['approval_id']}")["approvals_given"] == 0
    assert approve_as(bench, laptop["token"], approval).json()["status"] == "pending"
    assert approve_as(bench, bench.token, approval).json()["status"] == "approved"
    assert bench.wait(run["run_id"], lambda run: run["status"] == "succeeded")


def test_an_admin_of_one_project_makes_nobody_who_decides_as_somebody_else(
    bench: Workbench, tmp_path: Path
) -> None:
    rule = {"risk_level": "high", "people": ["user:bea", "token:cy-phone"]}
    project = bench.add(make_repository(tmp_path / "repo"), approvers=[rule])
    bench.post("/api/tokens", {"name": "cy-phone", "person": "cy", "role": "approver"})
    owner = bench.get("/api/me")["person"]
    _, approval = hold(project)
    mallory = bench.make_token("admin", name="mallory", project_id=project.project_id)["token"]
    with bench.as_token(mallory) as client:

        def ask(**fields: str) -> Any:
            body = {"role": "approver", "project_id": project.project_id, **fields}
            return client.post("/api/tokens", json=body)

        for fields in (
            {"name": "bea"},
            {"name": "user:Bea"},
            {"name": "other", "person": "bea"},
            {"name": "cy-phone"},
            {"name": "cy"},
            {"name": owner},
            {"name": "x", "person": f"user:{owner}"},
        ):
            refused = ask(**fields)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_allowed"), fields
        # Whom nobody else knows, and a second token of their own, they may.
        for fields in ({"name": "dan"}, {"name": "mallory-phone", "person": "mallory"}):
            made = ask(**fields)
            assert made.status_code == 201, made.text
            assert approve_as(bench, made.json()["token"], approval).status_code == 403
    assert bench.get(f"/api/approvals/{approval['approval_id']}")["status"] == "pending"
    bea = bench.make_token("approver", name="bea")["token"]
    assert approve_as(bench, bea, approval).json()["status"] == "approved"


def test_the_command_line_shows_what_an_edit_comes_to_and_approves_exactly_that(
    project: Project, served: Workbench
) -> None:
    run, approval = hold(project, "rm -rf build && echo gone >> effect")
    approval_id = approval["approval_id"]
    looked = project.cli("approve", approval_id, "--edit", "echo kept >> effect && frobnicate")
    assert looked.status == 2
    assert "command: rm -rf build && echo gone >> effect" in looked.err
    assert "now: echo kept >> effect && frobnicate" in looked.err
    assert "risk ▂▄ medium, it was high" in looked.err
    assert "nothing was decided" in looked.err
    refused = project.cli("approve", approval_id, "--edit", "sudo rm -rf /", "--reason", "r")
    assert refused.status == 2
    assert "policy denies it" in refused.err
    assert served.run_of(run["run_id"])["status"] == "blocked"
    said = project.cli(
        "approve",
        approval_id,
        "--edit",
        "echo kept >> effect",
        "--timeout",
        "30",
        "--reason",
        "keep it",
        "--json",
    )
    assert (said.status, said.json["status"], said.json["edited_by"]) == (
        0,
        "approved",
        said.json["requested_by"],
    )
    ended = served.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    assert (project.repo / "build").is_dir()
    assert (project.repo / "effect").read_text() == "kept\n"
    new, old = ended["approvals"]
    assert (old["status"], old["command"], new["command"], new["timeout_seconds"]) == (
        "withdrawn",
        "rm -rf build && echo gone >> effect",
        "echo kept >> effect",
        30,
    )
    shown = project.cli("show", run["run_id"]).text
    assert "changed the command: rm -rf build && echo gone >> effect -> echo kept >> effect" in shown
    again = project.cli("approve", approval_id, "--edit", "ls", "--reason", "once more")
    assert again.status == 1
    assert served.get(f"/api/approvals/{approval_id}")["command"] == "rm -rf build && echo gone >> effect"


def test_an_approver_lets_one_run_reach_one_name_more_from_the_command_line(
    project: Project, served: Workbench
) -> None:
    run, approval = hold(project, "rm -rf build; curl -sS http://other.invalid/ || true")
    approval_id = approval["approval_id"]
    looked = project.cli("approve", approval_id, "--allow-host", "Other.invalid")
    assert looked.status == 2
    assert "now: other.invalid" in looked.err
    assert "nothing was decided" in looked.err
    for wrong in ("169.254.169.254/", "*", "other.invalid:0"):
        refused = project.cli("approve", approval_id, "--allow-host", wrong, "--reason", "r")
        assert refused.status == 2, wrong
        assert served.get(f"/api/approvals/{approval_id}")["status"] == "pending"
    said = project.cli(
        "approve", approval_id, "--allow-host", "other.invalid", "--reason", "a mirror", "--json"
    )
    assert (said.status, said.json["status"]) == (0, "approved")
    assert (said.json["allow_hosts"], said.json["command"]) == (["other.invalid"], approval["command"])
    ended = served.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    assert ended["network"] == "for this run alone: other.invalid"
    # What the run has already is kept: names are added.
    held = project.cli("run", "--allow-host", "a.invalid", "--json", "--", "true").json
    asked = held["approvals"][0]["approval_id"]
    said = project.cli("approve", asked, "--allow-host", "b.invalid", "--reason", "both", "--json")
    assert said.json["allow_hosts"] == ["a.invalid", "b.invalid"]
    assert project.run("true")["network"] == "no network"


def test_an_edit_that_is_no_longer_what_was_shown_is_refused(project: Project, served: Workbench) -> None:
    _, approval = hold(project)
    path = f"/api/approvals/{approval['approval_id']}"
    seen = served.post(f"{path}/edit-check", {"command": "rm -r build"})
    body = {"command": "rm -r build", "reason": "r", "edited_digest": seen["subject_digest"]}
    assert served.http.post(f"{path}/approve-edited", json={**body, "cwd": "build"}).status_code == 409
    unseen = {key: value for key, value in body.items() if key != "edited_digest"}
    refused = served.http.post(f"{path}/approve-edited", json=unseen)
    assert (refused.status_code, served.get(path)["status"]) == (422, "pending")
    assert "edited_digest" in refused.text
    assert served.http.post(f"{path}/approve-edited", json=body).status_code == 200
    for role in ("viewer", "operator"):
        with served.as_token(served.make_token(role)["token"]) as client:
            assert client.post(f"{path}/edit-check", json={"command": "ls"}).status_code == 403
            assert client.post(f"{path}/approve-edited", json=body).status_code == 403


def test_an_edit_whose_script_changes_after_it_was_shown_is_refused(
    project: Project, served: Workbench
) -> None:
    (project.repo / "Makefile").write_text("wipe:\n\trm -rf build\n")
    _, approval = hold(project)
    path = f"/api/approvals/{approval['approval_id']}"
    seen = served.post(f"{path}/edit-check", {"command": "make wipe"})
    (project.repo / "Makefile").write_text("wipe:\n\trm -rf build docs\n")
    body = {"command": "make wipe", "reason": "r", "edited_digest": seen["subject_digest"]}
    answer = served.http.post(f"{path}/approve-edited", json=body)
    assert (answer.status_code, served.get(path)["status"]) == (409, "pending")
    assert "no longer what was shown" in answer.json()["detail"]


def test_what_was_approved_while_the_server_was_down_too_long_is_asked_anew(
    start: Start, tmp_path: Path
) -> None:
    bench = start(execution_expiry_seconds="1")
    project = bench.add(make_repository(tmp_path / "repo"))
    run, approval = hold(project)
    # What is stopped when it is to start waits in the queue of nobody; its approval runs out meanwhile.
    bench.post("/api/kill", {"engaged": True, "reason": "drill"})
    bench.post(f"/api/approvals/{approval['approval_id']}/approve", {"reason": "yes"})
    held = bench.wait(run["run_id"], lambda run: run["approvals"][0]["status"] == "lapsed")
    assert (held["status"], held["blocked_by"]) == ("blocked", "kill_switch")
    bench.post("/api/kill", {"engaged": False, "reason": "over"})
    again = bench.post(f"/api/runs/{run['run_id']}/retry", {"acknowledge": True})
    assert (again["status"], again["blocked_by"]) == ("blocked", "approval")
    late = bench.http.post(f"/api/approvals/{approval['approval_id']}/approve", json={"reason": "again"})
    assert late.json()["code"] == "illegal_move"
    assert (project.repo / "build").is_dir()
