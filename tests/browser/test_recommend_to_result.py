"""A person with a browser: recommend, review, run, watch; and hold, approve, run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.server import ENDED, Project

Picture = Callable[[Page, str], Path]
OpenPage = Callable[..., Page]


def test_from_the_recommendation_to_the_watched_result(
    board: Project, open_page: OpenPage, picture: Picture
) -> None:
    page = open_page()
    page.goto(f"{board.bench.url}/p/{board.project_id}/features")
    page.get_by_role("link", name="Mark a task done").first.click()
    expect(page.get_by_role("heading", name="Mark a task done")).to_be_visible()
    expect(page.get_by_text("specs/002-mark-done/tasks.md:13").first).to_be_visible()
    expect(page.get_by_role("tab", name="Tasks")).to_be_visible()
    picture(page, "feature-light")
    page.get_by_role("button", name="Review").click()
    dialog = page.get_by_role("dialog", name="Review")
    expect(dialog.get_by_role("textbox", name="Command")).to_have_value("make test")
    picture(page, "review-light")
    dialog.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(re.compile(r"/runs/run_"))
    expect(page.get_by_role("status").filter(has_text="succeeded").first).to_be_visible()
    expect(page.get_by_role("region", name="Terminal")).to_contain_text("ok 6")
    run_id = page.url.rpartition("/")[2].partition("?")[0]
    run = board.bench.run_of(run_id)
    assert (run["status"], run["feature_id"], run["recommendation_rule_id"]) == (
        "succeeded",
        "002-mark-done",
        "continue-phase",
    )
    assert {event["actor"] for event in run["events"] if event["tag"] == "run:queued"} == {
        run["requested_by"]
    }
    page.goto(f"{board.bench.url}/p/{board.project_id}/features/002-mark-done")
    page.get_by_role("tab", name="Runs").click()
    expect(page.get_by_role("tabpanel").get_by_text("make test").first).to_be_visible()


def test_what_is_held_is_approved_in_the_inbox_and_runs(
    board: Project, open_page: OpenPage, picture: Picture
) -> None:
    (board.repo / "build").mkdir()
    (board.repo / "build" / "old").write_text("x")
    page = open_page()
    page.goto(f"{board.bench.url}/p/{board.project_id}/features/003-release")
    page.get_by_role("button", name="Review").click()
    dialog = page.get_by_role("dialog", name="Review")
    dialog.get_by_role("textbox", name="Command").fill("rm -rf build")
    ask = dialog.get_by_role("button", name="Ask for approval")
    expect(ask).to_be_enabled()
    ask.click()
    page.wait_for_url(re.compile(r"/runs/run_"))
    run_id = page.url.rpartition("/")[2].partition("?")[0]
    expect(page.get_by_role("status").filter(has_text="blocked").first).to_be_visible()
    assert (board.repo / "build" / "old").exists()
    page.get_by_role("link", name="Approvals").first.click()
    expect(page.get_by_text("rm -rf build").first).to_be_visible()
    expect(page.get_by_text("your own request").first).to_be_visible()
    picture(page, "approvals-light")
    page.get_by_role("textbox", name="Reason").first.fill("the build can be made again")
    page.get_by_role("button", name="Approve", exact=True).first.click()
    ended = board.bench.wait(run_id, lambda run: run["status"] in ENDED)
    assert ended["status"] == "succeeded"
    assert not (board.repo / "build").exists()
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs/{run_id}")
    expect(page.get_by_role("status").filter(has_text="succeeded").first).to_be_visible()
    expect(page.get_by_text("the build can be made again").first).to_be_visible()


@pytest.mark.long
def test_a_denied_request_is_canceled_and_says_so(board: Project, open_page: OpenPage) -> None:
    held = board.bench.post("/api/runs", {"project_id": board.project_id, "command": "rm -rf build"})
    page = open_page()
    page.goto(f"{board.bench.url}/p/{board.project_id}/approvals")
    page.get_by_role("textbox", name="Reason").first.fill("not today")
    page.get_by_role("button", name="Deny", exact=True).first.click()
    run = board.bench.wait(held["run_id"], lambda run: run["status"] == "canceled")
    assert "denied by" in run["why"]
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs/{held['run_id']}")
    expect(page.get_by_role("status").filter(has_text="canceled").first).to_be_visible()
    # Beside the status, so that it is not taken for somebody's cancel.
    expect(page.locator("header").get_by_text("denied", exact=True)).to_be_visible()
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs")
    expect(page.get_by_text("Canceled: denied by", exact=False).first).to_contain_text("not today")


def test_a_running_command_is_watched_live_and_canceled(board: Project, open_page: OpenPage) -> None:
    (board.repo / "Makefile").write_text("slow:\n\t@echo first-line\n\t@sleep 600\n")
    made = board.bench.post("/api/runs", {"project_id": board.project_id, "command": "make slow"})
    assert made["status"] in ("queued", "running")
    page = open_page()
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs/{made['run_id']}")
    expect(page.get_by_role("status").filter(has_text="running").first).to_be_visible()
    expect(page.get_by_role("region", name="Terminal")).to_contain_text("first-line")
    page.get_by_role("button", name="Cancel run").click()
    reason = page.get_by_role("textbox", name="Reason").first
    reason.fill("seen enough")
    page.get_by_role("button", name="Stop it now").click()
    run = board.bench.wait(made["run_id"], lambda run: run["status"] == "canceled")
    ends = [event for event in run["events"] if event["tag"] == "step:canceled"]
    assert ends[0]["payload"]["processes_left"] == 0
    expect(page.get_by_role("status").filter(has_text="canceled").first).to_be_visible()


def test_the_whole_way_by_keyboard_alone(board: Project, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{board.bench.url}/p/{board.project_id}/features/002-mark-done")
    expect(page.get_by_role("button", name="Review")).to_be_visible()
    page.keyboard.press("r")
    dialog = page.get_by_role("dialog", name="Review")
    expect(dialog.get_by_role("textbox", name="Command")).to_have_value("make test")
    expect(dialog.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    for _ in range(30):
        focused = page.evaluate("document.activeElement.textContent")
        if str(focused).strip() == "Run":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/runs/run_"))
    expect(page.get_by_role("status").filter(has_text="succeeded").first).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.wait_for_url(re.compile(r"/approvals"))
