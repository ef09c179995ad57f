"""On the run's page stands at the top what the run left that other programs obey."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from support.server import Project


@pytest.mark.long
def test_what_a_run_left_stands_below_how_it_ended(board: Project, open_page: Callable[..., Page]) -> None:
    run = board.run(board.script("plant.sh", "echo x > .npmrc"))
    page = open_page()
    page.goto(f"{board.bench.url}/p/{board.project_id}/runs/{run['run_id']}")
    note = page.get_by_role("note").filter(has_text="made or changed while it ran: .npmrc")
    expect(note).to_be_visible()
    expect(note).to_be_in_viewport()
