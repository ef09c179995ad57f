"""The policy's page: layers, rules, a change seen before it is accepted, a verdict explained, what is
remembered; and the list of names that a project may reach."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from support.policies import remove_rules, write_into, write_rules
from support.server import ENDED, Project

Picture = Callable[[Page, str], Path]
Pictures = Callable[[Page, str], None]
OpenPage = Callable[..., Page]

FROZEN = """@id("frozen") @risk("high") @reason("frozen") @text("This repository is frozen.")
forbid (principal, action in [Action::"run", Action::"run_with_approval"], resource)
when { context.writes };
"""
ADMINS = """@id("frozen-approving") @risk("high") @reason("frozen") @text("Nobody deletes here.")
forbid (principal, action == Action::"approve", resource)
when { context.risk == "high" };
"""
NARROW, USUAL, WIDE = (360, 740), (1024, 768), (1600, 900)
# The narrowest is where things do not fit; the others are looked at in the long suite.
LATER = [pytest.param(size, marks=pytest.mark.long) for size in (USUAL, WIDE)]


def write_policy(board: Project, text: str) -> Path:
    return write_rules(board.repo, text)


def sign_in(page: Page, board: Project) -> Page:
    """A page on which the server may refuse something: no trouble there, and the test says what is seen."""
    page.goto(board.bench.post("/api/links", {})["url"])
    return page


def fits(page: Page) -> bool:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return bool(wide <= 0)


@pytest.mark.parametrize("size", [NARROW, *LATER])
def test_a_changed_policy_is_seen_before_it_is_accepted(
    size: tuple[int, int], board: Project, open_page: OpenPage, pictures: Pictures
) -> None:
    width, height = size
    board.run("touch a")
    write_policy(board, FROZEN)
    page = open_page(width=width, height=height)
    page.goto(f"{board.bench.url}/p/{board.project_id}/policy")
    layers = page.get_by_role("region", name="Layers")
    expect(layers.get_by_text("not accepted")).to_be_visible()
    expect(page.get_by_text("set in the server's setting policy_posture")).to_be_visible()
    assert fits(page)
    files = page.get_by_role("region", name="Project's files")
    expect(files.get_by_role("button", name="Accept these files")).to_have_count(0)
    files.get_by_role("button", name="Show what accepting changes").click()
    expect(files.get_by_role("definition").filter(has_text="frozen")).to_be_visible()
    expect(files.get_by_role("list", name="Verdicts that would be another one")).to_contain_text("touch a")
    expect(files.get_by_text("hold, for every combination of facts")).to_be_visible()
    expect(files.get_by_text("+when { context.writes };")).to_be_visible()
    pictures(page, f"policy-change-{width}")
    files.get_by_role("button", name="Accept these files").click()
    expect(layers.get_by_text("accepted by")).to_be_visible()
    expect(layers.get_by_text("1 rule in force")).to_be_visible()
    assert fits(page)
    pictures(page, f"policy-{width}")
    assert board.run("touch b")["blocked_by"] == "policy"


@pytest.mark.long
def test_an_admin_sees_what_the_organisations_changed_files_change_and_accepts_them(
    board: Project, open_page: OpenPage, pictures: Pictures
) -> None:
    home = board.bench.home
    file = write_into(home, FROZEN)
    try:
        assert board.run("touch a")["blocked_by"] == "policy"
        write_into(home, FROZEN.replace("context.writes", "context.network"))
        assert board.run("ls")["blocked_by"] == "policy"
        page = open_page(width=360, height=740)
        page.goto(f"{board.bench.url}/p/{board.project_id}/policy")
        files = page.get_by_role("region", name="Organisation's files")
        expect(files.get_by_role("button", name="Accept these files")).to_have_count(0)
        files.get_by_role("button", name="Show what accepting changes").click()
        expect(files.get_by_text("-when { context.writes };")).to_be_visible()
        expect(files.get_by_text("+when { context.network };")).to_be_visible()
        expect(files.get_by_role("list", name="Verdicts that would be another one")).to_contain_text(
            "touch a"
        )
        expect(files.get_by_text("hold, for every combination of facts")).to_be_visible()
        assert fits(page)
        pictures(page, "policy-organisation-360")
        files.get_by_role("button", name="Accept these files").click()
        expect(files).to_have_count(0)
        assert board.run("touch a")["status"] == "succeeded"
        assert board.run("curl https://example.org")["blocked_by"] == "policy"
        # Nobody else is offered it, nor an admin of this project alone.
        write_into(home, FROZEN)
        for role, limits in (("approver", {}), ("admin", {"project_id": board.project_id})):
            token = board.bench.post("/api/tokens", {"name": f"one-{role}", "role": role, **limits})["token"]
            with board.bench.as_token(token) as client:
                shown = client.get("/api/policy", params={"project_id": board.project_id}).json()
            assert [layer["moves"] for layer in shown["layers"]] == [[], [], []]
    finally:
        remove_rules(file)
        board.bench.post("/api/policy/organisation/accept", {})


@pytest.mark.long
def test_files_that_change_after_they_were_shown_are_not_accepted(
    board: Project, browser_page: Page, picture: Picture
) -> None:
    file = write_policy(board, FROZEN)
    board.bench.post("/api/policy/accept", {"project_id": board.project_id})
    file.write_text(FROZEN + "// once more\n")
    page = sign_in(browser_page, board)
    page.goto(f"{board.bench.url}/p/{board.project_id}/policy")
    expect(page.get_by_text("Nothing starts in this project")).to_be_visible()
    layers = page.get_by_role("region", name="Layers")
    expect(layers.get_by_text("was changed after it was accepted")).to_be_visible()
    expect(layers.get_by_text("let an admin accept what is there now")).to_be_visible()
    picture(page, "policy-changed")
    page.get_by_role("button", name="Show what accepting changes").click()
    expect(page.get_by_role("button", name="Accept these files")).to_be_visible()
    file.write_text(FROZEN.replace("context.writes", "context.network"))
    page.get_by_role("button", name="Accept these files").click()
    expect(page.get_by_text("changed after you looked at them")).to_be_visible()
    file.write_text("forbid (principal;\n")
    page.get_by_role("button", name="Show what accepting changes").click()
    expect(page.get_by_text("These files would be refused")).to_be_visible()
    expect(page.get_by_text(".workbench/policy.cedar:1: is not Cedar").first).to_be_visible()
    expect(page.get_by_role("button", name="Accept these files")).to_have_count(0)
    picture(page, "policy-broken")


@pytest.mark.long
@pytest.mark.parametrize("size", [NARROW, *LATER])
def test_a_verdict_is_explained_and_the_rules_are_searched(
    size: tuple[int, int], board: Project, open_page: OpenPage, picture: Picture
) -> None:
    page = open_page(width=size[0], height=size[1])
    page.goto(f"{board.bench.url}/p/{board.project_id}/policy")
    page.get_by_role("textbox", name="Command to explain").fill("ls && curl https://example.org")
    page.get_by_role("button", name="Explain", exact=True).click()
    trace = page.get_by_role("region", name="The trace")
    expect(trace.get_by_text("requires approval").first).to_be_visible()
    expect(trace.get_by_text("ask-network · questions.cedar:")).to_be_visible()
    expect(trace.get_by_text("It would run unasked without: network")).to_be_visible()
    assert fits(page)
    picture(page, f"policy-explain-{size[0]}")
    rules = page.get_by_role("region", name="Rules in force")
    rules.get_by_role("searchbox", name="Search the rules").fill("ask-network")
    rules.get_by_text("ask-network · ").first.click()
    expect(rules.get_by_text("context.network").first).to_be_visible()
    assert fits(page)


@pytest.mark.long
@pytest.mark.parametrize("size", [NARROW, *LATER])
def test_what_is_allowed_from_now_on_is_shown_first_and_can_be_forgotten(
    size: tuple[int, int], board: Project, open_page: OpenPage, picture: Picture
) -> None:
    held = board.run("kill -s CONT 1")
    (approval,) = held["approvals"]
    page = open_page(width=size[0], height=size[1])
    page.goto(f"{board.bench.url}/approvals/{approval['approval_id']}")
    page.get_by_text("Allow commands like this").click()
    shown = page.get_by_role("list", name="What would be remembered")
    expect(shown.get_by_text("kill", exact=True)).to_be_visible()
    expect(page.get_by_text("Of the last 1 run it would have covered 1")).to_be_visible()
    assert board.bench.get("/api/policy/remembered", project_id=board.project_id) == []
    page.get_by_role("textbox", name="Days until it expires").fill("7")
    page.get_by_role("button", name="Allow commands like this").scroll_into_view_if_needed()
    picture(page, f"remember-{size[0]}")
    assert fits(page)
    page.get_by_role("button", name="Allow commands like this").click()
    expect(page.get_by_text("Remembered until")).to_be_visible()
    assert board.run("kill -s CONT 1 1")["status"] == "succeeded"
    page.goto(f"{board.bench.url}/p/{board.project_id}/policy")
    remembered = page.get_by_role("region", name="Remembered")
    expect(remembered.get_by_text("let it be")).to_be_visible()
    assert fits(page)
    remembered.scroll_into_view_if_needed()
    picture(page, f"remembered-{size[0]}")
    remembered.get_by_role("button", name="Forget it").click()
    expect(remembered.get_by_text("Nothing is remembered")).to_be_visible()
    assert board.run("kill -s CONT 1 1 1")["status"] == "blocked"


@pytest.mark.long
def test_what_cannot_be_remembered_says_why(board: Project, browser_page: Page) -> None:
    held = board.run("rm -rf build")
    page = sign_in(browser_page, board)
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs/{held['run_id']}")
    page.get_by_text("Allow commands like this").click()
    expect(page.get_by_text("cannot be remembered")).to_be_visible()


@pytest.mark.long
def test_a_decision_that_an_own_rule_refuses_has_no_button_but_its_reason(
    board: Project, open_page: OpenPage, picture: Picture
) -> None:
    write_policy(board, ADMINS)
    board.bench.post("/api/policy/accept", {"project_id": board.project_id})
    held = board.run("rm -rf build")
    (approval,) = held["approvals"]
    page = open_page(width=360, height=740)
    page.goto(f"{board.bench.url}/approvals/{approval['approval_id']}")
    expect(page.get_by_text("You cannot approve this: Nobody deletes here.", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Approve", exact=True)).to_have_count(0)
    expect(page.get_by_role("button", name="Deny", exact=True)).to_be_visible()
    picture(page, "decision-refused-360")


@pytest.mark.long
@pytest.mark.parametrize("size", [NARROW, *LATER])
def test_the_names_that_may_be_reached_are_edited_with_the_servers_word_on_each(
    size: tuple[int, int], board: Project, open_page: OpenPage, picture: Picture
) -> None:
    page = open_page(width=size[0], height=size[1])
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs")
    # The settings are those of the project that was looked at last, once the page has found that it is one.
    page.wait_for_function("id => localStorage.getItem('workbench.project') === id", arg=board.project_id)
    page.goto(f"{board.bench.url}/settings")
    field = page.get_by_role("textbox", name="Name to allow")
    for name in ("example.org", "127.0.0.1:5432"):
        field.fill(name)
        page.get_by_role("button", name="Allow this name").click()
        expect(page.get_by_role("button", name=f"Remove {name}")).to_be_visible()
    field.scroll_into_view_if_needed()
    picture(page, f"network-settings-{size[0]}")
    assert fits(page)
    page.get_by_role("button", name="Remove example.org").click()
    expect(page.get_by_role("button", name="Remove example.org")).to_have_count(0)
    (project,) = [p for p in board.bench.get("/api/projects") if p["project_id"] == board.project_id]
    assert project["network_allowlist"] == ["127.0.0.1:5432"]


@pytest.mark.long
def test_a_name_that_cannot_be_is_refused_with_the_remedy(board: Project, browser_page: Page) -> None:
    page = sign_in(browser_page, board)
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs")
    expect(page.get_by_role("heading", name="Runs").first).to_be_visible()
    page.goto(f"{board.bench.url}/settings")
    page.get_by_role("textbox", name="Name to allow").fill("-example.org")
    page.get_by_role("button", name="Allow this name").click()
    expect(page.get_by_role("alert")).to_contain_text("is not a name that can be reached")
    expect(page.get_by_role("alert")).to_contain_text("example.org:8443")
    (project,) = [p for p in board.bench.get("/api/projects") if p["project_id"] == board.project_id]
    assert project["network_allowlist"] == []


@pytest.mark.long
def test_one_name_is_added_for_a_held_run_alone(board: Project, open_page: OpenPage) -> None:
    (board.repo / "build").mkdir(exist_ok=True)
    held = board.run("rm -rf build")
    (approval,) = held["approvals"]
    page = open_page(width=360, height=740)
    page.goto(f"{board.bench.url}/approvals/{approval['approval_id']}")
    page.get_by_text("Change it, and approve the change").click()
    page.get_by_role("textbox", name="Network names for this run alone").fill("example.org")
    page.get_by_role("button", name="Show what it comes to").click()
    shown = page.get_by_role("region", name="What the change comes to")
    expect(shown.get_by_role("insertion")).to_have_text("example.org")
    expect(shown.get_by_text("network names that the project does not have: example.org")).to_be_visible()
    page.get_by_role("textbox", name="Reason for the change").fill("it asks a mirror")
    page.get_by_role("button", name="Approve the change").click()
    run = board.bench.wait(held["run_id"], lambda run: run["status"] in ENDED)
    assert (run["status"], run["network"]) == ("succeeded", "for this run alone: example.org")


@pytest.mark.long
def test_a_viewer_sees_the_policy_and_the_question_and_no_button(board: Project, browser_page: Page) -> None:
    hidden = FROZEN.replace("context.writes", "context.publishes").replace("is frozen", "is \u202efrozen")
    write_policy(board, hidden)
    board.bench.post("/api/policy/accept", {"project_id": board.project_id})
    held = board.run("kill -s CONT 1")
    board.bench.post("/api/policy/remembered", {"run_id": held["run_id"]})
    with board.bench.as_token(board.bench.make_token("viewer", name="vic")["token"]) as viewer:
        browser_page.goto(viewer.post("/api/links", json={}).json()["url"])
    browser_page.goto(f"{board.bench.url}/p/{board.project_id}/policy")
    remembered = browser_page.get_by_role("region", name="Remembered")
    expect(remembered.get_by_text("let it be")).to_be_visible()
    expect(remembered.get_by_role("button", name="Forget it")).to_have_count(0)
    rules = browser_page.get_by_role("region", name="Rules in force")
    rules.get_by_role("searchbox", name="Search the rules").fill("frozen")
    expect(rules).to_contain_text("frozen")
    assert "\u202e" not in browser_page.content(), (
        "what a repository wrote cannot turn the page's text around"
    )
    browser_page.goto(f"{board.bench.url}/approvals/{held['approvals'][0]['approval_id']}")
    expect(browser_page.get_by_text("token:vic is viewer; deciding needs approver.")).to_be_visible()
    for name in ("Approve", "Deny", "Preview on a copy"):
        expect(browser_page.get_by_role("button", name=name, exact=True)).to_have_count(0)
    expect(browser_page.get_by_text("Allow commands like this")).to_have_count(0)
