"""The project's settings say who is told of it, and how each target does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from support.fixtures import Start
from support.ground import make_repository

Picture = Callable[[Page, str], Path]


@pytest.mark.long
@pytest.mark.parametrize(
    ("theme", "widths"),
    [("dark", (360, 1024, 1600)), ("light", (360, 1024, 1600))],
)
def test_settings_show_who_is_told_of_this_project_and_of_no_other(
    start: Start, browser: Browser, tmp_path: Path, picture: Picture, theme: str, widths: tuple[int, ...]
) -> None:
    # Nobody listens there, so the first one fails as soon as there is something to tell.
    address = "json://127.0.0.1:9/secret-5561"
    bench = start(notify=f"mine={address} other={address} json://ann:pass-5562@127.0.0.1:9/")
    mine = bench.add(make_repository(tmp_path / "mine"), name="mine")
    bench.add(make_repository(tmp_path / "other"), name="other")
    (mine.repo / "build").mkdir()
    mine.run("rm -rf build")
    context = browser.new_context(color_scheme=theme)  # type: ignore[arg-type]
    page = context.new_page()
    try:
        page.goto(bench.post("/api/links", {})["url"])
        page.goto(f"{bench.url}/p/{mine.project_id}/runs")
        page.get_by_role("link", name="Settings").first.click()
        notices = page.locator("section", has=page.get_by_role("heading", name="Notices"))
        for width in widths:
            page.set_viewport_size({"width": width, "height": 800})
            page.reload()
            items = notices.get_by_role("list", name="Who is told").get_by_role("listitem")
            expect(items).to_have_count(2)
            expect(items.nth(0)).to_contain_text("json (target 1, for mine)")
            expect(items.nth(0)).to_contain_text("this project")
            expect(items.nth(1)).to_contain_text("every project")
            notices.scroll_into_view_if_needed()
            overflow = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert overflow <= 0
            # The address to copy is broken into lines, never cut.
            inside = notices.evaluate("part => part.scrollWidth <= part.clientWidth")
            assert inside, f"the notices are wider than their card on {width} px"
            picture(page, f"settings-notices-{width}-{theme}")
        expect(notices).to_contain_text(f"{mine.project_id}=json://host/path")
        assert "5561" not in page.content()
        assert "5562" not in page.content()
        assert notices.get_by_role("button").count() == 0
    finally:
        context.close()
