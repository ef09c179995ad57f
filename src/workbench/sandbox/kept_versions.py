"""Says which files of a workspace hold earlier versions of others, as version control keeps them.

What is empty in a copy because of its name can be read there in another form: git keeps every version of it.
It goes by where files lie, and opens none.
"""

from __future__ import annotations

import os
from collections.abc import Set as AbstractSet
from typing import Final

_IN_GIT: Final = frozenset({"objects", "rr-cache", "rebase-merge", "rebase-apply"})
# Below these git has names of branches, and a branch may be called `objects`.
_NAMES: Final = frozenset({"refs", "logs"})
_OTHERS: Final = ("/.hg/store/", "/.svn/pristine/", "/.jj/repo/", "/.bzr/repository/")


def keeps_versions(root: str, path: str) -> bool:
    """Says whether this folder, relative to `root`, is where a repository without a `.git` of its own, a bare
    one or one that a `.git` file names, keeps what it knows."""
    folder, _, name = path.rpartition("/")
    beside = f"{root}/{folder}".rstrip("/")
    return name == "objects" and all(os.path.lexists(f"{beside}/{each}") for each in ("HEAD", "refs"))


def is_kept_version(path: str, keeping: AbstractSet[str]) -> bool:
    """Says whether the file at this relative path holds earlier versions; `keeping` are the folders that
    `keeps_versions` named on the way."""
    parts = path.split("/")[:-1]
    if ".git" in parts:
        below = parts[parts.index(".git") + 1 :]
        first = next((part for part in below if part in _IN_GIT | _NAMES), "")
        if first in _IN_GIT:
            return True
    if any(each in f"/{path}" for each in _OTHERS):
        return True
    return bool(keeping) and any("/".join(parts[:depth]) in keeping for depth in range(1, len(parts) + 1))
