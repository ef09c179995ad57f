"""Writes one log line an event, so that an operator's usual tools see what the ledger sees.

Payloads stay inside: a line carries ids, the tag, the actor and the status, nothing that could hold a secret.
"""

from __future__ import annotations

import structlog

from workbench.ledger.ledger import Ledger

log = structlog.get_logger()


async def log_events(ledger: Ledger, project_id: str, *, after: int) -> None:
    """Logs every event of the project after `after`, without end; cancel it to stop."""
    async for event in ledger.tail(project_id, after=after):
        log.info(
            event.tag,
            project_id=event.project_id,
            run_id=event.run_id,
            step_id=event.step_id,
            actor=event.actor,
            seq=event.seq,
            status=event.payload.get("status"),
        )
