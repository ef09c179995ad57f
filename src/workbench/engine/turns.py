"""Lets only so much of one kind of work go on at once and only so much wait; the rest is told to come back.

Work that anybody may ask for again and again must not pile up: each question that waits holds a request open.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from workbench.model.errors import TooBusy


class Turns:
    """The places for work called `what`: `at_once` of it goes on, and at most `most` is going on or waiting,
    `most_each` of one project, so that no project takes all places."""

    def __init__(self, what: str, *, at_once: int, most: int, most_each: int) -> None:
        self._what, self._most, self._most_each = what, most, most_each
        self._going = asyncio.Semaphore(at_once)
        self._taken: Counter[str] = Counter()

    @asynccontextmanager
    async def take(self, project_id: str) -> AsyncIterator[None]:
        """Waits for a turn and holds it within the block; raises TooBusy at once when no place is left."""
        for taken, most, where in (
            (self._taken[project_id], self._most_each, "in this project"),
            (self._taken.total(), self._most, "on this server"),
        ):
            if taken >= most:
                raise TooBusy(
                    f"{taken} {self._what} go on or wait {where}, and no more than {most} may",
                    remedy="try again once one of them has ended",
                )
        self._taken[project_id] += 1
        try:
            async with self._going:
                yield
        finally:
            self._taken[project_id] -= 1
            if not self._taken[project_id]:
                del self._taken[project_id]
