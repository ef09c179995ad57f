"""Lets a held run go on, one at a time, by a person: nothing that a switch held resumes by itself.

The gate is asked first, so that what would only be held again stays as it is and says why; the driver asks
it once more at the start.
"""

from __future__ import annotations

from typing import Final

from workbench.engine.ask import ask_step
from workbench.engine.context import Context
from workbench.ledger.move import Move, MoveRun, MoveStep
from workbench.model.actor import Actor
from workbench.model.errors import Conflict, IllegalMove
from workbench.model.moves import RunMove, StepMove
from workbench.model.run import Run
from workbench.model.statuses import BlockedBy, RunStatus, StepStatus

RESUMABLE: Final = frozenset(
    {BlockedBy.KILL_SWITCH, BlockedBy.SWITCH, BlockedBy.BOUNDARY, BlockedBy.CONNECTOR_UNAVAILABLE}
)
"""What holds a run until somebody has mended it. An approval is decided, and a denial stays one."""


class StillHeld(Conflict):
    """What held the run still does."""

    code = "still_held"


async def resume(context: Context, *, project_id: str, run_id: str, actor: Actor, reason: str) -> Run:
    """Releases what holds the run, has it driven on, and returns it as it stands then.

    Where policy asks, the question is put by its driver; an approval that it had and that has not lapsed lets
    it start. Raises IllegalMove for a run that is not held so, and StillHeld, with nothing changed, while the
    gate would only hold it again.
    """
    reads = context.ledger.for_project(project_id)
    run, steps = await reads.run_with_steps(run_id)
    if run.status is not RunStatus.BLOCKED or run.blocked_by not in RESUMABLE:
        state = run.status if run.blocked_by is None else f"{run.status} by {run.blocked_by}"
        raise IllegalMove(noun="run", object_id=run_id, state=state, move="resume", actor=actor.name)
    note = {"reason": reason or f"resumed by {actor.name}"}
    moves: list[Move] = []
    for step in steps:
        if step.status is not StepStatus.BLOCKED:
            continue
        _, admission = await ask_step(context, run, step)
        if admission.blocked_by in RESUMABLE:
            raise StillHeld(
                f"run {run_id} stays held: {admission.reason}",
                remedy="release what holds it (workbench status and workbench switch list say it), "
                "then resume it again",
            )
        moves.append(MoveStep(step_id=step.step_id, move=StepMove.RELEASE, version=step.version, note=note))
    moves.append(MoveRun(run_id=run_id, move=RunMove.RELEASE, version=run.version, note=note))
    await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)
    await context.starter.start(project_id, run_id, place=run.place)
    return await reads.run(run_id)
