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
    r"|worktree|hookspath|update|smtpserver|httpd|tunnel|authorsprog|hook|path))[ \t]*="
    r"[ \t]*(?P<value>[^\n]*?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
# A remote that is a command, and what lfs gives to the program of a transfer.
_COMMANDS = re.compile(
    r"^[ \t]*(?:(?:push)?url[ \t]*=[ \t]*\"?ext::|args[ \t]*=)", re.IGNORECASE | re.MULTILINE
)
# Each key of this section is a subcommand, and its value what shows that one's output.
_PAGERS = re.compile(
    r"^[ \t]*\[[ \t]*pager[ \t]*\][ \t]*\n((?:(?![ \t]*\[).*\n?)*)", re.IGNORECASE | re.MULTILINE
)
_PAGER = re.compile(r"^[ \t]*[\w-]+[ \t]*=[ \t]*([^\n]*?)[ \t]*$", re.MULTILINE)
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
_BARE = (("HEAD", "file"), ("objects", "folder"), ("refs", "folder"))
"""What git takes a folder for a repository by."""
_INSIDE = re.compile(r"(?!/|~)(?!.*\.\.)[\w./-]+")


def may_start_programs(reader: Reader, cwd: str) -> bool:
    """Returns whether the configuration that git has in this folder names a program nobody knows.

    So it is with a repository in the tree that is no `.git` of its own or of an enclosing folder: what hooks
    and settings it has came with the files.
    """
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root):
        entries = dict(reader.scan(folder) or ())
        kind = entries.get(".git")
        if kind == "folder":
            return _has_programs(reader, f"{folder}/.git", folder)
        if kind is not None:
            return _starts_by_pointer(reader, folder)
        if all(entries.get(name) == kind for name, kind in _BARE):
            return True
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)
    return False


def _has_programs(reader: Reader, git_folder: str, tree: str) -> bool:
    own_tree = posixpath.relpath(tree, git_folder)
    return any(
        _starts_programs(text, own_tree)
        for name in ("config", "config.worktree")
        if (text := reader.surroundings.read_text(f"{git_folder}/{name}")) is not None
    )


def _starts_by_pointer(reader: Reader, folder: str) -> bool:
    """Whether the repository that a `.git` file or link names starts programs; outside, none is reached."""
    pointer = reader.read_tool(f"{folder}/.git") or ""
    said = pointer.removeprefix(_POINTER).strip()
    named = posixpath.join(folder, said) if pointer.startswith(_POINTER) and said else f"{folder}/.git"
    place = reader.surroundings.real_path(named)
    if not is_within(place, reader.workspace_root):
        return False
    parts = place[len(reader.workspace_root) :].strip("/").split("/")
    if ".git" not in parts:
        return True
    shared = (reader.read_tool(f"{place}/commondir") or "").strip()
    common = reader.surroundings.real_path(posixpath.join(place, shared)) if shared else place
    if not is_within(common, reader.workspace_root) or ".git" not in common.split("/"):
        return True
    return _has_programs(reader, place, folder) or _has_programs(reader, common, folder)


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


def _starts_programs(text: str, own_tree: str) -> bool:
    """`own_tree` is what a submodule's repository says of its folder."""
    if _INCLUDE.search(text) or _ODD.search(text) or _COMMANDS.search(text):
        return True
    pagers = [match[1] for section in _PAGERS.finditer(text) for match in _PAGER.finditer(section[1])]
    if not all(_KNOWN.fullmatch(value.strip('"')) for value in pagers):
        return True
    return any(
        not _is_known(key, value) and not (key == "worktree" and value == own_tree)
        for match in _SETTING.finditer(text)
        for key, value in [(match["key"].lower(), match["value"].strip().strip('"'))]
    )


def _is_known(key: str, value: str) -> bool:
    # Hooks in the tree are the project's code, as its tests are.
    if key == "hookspath":
        return _INSIDE.fullmatch(value) is not None
    return key != "worktree" and _KNOWN.fullmatch(value) is not None
