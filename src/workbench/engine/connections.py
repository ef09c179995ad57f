"""Records a step's connections as events: while it runs, and at its end those that are left.

The ledger itself says how many it has, so none is recorded twice or left out, whoever was killed in between.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict
from typing import Final

import structlog

from workbench.connectors.contract import Connection, Ended, ExternalRef, Networked
from workbench.engine.context import ENGINE, Context
from workbench.ledger.move import Move, Note
from workbench.model.errors import WorkbenchError
from workbench.model.event import Event
from workbench.model.project import Project
from workbench.model.run import Run, Step

log = structlog.get_logger()

_MOST: Final = 100
_PAGE: Final = 500
_TAGS: Final = {
    "allowed": "network:allowed",
    "refused": "network:refused",
    "failed": "network:failed",
    "ended": "network:ended",
}
_COUNTS: Final = ("sent_bytes", "received_bytes", "duration_ms")
_STARTED: Final = "step:started"


@contextlib.asynccontextmanager
async def recording(
    context: Context, project: Project, run: Run, step: Step, ref: ExternalRef
) -> AsyncIterator[None]:
    """Records the connections of a running step within the block, which is left once the step has ended."""
    connector = context.connectors[step.connector]
    planned = next(planned for planned in run.plan.steps if planned.step_key == step.step_key)
    if not isinstance(connector, Networked) or not (project.network_allowlist or planned.command.allow_hosts):
        yield
        return
    task = asyncio.create_task(_record(context, connector, step, ref, project.project_id))
    try:
        yield
    except BaseException:
        task.cancel()
        raise
    finally:
        # The last batch is written before the end is: it counts what is there.
        await asyncio.gather(task, return_exceptions=True)


async def notes_left(context: Context, project_id: str, step: Step, ended: Ended) -> list[Move]:
    """Returns an event for each connection that has none yet, and one that counts what is beyond a hundred of
    each decision."""
    if not ended.connections and not ended.more_connections:
        return []
    kept, rest = _choose(ended.connections)
    rest.update(ended.more_connections)
    recorded = await _count_recorded(context, project_id, step)
    notes: list[Move] = [_note(step, connection) for connection in kept[recorded:]]
    if rest:
        notes.append(Note(tag="network:more", payload=dict(rest), run_id=step.run_id, step_id=step.step_id))
    return notes


async def _record(
    context: Context, connector: Networked, step: Step, ref: ExternalRef, project_id: str
) -> None:
    try:
        seen: list[Connection] = []
        async for batch in connector.connections(ref, after=0):
            seen += batch
            kept, _ = _choose(seen)
            recorded = await _count_recorded(context, project_id, step)
            notes = [_note(step, connection) for connection in kept[recorded:]]
            if notes:
                once = f"network:{step.step_id}:{step.attempt}:{recorded}"
                await context.ledger.append(project_id, notes, actor=ENGINE.name, via=ENGINE.via, once=once)
    except (WorkbenchError, OSError) as error:
        # The end records what is missing, when the ledger can be written again.
        log.warning("connections_not_recorded", step_id=step.step_id, error=str(error))


def _choose(connections: Sequence[Connection]) -> tuple[list[Connection], Counter[str]]:
    """Returns the first hundred of each decision, and how many more there were; what a longer list chooses
    begins with what a shorter one did."""
    counts: Counter[str] = Counter()
    kept = []
    for connection in connections:
        counts[connection.decision] += 1
        if counts[connection.decision] <= _MOST:
            kept.append(connection)
    return kept, Counter({word: count - _MOST for word, count in counts.items() if count > _MOST})


async def _count_recorded(context: Context, project_id: str, step: Step) -> int:
    """Returns how many connections of the step's present attempt the ledger has."""
    reads = context.ledger.for_project(project_id)
    count, after = 0, 0
    while True:
        page: list[Event] = await reads.events(after=after, run_id=step.run_id, limit=_PAGE)
        for event in page:
            if event.step_id == step.step_id:
                count = 0 if event.tag == _STARTED else count + (event.tag in _TAGS.values())
        if len(page) < _PAGE:
            return count
        after = page[-1].seq


def _note(step: Step, connection: Connection) -> Note:
    left_out = {"decision"}
    if connection.decision == "allowed" and connection.connection:
        # It has only begun; what went through it is told by its end.
        left_out.update(_COUNTS)
    payload = {key: value for key, value in asdict(connection).items() if key not in left_out}
    return Note(tag=_TAGS[connection.decision], payload=payload, run_id=step.run_id, step_id=step.step_id)
