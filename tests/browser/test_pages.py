"""Every page, at three widths in both themes: it shows what it must, and fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.long import later
from support.server import Project

Picture = Callable[[Page, str], Path]
Pictures = Callable[[Page, str], None]
OpenPage = Callable[..., Page]

# Where, and what stands there once all of it has come.
PAGES = {
    "home": ("/p/{project}", ("Needs you", "rm -rf build")),
    "features": ("/p/{project}/features", ("Features", "Mark a task done")),
    "feature": ("/p/{project}/features/002-mark-done", ("Mark a task done", "Add the done command")),
    "document": (
        "/p/{project}/features/002-mark-done?tab=documents&doc=specs/002-mark-done/spec.md",
        ("Mark a task done", "Ticking a ticked task changes nothing"),
    ),
    "review": ("/p/{project}/features/002-mark-done?review=next", ("Review", "What it will do")),
    "runs": ("/p/{project}/runs", ("Runs", "rm -rf build")),
    "run": ("/p/{project}/runs/{run}", ("rm -rf build", "Approval requested")),
    "approvals": ("/p/{project}/approvals", ("Approvals", "rm -rf build")),
    "decision": ("/approvals/{approval}", ("rm -rf build", "lost for good")),
    "policy": ("/p/{project}/policy", ("Policy", "standard")),
    "connectors": ("/p/{project}/connectors", ("Connectors", "local")),
    "program": ("/program", ("Program", "Audit event storage")),
    "audit": ("/audit", ("Audit", "events checked")),
    "settings": ("/settings", ("Settings", "todo-cli")),
}


def _hold(board: Project) -> dict[str, Any]:
    """Makes a run that waits for somebody, as it would lose a file."""
    (board.repo / "build").mkdir()
    (board.repo / "build" / "todo.txt").write_text("made by an earlier build")
    held = board.run("rm -rf build")
    assert held["blocked_by"] == "approval"
    return held


def _show(page: Page, board: Project, name: str, held: dict[str, Any]) -> None:
    """Opens a page and returns once what it must show has come."""
    path, texts = PAGES[name]
    approval = held["approvals"][0]["approval_id"]
    page.goto(board.bench.url + path.format(project=board.project_id, run=held["run_id"], approval=approval))
    for text in texts:
        expect(page.get_by_text(text).filter(visible=True).first, f"{name}: {text}").to_be_visible()


def _check_fit(page: Page, name: str, width: int) -> None:
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0, f"{name} is {overflow} px wider than a screen of {width}"


# Those that no other quick test opens come first; the long suite takes them all.
@pytest.mark.parametrize(
    ("names", "seen"),
    [(("connectors", "program", "audit", "settings"), ()), later(tuple(PAGES), (360, 1024, 1600))],
)
def test_every_page_fits_and_shows_what_it_is_for(
    names: tuple[str, ...], seen: tuple[int, ...], board: Project, open_page: OpenPage, pictures: Pictures
) -> None:
    held = _hold(board)
    page = open_page()
    for name in names:
        page.set_viewport_size({"width": 360, "height": 800})
        _show(page, board, name, held)
        for width in (360, 1024, 1600):
            page.set_viewport_size({"width": width, "height": 800})
            _check_fit(page, name, width)
            if width in seen:
                pictures(page, f"{name}-{width}")


@pytest.mark.long
@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1024, 1600])
def test_every_page_opened_at_its_width_and_in_its_theme_fits(
    width: int, theme: str, board: Project, open_page: OpenPage, picture: Picture
) -> None:
    held = _hold(board)
    page = open_page(width=width, theme=theme)
    for name in PAGES:
        _show(page, board, name, held)
        _check_fit(page, name, width)
        picture(page, f"{name}-{width}-{theme}-opened")


@pytest.mark.long
def test_the_run_page_in_the_dark(board: Project, open_page: OpenPage, picture: Picture) -> None:
    made = board.bench.post("/api/runs", {"project_id": board.project_id, "command": "make test"})
    board.bench.wait(made["run_id"])
    page = open_page(theme="dark")
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs/{made['run_id']}")
    expect(page.get_by_role("region", name="Terminal")).to_contain_text("ok 6")
    picture(page, "run-dark")


@pytest.mark.long
@pytest.mark.parametrize("width", [360, 1600])
def test_an_address_that_names_nothing_says_so_and_shows_nothing_of_another_project(
    width: int, board: Project, browser_page: Page, picture: Picture
) -> None:
    (name,) = (p["name"] for p in board.bench.get("/api/projects") if p["project_id"] == board.project_id)
    page = browser_page
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(board.bench.post("/api/links", {})["url"])
    page.goto(f"{board.bench.url}/p/{board.project_id}/features")
    expect(page.get_by_text("Mark a task done").first).to_be_visible()
    # Without a project in the address, the one at hand is meant: title and content are of one page.
    for path, heading in (("approvals", "Approvals"), ("runs", "Runs")):
        page.goto(f"{board.bench.url}/{path}")
        page.wait_for_url(f"**/p/{board.project_id}/{path}")
        expect(page.get_by_role("heading", name=heading).first).to_be_visible()
        expect(page).to_have_title(f"{path} · {name} · Workbench")
    page.goto(f"{board.bench.url}/p/{board.project_id}")
    page.wait_for_url(f"{board.bench.url}/")
    for path in ("", "/features"):
        page.goto(f"{board.bench.url}/p/prj_nope{path}")
        expect(page.get_by_role("main")).to_contain_text("prj_nope")
    expect(page.get_by_role("main").get_by_text("There is no such project")).to_be_visible()
    expect(page.locator(".project-switcher")).to_have_attribute("aria-label", "Project: none")
    expect(page.locator(".live")).to_have_count(0)
    expect(page).to_have_title("features · Workbench")
    picture(page, f"no-such-project-{width}")
    page.goto(f"{board.bench.url}/p/{board.project_id}/approvals/apr_nope")
    expect(page.get_by_role("main").get_by_role("alert")).to_contain_text("apr_nope")
    expect(page.locator("main kbd")).to_have_count(0)
    picture(page, f"no-such-approval-{width}")


def test_without_a_session_the_page_says_how_to_sign_in(board: Project, browser_page: Page) -> None:
    browser_page.goto(board.bench.url)
    expect(browser_page.get_by_text("workbench status --link").first).to_be_visible()


def test_the_kill_switch_is_seen_on_every_page(board: Project, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs")
    body = {"engaged": True, "reason": "a drill for the page", "project_id": board.project_id}
    board.bench.post("/api/kill", body)
    try:
        page.goto(f"{board.bench.url}/p/{board.project_id}/features")
        expect(page.get_by_text("a drill for the page").first).to_be_visible()
    finally:
        board.bench.post("/api/kill", {**body, "engaged": False, "reason": "the drill is over"})


def sign_in(page: Page, board: Project) -> Page:
    """A page on which the server may refuse something: no trouble there, and the test says what is seen."""
    page.goto(board.bench.post("/api/links", {})["url"])
    return page


def test_a_project_is_stopped_and_its_held_run_resumed_on_the_page(
    board: Project, browser_page: Page
) -> None:
    page = sign_in(browser_page, board)
    try:
        page.goto(f"{board.bench.url}/p/{board.project_id}/runs")
        page.get_by_role("button", name="Kill switch off").click()
        asked = page.get_by_role("dialog", name="Kill switch")
        asked.get_by_role("button", name="only todo-cli").click()
        asked.get_by_label("Why").fill("a drill for this project")
        asked.get_by_role("button", name="Stop todo-cli").click()
        expect(page.locator(".kill-bar")).to_contain_text("a drill for this project")
        held = board.run("echo held")
        assert held["blocked_by"] == "kill_switch"
        page.goto(f"{board.bench.url}/p/{board.project_id}/runs/{held['run_id']}")
        page.get_by_role("button", name="Resume").click()
        page.get_by_label("Reason").fill("too early")
        page.get_by_role("button", name="Resume it").click()
        expect(page.get_by_text("stays held: the kill switch is on").first).to_be_visible()
        page.get_by_role("button", name="Kill switch on").click()
        lifting = page.get_by_role("dialog", name="Kill switch")
        lifting.get_by_label("Why").fill("the drill is over")
        lifting.get_by_role("button", name="Lift the kill switch").click()
        expect(page.locator(".kill-bar")).to_have_count(0)
        assert board.bench.run_of(held["run_id"])["status"] == "blocked"
        page.get_by_role("button", name="Resume it").click()
        expect(page.get_by_role("status").first).to_contain_text("succeeded")
    finally:
        body = {"engaged": False, "reason": "over", "project_id": board.project_id}
        board.bench.post("/api/kill", body)


@pytest.mark.long
def test_a_phase_is_a_canary_for_named_people_in_spite_of_its_gates(
    board: Project, browser_page: Page
) -> None:
    page = sign_in(browser_page, board)
    body = {"name": "execution.local", "project_id": board.project_id, "reason": "a test", "override": True}
    assert board.bench.http.put("/api/switches", json={**body, "state": "on"}).is_success
    page.goto(f"{board.bench.url}/p/{board.project_id}/features")
    expect(page.get_by_role("heading", name="Features").first).to_be_visible()
    page.goto(f"{board.bench.url}/settings")
    line = page.get_by_role("listitem").filter(has_text="execution.local").first
    line.get_by_role("button", name="canary").click()
    line.get_by_label("Why set execution.local canary").fill("a trial on the page")
    line.get_by_label("For whom execution.local is on").fill("ann, bea")
    line.get_by_role("button", name="Set canary").click()
    expect(line.get_by_text("its entry gates do not pass").first).to_be_visible()
    line.get_by_label("In spite of its entry gates").check()
    line.get_by_role("button", name="Set canary").click()
    expect(line.get_by_text("for ann, bea").first).to_be_visible()
    expect(line.get_by_text("in spite of recommendation_mismatch").first).to_be_visible()
