"""The index of transcripts beside a SQLite ledger: one file a project, of which nothing is lost with it.

FTS5 with its trigram tokenizer says which chunks hold all runs of three letters of a text; the chunks
themselves are kept packed, because only they can say whether they hold the text. No file of one project holds
a word of another's.
"""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from workbench.ledger.found import Chunk, fold, grams_of, pack, unpack
from workbench.model.artifact import Artifact

_PROJECT: Final = re.compile(r"[A-Za-z0-9_-]{1,100}")
_CHUNKS_A_COMMIT: Final = 64
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS transcripts (
    artifact_id TEXT PRIMARY KEY, run_id TEXT NOT NULL, step_id TEXT NOT NULL, is_whole INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS chunks (
    chunk_id INTEGER PRIMARY KEY AUTOINCREMENT, artifact_id TEXT NOT NULL, first_line INTEGER NOT NULL,
    text BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS chunks_by_artifact ON chunks (artifact_id);
CREATE VIRTUAL TABLE IF NOT EXISTS grams USING fts5 (
    text, content='', detail=none, columnsize=0, tokenize='trigram case_sensitive 1');
"""
_VERSION: Final = 1
"""Which tables a file has; 0 is one that is being made, or was not made to its end."""

Candidate = tuple[int, str, str, int, str]
"""chunk_id, run_id, step_id, first_line, text."""


class SqliteSearch:
    """The files below one folder. Every method blocks; a damaged file is removed, and filled anew."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writing = threading.Lock()

    def known(self, project_id: str) -> set[str]:
        """Returns the ids of the transcripts that are in it whole."""
        if not self._path(project_id).exists():
            return set()
        with self._open(project_id) as connection:
            rows = connection.execute("SELECT artifact_id FROM transcripts WHERE is_whole = 1")
            return {row[0] for row in rows}

    def add(self, artifact: Artifact, chunks: Iterable[Chunk]) -> None:
        """Puts a transcript in; one that was begun before is begun anew."""
        self.remove(artifact.project_id, artifact.artifact_id)
        with self._writing, self._open(artifact.project_id) as connection:
            values = (artifact.artifact_id, artifact.run_id, artifact.step_id)
            connection.execute("INSERT INTO transcripts VALUES (?, ?, ?, 0)", values)
            for number, chunk in enumerate(chunks, start=1):
                put = connection.execute(
                    "INSERT INTO chunks (artifact_id, first_line, text) VALUES (?, ?, ?)",
                    (artifact.artifact_id, chunk.first_line, pack(chunk.text)),
                )
                connection.execute(
                    "INSERT INTO grams (rowid, text) VALUES (?, ?)", (put.lastrowid, fold(chunk.text))
                )
                if number % _CHUNKS_A_COMMIT == 0:
                    connection.commit()
            connection.execute(
                "UPDATE transcripts SET is_whole = 1 WHERE artifact_id = ?", (artifact.artifact_id,)
            )
            connection.commit()

    def remove(self, project_id: str, artifact_id: str) -> None:
        """Takes a transcript out, its words and all that leads to them."""
        if not self._path(project_id).exists():
            return
        with self._writing, self._open(project_id) as connection:
            rows = connection.execute(
                "SELECT chunk_id, text FROM chunks WHERE artifact_id = ?", (artifact_id,)
            )
            for chunk_id, data in rows.fetchall():
                # The index holds no words, so it must be told those that it is to forget.
                connection.execute(
                    "INSERT INTO grams (grams, rowid, text) VALUES ('delete', ?, ?)",
                    (chunk_id, fold(unpack(data))),
                )
            connection.execute("DELETE FROM chunks WHERE artifact_id = ?", (artifact_id,))
            connection.execute("DELETE FROM transcripts WHERE artifact_id = ?", (artifact_id,))
            connection.commit()

    def candidates(self, project_id: str, folded: str, before: int, most: int) -> list[Candidate]:
        """Returns the newest chunks before one that may hold the text, newest first."""
        if not self._path(project_id).exists():
            return []
        grams = grams_of(folded)
        with self._open(project_id) as connection:
            if grams:
                query = " AND ".join('"' + gram.replace('"', '""') + '"' for gram in grams)
                found = connection.execute(
                    "SELECT rowid FROM grams WHERE grams MATCH ? AND rowid < ? ORDER BY rowid DESC LIMIT ?",
                    (query, before, most),
                )
            else:
                found = connection.execute(
                    "SELECT chunk_id FROM chunks WHERE chunk_id < ? ORDER BY chunk_id DESC LIMIT ?",
                    (before, most),
                )
            candidates = []
            for (chunk_id,) in found.fetchall():
                row = connection.execute(
                    "SELECT run_id, step_id, first_line, text FROM chunks"
                    " JOIN transcripts USING (artifact_id) WHERE chunk_id = ? AND is_whole = 1",
                    (chunk_id,),
                ).fetchone()
                # One that is still being put in, or taken out, holds its place in the order all the same.
                run_id, step_id, first_line, data = row or ("", "", 1, pack(""))
                candidates.append((chunk_id, run_id, step_id, first_line, unpack(data)))
            return candidates

    @contextlib.contextmanager
    def _open(self, project_id: str) -> Iterator[sqlite3.Connection]:
        path = self._path(project_id)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not path.exists() or path.stat().st_size == 0
        if is_new:
            # Made before SQLite does, so that nobody else can read it.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        connection = sqlite3.connect(path, timeout=15)
        try:
            # All of it can be made again from the transcripts: nothing waits for the disk.
            connection.execute("PRAGMA synchronous=OFF")
            if is_new:
                connection.execute("PRAGMA journal_mode=WAL")
            if connection.execute("PRAGMA user_version").fetchone() != (_VERSION,):
                # Whole or not at all: whoever opens it meanwhile, or after a crash just here, makes it too.
                connection.executescript(
                    f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={_VERSION}; COMMIT;"
                )
            yield connection
        except sqlite3.DatabaseError as error:
            if not isinstance(error, sqlite3.OperationalError):
                for name in (path.name, f"{path.name}-wal", f"{path.name}-shm"):
                    (self._folder / name).unlink(missing_ok=True)
            raise
        finally:
            connection.close()

    def _path(self, project_id: str) -> Path:
        if not _PROJECT.fullmatch(project_id):
            raise ValueError(f"{project_id!r} is no project's id")
        return self._folder / f"{project_id}.db"
