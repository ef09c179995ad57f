"""workbench attach: this terminal becomes the one of a run that goes on."""

from __future__ import annotations

import sys
from typing import Final

from workbench.cli.client import connect
from workbench.cli.output import print_note
from workbench.cli.run import exit_status, follow
from workbench.model.errors import Conflict, InvalidInput

_LEAVE: Final = b"\x1d"
_ENDED: Final = ("succeeded", "failed", "canceled")


def attach_run(run_id: str) -> int:
    """Shows the run's output, hands it what is typed, and returns the run's status, or 0 when it was left.

    Raises InvalidInput where there is no terminal, here or there, and Conflict for a run that has ended.
    """
    client = connect()
    run = client.get(f"/api/runs/{run_id}")
    if run["status"] in _ENDED:
        raise Conflict(f"{run_id} has ended", remedy=f"read it: workbench logs {run_id}")
    if run["mode"] != "pty":
        raise InvalidInput(
            f"{run_id} runs in pipe mode and takes no input", remedy="run it again with --mode pty"
        )
    if not sys.stdin.isatty():
        raise InvalidInput(
            "standard input is no terminal, so nobody could type", remedy="call it from a terminal"
        )
    print_note(f"{run_id}: what you type goes to it; Ctrl-] leaves it")
    follow(client, run_id, interactive=True, leave_key=_LEAVE)
    ended = client.get(f"/api/runs/{run_id}")
    if ended["status"] in _ENDED:
        return exit_status(ended)
    print_note(f"\n{run_id} goes on: workbench attach {run_id}")
    return 0
