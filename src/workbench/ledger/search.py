"""Finds a text in all ended transcripts of one project, newest first.

The index is no record: it is made from transcripts, and made anew when it is lost. It knows nothing of a
transcript that was removed, and nobody asks it about more than one project.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from workbench.ledger.found import FoundLine, cut_chunks, find_lines, fold
from workbench.ledger.search_postgres import PostgresSearch
from workbench.ledger.search_sqlite import SqliteSearch
from workbench.model.artifact import Artifact
from workbench.model.errors import InvalidInput, LedgerUnavailable

T = TypeVar("T")

_NEWEST: Final = 2**62
_BATCH: Final = 4
_MOST_BATCH: Final = 128
_MOST_LOOKED_AT: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPage:
    """`cursor` leads on, also from a page with few lines or none; None means that all was looked through."""

    lines: tuple[FoundLine, ...]
    cursor: str | None


class TranscriptSearch:
    """The index of all projects' transcripts, each for itself; LedgerUnavailable where it cannot be used."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        is_sqlite = engine.dialect.name == "sqlite"
        self._index: SqliteSearch | PostgresSearch = (
            SqliteSearch(folder) if is_sqlite else PostgresSearch(engine)
        )

    async def known(self, project_id: str) -> set[str]:
        """Returns the ids of the transcripts that can be searched."""
        return await self._run(lambda: self._index.known(project_id))

    async def add(self, artifact: Artifact, text: Iterable[bytes]) -> None:
        """Puts a transcript in. `text` yields it plain, as UTF-8, in a thread, and may raise."""
        await self._run(
            lambda: self._index.add(artifact, cut_chunks(part.decode("utf-8", "replace") for part in text))
        )

    async def remove(self, artifact: Artifact) -> None:
        """Takes one out; harmless where it is not in."""
        await self._run(lambda: self._index.remove(artifact.project_id, artifact.artifact_id))

    async def find(self, project_id: str, text: str, *, cursor: str | None, limit: int) -> FoundPage:
        """Returns the newest lines that hold the text, its case ignored.

        It looks through a bounded number of places at a time, and the cursor goes on from there. Raises
        InvalidInput for a wrong one.
        """
        wanted = fold(text)
        before, before_line = _parse_cursor(cursor)
        return await self._run(lambda: self._find(project_id, wanted, before, before_line, limit))

    def _find(
        self, project_id: str, wanted: str, before: int, before_line: int | None, limit: int
    ) -> FoundPage:
        lines: list[FoundLine] = []
        # The chunk that a page ended in is looked at again, from the line before.
        looked, most = 0, _BATCH
        at = before + 1 if before_line is not None else before
        while looked < _MOST_LOOKED_AT:
            found = self._index.candidates(project_id, wanted, at, most)
            for chunk_id, run_id, step_id, first_line, text in found:
                for line, words in find_lines(text, first_line, wanted):
                    if chunk_id == before and before_line is not None and line >= before_line:
                        continue
                    lines.append(
                        FoundLine(chunk_id=chunk_id, run_id=run_id, step_id=step_id, line=line, text=words)
                    )
                    if len(lines) == limit:
                        return FoundPage(lines=tuple(lines), cursor=f"{chunk_id}.{line}")
                at = chunk_id
            looked += len(found)
            if len(found) < most:
                return FoundPage(lines=tuple(lines), cursor=None)
            most = min(_MOST_BATCH, most * 2)
        return FoundPage(lines=tuple(lines), cursor=f"{at}.")

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.to_thread(work)
        except (sqlite3.Error, SQLAlchemyError, OSError) as error:
            words = " ".join(str(error).split())[:200]
            raise LedgerUnavailable(
                f"the index of transcripts cannot be used: {words}",
                remedy="try again; what is damaged is made anew from the transcripts",
            ) from error


def _parse_cursor(cursor: str | None) -> tuple[int, int | None]:
    if cursor is None:
        return _NEWEST, None
    chunk, _, line = cursor.partition(".")
    is_number = chunk.isascii() and chunk.isdecimal() and len(chunk) <= 18
    if not is_number or (line and not (line.isascii() and line.isdecimal() and len(line) <= 18)):
        raise InvalidInput(
            f"the cursor {cursor[:40]!r} leads nowhere",
            remedy="use the value of X-Next-Cursor, or leave it out",
        )
    return int(chunk), int(line) if line else None
