"""Answers a one-time link: a session for its first use; after that the page itself, or how to get another.

Only this module sets the session's cookie. What it says to a browser holds no script and nothing of the link.
"""

from __future__ import annotations

import html
from typing import Final

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from workbench.api.auth import Access
from workbench.model.errors import NotAuthenticated

_SESSION_SECONDS: Final = 30 * 86400
_PAGE: Final = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Not signed in · Workbench</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 34rem; margin: 15vh auto 0; padding: 0 1.25rem }}
h1 {{ font-size: 1.35rem }}
code {{ font: .95em ui-monospace, monospace; overflow-wrap: anywhere }}
</style>
<h1>This browser is not signed in</h1>
<p>{what}</p>
<p><strong>What to do:</strong> {remedy}</p>
"""


async def sign_in(access: Access, code: str, request: Request, cookie_name: str) -> Response:
    """Spends the link and leads on to the page, signed in.

    A link that is spent leads on too where the browser is signed in already. Raises NotAuthenticated for a
    client that does not ask for HTML; a browser gets the same words as a page, with the same status.
    """
    try:
        token = await access.exchange_link(code)
    except NotAuthenticated as error:
        if await _is_signed_in(access, request.cookies.get(cookie_name)):
            return _lead_on()
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return _explain(error)
    answer = _lead_on()
    answer.set_cookie(
        cookie_name, token, httponly=True, samesite="strict", path="/", max_age=_SESSION_SECONDS
    )
    return answer


async def _is_signed_in(access: Access, token: str | None) -> bool:
    if not token:
        return False
    try:
        await access.identify(token, via="page")
    except NotAuthenticated:
        return False
    return True


def _lead_on() -> RedirectResponse:
    return RedirectResponse("/", status_code=303, headers={"Cache-Control": "no-store"})


def _explain(error: NotAuthenticated) -> HTMLResponse:
    before, mark, command = error.remedy.partition(": ")
    remedy = html.escape(error.remedy)
    if mark and command.startswith("workbench "):
        remedy = f"{html.escape(before)}: <code>{html.escape(command)}</code>"
    what = html.escape(f"{error.message[:1].upper()}{error.message[1:]}.")
    return HTMLResponse(
        _PAGE.format(what=what, remedy=remedy),
        status_code=error.http_status,
        headers={"Cache-Control": "no-store"},
    )
