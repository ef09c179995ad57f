"""What previews left behind: which there are of an approval, and how much of one an actor may see.

What a command that reads secrets, or brings them out of history, wrote, printed and started can hold what its
approval guards. That is for those who may give this approval; everybody else gets the numbers. It reads, and
writes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from workbench.connectors.contract import Previewer
from workbench.engine.ask import ask_step
from workbench.engine.context import Context
from workbench.engine.look import read_policy
from workbench.gate.approvals import may_see_guarded
from workbench.ledger.tags import PREVIEW_RECORDED
from workbench.model.actor import Actor
from workbench.model.approval import Approval
from workbench.model.artifact import Artifact
from workbench.model.errors import NotFound, WorkbenchError
from workbench.model.event import Event
from workbench.model.people import names_in
from workbench.model.statuses import ApprovalStatus

PREVIEW_URI: Final = "preview:"
RECORDED: Final = PREVIEW_RECORDED
_GUARDED: Final = "reads_secret"
# Names too are the command's own choice, and so is which of them it touches.
_CHOSEN: Final = ("created", "changed", "deleted", "binary", "unshown", "process_names")
# What reports of an earlier version do not say. Why they were held, and whether history gave
# a secret away, is not known, so they count as guarded.
_OLDER: Final[dict[str, Any]] = {
    "reason_codes": [_GUARDED],
    "emptied": [],
    "emptied_files": 0,
    "is_history_omitted": False,
    "brings_secrets": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedPreview:
    """A preview as the ledger tells of it. `is_current`: it was of the subject that the approval is about."""

    artifact_id: str
    by: str
    at: str
    is_current: bool
    end_reason: str
    exit_code: int | None
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownReport:
    """A preview's report as an actor may see it. `withheld` says what is left out, for whom it is and why, or
    is ""; `outdated` says that it was made before something changed, and what to do, or is "". `data` are the
    bytes of what is shown, without `withheld` just those that were stored."""

    report: Mapping[str, Any]
    withheld: str
    outdated: str
    data: bytes
    recorded: RecordedPreview


def list_previews(approval: Approval, events: Iterable[Event]) -> tuple[RecordedPreview, ...]:
    """Returns the previews of one approval among the run's events, the newest first."""
    found = [
        RecordedPreview(
            artifact_id=event.payload["artifact_id"],
            by=event.actor,
            at=event.at,
            is_current=event.payload["subject_digest"] == approval.subject_digest,
            end_reason=event.payload["end_reason"],
            exit_code=event.payload["exit_code"],
            counts=event.payload["counts"],
        )
        for event in events
        if event.tag == RECORDED and event.payload["approval_id"] == approval.approval_id
    ]
    return tuple(reversed(found))


def is_preview(artifact: Artifact) -> bool:
    """Says whether the artifact is a preview's report."""
    return artifact.uri.startswith(PREVIEW_URI)


async def show_preview(context: Context, artifact: Artifact, actor: Actor) -> ShownReport:
    """Returns as much of a preview as `actor` may see now; raises NotFound for what is none, or is gone."""
    connectors = [each for each in context.connectors.values() if isinstance(each, Previewer)]
    if not is_preview(artifact) or not artifact.links or not connectors:
        raise NotFound(
            f"artifact {artifact.artifact_id} is no preview", remedy="workbench show RUN names the previews"
        )
    data = connectors[0].preview_report(artifact.uri.removeprefix(PREVIEW_URI))
    report: dict[str, Any] = {**_OLDER, **json.loads(data)}
    reads = context.ledger.for_project(artifact.project_id)
    approval = await reads.approval(artifact.links[0])
    events = await reads.tagged_events(artifact.run_id, RECORDED)
    recorded = next(
        each for each in list_previews(approval, events) if each.artifact_id == artifact.artifact_id
    )
    withheld = ""
    brings_secrets = report.pop("brings_secrets")
    if brings_secrets or _GUARDED in report["reason_codes"]:
        withheld = await _find_bar(context, approval, actor)
    if withheld:
        report |= {name: [] for name in _CHOSEN}
        report |= {"output_tail": "", "diff": "", "is_every_process_named": False}
        data = json.dumps({**report, "withheld": withheld}, sort_keys=True).encode()
    outdated = await _find_change(context, approval, recorded)
    return ShownReport(report=report, withheld=withheld, outdated=outdated, data=data, recorded=recorded)


async def _find_change(context: Context, approval: Approval, recorded: RecordedPreview) -> str:
    """Returns that a preview is of another subject than what waits now, or ""; of what is decided nothing."""
    if approval.status is not ApprovalStatus.PENDING:
        return ""
    run, steps = await context.ledger.for_project(approval.project_id).run_with_steps(approval.run_id)
    if not recorded.is_current:
        return f"made before the request changed; try it again: workbench preview {run.run_id} --again"
    step = next(step for step in steps if step.step_id == approval.step_id)
    try:
        _, admission = await ask_step(context, run, step)
    except WorkbenchError as problem:
        return f"whether it still holds is not known: {problem.message}"
    if admission.subject_digest == approval.subject_digest:
        return ""
    return (
        "made before what the request rests on changed; to be asked anew about what it is now, which can be "
        f"tried then: workbench approve {approval.approval_id} --reason WHY"
    )


async def _find_bar(context: Context, approval: Approval, actor: Actor) -> str:
    """Returns why this actor sees no contents, or ""."""
    project = await context.ledger.project(approval.project_id)
    try:
        policy = await read_policy(context, approval.project_id)
    except WorkbenchError as problem:
        # A policy that cannot be used lets nobody approve, and shows nobody what an approval guards.
        return f"The command reads secrets; what it came to is shown to nobody now: {problem.message}."
    people = await context.ledger.people(names_in(approval, project) | {actor.name})
    return may_see_guarded(approval, actor=actor, project=project, people=people, policy=policy)
