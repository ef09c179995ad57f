"""Fills the index of transcripts in the background, and finds a text in it.

What is put in is what the transcript shows as plain text: redacted before it came to disk, and without a
control sequence. A run is never slower for it, and what cannot be read now is taken up at the next start.
"""

from __future__ import annotations

import asyncio

import structlog

from workbench.connectors.contract import ExternalRef
from workbench.engine.context import Context
from workbench.ledger.search import FoundPage
from workbench.model.artifact import Artifact
from workbench.model.errors import ArchiveUnavailable, InvalidInput, NotFound

log = structlog.get_logger()

_LONGEST_TEXT = 200


class Indexing:
    """Where the index has come to; one a process."""

    def __init__(self) -> None:
        self._after, self._before_that = "", ""
        self._known: dict[str, set[str]] = {}

    async def index_ended(self, context: Context) -> None:
        """Puts in what has ended since the last time, and at first all that is missing."""
        # Another writer's transcript may be recorded a little after a younger one: from one look before.
        found = await context.ledger.transcripts_after(self._before_that)
        for artifact in found:
            project_id = artifact.project_id
            if project_id not in self._known:
                self._known[project_id] = await context.search.known(project_id)
            if artifact.artifact_id not in self._known[project_id]:
                await _index_one(context, artifact)
                self._known[project_id].add(artifact.artifact_id)
        self._before_that = self._after
        self._after = found[-1].artifact_id if found else self._after


async def _index_one(context: Context, artifact: Artifact) -> None:
    external_run_id = artifact.uri.partition("#")[0]
    for connector_id, connector in context.connectors.items():
        ref = ExternalRef(connector_id=connector_id, external_run_id=external_run_id)
        if connector.capabilities.logs != "live":
            continue
        try:
            # Opened first: where it is not here, what another server put into the index stays there.
            text = await asyncio.to_thread(connector.transcript, ref, "text")
            await context.search.add(artifact, text)
        except (NotFound, ArchiveUnavailable) as error:
            log.info("transcript not searchable", artifact_id=artifact.artifact_id, why=error.message)


async def find(context: Context, project_id: str, text: str, *, cursor: str | None, limit: int) -> FoundPage:
    """Returns the newest lines of a project's ended transcripts that hold the text, its case ignored.

    Raises InvalidInput for a text that no line could hold.
    """
    if not text or "\n" in text or len(text) > _LONGEST_TEXT:
        raise InvalidInput(
            f"{text[:40]!r} is not a text of 1 to {_LONGEST_TEXT} characters on one line",
            remedy="search for a part of a line",
        )
    return await context.search.find(project_id, text, cursor=cursor, limit=limit)
