"""Remembers on this machine which shipped policy has passed its examples, so that not each start runs them.

A mark is an empty file whose name is the digest of the code, the data and the parsers that were tried. When
any of them changes, by an upgrade or by hand, there is no mark for it, and the examples are run again. Marks
lie in the user's own cache; a folder that others can write is not believed.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from typing import Final

from workbench.gate import Policy, load_policy, trial_digest

_MOST_MARKS: Final = 16


def load_tried(posture: str) -> Policy:
    """Returns the shipped policy of a posture, its examples run now or, for the same code and data, before.

    Raises PolicyBroken when an example fails. A mark that cannot be kept costs time, nothing else.
    """
    folder = _marks_folder()
    mark = folder / trial_digest(posture).removeprefix("sha256:")
    if _is_ours(folder) and mark.is_file():
        return load_policy(posture, is_tried=False)
    policy = load_policy(posture)
    with contextlib.suppress(OSError):
        _keep(folder, mark)
    return policy


def _marks_folder() -> Path:
    from platformdirs import user_cache_path

    return user_cache_path("workbench", appauthor=False) / "policy-trials"


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _keep(folder: Path, mark: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not _is_ours(folder):
        return
    mark.touch(mode=0o600)
    marks = sorted(folder.iterdir(), key=lambda one: one.stat().st_mtime, reverse=True)
    for old in marks[_MOST_MARKS:]:
        old.unlink(missing_ok=True)
