"""Who looks at a terminal, and how another machine's terminal is reached."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from workbench.model.actor import Actor


class ViewerGone(Exception):
    """The other end can be told nothing more."""


class Viewer(Protocol):
    """The other end of a terminal. Each raises ViewerGone once it has gone."""

    async def send_bytes(self, data: bytes) -> None: ...

    async def send_text(self, text: str) -> None: ...

    async def receive(self) -> bytes | str:
        """Returns what it sends next. Of a viewer, bytes are typed and text is a command in JSON."""
        ...


class FarTerminals(Protocol):
    """The terminals of the workers that share the ledger."""

    def open(
        self, worker_id: str, *, actor: Actor, project_id: str, run_id: str, offset: int
    ) -> AbstractAsyncContextManager[Viewer]:
        """Opens a run's terminal at a worker, as this actor sees it, from an offset of the output on.

        What is received there is what a viewer at that machine would get, and what is sent is what he would
        send. Raises ViewerGone when the worker cannot be reached.
        """
        ...
