"""Looks through a workspace for repositories and for files that other programs obey by themselves.

Standard library only, for the shim as well as for the server. Before a step it finds the repositories to
protect, after it what appeared or changed meanwhile. It changes nothing and follows no symlink.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from workbench.model.startup import STARTUP_FILES, STARTUP_FOLDERS

MOST_FOLDERS = 20_000
LONGEST_SECONDS = 0.25
_GLANCE_SECONDS = 0.0002
_SKIPPED = frozenset([".git", "node_modules", "__pycache__"])
_BARE = frozenset(["HEAD", "objects", "refs"])
_OBEYED = ("config", "config.worktree", "commondir", "hooks")
_CLOCK_REALTIME_COARSE = 5
"""The clock by which the kernel stamps files (include/uapi/linux/time.h); Python has no name for it."""
_MOST_NAMED, _LONGEST_NAME, _MOST_KNOWN = 5, 120, 1024


@dataclass(slots=True, kw_only=True)
class Traces:
    """What was found, relative: `repositories` are all `.git` entries and, with a slash at their end, the
    folders that are repositories without one; `changed` is what appeared or changed. `is_whole` is
    False where the workspace was too large to see all of it."""

    repositories: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    is_whole: bool = True


def look_through(
    root: str,
    *,
    since: int | None = None,
    protected: Mapping[str, tuple[int, int]] | None = None,
    watched: Sequence[str] = (),
    seconds: float = LONGEST_SECONDS,
) -> Traces:
    """Walks the workspace, outer folders first, and returns the traces.

    With `since`, what read_stamp gave at some moment, it names what was stamped then or later, except
    `protected`: absolute paths with device and inode, which a step could not change. `watched` are further
    relative paths to name then. The stamp is the kernel's (ctime): no program can set it back.
    """
    traces = Traces()
    known = protected or {}
    for relative, entries in _folders(root, traces, seconds):
        names = {entry.name for entry in entries}
        for entry in entries:
            path = f"{relative}{entry.name}"
            if entry.name == ".git":
                traces.repositories.append(path)
            elif entry.name not in STARTUP_FILES and entry.name not in STARTUP_FOLDERS:
                continue
            if since is not None and not _is_protected(entry, relative, known) and _is_later(entry, since):
                traces.changed.append(path)
        if names >= _BARE:
            traces.repositories.append(relative or "./")
        if since is not None and names >= _BARE and not _is_guarded(root, relative, known):
            # Anything may change the stamp of the root itself.
            signs = (*_OBEYED, "HEAD", "." if relative else "HEAD")
            if _is_any_later(f"{root}/{relative}", signs, since):
                traces.changed.append(relative or "./")
    for path in watched if since is not None else ():
        if path not in traces.changed and since is not None and _is_path_later(f"{root}/{path}", since):
            traces.changed.append(path)
    return traces


def read_stamp() -> int:
    """Returns the time, in nanoseconds, that no file changed from now on can be stamped before."""
    return time.clock_gettime_ns(_CLOCK_REALTIME_COARSE)


def find_repositories(root: str, *, state_folder: str) -> list[str]:
    """Returns the known repositories of a workspace, as in Traces, and those that a glance of 0.2 ms finds.

    They are known from the look after the last step; before the first one it looks through everything.
    """
    known = _recall(root, state_folder)
    if known is None:
        return look_through(root).repositories
    return list(dict.fromkeys([*look_through(root, seconds=_GLANCE_SECONDS).repositories, *known]))


def remember(root: str, found: Traces, *, state_folder: str) -> None:
    """Keeps the repositories for the next step; where they cannot be kept it looks for itself.

    After a look that was not whole, those known before are kept as well.
    """
    path = _record(root, state_folder)
    repositories = found.repositories[:_MOST_KNOWN]
    with contextlib.suppress(OSError):
        known = _recall(root, state_folder)
        if not found.is_whole:
            repositories = list(dict.fromkeys([*repositories, *(known or [])]))[:_MOST_KNOWN]
        if repositories == known:
            return
        part = f"{path}.{os.getpid()}.part"
        with open(part, "w") as file:
            json.dump(repositories, file)
        os.rename(part, path)


def describe(traces: Traces) -> str:
    """Returns the sentence for the end of a step, or "" when there is nothing to say."""
    limit = "" if traces.is_whole else "the workspace is too large to be looked through whole"
    if not traces.changed:
        return limit
    shown = [_render(path) for path in traces.changed[:_MOST_NAMED]]
    rest = len(traces.changed) - len(shown)
    more = f" and {rest} more" if rest else ""
    what = ", ".join(shown) + more
    repositories = any(path == ".git" or path.endswith(("/.git", "/")) for path in traces.changed)
    advice = "git run in such a repository obeys its config" if repositories else "other programs obey these"
    said = f"made or changed while it ran: {what}; {advice}, look at them before you use them"
    return f"{said}; {limit}" if limit else said


def _folders(root: str, traces: Traces, seconds: float) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Yields (relative folder with its slash, entries)."""
    # Processor time, so that a busy machine does not cut a look short; a slow disk may take its time.
    work_end, deadline = time.thread_time() + seconds, time.monotonic() + 4 * seconds
    waiting = deque([""])
    seen = 0
    while waiting:
        seen += 1
        if seen > MOST_FOLDERS or time.thread_time() > work_end or time.monotonic() > deadline:
            traces.is_whole = False
            return
        relative = waiting.popleft()
        try:
            with os.scandir(f"{root}/{relative}") as listing:
                entries = list(listing)
        except OSError:
            continue
        yield relative, entries
        for entry in entries:
            if entry.name not in _SKIPPED and entry.is_dir(follow_symlinks=False):
                waiting.append(f"{relative}{entry.name}/")


def _is_protected(entry: os.DirEntry[str], relative: str, protected: Mapping[str, tuple[int, int]]) -> bool:
    expected = protected.get(entry.path.replace("//", "/"))
    if expected is None:
        return False
    # What lies in the root and was mounted cannot be exchanged; deeper, a folder around it can be.
    with contextlib.suppress(OSError):
        found = entry.stat(follow_symlinks=False)
        return not relative or (found.st_dev, found.st_ino) == expected
    return True


def _is_guarded(root: str, relative: str, protected: Mapping[str, tuple[int, int]]) -> bool:
    """Says whether a repository without a `.git` is the one whose settings and hooks were protected."""
    if not all(f"{root}/{relative}{name}" in protected for name in _OBEYED):
        return False
    with contextlib.suppress(OSError):
        found = os.lstat(f"{root}/{relative}".rstrip("/"))
        return (found.st_dev, found.st_ino) == protected.get(f"{root}/{relative}".rstrip("/"))
    return False


def _is_later(entry: os.DirEntry[str], since: int) -> bool:
    try:
        if entry.stat(follow_symlinks=False).st_ctime_ns >= since:
            return True
        if not entry.is_dir(follow_symlinks=False):
            return False
    except OSError:
        return False
    if entry.name == ".git":
        return _is_any_later(entry.path, _OBEYED, since)
    return _is_inside_later(entry.path, since)


def _is_path_later(path: str, since: int) -> bool:
    try:
        found = os.lstat(path)
        return found.st_ctime_ns >= since or (stat.S_ISDIR(found.st_mode) and _is_inside_later(path, since))
    except OSError:
        return False


def _is_inside_later(folder: str, since: int) -> bool:
    below = _folders(folder, Traces(), LONGEST_SECONDS / 10)
    return any(
        inner.stat(follow_symlinks=False).st_ctime_ns >= since for _, entries in below for inner in entries
    )


def _is_any_later(folder: str, names: Sequence[str], since: int) -> bool:
    for name in names:
        with contextlib.suppress(OSError):
            if os.lstat(f"{folder}/{name}").st_ctime_ns >= since:
                return True
    return False


def _record(root: str, state_folder: str) -> str:
    return os.path.join(state_folder, hashlib.sha256(os.fsencode(root)).hexdigest()[:32] + ".repositories")


def _recall(root: str, state_folder: str) -> list[str] | None:
    try:
        with open(_record(root, state_folder)) as file:
            return [str(path) for path in json.load(file)]
    except (OSError, ValueError):
        return None


def _render(path: str) -> str:
    """Returns a path that a command chose as text that a terminal only shows."""
    return (path if path.isprintable() else ascii(path))[:_LONGEST_NAME]
