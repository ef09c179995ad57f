"""Reads a run's output from any offset, live or long after, whichever connector ran it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator

from workbench.connectors.contract import ExternalRef, LogChunk
from workbench.engine.context import Context
from workbench.model.run import Run, Step
from workbench.model.statuses import RUN_ENDED, RunStatus


def output_ref(step: Step) -> ExternalRef | None:
    """Returns where the step's output is, or None while nothing was started."""
    if step.external_run_id is None:
        return None
    return ExternalRef(connector_id=step.connector, external_run_id=step.external_run_id)


async def watch_run(
    context: Context, project_id: str, run_id: str
) -> AsyncGenerator[tuple[Run, list[Step]], None]:
    """Yields the run and its steps as they are now, and again after each event of the run, without end."""
    reads = context.ledger.for_project(project_id)
    run, steps, after = await reads.run_moment(run_id)
    yield run, steps
    async for _event in context.ledger.tail(project_id, after=after, run_id=run_id):
        yield await reads.run_with_steps(run_id)


async def wait_started(context: Context, project_id: str, run_id: str) -> AsyncIterator[tuple[Run, Step]]:
    """Yields the run and its step at each event, and ends once output can be read or never will be."""
    async for run, steps in watch_run(context, project_id, run_id):
        yield run, steps[0]
        if _is_readable(run, steps[0]):
            return


async def follow(
    context: Context, ref: ExternalRef, *, offset: int, live: bool = True
) -> AsyncIterator[LogChunk]:
    """Yields output from `offset`, without a gap; with `live`, until the step has ended."""
    await context.wait_dispatched(ref.external_run_id)
    async for chunk in context.connectors[ref.connector_id].logs(ref, offset=offset, follow=live):
        yield chunk


def _is_readable(run: Run, step: Step) -> bool:
    return run.status in RUN_ENDED or (run.status is RunStatus.RUNNING and step.external_run_id is not None)
