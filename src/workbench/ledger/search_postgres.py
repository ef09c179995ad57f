"""The index of transcripts in the ledger's PostgreSQL: packed chunks with the numbers of their letter runs.

A GIN index over plain integer arrays, which every PostgreSQL has; an extension would have to be installed by
somebody who may. Every statement names the project.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from workbench.ledger.found import Chunk, fold, grams_of, pack, unpack
from workbench.ledger.search_sqlite import Candidate
from workbench.model.artifact import Artifact

_CHUNKS_A_COMMIT: Final = 32
_metadata: Final = MetaData()
_transcripts: Final = Table(
    "searchable_transcripts",
    _metadata,
    Column("artifact_id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("step_id", Text, nullable=False),
    Column("is_whole", Boolean, nullable=False),
    Index("searchable_transcripts_by_project", "project_id"),
)
_chunks: Final = Table(
    "searchable_chunks",
    _metadata,
    Column("chunk_id", BigInteger, Identity(), primary_key=True),
    Column(
        "artifact_id",
        Text,
        ForeignKey("searchable_transcripts.artifact_id", ondelete="CASCADE"),
        nullable=False,
    ),
    Column("project_id", Text, nullable=False),
    Column("first_line", BigInteger, nullable=False),
    Column("text", LargeBinary, nullable=False),
    Column("grams", ARRAY(Integer), nullable=False),
    Index("searchable_chunks_by_artifact", "artifact_id"),
    Index("searchable_chunks_by_project", "project_id", "chunk_id"),
    Index("searchable_chunks_by_grams", "grams", postgresql_using="gin"),
)


class PostgresSearch:
    """The two tables, made when they are first needed. Every method blocks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._making = threading.Lock()
        self._is_made = False

    def known(self, project_id: str) -> set[str]:
        """Returns the ids of the transcripts that are in it whole."""
        table = _transcripts
        query = select(table.c.artifact_id).where(table.c.project_id == project_id, table.c.is_whole)
        with self._opened().connect() as connection:
            return set(connection.execute(query).scalars())

    def add(self, artifact: Artifact, chunks: Iterable[Chunk]) -> None:
        """Puts a transcript in; one that was begun before is begun anew."""
        engine = self._opened()
        self.remove(artifact.project_id, artifact.artifact_id)
        with engine.begin() as connection:
            connection.execute(
                insert(_transcripts).values(
                    artifact_id=artifact.artifact_id,
                    project_id=artifact.project_id,
                    run_id=artifact.run_id,
                    step_id=artifact.step_id,
                    is_whole=False,
                )
            )
        batch: list[dict[str, Any]] = []
        for chunk in chunks:
            batch.append(
                {
                    "artifact_id": artifact.artifact_id,
                    "project_id": artifact.project_id,
                    "first_line": chunk.first_line,
                    "text": pack(chunk.text),
                    "grams": sorted({_number(gram) for gram in grams_of(fold(chunk.text), most=None)}),
                }
            )
            if len(batch) == _CHUNKS_A_COMMIT:
                self._put(engine, batch)
                batch = []
        if batch:
            self._put(engine, batch)
        with engine.begin() as connection:
            is_it = _transcripts.c.artifact_id == artifact.artifact_id
            connection.execute(update(_transcripts).where(is_it).values(is_whole=True))

    def remove(self, project_id: str, artifact_id: str) -> None:
        """Takes a transcript out, its words and all that leads to them."""
        table = _transcripts
        with self._opened().begin() as connection:
            connection.execute(
                delete(table).where(table.c.project_id == project_id, table.c.artifact_id == artifact_id)
            )

    def candidates(self, project_id: str, folded: str, before: int, most: int) -> list[Candidate]:
        """Returns the newest chunks before one that may hold the text, newest first."""
        grams = [_number(gram) for gram in grams_of(folded)]
        c, t = _chunks.c, _transcripts.c
        query = (
            select(c.chunk_id, t.run_id, t.step_id, c.first_line, c.text)
            .join(_transcripts, t.artifact_id == c.artifact_id)
            .where(c.project_id == project_id, c.chunk_id < before, t.is_whole)
        )
        if grams:
            query = query.where(c.grams.contains(grams))
        with self._opened().connect() as connection:
            rows = connection.execute(query.order_by(c.chunk_id.desc()).limit(most)).all()
        return [(row[0], row[1], row[2], row[3], unpack(row[4])) for row in rows]

    def _put(self, engine: Engine, batch: list[dict[str, Any]]) -> None:
        with engine.begin() as connection:
            connection.execute(insert(_chunks), batch)

    def _opened(self) -> Engine:
        with self._making:
            if not self._is_made:
                _metadata.create_all(self._engine)
                self._is_made = True
        return self._engine


def _number(gram: str) -> int:
    """Returns the run's number; two runs may share one, which costs a look and no answer."""
    return zlib.crc32(gram.encode("utf-8", "replace")) - (1 << 31)
