"""A real Chromium on a real server; every page is watched for errors and requests to others."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from support.ground import commit_all
from support.server import Project, Workbench

EXAMPLES = Path(__file__).parents[2] / "examples"
OpenPage = Callable[..., Page]


# A module long and no longer: while Playwright is open its event loop keeps asynchronous tests from running.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ],
        )
        yield started
        started.close()


@pytest.fixture
def board(served: Workbench, tmp_path: Path) -> Iterator[Project]:
    """The example repository as a project of the shared server."""
    repo = tmp_path / "code" / "todo-cli"
    shutil.copytree(EXAMPLES / "todo-cli", repo)
    commit_all(repo)
    made = served.add(repo)
    yield made
    made.end()


@pytest.fixture
def open_page(browser: Browser, served: Workbench) -> Iterator[OpenPage]:
    """Opens a signed-in page; at the end nothing may have failed in it or gone to another host."""
    contexts: list[BrowserContext] = []
    troubles: list[str] = []

    def begin(*, width: int = 1280, height: int = 800, theme: str = "light", **options: Any) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: troubles.append(f"error: {error}"))
        page.on("console", lambda said: troubles.append(said.text) if said.type == "error" else None)
        page.on(
            "request",
            lambda asked: (
                None if _is_ours(asked.url, served.url) else troubles.append(f"went to {asked.url}")
            ),
        )
        link = served.post("/api/links", {})["url"]
        page.goto(link)
        return page

    yield begin
    for context in contexts:
        context.close()
    assert troubles == []


def _is_ours(url: str, base: str) -> bool:
    return url.startswith((base, base.replace("http", "ws"), "data:", "blob:"))


@pytest.fixture
def picture(tmp_path: Path) -> Callable[[Page, str], Path]:
    """Takes a picture of a page; into docs/images when WORKBENCH_SCREENSHOTS names that folder."""
    folder = Path(os.environ.get("WORKBENCH_SCREENSHOTS") or tmp_path / "pictures")
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> Path:
        path = folder / f"{name}.png"
        page.screenshot(path=path)
        assert path.stat().st_size > 5_000, "the picture is empty"
        return path

    return take


@pytest.fixture
def pictures(picture: Callable[[Page, str], Path]) -> Callable[[Page, str], None]:
    """Takes a picture of a page in each theme, as NAME-light and NAME-dark; the two must not look alike."""

    def take(page: Page, name: str) -> None:
        shades = []
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
            expect(page.locator("html"), name).to_have_css("color-scheme", theme)
            shades.append(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))
            picture(page, f"{name}-{theme}")
        assert shades[0] != shades[1]
        page.emulate_media(color_scheme="light")

    return take


@pytest.fixture
def browser_page(browser: Browser) -> Iterator[Page]:
    """A page that nobody has signed in; a refused request is no trouble here."""
    context = browser.new_context()
    yield context.new_page()
    context.close()
