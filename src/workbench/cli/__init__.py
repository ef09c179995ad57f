"""The command line: one file a subcommand. People read stderr, programs read stdout.

Every error says what happened and what to do, and ends with a status that scripts can tell apart.
"""

from __future__ import annotations

import errno
import gc
import io
import os
import sys
from typing import Final

from workbench.model.errors import ServerUnavailable, WorkbenchError

UNWRITABLE: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG})
_OBJECTS_BEFORE_COLLECTING: Final = 100_000


def main() -> None:
    """Runs one command and exits with its status."""
    # Most commands are over before they have made garbage worth looking for.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTING)
    _replace_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal that has no sign for a mark gets its name; nothing ends for it.
            stream.reconfigure(errors="backslashreplace")
    out = sys.stdout
    status: str | int | None = None
    try:
        _run_command()
    except SystemExit as ended:
        # When the reader of our output has gone, typer takes stdout away and ends with 1.
        status = ended.code if sys.stdout is out else _reader_gone()
    try:
        out.flush()
    except OSError as error:
        # What is still in it must not be tried again by the interpreter at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())
        if not isinstance(error, BrokenPipeError):
            _say_unwritable(error)
        # A command's own failure says more.
        status = status or (_reader_gone() if isinstance(error, BrokenPipeError) else 1)
    sys.exit(status)


def _replace_closed() -> None:
    """Puts /dev/null in the place of standard streams that were closed, as a daemon's may be."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is not None:
            continue
        try:
            os.fstat(number)
        except OSError:
            # The lowest free number is taken, so that nothing opened later can be written to by mistake.
            setattr(sys, name, open(os.open(os.devnull, os.O_RDWR), mode))  # noqa: SIM115
        else:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115


def _reader_gone() -> int:
    from workbench.cli.run import READER_GONE

    return READER_GONE


def _say_unwritable(error: OSError) -> None:
    from workbench.cli.output import print_note

    print_note(f"workbench: the output cannot be written: {error.strerror}")
    print_note("  what to do: make room, or send it elsewhere; nothing that was asked for is undone")


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
    except OSError as error:
        # Without a file's name it is what we print that has no room.
        if error.filename is not None or error.errno not in UNWRITABLE:
            raise
        _say_unwritable(error)
        sys.exit(1)
