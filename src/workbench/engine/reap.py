"""Takes over what workers that are gone left behind: their steps fail as lost, other runs go on elsewhere.

Every worker could do it at any time, since each act is a move that is legal once; the oldest of the live
ones does, so that they do not all try at once. A step whose worker is gone is never started again: nobody
knows how far it came. A run that had started none goes on with another worker.
"""

from __future__ import annotations

import structlog

from workbench.engine.context import ENGINE, Context
from workbench.engine.durable import Durable
from workbench.engine.elsewhere import is_writing, render_worker
from workbench.ledger.ledger import HOUSE
from workbench.ledger.move import LoseWorker, Move, MoveRun, MoveStep
from workbench.model.errors import Conflict
from workbench.model.moves import RunMove, StepMove
from workbench.model.run import Run, Step
from workbench.model.statuses import RunStatus
from workbench.model.worker import Worker, WorkerState

log = structlog.get_logger()

_LEADS_WITHIN_BEATS = 3
_SWEEP_EVERY = 4
"""Rounds between two looks through all that waits, which may be ten thousand runs."""


class Reaper:
    """Keeps, from one round to the next, which runs nobody seemed to drive."""

    def __init__(self, context: Context, durable: Durable) -> None:
        self._context, self._durable = context, durable
        self._undriven: set[str] = set()
        self._rounds = 0

    async def go_round(self) -> None:
        """Does one round, unless an older worker lives and does it. Raises LedgerUnavailable."""
        lease = self._context.lease
        assert lease is not None
        workers = await self._context.ledger.workers()
        fresh = _LEADS_WITHIN_BEATS * lease.between_seconds
        leading = [w.worker_id for w in workers if w.state is WorkerState.LIVE and w.silent_seconds < fresh]
        if leading and min(leading) != lease.worker_id:
            self._undriven.clear()
            self._rounds = 0
            return
        for worker in workers:
            if is_writing(worker) and worker.is_overdue:
                await lose(self._context, worker.worker_id)
        await self._fail_lost()
        workers = await self._context.ledger.workers()
        await self._durable.move_on(frozenset(w.worker_id for w in workers if is_writing(w)))
        if self._rounds % _SWEEP_EVERY == 0:
            await self._drive_undriven(is_alone=len(leading) <= 1)
            await self._context.ledger.forget_workers()
        self._rounds += 1

    async def _fail_lost(self) -> None:
        """Fails the steps that are recorded as running on workers which are gone."""
        workers = {worker.worker_id: worker for worker in await self._context.ledger.workers()}
        for run, step in await self._context.ledger.running_steps():
            worker = workers.get(step.worker_id or "")
            if worker is not None and not is_writing(worker):
                await _fail(self._context, run, step, worker)

    async def _drive_undriven(self, *, is_alone: bool) -> None:
        """Finds open runs that no driver is recorded for, in two rounds where there are other workers: one
        of those may be just about to drive them."""
        ledger = self._context.ledger
        busy = {run.run_id for run, _ in await ledger.running_steps()}
        waiting = [
            run
            for run in await ledger.open_runs()
            if run.status is not RunStatus.BLOCKED and run.run_id not in busy
        ]
        if not waiting:
            self._undriven.clear()
            return
        awaited = await self._durable.awaited_runs()
        missing = {run.run_id: run for run in waiting if run.run_id not in awaited}
        for run_id, run in missing.items():
            if is_alone or run_id in self._undriven:
                log.info("run goes on", run_id=run_id)
                await self._durable.start(run.project_id, run_id, place=run.place)
        self._undriven = set(missing)


async def lose(context: Context, worker_id: str, *, is_known: bool = False) -> None:
    """Takes the writing from a worker that is gone; one that is back, or was lost before, is left alone."""
    move = LoseWorker(worker_id=worker_id, is_known=is_known)
    try:
        await context.ledger.append(HOUSE, [move], actor=ENGINE.name, via=ENGINE.via)
    except Conflict:
        return
    log.warning("worker lost", worker_id=worker_id)


async def _fail(context: Context, run: Run, step: Step, worker: Worker) -> None:
    reason = f"lost: {render_worker(worker)} was not seen for {round(worker.silent_seconds)} s"
    note = {"reason": reason, "remedy": "see what it did there, then retry the run"}
    moves: list[Move] = [
        MoveStep(
            step_id=step.step_id,
            move=StepMove.FAIL,
            version=step.version,
            failure_reason=reason,
            provider_status_raw="lost",
            note=note,
        ),
        MoveRun(run_id=run.run_id, move=RunMove.FAIL, version=run.version, note=note),
    ]
    once = f"end:{step.step_id}:{step.attempt}"
    try:
        await context.ledger.append(run.project_id, moves, actor=ENGINE.name, via=ENGINE.via, once=once)
    except Conflict:
        # Its end came in before its worker was taken for lost.
        return
