"""A step ends with the lease of the worker that started it, and none begins when the lease is over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_steps import Ground, make_request, open_ground
from support.processes import find_marked, unfinished_steps
from workbench.ledger.lease import boot_seconds
from workbench.model.errors import SandboxUnavailable
from workbench.sandbox.zygote import NOT_STARTED


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path) as opened:
        yield opened


async def test_a_step_ends_by_itself_when_its_lease_is_not_renewed(ground: Ground) -> None:
    ground.connector.hold_lease("wrk_a", boot_seconds() + 1.5)
    mark = f"tied-{ground.workspace.parent.name}"
    ref = await ground.connector.dispatch(
        make_request(
            ground.workspace,
            f"trap '' TERM; (setsid bash -c 'exec -a {mark} sleep 900') & echo go; wait; wait",
        )
    )
    outcome = await ground.finish(ref)
    assert (outcome.ended.end_reason, outcome.ended.processes_left) == ("lease_lost", 0)
    assert "wrk_a" in outcome.ended.detail
    assert find_marked(mark) == []


async def test_a_step_goes_on_over_the_end_of_a_lease_that_was_renewed(ground: Ground) -> None:
    first = boot_seconds() + 0.8
    ground.connector.hold_lease("wrk_a", first)
    script = "until [ -e go ]; do read -t 0.05 <> <(:); done; echo over"
    ref = await ground.connector.dispatch(make_request(ground.workspace, script))
    ground.connector.hold_lease("wrk_a", boot_seconds() + 600)
    async with asyncio.timeout(30):
        while boot_seconds() < first + 0.3:
            await asyncio.sleep(0)
    (ground.workspace / "go").touch()
    outcome = await ground.finish(ref)
    assert (outcome.ended.end_reason, outcome.data) == ("exited", b"over\n")


async def test_nothing_starts_for_a_worker_that_was_stopped_for_longer_than_its_lease(ground: Ground) -> None:
    ground.connector.hold_lease("wrk_a", boot_seconds() + 600)
    request = make_request(ground.workspace, "echo begun >> effect")
    # Its sandbox stands, and waits for the word; then the process sleeps, and wakes too late.
    await ground.connector.prepare(request)
    ground.connector.hold_lease("wrk_a", 1.0)
    with pytest.raises(SandboxUnavailable, match="had lost its lease") as caught:
        await ground.connector.dispatch(request)
    assert caught.value.code == NOT_STARTED
    assert not (ground.workspace / "effect").exists()
    assert unfinished_steps(ground.home) == []


@pytest.mark.parametrize("successor", ["wrk_a", "wrk_b"])
async def test_a_lease_that_is_given_up_ends_the_steps_at_once(ground: Ground, successor: str) -> None:
    ground.connector.hold_lease("wrk_a", boot_seconds() + 600)
    refs = [
        await ground.connector.dispatch(make_request(ground.workspace, "echo go; sleep 900"))
        for _ in range(3)
    ]
    # Given up, or held by the same machine under another name.
    ground.connector.hold_lease(successor, 0.0 if successor == "wrk_a" else boot_seconds() + 600)
    assert await ground.connector.end_untied() == 0
    assert unfinished_steps(ground.home) == []
    for ref in refs:
        outcome = await ground.finish(ref)
        assert outcome.ended.end_reason == "lease_lost"
