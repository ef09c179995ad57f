"""Says whether a local step may be dispatched, and sees to it that it is so once: its folder is its name.

The folder is made exclusively, and whoever cannot prove a start gives the step up for ever. No process is
started here.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from workbench.connectors.contract import DispatchRequest
from workbench.model.clock import Clock, render_time
from workbench.model.errors import Conflict, NotAllowed, SandboxUnavailable
from workbench.sandbox import step_folder
from workbench.sandbox.profile import PROFILE_NAME
from workbench.sandbox.zygote import NOT_STARTED


def refuse_unadmitted(request: DispatchRequest, *, is_preview: bool = False) -> None:
    """Raises NotAllowed unless the gate admitted exactly this request, to run it or to try it on a copy."""
    admission = request.admission
    if admission.request.is_preview is not is_preview:
        raise NotAllowed(
            "an admission to try a command on a copy is none to run it, nor the other way round",
            remedy="ask the gate for this step",
        )
    if not admission.is_admitted or admission.blocked_by is not None:
        raise NotAllowed(
            f"the step was not admitted: {admission.reason}", remedy="see why the run is blocked"
        )
    asked = admission.request
    if (asked.run_id, asked.step_id) != (request.run_id, request.step_id):
        raise NotAllowed(
            f"the admission is for {asked.run_id}/{asked.step_id}, not {request.run_id}/{request.step_id}",
            remedy="ask the gate for this step",
        )
    if asked.sandbox_profile != PROFILE_NAME or asked.command.mode is not request.mode:
        raise NotAllowed(
            f"the admission is for sandbox {asked.sandbox_profile!r} in {asked.command.mode} mode",
            remedy=f"ask the gate again for {PROFILE_NAME!r} in {request.mode} mode",
        )


def refuse_other_subject(folder: Path, request: DispatchRequest) -> None:
    """Raises Conflict when the folder belongs to a dispatch of another command under the same key."""
    earlier = step_folder.read_document(str(folder), step_folder.REQUEST)
    if earlier is not None and earlier["subject_digest"] != request.admission.subject_digest:
        raise Conflict(
            f"{request.idempotency_key} was dispatched before with another command",
            remedy="start a new attempt or a new run",
        )


def make_folder(folder: Path, request: DispatchRequest, clock: Clock) -> bool:
    """Makes the step folder, or nothing of it; False when the step was dispatched before."""
    try:
        folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except FileExistsError:
        refuse_other_subject(folder, request)
        return False
    except OSError as error:
        raise _unwritable(folder, error) from error
    document = {
        "run_id": request.run_id,
        "step_id": request.step_id,
        "attempt": request.attempt,
        "subject_digest": request.admission.subject_digest,
        "title": request.admission.request.command.source_text[:200],
        "workspace_root": request.project.workspace_root,
        "mode": request.mode.value,
        "rows": request.rows,
        "columns": request.columns,
        "timeout_seconds": request.timeout_seconds,
        "dispatched_at": render_time(clock.now()),
    }
    try:
        step_folder.write_document(str(folder), step_folder.REQUEST, document, durable=False)
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise _unwritable(folder, error) from error
    return True


def give_up(folder: Path) -> bool:
    """Says whether no shim has the step, and sees to it that none ever will."""
    try:
        return step_folder.take_claim(str(folder), {"given_up": True})
    except OSError:
        # Where we cannot write a claim, neither can a shim.
        return step_folder.read_document(str(folder), step_folder.CLAIM) is None


def _unwritable(folder: Path, error: OSError) -> SandboxUnavailable:
    return SandboxUnavailable(
        f"the step folder {folder} cannot be written: {error.strerror}",
        remedy="free some space on the disk that holds WORKBENCH_HOME, then retry the run",
        code=NOT_STARTED,
    )
