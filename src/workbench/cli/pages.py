"""Reads a list to its end, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from workbench.cli.client import Client

_PAGE: Final = 500


def list_all(client: Client, path: str, *, key: str, **query: str | int | None) -> Iterator[dict[str, Any]]:
    """Yields every object of a list; `key` is the field whose value is the cursor of what follows it."""
    cursor: str | None = None
    while True:
        page = client.get(path, **query, cursor=cursor, limit=_PAGE)
        yield from page
        if len(page) < _PAGE:
            return
        cursor = page[-1][key]
