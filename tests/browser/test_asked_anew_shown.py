"""A recipe that changes under an open decision page: it goes to the new question and shows the change."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.long import later
from support.server import Project

Pictures = Callable[[Page, str], None]
RECIPE = "mk:\n\trm -rf old\n\techo {}\n"


@pytest.mark.long
@pytest.mark.parametrize("width", [360, later(1280)])
def test_whoever_approves_a_changed_recipe_is_led_to_the_question_put_anew(
    width: int, board: Project, browser_page: Page, pictures: Pictures
) -> None:
    page, bench = browser_page, board.bench
    (board.repo / "old").mkdir()
    (board.repo / "Makefile").write_text(RECIPE.format("asked"))
    held = board.run("make mk")
    (asked,) = held["approvals"]
    page.set_viewport_size({"width": width, "height": 740})
    page.goto(bench.post("/api/links", {})["url"])
    page.goto(f"{bench.url}/approvals/{asked['approval_id']}")
    page.get_by_role("textbox", name="Reason", exact=True).fill("ok")
    (board.repo / "Makefile").write_text(RECIPE.format("changed"))
    page.get_by_role("button", name="Approve", exact=True).click()
    new = bench.wait(held["run_id"], lambda run: len(run["approvals"]) == 2)["approvals"][0]
    page.wait_for_url(f"**/approvals/{new['approval_id']}")
    expect(page.get_by_text("Asked anew, for this has changed")).to_be_visible()
    shown = page.locator("dl.changes").first
    expect(shown.locator("del", has_text="echo asked")).to_be_visible()
    expect(shown.locator("ins", has_text="echo changed")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    pictures(page, f"asked-anew-{width}")
    page.get_by_role("textbox", name="Reason", exact=True).fill("seen")
    page.get_by_role("button", name="Approve", exact=True).click()
    bench.wait(held["run_id"], lambda run: run["status"] == "succeeded")
