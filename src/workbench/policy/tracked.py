"""Says whether git would show a secret: a tracked file of such a name, or a login in its configuration.

What git shows without being given a path is all that it tracks. The names come through the surroundings,
from git's index; where that cannot be read, every file that lies there may be tracked. Where many commits are
shown or searched, the names that they hold count as well, in histories of a bounded size, and so do those of
the commits that a word names. A word that is not understood may name any.
"""

from __future__ import annotations

import posixpath
import re

from workbench.policy.history import look_back, words_of_paths
from workbench.policy.logins import holds_only_settings, may_print_git_login
from workbench.policy.options import Form, Reading, Value
from workbench.policy.paths import Place, is_within, locate
from workbench.policy.programs import Reader
from workbench.policy.reach import reach
from workbench.policy.sensitive import compile_pattern, is_pattern_for_secrets, is_secret
from workbench.policy.trail import Trail

_STAGES_NO_NEW = frozenset({"-u", "--update", "-n", "--dry-run"})
# No pattern of files has these; what git takes for a revision comes first.
_REVISION = re.compile(r"@\{|\^")
_RAW = re.compile(r"%\(\*?raw\b")
"""What has git write an object out whole, in the words of its formats."""
_GLOB = re.compile(r"[*?\[]")
# What these settings hold is a login, or an address that may have one in it.
_SETTINGS = re.compile(
    r"^(remote\.|url\.|branch\.|http|https|credential|submodule\.|core\.(gitproxy|sshcommand)|lfs|sendemail|imap)"
    r"|token|pass|secret|auth|key$|proxy",
    re.IGNORECASE,
)


def shows_secret(
    reader: Reader, form: Form, reading: Reading, labels: set[str], words: tuple[str, ...], cwd: str
) -> set[str]:
    """Returns `reads_secret` where what git shows for these argument words may hold one, else nothing."""
    found: set[str] = set()
    names_only = "names_only" in labels and (form.words != ("show",) or _are_commits(reader, reading, cwd))
    is_shown = "shows_tracked" in labels and not names_only
    if any(_RAW.search(value.text) for value in reading.values if not value.is_operand):
        found.add("reads_secret")
    if is_shown or not labels.isdisjoint({"shows_content", "searches_history"}):
        found |= _show(reader, form, reading, labels, words, cwd)
    if form.words == ("add",) and not reading.given & _STAGES_NO_NEW:
        found |= _stage(reader, reading, cwd)
    if "shows_settings" in labels:
        keys = [
            value.text for value in reading.values if value.is_operand and value.kind in ("name", "configkey")
        ]
        is_asked = not keys or "shows_addresses" in labels or any(_SETTINGS.search(key) for key in keys)
        if is_asked and may_print_git_login(reader, cwd):
            found.add("reads_secret")
    return found


def _are_commits(reader: Reader, reading: Reading, cwd: str) -> bool:
    """Whether all that git show is given are commits: of anything else it shows all there is."""
    top = top_folder(reader, cwd)
    if not top:
        return True
    named = [value for value in reading.values if value.is_operand]
    return not reader.has_moved_refs and all(
        _is_there(reader, value, cwd) or reader.surroundings.committed_files(top, value.text)
        for value in named
    )


def _show(
    reader: Reader, form: Form, reading: Reading, labels: set[str], words: tuple[str, ...], cwd: str
) -> set[str]:
    if not form.words:
        return set()
    before, behind, is_parted = words_of_paths(form, reading, words)
    top = top_folder(reader, cwd)
    paths, is_whole = _asked_paths(reader, before, behind, cwd, is_parted=is_parted)
    is_followed = "--follow" in reading.given
    if any(_GLOB.search(text) and is_pattern_for_secrets(text.rpartition(")")[2]) for _, text in paths):
        return {"reads_secret"}
    old: tuple[str, ...] = ()
    if top:
        texts = [
            value.text
            for value in before
            if is_parted or reader.has_changed or not _is_there(reader, value, cwd)
        ]
        past = look_back(reader, form, reading, labels, texts, cwd, top)
        if past.is_unknown and not (paths and all(_is_one_file(reader, *each) for each in paths)):
            return {"reads_secret"}
        if any(is_secret(f"{top}/{name}") for name in past.asked):
            return {"reads_secret"}
        old = tuple(past.names)
        is_whole = is_whole or is_followed or (reader.has_changed and bool(old) and not is_parted)
        if past.is_unseen and (is_whole or paths):
            return _walk(reader, paths, is_whole=is_whole)
    if not paths and not is_whole:
        return set()
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
        return _walk(reader, paths, is_whole=is_whole)
    for name in (*names, *old):
        path = f"{top}/{name}"
        if not is_secret(path) or holds_only_settings(reader, path):
            continue
        if is_whole or any(_takes(place, text, path, cwd) for place, text in paths):
            return {"reads_secret"}
    return set()


def _stage(reader: Reader, reading: Reading, cwd: str) -> set[str]:
    """Returns `reads_secret` where a file with a secret's name would be staged along with the others."""
    top, _ = find_repository(reader, cwd)
    if not top:
        return set()
    texts = [value.text for value in reading.values if value.is_operand]
    if any(_GLOB.search(text) or text.startswith(":") for text in texts):
        texts = []
    elif not texts and not reading.given & {"-A", "--all", "--renormalize"}:
        return set()
    roots = tuple(
        (locate(text, cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings), text)
        for text in texts or [top]
    )
    trail = Trail(roots=roots, skips_ignored=True, excluded_folders=(".git",))
    return reach(reader, trail, opens=True) & {"reads_secret"}


def _walk(reader: Reader, paths: list[tuple[Place, str]], *, is_whole: bool) -> set[str]:
    """Takes every file that lies there for one that git may show."""
    root = (reader.workspace_root, ".") if is_whole else None
    folders = [root] if root else [(place.path, text) for place, text in paths]
    trail = Trail(roots=tuple((Place(path=path, zone="workspace"), text) for path, text in folders))
    return reach(reader, trail, opens=True) & {"reads_secret", "reads_unknown"}


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
    reader: Reader, before: list[Value], behind: list[Value], cwd: str, *, is_parted: bool
) -> tuple[list[tuple[Place, str]], bool]:
    """Returns the paths that narrow what is shown, and whether nothing does.

    Behind `--` stand paths alone; before it, what names no file that is there is a revision. `REV:PATH` is
    one file, which the arguments were judged by already, or a folder of that revision alone.
    """
    if not behind:
        behind = [] if is_parted else [value for value in before if _is_there(reader, value, cwd)]
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
    if _REVISION.search(value.text):
        return False
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
