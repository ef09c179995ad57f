"""Says what a run waits for where several share the ledger: a place, a worker, or one that is silent."""

from __future__ import annotations

from datetime import timedelta

from workbench.engine.context import Context
from workbench.engine.elsewhere import is_own, is_writing, render_worker
from workbench.model.clock import render_time
from workbench.model.counted import render_count
from workbench.model.run import Run, Step
from workbench.model.statuses import RunStatus, StepStatus
from workbench.model.worker import Worker, WorkerState

_SILENT_BEATS = 3


async def explain_wait(context: Context, run: Run, steps: list[Step]) -> str:
    """Returns one line about a queued or running run; "" when its status says it all."""
    if run.status is RunStatus.QUEUED:
        return await _explain_queued(context, run)
    running = [step for step in steps if step.status is StepStatus.RUNNING]
    if run.status is not RunStatus.RUNNING or not running or is_own(context, running[0]):
        return ""
    return await _explain_elsewhere(context, run, running[0])


async def _explain_queued(context: Context, run: Run) -> str:
    depth = await context.ledger.queue_depth(run.project_id, run.place.pool)
    ahead = max(0, depth.in_pool - 1)
    also = f"; {render_count(ahead, 'other run waits', 'other runs wait')} too" if ahead else ""
    if context.lease is None:
        return f"Waiting for a free place{also}." if ahead else ""
    pool = run.place.pool
    live = [w for w in await context.ledger.workers() if w.pool == pool and w.state is WorkerState.LIVE]
    if not live:
        return f"Waiting: no worker of pool {pool} is live; start one: workbench worker --pool {pool}"
    if not any(run.project_id in worker.grounds for worker in live):
        project = await context.ledger.project(run.project_id)
        return (
            f"Waiting: no live worker of pool {pool} has the folder {project.workspace_root}; "
            "put a copy of the repository there, or start a worker where it is"
        )
    places = sum(worker.concurrency for worker in live)
    return f"Waiting for one of the {places} places of pool {pool}{also}."


async def _explain_elsewhere(context: Context, run: Run, step: Step) -> str:
    assert context.lease is not None
    workers = await context.ledger.workers()
    worker = next((each for each in workers if each.worker_id == step.worker_id), None)
    if worker is None:
        return f"Running on worker {step.worker_id}."
    if is_writing(worker) and worker.silent_seconds < _SILENT_BEATS * context.lease.between_seconds:
        if run.cancel_requested_at is not None:
            return f"Cancel requested; waiting for {render_worker(worker)} to prove that no process is left."
        return f"Running in the sandbox on {render_worker(worker)}."
    return _explain_silence(context, worker)


def _explain_silence(context: Context, worker: Worker) -> str:
    silent = f"{render_worker(worker)} was not seen for {round(worker.silent_seconds)} s"
    if not is_writing(worker):
        return f"Waiting to be given up: {silent}, and is taken for lost."
    left = max(0.0, worker.lease_seconds - worker.silent_seconds)
    until = render_time(context.clock.now() + timedelta(seconds=left))
    return f"Waiting for its worker: {silent}; at {until} the step counts as lost."
