"""workbench audit verify: checks the log where it lies, with the server up or down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.app.offline import verify_offline
from workbench.cli.output import print_error, print_json, print_line
from workbench.model.counted import render_count
from workbench.model.errors import NotFound, WorkbenchError


def verify_audit(home: str | None, as_json: bool) -> int:
    """Prints the finding and returns 0 when all holds, 1 when something does not or nothing can be read."""
    try:
        if home is not None and not Path(home).is_dir():
            raise NotFound(f"{home} is not a folder", remedy="name the home that holds ledger.db")
        finding, found = verify_offline(home)
    except WorkbenchError as error:
        if as_json:
            print_json(_unread(error))
        else:
            print_error(error)
        return 1
    answer = {
        "ok": finding.ok,
        "project_id": finding.project_id,
        "events": finding.events,
        "checkpoints": 0,
        "transcripts": found.compared,
        "transcripts_without_times": found.without_times,
        "first_bad": finding.first_bad,
        "problem": finding.problem,
    }
    if as_json:
        print_json(answer)
    elif finding.ok:
        print_line(
            f"ok: {render_count(finding.events, 'event')}, every chain and every state row holds; "
            + render_count(found.compared, "transcript is", "transcripts are")
            + " as recorded"
            + (f"; of {found.without_times} the bytes only, not the times" if found.without_times else "")
        )
    else:
        at = f" at event {finding.first_bad}" if finding.first_bad is not None else ""
        print_line(f"NOT OK{at}: {finding.problem}")
    return 0 if finding.ok else 1


def _unread(error: WorkbenchError) -> dict[str, Any]:
    """Returns the answer about a ledger that could not be looked at: that is not ok."""
    return {
        "ok": False,
        "project_id": None,
        "events": 0,
        "checkpoints": 0,
        "transcripts": 0,
        "transcripts_without_times": 0,
        "first_bad": None,
        "problem": error.message,
        "code": error.code,
        "remedy": error.remedy,
    }
