"""On the page: a preview is asked for on the approval's card, and a refused name where the run is retried."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from support.server import Project

OpenPage = Callable[..., Page]


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
