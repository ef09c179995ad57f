"""An ended run is replayed in the page: played, paused, and sought to a moment."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.server import Project

OpenPage = Callable[..., Page]


@pytest.mark.long
def test_a_run_is_replayed_from_its_end_to_its_beginning_and_played(
    board: Project, open_page: OpenPage
) -> None:
    run = board.run(board.script("say.sh", "echo first-word; read -t 0.6 <> <(:); echo last-word"))
    page = open_page()
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs/{run['run_id']}")
    terminal = page.get_by_role("region", name="Terminal")
    expect(terminal).to_contain_text("last-word")
    terminal.get_by_role("button", name="Replay", exact=True).click()
    bar = terminal.get_by_role("group", name="Replay")
    moment = bar.get_by_role("slider", name="Moment of the replay")
    # It begins at once, and ends by itself with all of it on the screen.
    expect(bar.get_by_role("button", name="Play", exact=True)).to_be_visible()
    expect(terminal).to_contain_text("last-word")
    moment.focus()
    page.keyboard.press("Home")
    expect(terminal).not_to_contain_text("last-word")
    expect(moment).to_have_value("0")
    bar.get_by_label("Speed").select_option("20")
    bar.get_by_role("button", name="Play", exact=True).click()
    expect(terminal).to_contain_text("first-word")
    expect(terminal).to_contain_text("last-word")
    bar.get_by_role("button", name="Leave the replay").click()
    expect(bar).to_have_count(0)
    expect(terminal).to_contain_text("last-word")


@pytest.mark.long
def test_words_are_found_in_what_runs_printed_and_lead_to_the_run(
    board: Project, open_page: OpenPage
) -> None:
    run = board.run(board.script("say.sh", "echo a most unusual-word here"))
    board.bench.wait_until(
        lambda: board.bench.get("/api/transcripts/search", q="unusual", project_id=board.project_id)
    )
    page = open_page()
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs")
    page.get_by_role("searchbox", name="Search runs").fill("UNUSUAL-w")
    found = page.get_by_role("region", name="In what they printed")
    expect(found).to_contain_text("a most unusual-word here")
    found.get_by_role("link").first.click()
    expect(page.get_by_role("region", name="Terminal")).to_contain_text("a most unusual-word here")
    assert run["run_id"] in page.url
