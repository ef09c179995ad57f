"""Says whether a step is this machine's, where several share the ledger, and where else it is."""

from __future__ import annotations

import asyncio
import contextlib

from workbench.engine.context import Context
from workbench.engine.follow import output_ref
from workbench.ledger.worker_rows import lease_lost
from workbench.model.errors import Elsewhere, WorkbenchError
from workbench.model.run import Step
from workbench.model.statuses import STEP_ENDED
from workbench.model.worker import WRITING, Worker


def is_own(context: Context, step: Step) -> bool:
    """Tells whether this process started the step, so that it may watch and end it.

    One that does not say who started it was started before there were several: it is of whose home it is in.
    """
    if context.lease is None:
        return True
    if step.worker_id is None:
        return has_output(context, step)
    return step.worker_id == context.lease.worker_id


def has_output(context: Context, step: Step) -> bool:
    """Tells whether what the step put out lies in this home, whoever wrote it there, or is about to."""
    if context.lease is None or step.external_run_id is None:
        return True
    # Its start is recorded before its folder is made: nothing there yet does not say that it is elsewhere.
    if step.worker_id == context.lease.worker_id:
        return True
    return (context.home / "runs" / step.external_run_id).is_dir()


def require_same(context: Context, worker_id: str | None) -> None:
    """Raises LeaseLost unless this process still holds the lease under which a start was recorded."""
    if context.worker_id() != worker_id:
        raise lease_lost(str(worker_id))


async def bring_output(context: Context, step: Step) -> bool:
    """Tells whether what the step put out can be read here; what others put into the archive can."""
    if has_output(context, step):
        return True
    ref = output_ref(step)
    if ref is not None and step.status in STEP_ENDED:
        # Asked how far it goes, the connector looks into the archive too.
        with contextlib.suppress(WorkbenchError):
            await asyncio.to_thread(context.connectors[ref.connector_id].extent, ref)
    return has_output(context, step)


async def require_output(context: Context, step: Step) -> None:
    """Raises Elsewhere when the step's output lies on another machine, which it names."""
    if await bring_output(context, step):
        return
    raise Elsewhere(
        f"step {step.step_id} is on {await name_worker(context, step.worker_id)}, and so is what it put out",
        remedy="look at it there: `workbench logs` with that machine's WORKBENCH_HOME",
    )


async def find_worker(context: Context, worker_id: str | None) -> Worker | None:
    """Returns the worker, or None when nothing is known of it any more."""
    return next((each for each in await context.ledger.workers() if each.worker_id == worker_id), None)


async def name_worker(context: Context, worker_id: str | None) -> str:
    """Returns a worker's id with its host, as far as it is known."""
    found = await find_worker(context, worker_id)
    return f"worker {worker_id}" if found is None else render_worker(found)


def render_worker(worker: Worker) -> str:
    """Returns a worker's id and host in words."""
    return f"worker {worker.worker_id} on {worker.host}"


def is_writing(worker: Worker) -> bool:
    """Tells whether the worker has its place still."""
    return worker.state in WRITING
