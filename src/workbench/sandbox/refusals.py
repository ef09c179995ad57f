"""Says in plain words why a command could not write what a sandbox keeps read-only.

Standard library only, for the shim. A command sees no more than the kernel's "Read-only file system", and who
runs it asks himself what is wrong with the disk. It goes by what the command printed, and changes nothing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

_MOST_NAMED = 5
_COMPLAINT = re.compile(rb"Read-only file system|Device or resource busy|EROFS|EBUSY")


def explain_refusals(tail: bytes, kept: Sequence[str]) -> str:
    """Returns the sentence for the end of a step, or "" where the end of its output shows no such complaint.

    `tail` is that end; `kept` are paths relative to the workspace, of what the command could not change or
    rename.
    """
    lines = [line for line in tail.splitlines() if _COMPLAINT.search(line)]
    if not lines or not kept:
        return ""
    # One pass however many paths there are, and the longest of two that begin alike.
    names = b"|".join(re.escape(os.fsencode(path)) for path in sorted(kept, key=len, reverse=True))
    found = re.findall(rb"(?<![\w.-])(" + names + rb")(?![\w.-])", b"\n".join(lines))
    named = [os.fsdecode(path) for path in dict.fromkeys(found)]
    if not named:
        return ""
    shown = ", ".join(path if path.isprintable() else ascii(path) for path in named[:_MOST_NAMED])
    return f"kept as it is in a run, because programs outside obey it: {shown}; change it outside of a run"
