"""Asks a program of this machine for its version, as the user who asks; nothing else is started.

It is for telling people what they have. No run and no judgement rests on the answer.
"""

from __future__ import annotations

import subprocess
from typing import Final

_SECONDS: Final = 5.0
_LONGEST: Final = 100


def read_version(path: str) -> str | None:
    """Returns the first line that `path --version` prints, or None; waits 5 s at most."""
    try:
        done = subprocess.run(
            [path, "--version"], stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode("utf-8", "replace").split("\n")[0].strip()[:_LONGEST] or None
