"""Tokens and the times they end, over a real ledger and a clock that is told."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.clock import ToldClock
from workbench.api.auth import Access
from workbench.ledger.ledger import Ledger
from workbench.model.actor import Actor, Role
from workbench.model.errors import NotAuthenticated

OWNER = Actor(name="user:ann", role=Role.ADMIN, via="cli")


async def test_a_token_is_refused_from_the_moment_it_expires(
    ledger: Ledger, clock: ToldClock, new_id: Callable[[str], str]
) -> None:
    access = Access(ledger, clock, new_id)
    made = await access.create_token(
        actor="token:ci", role=Role.VIEWER, by=OWNER, expires_at="2026-01-02T03:05:05.000Z"
    )
    clock.advance(59.999)
    assert (await access.identify(made.token, via="api")).role is Role.VIEWER
    clock.advance(0.001)
    with pytest.raises(NotAuthenticated, match="expired"):
        await access.identify(made.token, via="api")


async def test_with_a_token_end_the_sessions_that_its_links_made_and_no_others(
    ledger: Ledger, clock: ToldClock, new_id: Callable[[str], str]
) -> None:
    access = Access(ledger, clock, new_id)
    phone, laptop = [
        await access.create_token(actor="token:bea", role=Role.APPROVER, by=OWNER) for _ in range(2)
    ]
    sessions = []
    for token in (phone.token, laptop.token):
        actor = await access.identify(token, via="page")
        sessions.append(await access.exchange_link(access.create_link(actor)))
    # A session signs another browser in; that one came from the phone, too.
    sessions.append(
        await access.exchange_link(access.create_link(await access.identify(sessions[0], via="page")))
    )
    late = access.create_link(await access.identify(sessions[0], via="page"))
    await access.revoke(phone.token_id, by=OWNER)
    assert (await access.identify(sessions[1], via="page")).name == "token:bea"
    for ended in (sessions[0], sessions[2]):
        with pytest.raises(NotAuthenticated, match="revoked"):
            await access.identify(ended, via="page")
    with pytest.raises(NotAuthenticated, match="revoked"):
        await access.exchange_link(late)
