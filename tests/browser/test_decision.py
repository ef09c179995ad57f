"""The decision on a page of its own: at a phone's width one card fills the screen, and a thumb reaches it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from support.long import later
from support.server import ENDED, Project

Picture = Callable[[Page, str], Path]
Pictures = Callable[[Page, str], None]
OpenPage = Callable[..., Page]
RISKY = "rm -rf build/cache build/tmp && echo done > build/report.txt"
HEIGHTS = {360: 740, 1024: 768, 1600: 900}


def hold(board: Project, command: str = RISKY) -> dict[str, Any]:
    held = board.bench.post("/api/runs", {"project_id": board.project_id, "command": command})
    (approval,) = held["approvals"]
    return {**held, "approval": approval}


@pytest.mark.parametrize("width", [360, later(1024), later(1600)])
def test_everything_needed_to_decide_is_there_and_the_buttons_are_in_reach(
    width: int, board: Project, open_page: OpenPage, pictures: Pictures
) -> None:
    height = HEIGHTS[width]
    held = hold(board)
    page = open_page(width=width, height=height)
    page.goto(f"{board.bench.url}/approvals/{held['approval']['approval_id']}")
    card = page.get_by_role("article")
    for shown in (RISKY, "high risk", "asks to run", "expires", "deletes", "build/cache", str(board.repo)):
        expect(card.get_by_text(shown).first).to_be_visible()
    rules = held["approval"]["matched_rules"]
    assert {rule["verdict"] for rule in rules} == {"requires_approval", "allow"}
    for rule in rules:
        said = rule["rule_id"] if rule["verdict"] == "allow" else rule["text"]
        expect(card.get_by_text(said).first).to_be_visible()
    overflow = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert overflow <= 0
    for name in ("Approve", "Deny"):
        button = card.get_by_role("button", name=name, exact=True)
        box = button.bounding_box()
        assert box is not None
        assert 0 <= box["y"] <= height - box["height"], f"{name} is out of sight"
        if width == 360:
            assert box["height"] >= 44
            assert box["y"] >= height / 2, f"{name} is out of a thumb's reach"
            # What is there to be pressed is really what is pressed: nothing lies over it.
            over = page.evaluate(
                "([x, y]) => document.elementFromPoint(x, y).closest('button')?.textContent",
                [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2],
            )
            assert over == name
    pictures(page, f"decision-{width}")
    page.get_by_text("Change it, and approve the change").click()
    page.get_by_role("textbox", name="Command").fill("rm -r build/cache")
    page.get_by_role("button", name="Show what it comes to").click()
    expect(page.get_by_role("region", name="What the change comes to")).to_be_visible()
    expect(card.get_by_role("button", name="Approve as asked for")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    page.get_by_role("button", name="Approve the change").scroll_into_view_if_needed()
    pictures(page, f"decision-edit-{width}")


def test_the_keys_decide_and_a_missing_reason_is_asked_for(board: Project, open_page: OpenPage) -> None:
    held = hold(board)
    page = open_page(width=360, height=740)
    page.goto(f"{board.bench.url}/approvals/{held['approval']['approval_id']}")
    expect(page.get_by_role("button", name="Approve", exact=True)).to_be_visible()
    page.keyboard.press("a")
    expect(page.get_by_role("alert")).to_contain_text("needs its reason")
    assert board.bench.run_of(held["run_id"])["status"] == "blocked"
    page.get_by_role("textbox", name="Reason", exact=True).fill("not today")
    page.keyboard.press("Escape")
    page.keyboard.press("d")
    run = board.bench.wait(held["run_id"], lambda run: run["status"] == "canceled")
    assert run["approvals"][0]["decisions"][0]["reason"] == "not today"
    expect(page.get_by_text("denied").first).to_be_visible()


def test_an_edit_is_shown_before_it_is_approved_and_is_what_runs(board: Project, open_page: OpenPage) -> None:
    (board.repo / "build" / "old").mkdir(parents=True)
    (board.repo / "build" / "new").mkdir()
    held = hold(board, "rm -rf build")
    page = open_page()
    page.goto(f"{board.bench.url}/approvals/{held['approval']['approval_id']}")
    page.get_by_text("Change it, and approve the change").click()
    command = page.get_by_role("textbox", name="Command")
    command.fill("sudo rm -rf /")
    page.get_by_role("button", name="Show what it comes to").click()
    expect(page.get_by_text("This cannot be approved")).to_be_visible()
    expect(page.get_by_role("button", name="Approve the change")).to_have_count(0)
    command.fill("rm -r build/old")
    expect(page.get_by_text("This cannot be approved")).to_have_count(0)
    page.get_by_role("button", name="Show what it comes to").click()
    shown = page.get_by_role("region", name="What the change comes to")
    expect(shown.get_by_role("deletion")).to_have_text("rm -rf build")
    expect(shown.get_by_role("insertion")).to_have_text("rm -r build/old")
    approve = page.get_by_role("button", name="Approve the change")
    expect(approve).to_be_disabled()
    page.get_by_role("textbox", name="Reason for the change").fill("only the old one")
    approve.click()
    run = board.bench.wait(held["run_id"], lambda run: run["status"] in ENDED)
    assert (run["status"], run["command"]) == ("succeeded", "rm -r build/old")
    assert sorted(path.name for path in (board.repo / "build").iterdir()) == ["new"]
    new, old = run["approvals"]
    assert (new["status"], new["changes"][0]["before"], old["command"]) == (
        "approved",
        "rm -rf build",
        "rm -rf build",
    )
    page.wait_for_url(f"**/approvals/{new['approval_id']}")
    expect(page.get_by_text("changed what was asked for")).to_be_visible()


@pytest.mark.long
def test_the_difference_to_the_last_approved_one_alike_is_shown(board: Project, open_page: OpenPage) -> None:
    first = hold(board, "rm -rf build/one")
    board.bench.post(f"/api/approvals/{first['approval']['approval_id']}/approve", {"reason": "fine"})
    board.bench.wait(first["run_id"])
    second = hold(board, "rm -rf build/two")
    page = open_page()
    page.goto(f"{board.bench.url}/approvals/{second['approval']['approval_id']}")
    expect(page.get_by_text("The last rm that was approved")).to_be_visible()
    expect(page.get_by_role("deletion")).to_have_text("rm -rf build/one")


@pytest.mark.long
def test_who_approves_is_set_on_the_page_and_audited(
    board: Project, open_page: OpenPage, picture: Picture
) -> None:
    page = open_page(width=360, height=740)
    page.goto(f"{board.bench.url}/p/{board.project_id}/features")
    expect(page.get_by_role("heading", name="Features").first).to_be_visible()
    page.goto(f"{board.bench.url}/settings")
    page.get_by_role("textbox", name="People who must approve").fill("2")
    page.get_by_role("checkbox", name="Nobody approves their own request").check()
    page.get_by_role("combobox", name="Who approves a high risk").select_option("admins")
    page.get_by_role("textbox", name="People who approve a high risk").fill("user:bea")
    page.get_by_role("button", name="Save who approves").click()
    expect(page.get_by_text("Saved, and in the audit log.")).to_be_visible()
    picture(page, "approving-360-light")
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    (project,) = [p for p in board.bench.get("/api/projects") if p["project_id"] == board.project_id]
    assert (project["approval_quorum"], project["forbid_self_approval"], project["approvers"]) == (
        2,
        True,
        [{"risk_level": "high", "role": "admin", "people": ["user:bea"]}],
    )
    approval = hold(board)["approval"]
    assert (approval["quorum"], approval["moves"], approval["approvers"]) == (
        2,
        ["deny"],
        "anybody who is admin or user:bea",
    )


@pytest.mark.long
def test_no_flag_is_broken_after_its_hyphen_and_a_held_runs_question_comes_first(
    board: Project, open_page: OpenPage
) -> None:
    held = hold(board, "find . -name '*.pyc' -delete && rm -rf build/cache")
    page = open_page(width=360, height=740)
    page.goto(f"{board.bench.url}/approvals/{held['approval']['approval_id']}")
    code = page.get_by_role("article").locator("code").first
    expect(code).to_contain_text("-delete")
    lines = code.evaluate(
        """code => {
          const range = document.createRange();
          const texts = document.createTreeWalker(code, NodeFilter.SHOW_TEXT);
          const broken = [];
          while (texts.nextNode()) {
            for (const [word] of texts.currentNode.data.matchAll(/\\S+/g)) {
              const at = texts.currentNode.data.indexOf(word);
              range.setStart(texts.currentNode, at);
              range.setEnd(texts.currentNode, at + word.length);
              if (new Set([...range.getClientRects()].map(({top}) => top)).size > 1) broken.push(word);
            }
          }
          return broken;
        }"""
    )
    assert lines == []
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs/{held['run_id']}")
    # The terminal is loaded late, in the place of an empty one.
    expect(page.get_by_role("region", name="Terminal").get_by_role("button").first).to_be_visible()
    approve = page.get_by_role("button", name="Approve", exact=True).bounding_box()
    terminal = page.get_by_role("region", name="Terminal").bounding_box()
    assert approve is not None
    assert terminal is not None
    assert approve["y"] < terminal["y"]
