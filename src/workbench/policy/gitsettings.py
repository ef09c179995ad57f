"""Says whether a repository's own git configuration names programs that its plain commands would start.

`git status` asks core.fsmonitor, `git diff` a textconv, `git add` a filter: with such a setting a command
that only reads runs whatever stands there. Values that everybody knows are no news. It judges no path.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

from workbench.policy.paths import Place, is_within
from workbench.policy.programs import Reader

_SETTING = re.compile(
    r"^[ \t]*(?P<key>\w*(?:fsmonitor|pager|external|textconv|command|cmd|sshcommand|gitproxy|askpass|editor"
    r"|helper|program|driver|clean|smudge|process|uploadpack|receivepack|vcs|diffilter|difffilter|browser"
    r"|worktree|hookspath|update))[ \t]*=[ \t]*(?P<value>[^\n]*?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_INCLUDE = re.compile(r"^[ \t]*\[[ \t]*include", re.IGNORECASE | re.MULTILINE)
# A setting on its section's line, or one that goes on in the next.
_ODD = re.compile(r"^[ \t]*\[[^\]\n]*\][ \t]*[^\s#;]|\\[ \t]*$", re.MULTILINE)
_KNOWN = re.compile(
    r"(?:|true|false|yes|no|on|off|0|1|cat|less(?: -[A-Za-z]+)*|more|delta|vim?|nvim|nano|emacs|code --wait"
    r"|diff-so-fancy(?: \| less(?: -[A-Za-z]+)*)?|store|cache(?: --timeout[ =]\d+)?|osxkeychain|libsecret"
    r"|manager(?:-core)?|!?(?:/usr/bin/)?gh auth git-credential|gpg2?|ssh|(?:/usr/bin/)?ssh-keygen"
    r"|git-lfs clean -- %f|git-lfs smudge (?:--skip )?-- %f|git-lfs filter-process(?: --skip)?"
    r"|merge|rebase|checkout|none|simple)",
    re.IGNORECASE,
)
_POINTER = "gitdir:"
_INSIDE = re.compile(r"(?!/|~)(?!.*\.\.)[\w./-]+")


def may_start_programs(reader: Reader, cwd: str) -> bool:
    """Returns whether the configuration that git has in this folder names a program nobody knows."""
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root):
        if dict(reader.scan(folder) or ()).get(".git") == "folder":
            return any(
                _starts_programs(text)
                for name in ("config", "config.worktree")
                if (text := reader.surroundings.read_text(f"{folder}/.git/{name}")) is not None
            )
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)
    return False


def as_git_folder(reader: Reader, place: Place) -> Place:
    """Returns the place, as one in `.git` where it lies in what the `.git` file at the top points to.

    A `.git` that is a folder, and a pointer out of the workspace, change nothing.
    """
    root = reader.workspace_root
    pointer = reader.read_tool(f"{root}/.git") if place.zone == "workspace" and place.parts else None
    if pointer is None or not pointer.startswith(_POINTER):
        return place
    said = pointer.removeprefix(_POINTER).strip()
    folder = reader.surroundings.real_path(posixpath.join(root, said)) if said else root
    if folder == root or not is_within(folder, root) or not is_within(place.path, folder):
        return place
    below = place.path[len(folder) :].strip("/")
    return replace(place, parts=(".git", *(below.split("/") if below else ())))


def hooks_folder(reader: Reader, cwd: str) -> tuple[str, str]:
    """Returns the folder in the tree that the repository's hooks lie in, and its top folder; "" for none."""
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root):
        kind = dict(reader.scan(folder) or ()).get(".git")
        if kind is not None:
            names = ("config", "config.worktree") if kind == "folder" else ()
            texts = (reader.surroundings.read_text(f"{folder}/.git/{name}") or "" for name in names)
            text = "\n".join(texts)
            named = [
                match["value"] for match in _SETTING.finditer(text) if match["key"].lower() == "hookspath"
            ]
            place = posixpath.normpath(posixpath.join(folder, named[-1].strip('"'))) if named else ""
            return place if place and is_within(place, reader.workspace_root) else "", folder
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)
    return "", ""


def _starts_programs(text: str) -> bool:
    if _INCLUDE.search(text) or _ODD.search(text):
        return True
    return any(
        not _is_known(match["key"].lower(), match["value"].strip().strip('"'))
        for match in _SETTING.finditer(text)
    )


def _is_known(key: str, value: str) -> bool:
    # Hooks in the tree are the project's code, as its tests are.
    if key == "hookspath":
        return _INSIDE.fullmatch(value) is not None
    return key != "worktree" and _KNOWN.fullmatch(value) is not None
