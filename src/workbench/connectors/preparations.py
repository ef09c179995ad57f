"""Keeps sandboxes that were built before their dispatch, each with its command held in it, for a short while.

One fits only the very request it was built for. What is not taken in time is taken down again. It starts
nothing: a held command goes only when its dispatch gives the word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from workbench.connectors.contract import DispatchRequest
from workbench.model.errors import WorkbenchError
from workbench.sandbox.zygote import Held, Zygote

_KEPT_SECONDS = 2.0
_MOST_KEPT = 16

Assign = Callable[[DispatchRequest, Path], dict[str, Any]]
"""Makes the assignment of a request for its step folder; reads the disk."""
IsCurrent = Callable[[DispatchRequest, dict[str, Any]], bool]
"""Says whether an assignment that hides names would still hide the same ones; reads the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """A shim's assignment and, where one was asked for it already, the supervisor that waits for the word."""

    facts: dict[str, Any]
    held: Held | None = None

    def close(self) -> None:
        """Gives the supervisor up, unless it has the word."""
        if self.held is not None:
            self.held.close()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Kept:
    request: DispatchRequest
    ready: asyncio.Task[Ready]


class Preparations:
    """All methods belong to one event loop."""

    def __init__(self, zygote: Zygote, assign: Assign, is_current: IsCurrent) -> None:
        self._zygote, self._assign, self._is_current = zygote, assign, is_current
        self._kept: dict[str, _Kept] = {}

    async def prepare(self, name: str, request: DispatchRequest, folder: Path) -> None:
        """Has the sandbox of this request built unless it is; returns once a supervisor has been asked.

        That it cannot be built is no error here: the dispatch tries for itself, and says why.
        """
        earlier = self._kept.get(name)
        if earlier is not None and _is_same(earlier.request, request):
            return
        if earlier is not None:
            self._drop(name, earlier)
        if len(self._kept) >= _MOST_KEPT:
            return
        kept = _Kept(request=request, ready=asyncio.create_task(self._build(request, folder)))
        self._kept[name] = kept
        asyncio.get_running_loop().call_later(_KEPT_SECONDS, self._drop, name, kept)
        # What comes next would compete with it for the interpreter, and is not what the start waits for.
        await asyncio.wait([kept.ready])

    async def take(self, name: str, request: DispatchRequest, folder: Path) -> Ready:
        """Returns what was prepared for exactly this request, else what a start from nothing needs."""
        kept = self._kept.pop(name, None)
        if kept is not None and _is_same(kept.request, request):
            try:
                ready = await kept.ready
                # What the kernel refuses by itself needs no second look.
                if not ready.facts["by_name"]["folders"]:
                    return ready
                if await asyncio.to_thread(self._is_current, request, ready.facts):
                    return ready
                ready.close()
            except (WorkbenchError, OSError):
                # Tried once more below, where a failure is the step's.
                pass
        elif kept is not None:
            _close_when_ready(kept.ready)
        return Ready(facts=await asyncio.to_thread(self._assign, request, folder))

    def close(self) -> None:
        """Takes down all that was not taken."""
        for name, kept in list(self._kept.items()):
            self._drop(name, kept)

    async def _build(self, request: DispatchRequest, folder: Path) -> Ready:
        facts = await asyncio.to_thread(self._assign, request, folder)
        return Ready(facts=facts, held=await self._zygote.hold(facts))

    def _drop(self, name: str, kept: _Kept) -> None:
        if self._kept.get(name) is kept:
            del self._kept[name]
            _close_when_ready(kept.ready)


def _is_same(prepared: DispatchRequest, asked: DispatchRequest) -> bool:
    """Says whether two requests start the same command the same way; each has an admission of its own."""
    one, other = prepared.admission, asked.admission
    return (one.argv, one.subject_digest) == (other.argv, other.subject_digest) and (
        replace(prepared, admission=other) == asked
    )


def _close_when_ready(ready: asyncio.Task[Ready]) -> None:
    """Gives up a supervisor that nobody needs, now or once it is there."""

    def close(done: asyncio.Task[Ready]) -> None:
        if not done.cancelled() and done.exception() is None and (held := done.result().held) is not None:
            held.close()

    if ready.done():
        # At once: the loop may be about to end.
        close(ready)
    else:
        ready.add_done_callback(close)
