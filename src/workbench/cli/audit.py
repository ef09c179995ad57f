"""workbench audit verify: checks the log where it lies, with the server up or down."""

from __future__ import annotations

from pathlib import Path

from workbench.app.offline import verify_offline
from workbench.cli.output import print_json, print_line
from workbench.model.errors import NotFound


def verify_audit(home: str | None, as_json: bool) -> int:
    """Prints the finding and returns 0 when all holds, 1 when something does not."""
    if home is not None and not Path(home).is_dir():
        raise NotFound(f"{home} is not a folder", remedy="name the home that holds ledger.db")
    finding = verify_offline(home)
    answer = {
        "ok": finding.ok,
        "events": finding.events,
        "checkpoints": 0,
        "first_bad": finding.first_bad,
        "problem": finding.problem,
    }
    if as_json:
        print_json(answer)
    elif finding.ok:
        print_line(f"ok: {finding.events} events, every chain and every state row holds")
    else:
        at = f" at event {finding.first_bad}" if finding.first_bad is not None else ""
        print_line(f"NOT OK{at}: {finding.problem}")
    return 0 if finding.ok else 1
