"""Compares what the ledger believes of running steps with what their connectors say now."""

from __future__ import annotations

from workbench.connectors.contract import ExternalRef
from workbench.engine.context import ENGINE, Context
from workbench.engine.elsewhere import is_own
from workbench.ledger.move import ObserveStep
from workbench.model.run import Run
from workbench.model.statuses import StepStatus


async def refresh(context: Context, *, project_id: str, run_id: str) -> Run:
    """Asks the connectors about the run's running steps and records what is new; returns the run."""
    reads = context.ledger.for_project(project_id)
    run, steps = await reads.run_with_steps(run_id)
    for step in steps:
        if step.status is not StepStatus.RUNNING or step.external_run_id is None:
            continue
        if not is_own(context, step):
            # Only its own worker can look, and does.
            continue
        ref = ExternalRef(connector_id=step.connector, external_run_id=step.external_run_id)
        seen = await context.connectors[step.connector].snapshot(ref)
        if (seen.sync_status, seen.native) == (step.sync_status, step.provider_status_raw):
            continue
        move = ObserveStep(
            step_id=step.step_id, sync_status=seen.sync_status, provider_status_raw=seen.native
        )
        await context.ledger.append(project_id, [move], actor=ENGINE.name, via=ENGINE.via)
    return run
