"""The fullest decision page there is, at a phone's width: nothing of it is cut or beyond the edge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.edits import approve_edit
from support.server import Project

Picture = Callable[[Page, str], Path]
Pictures = Callable[[Page, str], None]
OpenPage = Callable[..., Page]
LONG = (
    "rm -rf build/cache/a-folder-with-quite-a-long-name/and-another-one-below-it-that-is-long-too "
    "&& find . -name '*.pyc' -newer build/stamp -delete && echo done > build/report.txt "
    "&& bash -c 'exec -a ls cat /dev/null' --an-option=with,a,value,that,goes,on,and,on,without,any,space"
)
PEOPLE = ["token:bea-on-her-phone", "token:cy", "user:dan.the.release-manager@example.org", "token:eve"]
TROUBLES = """() => {
  const troubles = [];
  const width = document.documentElement.clientWidth;
  const shown = [...document.querySelectorAll("main *")].filter((each) => each.checkVisibility());
  const isScrolled = (each) => {
    for (let up = each.parentElement; up; up = up.parentElement)
      if (["auto", "scroll"].includes(getComputedStyle(up).overflowX)) return true;
    return false;
  };
  for (const each of shown) {
    const box = each.getBoundingClientRect();
    if (box.width < 2 || box.height < 2 || isScrolled(each)) continue;
    const said = `${each.tagName}.${each.className} ${(each.textContent ?? "").slice(0, 60)}`;
    if (box.right > width + 1 || box.left < -1) troubles.push(`beyond the edge: ${said}`);
    const style = getComputedStyle(each);
    const isCut = style.overflowX === "hidden" && each.scrollWidth > each.clientWidth + 1;
    if (isCut) troubles.push(`cut: ${said}`);
  }
  return troubles;
}"""


@pytest.mark.long
def test_a_full_decision_at_a_phones_width_is_whole(
    board: Project, open_page: OpenPage, pictures: Pictures
) -> None:
    (board.repo / "build" / "cache").mkdir(parents=True, exist_ok=True)
    (board.repo / "build" / "stamp").touch()
    rule = {"risk_level": "high", "role": "admin", "people": PEOPLE}
    bench = board.bench
    bench.add(board.repo, approvers=[rule], approval_quorum=4, forbid_self_approval=True)
    held = board.run("rm -rf build")
    (approval,) = held["approvals"]
    bea = bench.post(
        "/api/tokens", {"name": "bea-on-her-phone", "role": "approver", "project_id": board.project_id}
    )
    with bench.as_token(bea["token"]) as client:
        edited = approve_edit(
            client,
            approval["approval_id"],
            reason="only what is stale",
            command=LONG,
            allow_hosts=["mirror.example.org"],
        )
        assert edited.is_success, edited.text
    page = open_page(width=360, height=740)
    page.goto(f"{bench.url}/approvals/{edited.json()['approval_id']}")
    card = page.get_by_role("article")
    expect(card.get_by_role("note", name="Who may decide")).to_contain_text("4 different people must")
    for person in PEOPLE:
        expect(card.get_by_text(person).first).to_be_visible()
    expect(card.get_by_role("deletion").filter(has_text="none")).to_be_visible()
    card.get_by_role("button", name="Preview on a copy").click()
    expect(card.get_by_text("On a copy, without")).to_be_visible()
    for fold in card.locator("details").all():
        fold.evaluate("each => { each.open = true; }")
    expect(card.get_by_text("(/usr/bin/cat) ls /dev/null").first).to_be_visible()
    assert page.evaluate(TROUBLES) == []
    names = card.get_by_role("list", name="What was started")
    assert names.evaluate("each => each.scrollWidth - each.clientWidth") <= 0, "a command line is cut"
    # No flag of the difference is broken after its hyphen: "-" and "delete" would read as two words.
    flag = card.get_by_role("insertion").get_by_text("-delete", exact=True)
    assert flag.evaluate("each => each.getClientRects().length") == 1
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    card.get_by_role("note", name="Who may decide").scroll_into_view_if_needed()
    pictures(page, "decision-full-360")
    page.goto(f"{bench.url}/p/{board.project_id}/runs/{held['run_id']}")
    told = page.get_by_role("note", name="Who may decide").first
    expect(told).to_contain_text("who asked for it, or token:bea-on-her-phone, who changed it")
    expect(told).to_contain_text("You may deny it.")
    assert page.evaluate(TROUBLES) == []
