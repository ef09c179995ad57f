"""Line 5: a held run says what is asked and why; one decision about exactly that counts, once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from support.fixtures import Start
from support.ground import make_repository
from support.server import Project, Workbench

RISKY = "rm -rf build"


def hold(project: Project, command: str = RISKY, **fields: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Asks for something that is held, and returns the run and its approval."""
    (project.repo / "build").mkdir(exist_ok=True)
    run = project.run(command, **fields)
    assert (run["status"], run["blocked_by"]) == ("blocked", "approval")
    (approval,) = run["approvals"]
    return run, approval


def decide(bench: Workbench, approval: dict[str, Any], decision: str, **body: Any) -> Any:
    return bench.http.post(
        f"/api/approvals/{approval['approval_id']}/{decision}", json={"reason": "", **body}
    )


def test_a_held_run_shows_everything_that_a_decision_needs(project: Project) -> None:
    said = project.cli("run", "--feature", "001-small-thing", "--", RISKY)
    assert said.status == 75
    (approval,) = project.pending()
    assert f"workbench approve {approval['approval_id']}" in said.err
    assert "This is your own request" in said.err
    assert (approval["command"], approval["command_visible"]) == (RISKY, RISKY)
    assert (approval["cwd"], approval["env_profile"], approval["connector"]) == (
        str(project.repo),
        "default",
        "local",
    )
    assert (approval["risk_level"], approval["feature_id"]) == ("high", "001-small-thing")
    assert approval["matched_rules"]
    assert approval["reason_codes"]
    assert approval["expires_at"] > approval["created_at"]
    assert (approval["is_own_request"], approval["moves"]) == (True, ["approve", "edit", "deny"])
    listed = project.cli("approvals")
    for shown in (approval["approval_id"], RISKY, "high", approval["matched_rules"][0]["rule_id"]):
        assert shown in listed.text


def test_hidden_characters_in_a_command_are_made_visible_to_who_decides(project: Project) -> None:
    _, approval = hold(project, "rm -rf bu\u202eild")
    assert "\u202e" not in approval["command_visible"]
    assert "202e" in approval["command_visible"].lower()


@pytest.mark.parametrize(
    ("command", "file", "asked", "changed"),
    [
        ("bash s.sh", "s.sh", "unknownprog x\n", "rm -rf keep\n"),
        ("bash s.sh", "s.sh", "unknownprog x\n", "unknownprog y; eval $Z\n"),
        ("make sweep", "Makefile", "sweep:\n\trm -rf old\n", "sweep:\n\trm -rf keep\n"),
        ("npm run sweep", "package.json", *(f'{{"scripts": {{"sweep": "rm -rf {name}"}}}}' for name in "ab")),
    ],
    ids=["script", "script-not-understood", "make", "npm"],
)
def test_what_a_command_reads_may_not_change_between_the_question_and_the_decision(
    project: Project, served: Workbench, command: str, file: str, asked: str, changed: str
) -> None:
    (project.repo / "keep").mkdir()
    (project.repo / file).write_text(asked)
    run, approval = hold(project, command)
    (project.repo / file).write_text(changed)
    refused = decide(served, approval, "approve", reason="it can be made again")
    assert (refused.status_code, refused.json()["code"]) == (409, "asked_anew")
    again = served.wait(run["run_id"], lambda run: len(run["approvals"]) == 2)
    assert (again["status"], again["blocked_by"], again["started_at"]) == ("blocked", "approval", None)
    assert (project.repo / "keep").is_dir()
    (asked_anew,) = project.pending()
    assert asked_anew["subject_digest"] != approval["subject_digest"]
    if "rm -rf keep" in changed:
        assert asked_anew["risk_level"] == "high"


def test_approving_by_command_line_with_a_reason_runs_it_once(project: Project, served: Workbench) -> None:
    run, approval = hold(project, "rm -rf build && echo gone >> effect")
    said = project.cli("approve", approval["approval_id"], "--reason", "it can be made again")
    assert said.status == 0
    assert "self-approval" in said.err
    ended = served.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    assert not (project.repo / "build").exists()
    assert (project.repo / "effect").read_text() == "gone\n"
    (decided,) = ended["approvals"]
    (decision,) = decided["decisions"]
    assert (decided["status"], decision["decision"], decision["reason"]) == (
        "approved",
        "approve",
        "it can be made again",
    )
    assert decision["actor"] == decided["requested_by"]
    tags = [event["tag"] for event in ended["events"]]
    assert tags.index("approval:approved") < tags.index("run:started")


def test_denying_needs_a_reason_and_cancels_the_run_and_says_so(project: Project, served: Workbench) -> None:
    run, approval = hold(project)
    refused = decide(served, approval, "deny")
    assert (refused.status_code, served.run_of(run["run_id"])["status"]) == (422, "blocked")
    said = project.cli("deny", approval["approval_id"], "--reason", "we need the build")
    assert said.status == 0
    ended = served.wait(run["run_id"], lambda run: run["status"] == "canceled")
    assert ended["why"].startswith("Canceled: denied by user:")
    assert ended["why"].endswith(": we need the build.")
    assert "we need the build" in str([event["payload"] for event in ended["events"]])
    assert (project.repo / "build").is_dir()
    again = decide(served, approval, "approve", reason="changed my mind")
    assert (again.status_code, again.json()["code"]) == (409, "illegal_move")


def test_a_high_risk_approval_needs_a_reason(project: Project, served: Workbench) -> None:
    run, approval = hold(project)
    for nothing in ("  ", "\u200b\u2060"):
        refused = decide(served, approval, "approve", reason=nothing)
        assert refused.status_code == 422
        assert "--reason" in refused.json()["remedy"]
    assert served.run_of(run["run_id"])["status"] == "blocked"


def test_a_decision_about_another_subject_than_the_one_held_is_refused(
    project: Project, served: Workbench
) -> None:
    run, approval = hold(project)
    other = decide(served, approval, "approve", reason="fine", subject_digest="sha256:" + "0" * 64)
    assert (other.status_code, other.json()["code"]) == (409, "conflict")
    assert served.run_of(run["run_id"])["status"] == "blocked"
    right = decide(served, approval, "approve", reason="fine", subject_digest=approval["subject_digest"])
    assert right.status_code == 200
    assert served.wait(run["run_id"], lambda run: run["status"] == "succeeded")


def test_any_change_of_command_folder_mode_or_limit_needs_an_approval_of_its_own(project: Project) -> None:
    (project.repo / "sub").mkdir()
    _, first = hold(project)
    variants: list[dict[str, Any]] = [
        {"command": RISKY},
        {"command": RISKY + " "},
        {"cwd": "sub"},
        {"mode": "pty"},
        {"timeout_seconds": 7},
        {"idle_timeout_seconds": 7},
    ]
    digests = [
        hold(project, variant.pop("command", RISKY), **variant)[1]["subject_digest"] for variant in variants
    ]
    assert digests[0] == first["subject_digest"]
    assert len({*digests}) == len(variants)
    assert len(project.pending()) == len(variants) + 1


def test_an_approval_is_used_once_a_retry_asks_again(project: Project, served: Workbench) -> None:
    run, approval = hold(project)
    assert decide(served, approval, "approve", reason="fine").status_code == 200
    served.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    again = served.post(f"/api/runs/{run['run_id']}/retry", {"acknowledge": True})
    assert (again["status"], again["blocked_by"]) == ("blocked", "approval")
    assert again["approvals"][0]["approval_id"] != approval["approval_id"]


def test_an_approval_that_nobody_decides_expires_and_cancels_the_run(start: Start, tmp_path: Path) -> None:
    bench = start(approval_expiry_seconds="1")
    project = bench.add(make_repository(tmp_path / "repo"))
    run, approval = hold(project)
    ended = bench.wait(run["run_id"], lambda run: run["status"] == "canceled")
    assert ended["approvals"][0]["status"] == "expired"
    assert ended["why"].startswith("Canceled: nobody decided by ")
    assert (ended["canceled"]["how"], ended["canceled"]["by"]) == ("expired", "engine")
    assert ended["canceled"]["reason"].startswith("nobody decided by ")
    late = decide(bench, approval, "approve", reason="too late")
    assert (late.status_code, late.json()["code"]) == (409, "illegal_move")
    assert (project.repo / "build").is_dir()


def test_who_asked_may_not_approve_where_the_project_forbids_it_but_a_second_person_may(
    bench: Workbench, tmp_path: Path
) -> None:
    project = bench.add(make_repository(tmp_path / "repo"), forbid_self_approval=True)
    run, approval = hold(project)
    assert approval["moves"] == ["deny"]
    assert "second person" in approval["notice"].lower() or "nobody approves their own" in approval["notice"]
    said = project.cli("approve", approval["approval_id"], "--reason", "me")
    assert said.status == 1
    assert "second person" in said.err
    assert bench.run_of(run["run_id"])["status"] == "blocked"
    second = bench.make_token("approver", name="bob")["token"]
    with bench.as_token(second) as client:
        answer = client.post(
            f"/api/approvals/{approval['approval_id']}/approve", json={"reason": "looked at it"}
        )
        assert answer.status_code == 200, answer.text
    ended = bench.wait(run["run_id"], lambda run: run["status"] == "succeeded")
    assert ended["approvals"][0]["decisions"][0]["actor"] == "token:bob"


def test_with_a_quorum_of_two_one_person_is_not_enough_however_often(start: Start, tmp_path: Path) -> None:
    bench = start(approval_quorum="2")
    project = bench.add(make_repository(tmp_path / "repo"))
    run, approval = hold(project)
    assert decide(bench, approval, "approve", reason="one").json()["status"] == "pending"
    twice = decide(bench, approval, "approve", reason="one again")
    assert twice.status_code == 403
    assert bench.run_of(run["run_id"])["status"] == "blocked"
    with bench.as_token(bench.make_token("approver", name="bob")["token"]) as client:
        answer = client.post(f"/api/approvals/{approval['approval_id']}/approve", json={"reason": "two"})
    assert answer.json()["status"] == "approved"
    assert bench.wait(run["run_id"], lambda run: run["status"] == "succeeded")


@pytest.mark.parametrize("role", ["viewer", "operator"])
def test_without_the_approvers_role_nobody_decides(project: Project, served: Workbench, role: str) -> None:
    _, approval = hold(project)
    with served.as_token(served.make_token(role)["token"]) as client:
        for decision in ("approve", "deny"):
            answer = client.post(f"/api/approvals/{approval['approval_id']}/{decision}", json={"reason": "x"})
            assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")
        assert client.get(f"/api/approvals/{approval['approval_id']}").json()["moves"] == []


def test_fifty_decisions_at_once_have_one_effect(project: Project, served: Workbench) -> None:
    run, approval = hold(project, "rm -rf build && echo once >> effect")
    barrier = threading.Barrier(50)

    def vote(number: int) -> tuple[str, int]:
        decision = "approve" if number % 2 else "deny"
        barrier.wait()
        return decision, decide(served, approval, decision, reason=f"vote {number}").status_code

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(vote, range(50)))
    winners = [decision for decision, status in answers if status == 200]
    assert len(winners) == 1
    assert {status for _, status in answers} == {200, 409}
    ended = served.wait(run["run_id"], lambda run: run["status"] in ("succeeded", "canceled"))
    expected = ("approved", "succeeded") if winners == ["approve"] else ("denied", "canceled")
    assert (ended["approvals"][0]["status"], ended["status"]) == expected
    assert len(ended["approvals"][0]["decisions"]) == 1
    effect = project.repo / "effect"
    assert (effect.read_text() if effect.exists() else "") == ("once\n" if winners == ["approve"] else "")


def test_canceling_a_held_run_withdraws_its_question(project: Project, served: Workbench) -> None:
    run, approval = hold(project)
    assert project.cli("cancel", run["run_id"], "--reason", "not needed").status == 0
    ended = served.run_of(run["run_id"])
    assert (ended["status"], ended["approvals"][0]["status"]) == ("canceled", "withdrawn")
    assert decide(served, approval, "approve", reason="x").status_code == 409


def test_a_held_run_cannot_be_retried_around_its_question(project: Project, served: Workbench) -> None:
    run, _ = hold(project)
    answer = served.http.post(f"/api/runs/{run['run_id']}/retry", json={"acknowledge": True})
    assert answer.status_code == 409
    assert len(project.pending()) == 1


def test_the_inbox_shows_the_riskiest_first(project: Project) -> None:
    hold(project, "frobnicate")
    hold(project, RISKY)
    hold(project, "frobnicate --again")
    assert [approval["risk_level"] for approval in project.pending()] == ["high", "medium", "medium"]
