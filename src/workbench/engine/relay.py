"""Lets a viewer at one machine see and type into the terminal of a step that another machine runs.

Both share a PostgreSQL and need nothing else of each other: what passes between them are letters of its
exchange, and none is stored. The machine that runs the step serves the terminal as it would to a viewer of
its own; the one at which the viewer is has let him in, watches that he may still look, and hands on.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any, Final

import structlog

from workbench.engine.context import Context
from workbench.engine.terminal import Terminal
from workbench.engine.viewer import ViewerGone
from workbench.ledger.exchange import MOST_LETTER_BYTES, Exchange
from workbench.ledger.lease import Lease
from workbench.model.actor import Actor, Role
from workbench.model.errors import WorkbenchError

log = structlog.get_logger()

_PIECE_BYTES: Final = 5500
"""Of a message, in one letter: with base64 and the rest below MOST_LETTER_BYTES."""
_WINDOW: Final = 64
"""How many pieces are under way unacknowledged; a slow viewer holds up only himself."""
_ACKNOWLEDGED: Final = 16
_SIGN_SECONDS: Final = 3.0
_SILENCE_SECONDS: Final = 12.0
"""After how long without a sign the other end is taken for gone."""


class Link:
    """One viewer's way to one terminal, the same at both ends.

    Its methods raise ViewerGone once the other end has gone.
    """

    def __init__(self, relay: Relay, peer: str, link_id: str) -> None:
        self._relay, self._peer, self._link_id = relay, peer, link_id
        self._inbox: deque[tuple[str, bytes, bool]] = deque()
        self._changed = asyncio.Event()
        self._sent = self._acknowledged = self._received = self._taken = 0
        self._is_over = False
        self.heard_at = asyncio.get_running_loop().time()

    async def send_bytes(self, data: bytes) -> None:
        await self._send("bytes", data)

    async def send_text(self, text: str) -> None:
        await self._send("text", text.encode())

    async def receive(self) -> bytes | str:
        """Returns what the other end sends next."""
        data = b""
        while True:
            while not self._inbox:
                await self._wait()
            kind, piece, is_last = self._inbox.popleft()
            data += piece
            self._taken += 1
            if self._taken % _ACKNOWLEDGED == 0:
                await self.write("taken", count=self._taken)
            if is_last:
                return data if kind == "bytes" else data.decode()

    def take(self, kind: str, letter: dict[str, Any]) -> None:
        """Takes a letter from the other end; a piece out of its order means that one was lost."""
        self.heard_at = asyncio.get_running_loop().time()
        match kind:
            case "bytes" | "text" if letter["number"] == self._received:
                self._received += 1
                self._inbox.append((kind, base64.b64decode(letter["piece"]), bool(letter["last"])))
            case "taken":
                self._acknowledged = int(letter["count"])
            case "here":
                pass
            case _:
                self._is_over = True
        self._changed.set()

    def end(self) -> None:
        """Takes the other end for gone."""
        self._is_over = True
        self._changed.set()

    async def write(self, kind: str, **facts: Any) -> None:
        """Sends one letter of this link; raises ViewerGone when that cannot be done."""
        letter = json.dumps({"link": self._link_id, "from": self._relay.name, "kind": kind, **facts})
        if len(letter) > MOST_LETTER_BYTES:
            raise ViewerGone
        await self._relay.send(self._peer, letter)

    async def _send(self, kind: str, data: bytes) -> None:
        pieces = [data[at : at + _PIECE_BYTES] for at in range(0, len(data), _PIECE_BYTES)] or [b""]
        for number, piece in enumerate(pieces, start=1):
            while self._sent - self._acknowledged >= _WINDOW:
                await self._wait()
            if self._is_over:
                raise ViewerGone
            text = base64.b64encode(piece).decode()
            # Counted before it is away: what fails ends the link.
            self._sent += 1
            await self.write(kind, number=self._sent - 1, piece=text, last=number == len(pieces))

    async def _wait(self) -> None:
        if self._is_over:
            raise ViewerGone
        self._changed.clear()
        await self._changed.wait()


class Relay:
    """The links of one process. `serve` runs as long as the process shares its ledger."""

    def __init__(self, url: str, lease: Lease) -> None:
        self._lease = lease
        self._exchange = Exchange(url, name=lambda: lease.worker_id, on_letter=self._on_letter)
        self._links: dict[str, Link] = {}
        self._served: set[asyncio.Task[None]] = set()
        self._context: Context | None = None

    @property
    def name(self) -> str:
        """Under which name this process gets its letters."""
        return self._lease.worker_id

    @contextlib.asynccontextmanager
    async def open(
        self, worker_id: str, *, actor: Actor, project_id: str, run_id: str, offset: int
    ) -> AsyncIterator[Link]:
        """Opens a link to a run's terminal at another worker, from an offset of the output on."""
        link_id = f"lnk_{secrets.token_hex(16)}"
        link = Link(self, worker_id, link_id)
        self._links[link_id] = link
        try:
            await link.write(
                "open",
                actor=asdict(actor),
                project_id=project_id,
                run_id=run_id,
                offset=offset,
            )
            yield link
        finally:
            await self._close(link_id)

    async def serve(self, context: Context) -> None:
        """Takes letters, and serves the terminals of steps that run here, until it is canceled."""
        self._context = context
        work = {asyncio.create_task(self._exchange.serve()), asyncio.create_task(self._give_signs())}
        try:
            await asyncio.gather(*work)
        finally:
            for task in (*work, *self._served):
                task.cancel()
            await asyncio.gather(*work, *self._served, return_exceptions=True)

    async def send(self, to: str, letter: str) -> None:
        """Sends a letter; raises ViewerGone when the database cannot be reached."""
        try:
            await self._exchange.send(to, letter)
        except OSError as error:
            raise ViewerGone from error

    def _on_letter(self, text: str | None) -> None:
        if text is None:
            for each in self._links.values():
                each.end()
            return
        try:
            letter = json.loads(text)
            link_id, kind = str(letter["link"]), str(letter["kind"])
            link = self._links.get(link_id)
            if link is not None:
                link.take(kind, letter)
            elif kind == "open":
                self._serve_terminal(link_id, letter)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("a letter was not understood", problem=repr(error))

    def _serve_terminal(self, link_id: str, letter: dict[str, Any]) -> None:
        assert self._context is not None
        given = letter["actor"]
        actor = Actor(**{**given, "role": Role(given["role"])})
        link = Link(self, str(letter["from"]), link_id)
        self._links[link_id] = link
        terminal = Terminal(
            self._context,
            link,
            actor=actor,
            identify=_is_let_in,
            project_id=str(letter["project_id"]),
            run_id=str(letter["run_id"]),
        )
        task = asyncio.create_task(self._show(link_id, terminal, int(letter["offset"])))
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    async def _show(self, link_id: str, terminal: Terminal, offset: int) -> None:
        try:
            await terminal.show(offset)
        except WorkbenchError as error:
            log.warning("a terminal was not shown", problem=error.message)
        finally:
            await self._close(link_id)

    async def _close(self, link_id: str) -> None:
        link = self._links.pop(link_id)
        with contextlib.suppress(ViewerGone):
            await link.write("over")

    async def _give_signs(self) -> None:
        """Tells the other ends that this one is there, and ends the links of which nothing is heard."""
        while True:
            await asyncio.sleep(_SIGN_SECONDS)
            oldest = asyncio.get_running_loop().time() - _SILENCE_SECONDS
            for link in tuple(self._links.values()):
                if link.heard_at < oldest:
                    link.end()
                    continue
                with contextlib.suppress(ViewerGone):
                    await link.write("here")


async def _is_let_in() -> None:
    """The process at which the viewer is watches that, and ends the link."""
