"""Looks after transcripts once their steps have ended: makes them searchable, moves them to the
object store, removes old ones.

It never fails a run, and what cannot be done now is tried again for as long as it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Final

import structlog

from workbench.connectors.contract import ExternalRef, Keeper
from workbench.engine.context import ENGINE, Context
from workbench.engine.find import Indexing
from workbench.engine.retain import finish_removals, retain
from workbench.ledger.move import Note
from workbench.model.artifact import Artifact
from workbench.model.errors import ArchiveUnavailable, NotFound, WorkbenchError

log = structlog.get_logger()

_RETAIN_EVERY: Final = timedelta(minutes=1)
_LONGEST_PAUSE_SECONDS: Final = 30.0
_MOST_FAILURES: Final = 3


async def keep_transcripts(context: Context, *, every_seconds: float) -> None:
    """Does all of it again and again, without end; while something is wrong less and less often."""
    pause = every_seconds
    indexing = Indexing()
    retaining = _Retaining()
    # Each for itself: a full index keeps nothing from the store, and a store that is away no old one here.
    works: tuple[tuple[str, Callable[[Context], Awaitable[None]]], ...] = (
        ("removals", _finish_removals),
        ("search", indexing.index_ended),
        ("store", store_ended),
        ("retention", retaining.retain_when_due),
    )
    while True:
        is_well = True
        for name, work in works:
            try:
                await work(context)
            except WorkbenchError as error:
                is_well = False
                log.warning("transcripts not looked after", work=name, problem=error.message)
            except Exception:
                is_well = False
                log.exception("transcripts not looked after", work=name)
        is_well = is_well and not context.storing.problem
        pause = every_seconds if is_well else min(_LONGEST_PAUSE_SECONDS, pause * 2)
        try:
            async with asyncio.timeout(pause):
                await context.retention_wanted.wait()
        except TimeoutError:
            continue


class _Retaining:
    """When retention was looked after last."""

    def __init__(self) -> None:
        self._looked_at: datetime | None = None

    async def retain_when_due(self, context: Context) -> None:
        """Removes what is past its limits, once in a while and when the limits have changed."""
        now = context.clock.now()
        is_due = self._looked_at is None or now - self._looked_at > _RETAIN_EVERY
        if is_due or context.retention_wanted.is_set():
            context.retention_wanted.clear()
            # What there was too much of for one look is gone on with at the next.
            self._looked_at = now if await retain(context) == 0 else None


async def _finish_removals(context: Context) -> None:
    if context.storing.has_leftovers:
        context.storing.has_leftovers = False
        try:
            await finish_removals(context)
        except BaseException:
            context.storing.has_leftovers = True
            raise


async def store_ended(context: Context) -> None:
    """Moves what has ended, and says in `context.storing` what waits and why. One failure stops no other."""
    storing = context.storing
    failed: list[ArchiveUnavailable] = []
    waiting: set[str] = set()
    for connector in context.connectors.values():
        if not isinstance(connector, Keeper) or not connector.archive_url:
            continue
        storing.url = connector.archive_url
        for ref in await connector.unstored():
            waiting.add(ref.external_run_id)
            if len(failed) >= _MOST_FAILURES:
                continue
            try:
                if await _store_one(context, connector, ref):
                    waiting.discard(ref.external_run_id)
            except ArchiveUnavailable as error:
                failed.append(error)
    if failed and failed[-1].message != storing.problem:
        log.warning("transcripts not stored", problem=failed[-1].message, waiting=len(waiting))
    storing.waiting = frozenset(waiting)
    storing.problem = failed[-1].message if failed else ""
    storing.remedy = failed[-1].remedy if failed else ""


async def _store_one(context: Context, connector: Keeper, ref: ExternalRef) -> bool:
    """Stores one log and records it; False while the ledger does not know its end yet."""
    artifact = await find_transcript(context, ref)
    if artifact is None or (stored := await connector.store(ref)) is None:
        return False
    note = Note(
        tag="artifact:stored",
        payload={
            "artifact_id": artifact.artifact_id,
            "url": stored.url,
            "digest": stored.digest,
            "size_bytes": stored.size_bytes,
        },
        run_id=artifact.run_id,
        step_id=artifact.step_id,
    )
    once = f"stored:{artifact.artifact_id}"
    await context.ledger.append(artifact.project_id, [note], actor=ENGINE.name, via=ENGINE.via, once=once)
    await connector.release_output(ref)
    return True


async def find_transcript(context: Context, ref: ExternalRef) -> Artifact | None:
    """Returns what the ledger recorded of a step's transcript, or None before its end is recorded."""
    run_id = ref.external_run_id.partition("/")[0]
    try:
        project_id = await context.ledger.project_of_run(run_id)
    except NotFound:
        return None
    found = await context.ledger.for_project(project_id).artifacts(run_id)
    return next((each for each in found if each.uri == f"{ref.external_run_id}#transcript"), None)
