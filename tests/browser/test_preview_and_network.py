"""On the page: a preview is asked for on the approval's card, and a refused name where the run is retried."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.long import later
from support.server import Project

OpenPage = Callable[..., Page]


@pytest.mark.long
def test_a_preview_is_shown_on_the_card_and_changes_nothing(board: Project, open_page: OpenPage) -> None:
    (board.repo / "build").mkdir(exist_ok=True)
    (board.repo / "build" / "old").write_text("old\n")
    board.bench.post("/api/runs", {"project_id": board.project_id, "command": "rm -rf build"})
    page = open_page(width=360)
    page.goto(f"{board.bench.url}/p/{board.project_id}/approvals")
    expect(page.get_by_text("network: no network").first).to_be_visible()
    page.get_by_role("button", name="Preview on a copy").first.click()
    expect(page.get_by_text("Deleted 2").first).to_be_visible()
    expect(page.get_by_text("--- a/build/old").first).to_be_visible()
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    assert (board.repo / "build" / "old").exists()


@pytest.mark.long
@pytest.mark.parametrize("width", [360, later(1280)])
def test_whoever_decides_later_sees_the_preview_that_was_made_and_nothing_runs_for_it(
    board: Project, open_page: OpenPage, pictures: Callable[[Page, str], None], width: int
) -> None:
    (board.repo / "build").mkdir(exist_ok=True)
    (board.repo / "build" / "old").write_text("old\n")
    run = board.run("rm -rf build; chmod 777 README.md")
    with board.bench.as_token(board.bench.make_token("operator", "bea")["token"]) as bea:
        assert bea.post(f"/api/runs/{run['run_id']}/preview").status_code == 201
    page = open_page(width=width)
    page.goto(f"{board.bench.url}/approvals/{run['approvals'][0]['approval_id']}")
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_text("Tried for token:bea")).to_be_visible()
    expect(preview.get_by_text("Deleted 2")).to_be_visible()
    expect(preview.get_by_text("--- a/build/old")).to_be_visible()
    expect(preview.get_by_text("mode 0644 -> 0777")).to_be_visible()
    preview.scroll_into_view_if_needed()
    pictures(page, f"preview-recorded-{width}")
    assert len(board.bench.run_of(run["run_id"])["approvals"][0]["previews"]) == 1
    page.get_by_role("button", name="Try it again on a copy").click()
    expect(preview.get_by_text("Tried for user:")).to_be_visible()
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0


@pytest.mark.long
@pytest.mark.parametrize("width", [360, later(1280)])
def test_who_may_not_see_what_a_preview_read_is_told_who_may(
    board: Project, open_page: OpenPage, pictures: Callable[[Page, str], None], width: int
) -> None:
    (board.repo / ".env").write_text("KEY=abc-9917\n")
    run = board.run("cat .env > out.txt")
    page = open_page(width=width)
    with board.bench.as_token(board.bench.make_token("operator", "bea")["token"]) as bea:
        page.goto(bea.post("/api/links", json={}).json()["url"])
    page.goto(f"{board.bench.url}/approvals/{run['approvals'][0]['approval_id']}")
    page.get_by_role("button", name="Preview on a copy").click()
    preview = page.get_by_role("region", name="Preview")
    expect(preview.get_by_text("shown to who may approve it, anybody who is approver")).to_be_visible()
    expect(preview.get_by_text("Created 1")).to_be_visible()
    expect(preview.get_by_text("Empty in the copy")).to_contain_text(".env")
    expect(preview.get_by_text("out.txt")).to_have_count(0)
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    preview.scroll_into_view_if_needed()
    pictures(page, f"preview-withheld-{width}")


@pytest.mark.long
def test_a_refused_name_is_asked_for_where_the_run_is_retried(board: Project, open_page: OpenPage) -> None:
    board.bench.add(board.repo, network_allowlist=["listed.invalid"])
    command = board.script("reach.sh", "curl -s -m 20 http://other.invalid/; true")
    run = board.run(command)
    page = open_page()
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs/{run['run_id']}")
    expect(page.get_by_text("other.invalid:80").first).to_be_visible()
    page.get_by_role("button", name="Retry").click()
    page.get_by_role("checkbox", name=re.compile("repeats what the first one did")).check()
    page.get_by_role("checkbox", name=re.compile("other.invalid")).check()
    page.get_by_role("button", name="Ask for approval").click()
    expect(page.get_by_role("status").filter(has_text="blocked").first).to_be_visible()
    expect(page.get_by_text("for this run alone: other.invalid").first).to_be_visible()
