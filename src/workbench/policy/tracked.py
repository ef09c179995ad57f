"""Says whether git would show a secret: a tracked file of such a name, or a login in its configuration.

What git shows without being given a path is all that it tracks. The names come through the surroundings,
from git's index; where that cannot be read, every file that lies there may be tracked. Where many commits are
shown or searched, the names that they hold count as well, in histories of a bounded size. Single commits are
not looked into: a secret that was tracked there and is no more is not noticed.
"""

from __future__ import annotations

import posixpath
import re

from workbench.policy.logins import holds_only_settings, may_print_git_login
from workbench.policy.options import Reading, Value
from workbench.policy.paths import Place, is_within, locate
from workbench.policy.programs import Reader
from workbench.policy.reach import reach
from workbench.policy.sensitive import compile_pattern, is_secret
from workbench.policy.trail import Trail
from workbench.policy.walk import plain

_KINDS = frozenset({"pathspec", "revision"})
_GLOB = re.compile(r"[*?\[]")
# What these settings hold is a login, or an address that may have one in it.
_SETTINGS = re.compile(
    r"^(remote\.|url\.|branch\.|http|https|credential|submodule\.|core\.(gitproxy|sshcommand)|lfs|sendemail|imap)"
    r"|token|pass|secret|auth|key$|proxy",
    re.IGNORECASE,
)


def shows_secret(
    reader: Reader, reading: Reading, labels: set[str], words: tuple[str, ...], cwd: str
) -> set[str]:
    """Returns `reads_secret` where what git shows for these argument words may hold one, else nothing."""
    found: set[str] = set()
    is_shown = "shows_tracked" in labels and "names_only" not in labels
    if is_shown or not labels.isdisjoint({"shows_content", "searches_history"}):
        found |= _show(reader, reading, labels, words, cwd)
    if "shows_settings" in labels:
        keys = [
            value.text for value in reading.values if value.is_operand and value.kind in ("name", "configkey")
        ]
        is_asked = not keys or "shows_addresses" in labels or any(_SETTINGS.search(key) for key in keys)
        if is_asked and may_print_git_login(reader, cwd):
            found.add("reads_secret")
    return found


def _show(reader: Reader, reading: Reading, labels: set[str], words: tuple[str, ...], cwd: str) -> set[str]:
    paths, is_whole = _asked_paths(reader, reading, words, cwd)
    if not paths and not is_whole:
        return set()
    top = top_folder(reader, cwd)
    names = reader.surroundings.tracked_files(top) if top else None
    if reader.has_staged:
        # What lies there may be tracked by now; what ignore files name is not, unless it already was.
        asked = (
            [(top or reader.workspace_root, ".")]
            if is_whole
            else [(place.path, text) for place, text in paths]
        )
        staged = Trail(
            roots=tuple((Place(path=path, zone="workspace"), text) for path, text in asked),
            skips_ignored=not reader.is_unruled,
        )
        if found := reach(reader, staged, opens=True) & {"reads_secret", "reads_unknown"}:
            return found
    if names is None or not reader.work.take(len(names)):
        root = (reader.workspace_root, ".") if is_whole else None
        folders = [root] if root else [(place.path, text) for place, text in paths]
        trail = Trail(roots=tuple((Place(path=path, zone="workspace"), text) for path, text in folders))
        return reach(reader, trail, opens=True) & {"reads_secret", "reads_unknown"}
    if is_whole or not all(_is_one_file(reader, place, text) for place, text in paths):
        names = (*names, *_committed(reader, reading, labels, words, cwd, top))
    for name in names:
        path = f"{top}/{name}"
        if not is_secret(path) or holds_only_settings(reader, path):
            continue
        if is_whole or any(_takes(place, text, path, cwd) for place, text in paths):
            return {"reads_secret"}
    return set()


def _committed(
    reader: Reader, reading: Reading, labels: set[str], words: tuple[str, ...], cwd: str, top: str
) -> list[str]:
    """Returns the names in the commits that are looked through; those that cannot be known are left out."""
    revisions: list[str] = []
    if top and "walks_history" in labels:
        revisions = ["--all"]
    elif top and "searches_history" in labels:
        dash = next((index for index, word in enumerate(words) if plain(word) == "--"), len(words))
        revisions = [
            value.text
            for value in reading.values
            if value.is_operand
            and value.kind in _KINDS
            and value.index < dash
            and ":" not in value.text
            and not _is_there(reader, value, cwd)
        ]
    found = [reader.surroundings.committed_files(top, revision) or () for revision in revisions]
    names = [name for each in found for name in each]
    return names if reader.work.take(len(names)) else []


def may_hold_tracked(reader: Reader, path: str) -> bool:
    """Returns whether git tracks this file, a file below this folder, or one that the pattern takes.

    Where the index cannot be read, anything that lies there may be tracked. Without a repository nothing is.
    """
    folder = posixpath.dirname(path)
    while True:
        kind = dict(reader.scan(folder) or ()).get(".git")
        if (
            kind is not None
            or not is_within(folder, reader.workspace_root)
            or folder == reader.workspace_root
        ):
            break
        folder = posixpath.dirname(folder)
    if kind is None:
        return False
    names = reader.surroundings.tracked_files(folder) if kind == "folder" else None
    if names is None or not reader.work.take(len(names)):
        return reader.scan(path) is not None or _GLOB.search(path) is not None or _lies_there(reader, path)
    if _GLOB.search(path):
        pattern = compile_pattern(path)
        return any(pattern.fullmatch(f"{folder}/{name}") for name in names)
    return any(is_within(f"{folder}/{name}", path) for name in names)


def _lies_there(reader: Reader, path: str) -> bool:
    parent, name = posixpath.split(path)
    return name in {entry for entry, _ in reader.scan(parent) or ()}


def _asked_paths(
    reader: Reader, reading: Reading, words: tuple[str, ...], cwd: str
) -> tuple[list[tuple[Place, str]], bool]:
    """Returns the paths that narrow what is shown, and whether nothing does.

    Behind `--` stand paths alone; before it, what names no file that is there is a revision. `REV:PATH` is
    one file, which the arguments were judged by already.
    """
    operands = [value for value in reading.values if value.is_operand and value.kind in _KINDS]
    dash = next((index for index, word in enumerate(words) if plain(word) == "--"), len(words))
    behind = [value for value in operands if value.index > dash]
    before = [value for value in operands if value.index < dash]
    if not behind:
        behind = [value for value in before if _is_there(reader, value, cwd)]
        if before and all(":" in value.text[1:] for value in before):
            return [], False
    if any(value.text.startswith(":") for value in behind):
        behind = []
    found = [
        (
            locate(value.text, cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings),
            value.text,
        )
        for value in behind
    ]
    return found, not found


def _is_there(reader: Reader, value: Value, cwd: str) -> bool:
    if _GLOB.search(value.text):
        return not value.text.startswith(":")
    place = locate(value.text, cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings)
    parent, name = posixpath.split(place.path)
    if place.path == reader.workspace_root:
        return True
    return place.zone == "workspace" and name in {entry for entry, _ in reader.scan(parent) or ()}


def _is_one_file(reader: Reader, place: Place, text: str) -> bool:
    parent, name = posixpath.split(place.path)
    return not _GLOB.search(text) and dict(reader.scan(parent) or ()).get(name) == "file"


def _takes(place: Place, text: str, path: str, cwd: str) -> bool:
    if not _GLOB.search(text):
        return is_within(path, place.path)
    pattern = posixpath.normpath(posixpath.join(cwd, text))
    # In git's patterns `*` takes `/` as well, and a pattern that takes a folder takes what lies in it.
    return any(compile_pattern(choice).fullmatch(path) for choice in (pattern, pattern + "/*"))


def top_folder(reader: Reader, cwd: str) -> str:
    """Returns the repository's top folder, or "" where its `.git` is no folder of the workspace."""
    top, kind = find_repository(reader, cwd)
    return top if kind == "folder" else ""


def find_repository(reader: Reader, cwd: str) -> tuple[str, str]:
    """Returns the folder around `cwd` that holds a `.git`, and that one's kind; "" and "" without one."""
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root):
        kind = dict(reader.scan(folder) or ()).get(".git")
        if kind is not None:
            return folder, kind
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)
    return "", ""
