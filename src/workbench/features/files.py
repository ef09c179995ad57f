"""Opens files beneath a repository's root, and nothing else: no link is followed, no pipe waited for.

Every folder is opened from its parent's handle, so that a name swapped while one looks leads nowhere.
Scan is its only caller; it knows no layout and parses nothing.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass

IGNORED = frozenset(
    {".git", ".hg", ".svn", "node_modules", ".venv", "venv", "__pycache__", ".tox", ".nox", ".mypy_cache"}
    | {".ruff_cache", ".pytest_cache", "target", "dist", "build", "vendor", ".next", ".cache", ".idea"}
)
MAX_ENTRIES = 100_000
MAX_DEPTH = 16
MAX_DOCUMENT_BYTES = 16 << 20
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What the file system says about a file; equal stamps mean an unchanged file, but for the racy ones."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One wanted file. `problem` is set instead of `stamp` when it is there and cannot be read."""

    path: str
    stamp: Stamp | None = None
    problem: str = ""


def walk(root: int, may_hold: Callable[[str], bool], wants: Callable[[str], bool]) -> Iterator[Found]:
    """Yields the wanted files beneath the folder handle `root`, each folder's names in sorted order.

    Ignores dependency and build folders and nested repositories, never follows a link, and stops at
    100,000 names or 16 levels.
    """
    budget = MAX_ENTRIES
    pending: list[str] = [""]
    while pending:
        folder = pending.pop()
        handle = open_beneath(root, folder, is_folder=True)
        if handle is None:
            continue
        below: list[str] = []
        try:
            with os.scandir(handle) as entries:
                names = sorted(entries, key=lambda entry: entry.name)
                budget -= len(names)
                if budget < 0:
                    yield Found(
                        path=_shown(folder or "."),
                        problem=f"more than {MAX_ENTRIES} names; the rest is not read",
                    )
                    return
                if folder and any(entry.name == ".git" for entry in names):
                    # It is a repository of its own, or a submodule: its documents are not this one's.
                    continue
                for entry in names:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    found = _look_at(entry, path, may_hold, wants, below)
                    if found is not None:
                        yield found
        except OSError as error:
            yield Found(path=_shown(folder or "."), problem=f"the folder cannot be read: {error.strerror}")
        finally:
            os.close(handle)
        pending += reversed(below)


def _look_at(
    entry: os.DirEntry[str],
    path: str,
    may_hold: Callable[[str], bool],
    wants: Callable[[str], bool],
    below: list[str],
) -> Found | None:
    shown = _shown(path)
    try:
        if entry.is_symlink():
            # Links to folders outside, loops and links to devices all end here.
            if wants(path) or (_may_lead_to_documents(path, may_hold, wants) and entry.is_dir()):
                return Found(path=shown, problem="it is a symbolic link; links are not followed")
            return None
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in IGNORED and path.count("/") < MAX_DEPTH and may_hold(path):
                below.append(path)
            return Found(path=shown, problem="it is a folder, not a file") if wants(path) else None
        if not wants(path):
            return None
        if shown != path:
            return Found(path=shown, problem="the name is not UTF-8")
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Found(path=shown, problem=f"it cannot be read: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return Found(path=path, problem="it is no regular file")
    if status.st_size > MAX_DOCUMENT_BYTES:
        return Found(
            path=path, problem=f"it has {status.st_size} bytes, above the limit of {MAX_DOCUMENT_BYTES}"
        )
    return Found(path=path, stamp=stamp_of(status))


def _may_lead_to_documents(path: str, may_hold: Callable[[str], bool], wants: Callable[[str], bool]) -> bool:
    """Says whether a folder at this path would be looked into, and documents be found in it."""
    parents, _, name = path.rpartition("/")
    return name not in IGNORED and may_hold(path) and (not parents or wants(f"{path}/spec.md"))


def _shown(path: str) -> str:
    r"""Returns a path as text that can be stored and printed: a byte that is not UTF-8 stands as \xff."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def stamp_of(status: os.stat_result) -> Stamp:
    """Returns the stamp of a file's status."""
    return Stamp(
        size=status.st_size, mtime_ns=status.st_mtime_ns, ctime_ns=status.st_ctime_ns, inode=status.st_ino
    )


def open_beneath(root: int, path: str, *, is_folder: bool = False) -> int | None:
    """Returns a handle on `path` beneath `root`, or None; no component of it may be a link, "." or ".."."""
    parts = [part for part in path.split("/") if part] if path else []
    if path.startswith("/") or "\0" in path or any(part in (".", "..") for part in parts):
        return None
    handle = os.dup(root)
    try:
        for index, part in enumerate(parts):
            is_last = index == len(parts) - 1
            flags = _FOLDER if is_folder or not is_last else _FILE
            below = os.open(part, flags, dir_fd=handle)
            os.close(handle)
            handle = below
    except OSError:
        os.close(handle)
        return None
    return handle


def kind_beneath(root: int, path: str) -> str:
    """Returns what stands at `path` beneath `root`: file, program (an executable file), folder or missing.

    "unknown" is the answer for what lies behind a link, is something else, or cannot be looked at.
    """
    parts = [part for part in path.split("/") if part]
    if path.startswith("/") or "\0" in path or any(part in (".", "..") for part in parts):
        return "unknown"
    handle = os.dup(root)
    try:
        for index, part in enumerate(parts):
            status = os.stat(part, dir_fd=handle, follow_symlinks=False)
            is_last = index == len(parts) - 1
            if stat.S_ISREG(status.st_mode):
                is_program = status.st_mode & (stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
                return "missing" if not is_last else "program" if is_program else "file"
            if not stat.S_ISDIR(status.st_mode):
                return "unknown"
            if not is_last:
                below = os.open(part, _FOLDER, dir_fd=handle)
                os.close(handle)
                handle = below
    except FileNotFoundError:
        return "missing"
    except (OSError, ValueError):
        return "unknown"
    finally:
        os.close(handle)
    return "folder"


def read_beneath(root: int, path: str, limit: int = MAX_DOCUMENT_BYTES) -> tuple[bytes, Stamp] | None:
    """Returns a regular file's bytes and the stamp they were read under, or None; at most `limit` bytes."""
    handle = open_beneath(root, path)
    if handle is None:
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        chunks: list[bytes] = []
        remaining = limit
        while remaining > 0 and (chunk := os.read(handle, min(remaining, 1 << 20))):
            chunks.append(chunk)
            remaining -= len(chunk)
        return b"".join(chunks), stamp_of(status)
    except OSError:
        return None
    finally:
        os.close(handle)
