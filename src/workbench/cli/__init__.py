"""The command line: one file a subcommand. People read stderr, programs read stdout.

Every error says what happened and what to do, and ends with a status that scripts can tell apart.
"""

from __future__ import annotations

import gc
import os
import sys
from typing import Final

from workbench.model.errors import ServerUnavailable, WorkbenchError

_OBJECTS_BEFORE_COLLECTING: Final = 100_000


def main() -> None:
    """Runs one command and exits with its status."""
    # Most commands are over before they have made garbage worth looking for.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTING)
    out = sys.stdout
    status: str | int | None = None
    try:
        _run_command()
    except SystemExit as ended:
        # When the reader of our output has gone, typer takes stdout away and ends with 1.
        status = ended.code if sys.stdout is out else 0
    try:
        if out is not None:
            out.flush()
    except BrokenPipeError:
        # What is still in it must not be tried again by the interpreter at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
    sys.exit(status)


def _run_command() -> None:
    from workbench.cli.commands import build
    from workbench.cli.output import print_error

    try:
        build()(standalone_mode=True)
    except ServerUnavailable as error:
        from workbench.cli.run import SERVER_LOST

        print_error(error)
        sys.exit(SERVER_LOST)
    except WorkbenchError as error:
        print_error(error)
        sys.exit(2 if error.http_status in (400, 404, 422) else 1)
    except KeyboardInterrupt:
        sys.exit(130)
