"""Says who canceled a run, how and why: read from its events, because a status alone is the same for all.

It reads only. A run that was not canceled has no entry.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, select

from workbench.ledger import tables as t
from workbench.ledger.rows import parse_event
from workbench.ledger.tags import RUN_TAGS
from workbench.model.event import Event
from workbench.model.moves import ApprovalMove, RunMove
from workbench.model.run import HowCanceled, RunEnd

_CANCELED: Final = RUN_TAGS[RunMove.CANCEL]
_ASKED: Final = "run:cancel_requested"
# engine.decide writes these words before the reason of the one who decided.
_DECISIONS: Final = {
    f"approval {ApprovalMove.DENY.value}: ": HowCanceled.DENIED,
    f"approval {ApprovalMove.EXPIRE.value}: ": HowCanceled.EXPIRED,
}


def find_ends(connection: Connection, run_ids: Collection[str]) -> dict[str, RunEnd]:
    """Returns how each canceled run among these ended."""
    if not run_ids:
        return {}
    events = t.execution_events
    query = select(events).where(events.c.run_id.in_(list(run_ids)), events.c.tag.in_([_ASKED, _CANCELED]))
    told: dict[str, list[Event]] = {}
    for row in connection.execute(query.order_by(events.c.seq)).mappings():
        event = parse_event(dict(row))
        told.setdefault(str(event.run_id), []).append(event)
    return {run_id: _end_of(found) for run_id, found in told.items() if found[-1].tag == _CANCELED}


def _end_of(events: list[Event]) -> RunEnd:
    end = events[-1]
    reason = str(end.payload.get("reason", ""))
    if "approval_id" in end.payload:
        for words, how in _DECISIONS.items():
            if reason.startswith(words):
                return RunEnd(how=how, by=end.actor, reason=reason.removeprefix(words), at=end.at)
    # Of a running one the engine records the end; who asked for it first is who canceled it.
    asked = events[0]
    reason = str(asked.payload.get("reason", ""))
    return RunEnd(how=HowCanceled.CANCELED, by=asked.actor, reason=reason, at=end.at)
