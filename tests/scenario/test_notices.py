"""People are told where they are: a real webhook hears what is asked, decided, held and failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.edits import approve_edit
from support.fixtures import Start
from support.ground import make_repository
from support.mail import PASSWORD, MailServer, taking_mail
from support.server import Project, StartFailed, Workbench
from support.webhook import Webhook, listening


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with listening() as opened:
        yield opened


def hold(project: Project, command: str = "rm -rf build") -> tuple[dict[str, Any], dict[str, Any]]:
    run = project.run(command)
    (approval,) = run["approvals"]
    return run, approval


def approve(bench: Workbench, approval: dict[str, Any]) -> None:
    bench.post(f"/api/approvals/{approval['approval_id']}/approve", {"reason": "fine"})


def test_what_is_asked_decided_failed_and_held_is_told_with_a_link_to_it(
    start: Start, hook: Webhook, tmp_path: Path
) -> None:
    bench = start(notify=hook.address)
    project = bench.add(make_repository(tmp_path / "repo"), name="the repo")
    run, approval = hold(project)
    asked = hook.next()
    assert asked["title"] == "Approval needed, high risk: the repo"
    assert "asks to run: rm -rf build" in asked["message"]
    assert f"Decide: {bench.url}/approvals/{approval['approval_id']}" in asked["message"]
    approve(bench, approval)
    decided = hook.next()
    assert decided["title"].startswith("Approved by user:")
    assert f"{bench.url}/p/{project.project_id}/runs/{run['run_id']}" in decided["message"]
    _, edited = hold(project)
    hook.next()
    bea = bench.post("/api/tokens", {"name": "bea", "role": "approver"})["token"]
    bench.add(project.repo, forbid_self_approval=True)
    with bench.as_token(bea) as client:
        new = approve_edit(client, edited["approval_id"], reason="less", command="rm -rf other").json()
    assert new["status"] == "pending"
    changed = hook.next()["message"]
    assert changed.startswith(f"{new['requested_by']} asks to run, changed by token:bea: rm -rf other\n")
    assert new["approval_id"] in changed
    # Put anew for another reason, it is still not the requester's own words alone.
    bench.add(project.repo, forbid_self_approval=False, network_allowlist=["example.org"])
    assert (
        bench.http.post(f"/api/approvals/{new['approval_id']}/approve", json={"reason": "x"}).status_code
        == 409
    )
    assert "asks to run, changed by token:bea: rm -rf other\n" in hook.next()["message"]
    bench.post(f"/api/runs/{new['run_id']}/cancel", {"reason": "enough"})
    project.run(project.script("breaks", "exit 3\n"))
    assert (hook.next()["title"], hook.is_empty()) == ("Run failed: the repo", True)
    project.run("sudo rm -rf /")
    assert hook.next()["title"] == "Run held: the repo"
    project.run("ls")
    _, other = hold(project)
    hook.next()
    bench.post(f"/api/approvals/{other['approval_id']}/deny", {"reason": "we need it"})
    denied = hook.next()
    assert denied["title"].startswith("Denied by user:")
    assert "we need it" in denied["message"]


def test_a_time_out_is_told_too(start: Start, hook: Webhook, tmp_path: Path) -> None:
    bench = start(notify=hook.address, approval_expiry_seconds="1")
    hold(bench.add(make_repository(tmp_path / "repo")))
    assert hook.next()["title"].startswith("Approval needed")
    assert hook.next()["title"].startswith("Nobody decided in time")


def test_no_notice_holds_a_secret_a_whole_long_command_or_a_hidden_character(
    start: Start, hook: Webhook, tmp_path: Path
) -> None:
    bench = start(notify=hook.address)
    project = bench.add(make_repository(tmp_path / "repo"))
    secret = "hunter2-hunter2-hunter2"
    body = {"project_id": project.project_id, "name": "TOKEN", "value": secret}
    bench.post("/api/secrets", body)
    _, approval = hold(project, f"rm -rf bu\u202eild {secret} {'x' * 3000}{secret}")
    told = hook.next()
    assert secret not in str(told)
    assert "***" in told["message"]
    assert "\u202e" not in told["message"]
    assert len(told["message"]) < 600
    bench.post(f"/api/approvals/{approval['approval_id']}/deny", {"reason": f"not with {secret}"})
    assert secret not in str(hook.next())


def test_a_notice_has_one_link_and_calls_nobody_whatever_somebody_writes(
    start: Start, hook: Webhook, tmp_path: Path
) -> None:
    # A chat service that renders Markdown: what it is sent is what it makes links and mentions of.
    bench = start(notify=f"mmost://127.0.0.1:{hook.port}/3ccdd113474722377935511fc85d3dd4")
    planted = (
        "[Decide](http://evil.example/a) ![](http://evil.example/p.png) <!channel> @all www.evil.example"
    )
    project = bench.add(make_repository(tmp_path / "repo"), name=f"r {planted}")
    quoted = f"'{planted[:100]}' '\x1b[2J\u202e' '<b>x</b>' '@here'"
    run, approval = hold(project, f"rm -rf {quoted}")
    with bench.as_token(bench.make_token("approver", name=planted)["token"]) as client:
        reason = {"reason": f"{planted}\r\nX-Planted: 1\n{planted}"}
        assert client.post(f"/api/approvals/{approval['approval_id']}/deny", json=reason).is_success
    for link in (
        f"{bench.url}/approvals/{approval['approval_id']}",
        f"{bench.url}/p/{project.project_id}/runs/{run['run_id']}",
    ):
        text = hook.next()["text"]
        assert re.findall(r"\S*://\S*", text) == [link]
        assert re.findall(r"]\(|]\[|(?<!\w)@\w|<[^\s<=]|www\.|[\x1b\u202e]", text) == []
        # A title, who asks for what or why, and a link; nothing that somebody wrote made another line.
        assert len(text.splitlines()) <= 4
        assert "Decide" in text, "what was written can still be read"


@pytest.fixture
def mail() -> Iterator[MailServer]:
    with taking_mail() as server:
        yield server


def test_mail_is_sent_to_a_real_server_with_the_link_and_without_secrets(
    start: Start, mail: MailServer, tmp_path: Path
) -> None:
    bench = start(notify=mail.address)
    project = bench.add(make_repository(tmp_path / "repo"), name="the répo\nX-Planted: yes")
    secret = "hunter2-hunter2-hunter2"
    bench.post("/api/secrets", {"project_id": project.project_id, "name": "TOKEN", "value": secret})
    _, approval = hold(project, f"rm -rf build/{secret}")
    told = mail.next()
    assert (told.sender, told.recipients) == ("bench@example.invalid", ("ann@example.invalid",))
    assert told.message["Subject"].startswith("Approval needed, high risk: the répo")
    assert "X-Planted" not in told.message, "a name with a line break plants no header"
    assert "asks to run: rm -rf build/***" in told.text
    assert f"Decide: {bench.url}/approvals/{approval['approval_id']}" in told.text
    assert secret not in str(told.message)


@pytest.mark.long
def test_mail_that_is_refused_is_said_without_the_password_and_sent_once_it_is_taken(
    start: Start, mail: MailServer, tmp_path: Path
) -> None:
    bench = start(notify=mail.address)
    project = bench.add(make_repository(tmp_path / "repo"))
    mail.refusal = "550 mailbox full"
    hold(project)
    mail.next_refused()
    # Refused a second time, so the first refusal has been put down.
    mail.next_refused()
    (state,) = bench.get("/api/status")["notices"]
    assert state == {
        "name": "mailto (target 1)",
        "problem": "it did not take the notice",
        "project_ids": None,
    }
    mail.refusal = ""
    assert mail.next().message["Subject"].startswith("Approval needed")
    for said in (bench.cli("status").text, bench.cli("doctor", "--json").text, bench.log.read_text()):
        assert PASSWORD not in said


def test_a_target_may_be_for_one_project_alone(start: Start, hook: Webhook, tmp_path: Path) -> None:
    with listening() as all_:
        bench = start(notify=f"mine={hook.address} {all_.address}")
        mine = bench.add(make_repository(tmp_path / "mine"), name="mine")
        other = bench.add(make_repository(tmp_path / "other"), name="other")
        hold(other)
        hold(mine)
        assert [all_.next()["title"].rpartition(": ")[2] for _ in range(2)] == ["other", "mine"]
        assert (hook.next()["title"], hook.is_empty()) == ("Approval needed, high risk: mine", True)
        told = [(each["name"], each["project_ids"]) for each in bench.get("/api/status")["notices"]]
        assert told == [("json (target 1, for mine)", [mine.project_id]), ("json (target 2)", None)]
        # Whoever may see one project alone does not learn of another by who is told of it.
        token = bench.make_token("viewer", project_id=other.project_id)["token"]
        with bench.as_token(token) as client:
            seen = [each["name"] for each in client.get("/api/status").json()["notices"]]
        assert seen == ["json (target 2)"]


@pytest.mark.long
def test_a_target_that_fails_or_hangs_holds_up_nothing_and_is_told_once_it_answers(
    start: Start, hook: Webhook, tmp_path: Path
) -> None:
    with listening() as broken:
        bench = start(notify=f"{broken.address} {hook.address}")
        project = bench.add(make_repository(tmp_path / "repo"))
        broken.status = 500
        _, approval = hold(project)
        assert hook.next()["title"].startswith("Approval needed")
        broken.next_refused()
        approve(bench, approval)
        assert hook.next()["title"].startswith("Approved")
        # Refused a second time, so the first refusal has been put down.
        broken.next_refused()
        first, second = bench.get("/api/status")["notices"]
        assert (first["name"], first["problem"]) == ("json (target 1)", "it did not take the notice")
        assert second == {"name": "json (target 2)", "problem": "", "project_ids": None}
        said = bench.cli("status").text
        assert "notices to json (target 1): it did not take the notice" in said
        assert "secret" not in said
        found = {check["name"]: check for check in bench.cli("doctor", "--json").json}
        assert not found["notices: json (target 1)"]["ok"]
        assert found["notices: json (target 2)"]["ok"]
        broken.hanging.clear()
        broken.status = 200
        assert project.run("ls")["status"] == "succeeded"
        assert bench.stop() == 0, "a target that hangs must not keep the server from ending"
        broken.hanging.set()
        bench.start()
        # At least once: what it was given while it hung may come again.
        titles: list[str] = []
        while "Approved" not in titles:
            titles.append(broken.next()["title"].split(",")[0].split(" by ")[0])
        assert dict.fromkeys(titles) == dict.fromkeys(["Approval needed", "Approved"])


@pytest.mark.long
def test_what_happened_while_a_target_or_the_server_was_down_is_told_afterwards_and_nothing_older(
    start: Start, tmp_path: Path
) -> None:
    bench = start()
    project = bench.add(make_repository(tmp_path / "repo"))
    hold(project, "rm -rf old-news")
    with listening() as hook:
        port = hook.port
    bench.stop()
    bench.settings["WORKBENCH_NOTIFY"] = f"json://127.0.0.1:{port}/hook"
    bench.start()
    hold(project, "rm -rf first")
    # The place is kept from the start, so that a server that dies now loses nothing.
    bench.kill()
    bench.start()
    hold(project, "rm -rf second")
    bench.kill()
    with listening(port) as hook:
        bench.start()
        told = [hook.next()["message"].split("\n")[0].rpartition(": ")[2] for _ in range(2)]
        assert told == ["rm -rf first", "rm -rf second"]
        hold(project, "rm -rf third")
        assert "rm -rf third" in hook.next()["message"]


def test_an_address_that_nothing_can_be_sent_to_stops_the_start_and_is_not_repeated(
    start: Start,
) -> None:
    with pytest.raises(StartFailed) as caught:
        start(notify="nowhere://a-password@host")
    assert caught.value.answer["code"] == "invalid_input"
    assert "target 1" in caught.value.answer["message"]
    assert "a-password" not in str(caught.value.answer) + caught.value.log
