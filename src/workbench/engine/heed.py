"""Ends what this worker runs and somebody wants to end, wherever that was asked: the record asks."""

from __future__ import annotations

from workbench.connectors.contract import ExternalRef
from workbench.engine.cancel import tell_connector
from workbench.engine.context import Context


async def heed(context: Context, told: set[str]) -> None:
    """Tells the connectors of steps of this worker whose runs have a recorded request to end, each once.

    `told` holds, from one call to the next, who has been told. Raises LedgerUnavailable.
    """
    if context.lease is None:
        return
    found = await context.ledger.steps_to_cancel(context.lease.worker_id)
    names = {step.external_run_id: step for _, step in found if step.external_run_id is not None}
    told &= names.keys()
    for name, step in names.items():
        if name not in told:
            told.add(name)
            ref = ExternalRef(connector_id=step.connector, external_run_id=name)
            context.spawn(_tell(context, ref, told))


async def _tell(context: Context, ref: ExternalRef, told: set[str]) -> None:
    if not await tell_connector(context, ref, "canceled"):
        # Not proved yet: it is told again.
        told.discard(ref.external_run_id)
