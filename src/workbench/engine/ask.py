"""Asks the gate about one step of a run as it is held, with the facts of this moment."""

from __future__ import annotations

from workbench.engine.context import Context
from workbench.engine.look import look
from workbench.model.admission import Admission, AdmissionRequest, GateSnapshot
from workbench.model.run import Run, Step


async def ask_step(context: Context, run: Run, step: Step) -> tuple[GateSnapshot, Admission]:
    """Returns what the gate says about starting the step now, and the facts that it looked at.

    It writes nothing. A start and an approval ask here alike, so that what one approves is what the other
    would start.
    """
    snapshot = await look(
        context, run.project_id, connector=step.connector, actor=run.requested_by, step_id=step.step_id
    )
    planned = next(planned for planned in run.plan.steps if planned.step_key == step.step_key)
    request = AdmissionRequest(
        run_id=run.run_id,
        step_id=step.step_id,
        command=planned.command,
        sandbox_profile=context.sandbox_profile,
    )
    return snapshot, await context.ask(request, snapshot)
