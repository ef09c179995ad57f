"""A feature's page shows every phase, what could not be read, and what each offered command rests on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.ground import make_repository
from support.server import Project, Workbench

OpenPage = Callable[..., Page]
PLANS = "docs/project_plans"
PHASED = """---
doc_type: implementation_plan
status: {status}
feature_slug: {slug}
---

# Plan: {title}

## Phase 1: Lay the ground

- [x] GR-1 Dig
- [ ] GR-2 Fill

## Phase 2: Raise the walls

## Phase 3: Put on the roof
"""
UNTASKED = PHASED.replace("- [x] GR-1 Dig\n- [ ] GR-2 Fill\n", "")
REPORTED = """---
doc_type: progress
feature_slug: house
phase: 2
status: pending
---
"""
BROKEN = "---\ndoc_type: prd\nfeature_slug: broken\ntitle: 'never closed\n---\n\n# PRD: Broken\n"
TEMPLATE = (
    "---\ndoc_type: prd\nfeature_slug: template\nstatus: draft | active | done\n---\n\n# PRD: Template\n"
)


def add(served: Workbench, tmp_path: Path) -> Project:
    plan = {"slug": "house", "title": "House", "status": "in-progress"}
    shed = {"slug": "shed", "title": "Shed", "status": "draft"}
    return served.add(
        make_repository(
            tmp_path / "repo",
            {
                f"{PLANS}/house.md": PHASED.format(**plan),
                "progress/house/phase-2-progress.md": REPORTED,
                f"{PLANS}/shed.md": UNTASKED.format(**shed),
                f"{PLANS}/broken.md": BROKEN,
                f"{PLANS}/template.md": TEMPLATE,
                "Makefile": "test:\n\t@true\n",
            },
        )
    )


@pytest.mark.long
def test_every_phase_is_shown_with_its_status_and_line_with_tasks_or_without(
    served: Workbench, tmp_path: Path, open_page: OpenPage
) -> None:
    project = add(served, tmp_path)
    page = open_page()
    page.goto(f"{served.url}/p/{project.project_id}/features/house")
    first = page.get_by_role("region", name="Lay the ground")
    expect(first).to_contain_text("GR-2")
    expect(first).to_contain_text("1/2")
    expect(first.get_by_role("button", name="house.md:9", exact=True)).to_be_visible()
    second = page.get_by_role("region", name="Raise the walls")
    expect(second).to_contain_text("no tasks written down")
    expect(second).to_contain_text("planned")
    expect(second).to_contain_text("declared: pending")
    expect(page.get_by_role("region", name="Put on the roof")).to_contain_text("no tasks written down")
    second.get_by_role("button", name="phase-2-progress.md:5", exact=True).click()
    panel = page.get_by_role("complementary", name="Document")
    expect(panel.locator(".marked").first).to_contain_text("pending")
    # A plan without any task shows its phases all the same.
    page.goto(f"{served.url}/p/{project.project_id}/features/shed")
    for name in ("Lay the ground", "Raise the walls", "Put on the roof"):
        expect(page.get_by_role("region", name=name)).to_contain_text("no tasks written down")
    page.set_viewport_size({"width": 360, "height": 800})
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0


@pytest.mark.long
def test_what_could_not_be_read_of_a_feature_is_told_on_its_own_page(
    served: Workbench, tmp_path: Path, open_page: OpenPage
) -> None:
    project = add(served, tmp_path)
    page = open_page()
    page.goto(f"{served.url}/p/{project.project_id}/features/broken")
    notice = page.get_by_role("region", name="Not read in full")
    expect(notice).to_contain_text("the front matter is not valid YAML")
    expect(notice.get_by_role("button")).to_contain_text(f"{PLANS}/broken.md:")
    expect(page.locator("header").filter(has_text="ccdash")).to_contain_text("declare no status")
    page.goto(f"{served.url}/p/{project.project_id}/features/template")
    expect(page.locator("header").filter(has_text="ccdash")).to_contain_text("declare no status")
    expect(page.get_by_text("as declared:")).to_have_count(0)
    notice = page.get_by_role("region", name="Not read in full")
    expect(notice).to_contain_text("the template's own text")
    notice.get_by_role("button", name=f"{PLANS}/template.md:4").click()
    expect(page.get_by_role("complementary", name="Document")).to_contain_text(":4")
    page.goto(f"{served.url}/p/{project.project_id}/features/house")
    expect(page.get_by_role("region", name="Lay the ground")).to_be_visible()
    expect(page.get_by_role("region", name="Not read in full")).to_have_count(0)


@pytest.mark.long
def test_another_command_is_offered_with_the_line_that_it_rests_on(
    served: Workbench, tmp_path: Path, open_page: OpenPage
) -> None:
    project = add(served, tmp_path)
    page = open_page()
    page.goto(f"{served.url}/p/{project.project_id}/features/house")
    page.get_by_text("Instead of it").click()
    fold = page.locator("details").filter(has_text="Instead of it")
    expect(fold).to_contain_text("GR-2 is open")
    expect(fold.get_by_role("button", name=f"{PLANS}/house.md:12").first).to_be_visible()
