"""Says in plain words why a command could not write what a sandbox keeps read-only.

Standard library only, for the shim. A command sees no more than the kernel's "Read-only file system", and who
runs it asks himself what is wrong with the disk. It goes by what the command printed, and changes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

_TAIL_BYTES = 64 * 1024
_MOST_NAMED = 5
_COMPLAINT = re.compile(rb"Read-only file system|Device or resource busy|EROFS|EBUSY")


def explain_refusals(output: str, read_only: Sequence[str]) -> str:
    """Returns the sentence for the end of a step, or "" where the end of its output shows no such complaint.

    `output` is the path of its log, `read_only` are paths relative to the workspace.
    """
    try:
        with open(output, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL_BYTES))
            tail = file.read(_TAIL_BYTES)
    except OSError:
        return ""
    lines = [line for line in tail.splitlines() if _COMPLAINT.search(line)]
    named = [path for path in read_only if any(_names(line, path) for line in lines)] if lines else []
    if not named:
        return ""
    shown = ", ".join(path if path.isprintable() else ascii(path) for path in named[:_MOST_NAMED])
    return f"read-only in a run, because programs outside obey it: {shown}; change it outside of a run"


def _names(line: bytes, path: str) -> bool:
    return re.search(rb"(?<![\w.-])" + re.escape(os.fsencode(path)) + rb"(?![\w.-])", line) is not None
