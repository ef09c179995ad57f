"""What is held names who can decide it, and tells whoever looks whether they may and why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.ground import make_repository
from support.server import Project, Workbench

DENY = "May be denied by whoever is approver or admin."
HIGH = {"risk_level": "high", "role": "admin", "people": ["token:bea"]}


def hold(project: Project, command: str = "rm -rf build") -> dict[str, Any]:
    (project.repo / "build").mkdir(exist_ok=True)
    (approval,) = project.run(command)["approvals"]
    found: dict[str, Any] = approval
    return found


def seen_by(bench: Workbench, token: str, approval: dict[str, Any]) -> dict[str, Any]:
    with bench.as_token(token) as client:
        found: dict[str, Any] = client.get(f"/api/approvals/{approval['approval_id']}").json()["deciders"]
        return found


def test_roles_people_quorum_and_who_is_left_out_are_named(bench: Workbench, tmp_path: Path) -> None:
    rules = {"approvers": [HIGH], "approval_quorum": 2, "forbid_self_approval": True}
    project = bench.add(make_repository(tmp_path / "repo"), **rules)
    approval = hold(project)
    me = bench.get("/api/me")["actor"]
    second = (
        "the project asks for a second person; nobody approves their own request. May approve it: anybody "
        f"who is admin or token:bea, but not {me}. Where nobody else is there, deny it and ask anew"
    )
    assert approval["deciders"] == {
        "roles": ["admin"],
        "people": ["token:bea"],
        "people_roles": ["approver", "admin"],
        "deny_roles": ["approver", "admin"],
        "quorum": 2,
        "given": 0,
        "left_out": [me],
        "text": "May be approved by whoever is admin, or by token:bea; 2 different people must, 0 have; "
        f"not by {me}, who asked for it. {DENY}",
        "actor": me,
        "may_approve": False,
        "may_deny": True,
        "why_not": second,
        "you": "You may deny it.",
    }
    (listed,) = project.pending()
    assert listed["deciders"] == approval["deciders"]
    inbox, shown = project.cli("approvals").text, project.cli("show", approval["run_id"]).text
    held = project.cli("run", "--", "rm", "-rf", "build")
    assert held.status == 75
    for said in (inbox, shown, held.err):
        assert approval["deciders"]["text"] in said
        assert f"You cannot approve this: {second}. You may deny it." in said
    assert project.cli("approvals", "--json").json[-1]["deciders"] == approval["deciders"]

    bea, viewer = (bench.make_token(role, name=role)["token"] for role in ("approver", "viewer"))
    assert seen_by(bench, bea, approval)["why_not"] == (
        "in this project a high risk is approved by anybody who is admin or token:bea"
    )
    told = seen_by(bench, viewer, approval)
    assert (told["may_approve"], told["may_deny"], told["you"]) == (False, False, "You may not decide it.")
    assert told["why_not"] == "token:viewer is viewer; deciding needs approver"
    named = bench.make_token("approver", name="bea")["token"]
    assert seen_by(bench, named, approval)["you"] == "You may approve or deny it."
    with bench.as_token(named) as client:
        path = f"/api/approvals/{approval['approval_id']}/approve"
        voted = client.post(path, json={"reason": "looked"}).json()["deciders"]
    assert (voted["given"], voted["may_approve"]) == (1, False)
    assert "2 different people must, 1 has" in voted["text"]
    assert "has decided already" in voted["why_not"]


def test_what_policy_says_of_approving_is_in_the_names(bench: Workbench, tmp_path: Path) -> None:
    project = bench.add(make_repository(tmp_path / "repo"))
    approval = hold(project)
    assert approval["deciders"]["text"] == "May be approved or denied by whoever is approver or admin."
    assert approval["deciders"]["you"] == "You may approve or deny it."
    folder = project.repo / ".workbench"
    folder.mkdir()
    rule = """@id("admins-alone") @risk("high") @reason("admins") @text("Only admins say yes here.")
forbid (principal, action == Action::"approve", resource) when { context.role == "approver" };
"""
    (folder / "policy.cedar").write_text(rule)
    (folder / "policy.examples.toml").write_text('[admins-alone]\nmay_not = ["approver high"]\n')
    accepted = project.cli("project", "accept-policy", str(project.repo))
    assert accepted.status == 0, accepted.err
    told = bench.get(f"/api/approvals/{approval['approval_id']}")["deciders"]
    assert (told["roles"], told["deny_roles"]) == (["admin"], ["approver", "admin"])
    assert told["text"] == f"May be approved by whoever is admin. {DENY}"
    (folder / "policy.cedar").write_text(rule + "// changed\n")
    told = bench.get(f"/api/approvals/{approval['approval_id']}")["deciders"]
    assert (told["roles"], told["people"], told["may_approve"]) == ([], [], False)
    assert told["text"].startswith("Nobody may approve it: ")
    assert "was changed after it was accepted" in told["text"]
    assert told["you"] == "You may deny it."


def test_an_edit_that_something_else_than_policy_refuses_is_no_allow(
    bench: Workbench, tmp_path: Path
) -> None:
    project = bench.add(make_repository(tmp_path / "repo"))
    approval = hold(project)
    where = f"/api/approvals/{approval['approval_id']}/edit-check"
    seen = bench.post(where, {"command": "ls", "cwd": "/etc"})
    assert (seen["verdict"], seen["reason_codes"], seen["matched_rules"]) == ("deny", ["boundary"], [])
    assert seen["refusal"]
    said = project.cli("approve", approval["approval_id"], "--edit", "ls", "--cwd", "/etc", "--reason", "r")
    assert said.status == 2
    assert "verdict: deny" in said.err
    assert "allow" not in said.err.replace("cannot be approved", "")
    assert bench.post(where, {"command": "ls"})["verdict"] == "allow"


def test_what_was_not_there_is_a_word_in_a_difference(bench: Workbench, tmp_path: Path) -> None:
    project = bench.add(make_repository(tmp_path / "repo"))
    approval = hold(project)
    asked = ("approve", approval["approval_id"], "--allow-host", "mirror.invalid", "--reason", "fetches")
    said = project.cli(*asked)
    assert "network for this run alone: none\n" in said.err
    shown = project.cli("show", approval["run_id"]).text
    assert "changed the network for this run alone: none -> mirror.invalid" in shown
