"""Letters between the processes that share a PostgreSQL, over its notifications; nothing of them is stored.

A letter reaches whoever listens at that moment, in the order in which one sender wrote. It may be lost, with
the connection, and its receiver is told of that: whoever needs more must count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, LiteralString

import psycopg
import structlog
from psycopg import sql
from sqlalchemy.engine import make_url

from workbench.ledger.database import connect_arguments

log = structlog.get_logger()

MOST_LETTER_BYTES: Final = 7900
"""PostgreSQL takes a little less than 8,000 bytes in one notification."""
_AGAIN_SECONDS: Final = 1.0
_NOTIFY: Final[LiteralString] = "SELECT pg_notify(%s, %s)"


class Exchange:
    """One process's mailbox. `name` says under which name it listens just now, "" for none.

    `on_letter` gets each letter, and None when some may have been lost.
    """

    def __init__(self, url: str, *, name: Callable[[], str], on_letter: Callable[[str | None], None]) -> None:
        self._arguments = connect_arguments(make_url(url))
        self._name, self._on_letter = name, on_letter
        self._sending = asyncio.Lock()
        self._sender: psycopg.AsyncConnection[Any] | None = None
        self._is_over = False

    async def send(self, to: str, letter: str) -> None:
        """Sends a letter of at most MOST_LETTER_BYTES; raises OSError when the database cannot be reached."""
        async with self._sending:
            if self._is_over:
                raise ConnectionError("this process leaves")
            try:
                if self._sender is None or self._sender.closed:
                    self._sender = await self._connect()
                await self._sender.execute(_NOTIFY, (to, letter))
            except psycopg.Error as error:
                await self._leave()
                raise ConnectionError(str(error)) from error

    async def serve(self) -> None:
        """Listens until it is canceled, again and again when the connection is lost."""
        try:
            while True:
                try:
                    await self._listen()
                except psycopg.Error as error:
                    log.warning("letters not received", problem=str(error).partition("\n")[0])
                self._on_letter(None)
                await asyncio.sleep(_AGAIN_SECONDS)
        finally:
            self._is_over = True
            await self._leave()

    async def _listen(self) -> None:
        """Returns when there is another name to listen under."""
        name = self._name()
        if not name:
            return
        async with await self._connect() as connection:
            await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(name)))
            while self._name() == name:
                async for letter in connection.notifies(timeout=_AGAIN_SECONDS):
                    self._on_letter(letter.payload)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(**self._arguments, autocommit=True)

    async def _leave(self) -> None:
        sender, self._sender = self._sender, None
        if sender is not None:
            await sender.close()
