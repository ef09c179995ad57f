"""Reads the connections of a local step from what its proxy wrote down: all at its end, or while it runs.

It looks a few times a second, because a listener inside the proxy would be one more thing to attack. It reads
only.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any

from workbench.connectors.contract import Connection
from workbench.sandbox import journal
from workbench.sandbox.watch import Watch

_LOOK_SECONDS = 0.25
_CLOSING_SECONDS = 2.0


def read_connections(path: Path) -> tuple[tuple[Connection, ...], Mapping[str, int]]:
    """Returns the connections that were written down one by one, and by decision how many more there were."""
    lines, more, _ = journal.read_journal(path)
    return tuple(_parse(line) for line in lines), more


async def follow_connections(
    watch: Watch, path: Path, *, after: int
) -> AsyncIterator[tuple[Connection, ...]]:
    """Yields the connections after the first `after` in batches, at most four a second, until the end."""
    offset, left_out = 0, after
    while True:
        is_over = watch.ended is not None
        lines, _, offset = await asyncio.to_thread(journal.read_journal, path, offset=offset)
        fresh, left_out = lines[left_out:], max(0, left_out - len(lines))
        if fresh:
            yield tuple(_parse(line) for line in fresh)
        if is_over:
            return
        await watch.wait_end(_LOOK_SECONDS)


def _parse(line: dict[str, Any]) -> Connection:
    # A step outlives an upgrade of the server, and its proxy writes as the version did that started it.
    if "via" in line:
        line = {**line, "connection": 0, "protocol": line["via"]}
        del line["via"]
    return Connection(**line)


async def wait_written(path: Path) -> None:
    """Returns once the proxy of a step that ended has written its last line; two seconds are its limit.

    It matters where the supervisor was killed: the proxy ends with it, but a moment later.
    """
    deadline = asyncio.get_running_loop().time() + _CLOSING_SECONDS
    for seconds in chain((0.002, 0.005, 0.01), iter(lambda: 0.02, None)):
        if not journal.is_open(path) or asyncio.get_running_loop().time() > deadline:
            return
        await asyncio.sleep(seconds)
