"""Puts an admitted step into the words of its connector, and has the connector ready what it needs.

Nothing starts here: `drive` dispatches, after the start is durable and the gate was asked again.
"""

from __future__ import annotations

from workbench.connectors.contract import DispatchRequest
from workbench.engine.context import Context
from workbench.model.admission import Admission
from workbench.model.project import Project
from workbench.model.trace import TRACE_PARENT, trace_parent
from workbench.secrets.scope import Release, find_profile, release


def build_dispatch(
    context: Context, admission: Admission, project: Project, *, attempt: int, released: Release
) -> DispatchRequest:
    """Returns what the connector is handed for this attempt of the admitted step.

    Where traces are sent, the step is told its own, unless its environment says another.
    """
    request = admission.request
    traced = {TRACE_PARENT: trace_parent(request.run_id, request.step_id, attempt)} if context.traces else {}
    command = request.command
    return DispatchRequest(
        admission=admission,
        project=project,
        run_id=request.run_id,
        step_id=request.step_id,
        attempt=attempt,
        environment={**traced, **released.environment},
        masks=released.masks,
        mode=command.mode,
        rows=command.rows,
        columns=command.columns,
        timeout_seconds=command.timeout_seconds,
        idle_timeout_seconds=command.idle_timeout_seconds,
    )


async def prepare_first(context: Context, admission: Admission, project: Project) -> None:
    """Has the first attempt of a step readied that was admitted just now.

    A step with secrets is not: those are opened only when the start is decided, by `drive`.
    """
    command = admission.request.command
    if context.not_ready.get(command.connector) or find_profile(project, command.env_profile).secrets:
        return
    released = release(context.vault, project, command.env_profile)
    await context.connectors[command.connector].prepare(
        build_dispatch(context, admission, project, attempt=1, released=released)
    )
