"""Says whether a word given to git is a branch and nothing else, by refs and names; it runs no git."""

from __future__ import annotations

import posixpath
import re

from workbench.policy.options import Form, Reading
from workbench.policy.paths import is_within, locate
from workbench.policy.programs import Reader
from workbench.policy.tracked import top_folder
from workbench.policy.walk import plain

_CHANGES_BRANCH = (("switch",), ("checkout",), ("merge",))
KEEPS = "--no-overwrite-ignore"
"""With this option git refuses where it would write over a file that it ignores."""
# Part of the names that git allows, without the signs of patterns and revisions.
_NAME = re.compile(r"(?!.*(?:\.\.|//|\.lock(?:/|$)))[A-Za-z0-9_][A-Za-z0-9_.+@/-]*(?<![./])")


def is_surely_branch(reader: Reader, text: str, cwd: str) -> bool:
    """Returns whether `git checkout TEXT` in this folder changes the branch and restores no file.

    Git takes a word that is no branch for files and discards what was changed in them. So there is a branch
    of this name, here or at a remote, and nothing that lies in the folder, or is put there before, has it.
    """
    top = top_folder(reader, cwd)
    if not top or not _NAME.fullmatch(text) or not _is_ref(reader, f"{top}/.git", text):
        return False
    place = locate(text, cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings)
    if any(is_within(path, place.path) or is_within(place.path, path) for path in reader.written):
        return False
    parent, name = posixpath.split(posixpath.normpath(posixpath.join(cwd, text)))
    entries = reader.scan(parent)
    return entries is not None and name not in {entry for entry, _ in entries}


def _is_ref(reader: Reader, git_folder: str, name: str) -> bool:
    remotes = [entry for entry, kind in reader.scan(f"{git_folder}/refs/remotes") or () if kind == "folder"]
    folders = [f"{git_folder}/refs/heads", *(f"{git_folder}/refs/remotes/{remote}" for remote in remotes)]
    for folder in folders:
        parent, last = posixpath.split(f"{folder}/{name}")
        if dict(reader.scan(parent) or ()).get(last) == "file":
            return True
    packed = reader.surroundings.read_text(f"{git_folder}/packed-refs") or ""
    wanted = re.compile(
        r"^[0-9a-f]{40,64} refs/(?:heads|remotes/[^/\s]+)/" + re.escape(name) + "$", re.MULTILINE
    )
    return wanted.search(packed) is not None


def keep_ignored(form: Form, reading: Reading, args: tuple[str, ...]) -> tuple[str, ...] | None:
    """Returns the arguments with which git refuses to write over files that it ignores, or None as they are.

    A change of branch overwrites them by default, an .env with its secrets among them, and says nothing.
    """
    if form.words[:1] not in _CHANGES_BRANCH or "changes_tree" not in reading.labels or KEEPS in args:
        return None
    if [plain(arg) for arg in args].count(form.words[0]) != 1:
        return None
    at = [plain(arg) for arg in args].index(form.words[0]) + 1
    return (*args[:at], KEEPS, *args[at:])
