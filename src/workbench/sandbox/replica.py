"""Copies a workspace so that a command can be tried on it, and says afterwards what became different.

Every file is copied byte by byte (shared by the file system where that can do so, never by a hard link), so
nothing in the copy leads to the original; those that must not be shown are there and empty, and earlier
versions of files, which hold them as well, can be left out. Folders are walked by descriptor and no symlink
is followed, in the original as in the copy that a hostile command has left. It runs nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from workbench.model.errors import BoundaryViolation
from workbench.sandbox.kept_versions import is_kept_version, keeps_versions

MOST_FILES = 200_000
MOST_BYTES = 4 * 1024**3
MOST_DEPTH = 200
"""Folders in one another. Opening a path component by component costs its depth, and a command can nest
thousands."""

_FICLONE = 0x40049409
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What tells one state of a path from another. `changed_ns` is the kernel's own (ctime): no program can
    set it back. `origin_ns` is the original's, by which a later reader knows that it is still the same.

    `link` is where a symlink leads, else ""; a file that `is_emptied` has none of the original's bytes.
    `origin_mode` is the original's where the copy could not have the same, else None."""

    kind: int
    mode: int
    size: int
    inode: int
    changed_ns: int
    origin_ns: int = 0
    link: str = ""
    is_emptied: bool = False
    origin_mode: int | None = None


Manifest = dict[str, Stamp]
Hides = Callable[[str], bool]
"""Says of the absolute path of an original whether its bytes must not be in the copy."""


def hide_nothing(path: str) -> bool:
    """The Hides of a copy that holds everything."""
    return False


def make_replica(
    root: str, target: str, *, hides: Hides = hide_nothing, omits_history: bool = False
) -> Manifest:
    """Copies `root` into the new folder `target`; returns a stamp for each path of the copy, relative.

    A file that `hides` names is there with its name, mode and times, and is empty. With `omits_history` the
    files are left out in which version control keeps earlier versions; their folders stay. Sockets, pipes and
    devices are left out, and no file lends its owner's rights. Raises BoundaryViolation when the workspace
    holds more than MOST_FILES or MOST_BYTES, OSError when it cannot be read or written.
    """
    os.mkdir(target, 0o700)
    copied = _Copied()
    _copy_folder(root, target, _Budget(), copied, hides, omits_history=omits_history)
    return {path: _stamp_copied(found, path, copied) for path, found in walk(target)}


def _stamp_copied(found: os.stat_result, path: str, copied: _Copied) -> Stamp:
    return replace(
        stamp_of(found),
        origin_ns=copied.origins.get(path, 0),
        link=copied.links.get(path, ""),
        is_emptied=path in copied.emptied,
        origin_mode=copied.modes.get(path),
    )


def walk(root: str, *, at_most: int = 2 * MOST_FILES) -> Iterator[tuple[str, os.stat_result]]:
    """Yields (relative path, lstat) of everything below `root`, folders before what is in them, and stops at
    `at_most`. What cannot be opened or goes away meanwhile is passed over, and so is what lies deeper than
    MOST_DEPTH folders."""
    waiting = [""]
    count = 0
    while waiting:
        folder = waiting.pop()
        try:
            descriptor = open_beneath(root, folder, _DIRECTORY)
        except OSError:
            continue
        try:
            for name in sorted(os.listdir(descriptor)):
                try:
                    found = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                path = f"{folder}/{name}" if folder else name
                count += 1
                if count > at_most:
                    return
                yield path, found
                if stat.S_ISDIR(found.st_mode) and not is_deepest(path):
                    waiting.append(path)
        finally:
            os.close(descriptor)


def is_deepest(path: str) -> bool:
    """Says whether a folder at this relative path is not looked into any more."""
    return path.count("/") + 1 >= MOST_DEPTH


def open_beneath(root: str, path: str, flags: int = _FILE) -> int:
    """Opens root/path one component at a time; a symlink anywhere below root raises OSError."""
    descriptor = os.open(root, _DIRECTORY)
    names = path.split("/") if path else []
    for at, name in enumerate(names):
        try:
            deeper = os.open(name, flags if at == len(names) - 1 else _DIRECTORY, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = deeper
    return descriptor


def read_beneath(root: str, path: str, limit: int) -> bytes | None:
    """Returns a regular file's bytes, or None where it is none, larger than `limit`, or out of reach."""
    try:
        descriptor = open_beneath(root, path)
    except OSError:
        return None
    with open(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_size > limit:
            return None
        return file.read(limit)


def remove_replica(folder: str) -> None:
    """Removes a copy with whatever a command left in it, folders closed to their owner too.

    Each folder is moved up before it is emptied: no depth makes a path too long, or the work more than the
    count of what is there. What cannot be removed stays, without an error.
    """
    with contextlib.suppress(OSError):
        top = os.open(folder, _DIRECTORY)
        try:
            _empty(top)
        finally:
            os.close(top)
        os.rmdir(folder)


def _empty(top: int) -> None:
    # Names that no command gave, and that none can give any more.
    fresh = (f".removed-{os.getpid()}-{number}" for number in itertools.count())
    waiting: list[str] = []

    def clear(descriptor: int) -> None:
        with os.scandir(descriptor) as entries:
            names = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
        for name, is_folder in names:
            with contextlib.suppress(OSError):
                if not is_folder:
                    os.unlink(name, dir_fd=descriptor)
                    continue
                # A folder is moved only by who may write in it.
                os.chmod(name, 0o700, dir_fd=descriptor)
                moved = next(fresh)
                os.rename(name, moved, src_dir_fd=descriptor, dst_dir_fd=top)
                waiting.append(moved)

    clear(top)
    while waiting:
        name = waiting.pop()
        with contextlib.suppress(OSError):
            descriptor = os.open(name, _DIRECTORY, dir_fd=top)
            try:
                clear(descriptor)
            finally:
                os.close(descriptor)
            os.rmdir(name, dir_fd=top)


def stamp_of(found: os.stat_result) -> Stamp:
    """Returns the stamp of a path as it is now."""
    return Stamp(
        kind=stat.S_IFMT(found.st_mode),
        mode=stat.S_IMODE(found.st_mode),
        size=found.st_size,
        inode=found.st_ino,
        changed_ns=found.st_ctime_ns,
    )


@dataclass(slots=True, kw_only=True)
class _Copied:
    """What only the original says of paths of the copy: when a file was changed last, where a link leads,
    which files were emptied, and modes that the copy could not have."""

    origins: dict[str, int] = field(default_factory=dict)
    links: dict[str, str] = field(default_factory=dict)
    emptied: set[str] = field(default_factory=set)
    modes: dict[str, int] = field(default_factory=dict)

    def take_mode(self, path: str, found: os.stat_result, least: int) -> int:
        """Returns the mode of the copy: no owner's rights to lend, and at least what its owner needs."""
        wanted = stat.S_IMODE(found.st_mode)
        given = wanted & 0o777 | least
        if given != wanted:
            self.modes[path] = wanted
        return given


@dataclass(slots=True, kw_only=True)
class _Budget:
    files: int = MOST_FILES
    size: int = MOST_BYTES

    def spend(self, size: int) -> None:
        self.files -= 1
        self.size -= size
        if self.files < 0 or self.size < 0:
            raise BoundaryViolation(
                f"the workspace holds more than {MOST_FILES} files or {MOST_BYTES >> 30} GiB",
                remedy="a preview copies it whole: decide without one, or remove what can be made again",
                code="preview_too_large",
            )


def _copy_folder(
    root: str, target: str, budget: _Budget, copied: _Copied, hides: Hides, *, omits_history: bool
) -> None:
    folders: list[tuple[str, os.stat_result]] = []
    keeping: set[str] = set()
    for path, found in walk(root):
        if omits_history and stat.S_ISDIR(found.st_mode) and keeps_versions(root, path):
            keeping.add(path)
        if omits_history and not stat.S_ISDIR(found.st_mode) and is_kept_version(path, keeping):
            continue
        if stat.S_ISDIR(found.st_mode):
            budget.spend(0)
            if is_deepest(path):
                raise BoundaryViolation(
                    f"the workspace has more than {MOST_DEPTH} folders in one another",
                    remedy="a preview copies it whole: decide without one, or remove what can be made again",
                    code="preview_too_large",
                )
            os.mkdir(f"{target}/{path}", 0o700)
            folders.append((path, found))
        elif stat.S_ISLNK(found.st_mode):
            budget.spend(0)
            copied.links[path] = _copy_link(root, target, path)
        elif stat.S_ISREG(found.st_mode):
            budget.spend(found.st_size)
            if not _names_branches(path) and hides(f"{root}/{path}"):
                copied.emptied.add(path)
            _copy_file(root, target, path, copied)
    for path, found in reversed(folders):
        os.chmod(f"{target}/{path}", copied.take_mode(path, found, 0o700))
        os.utime(f"{target}/{path}", ns=(found.st_atime_ns, found.st_mtime_ns))


def _names_branches(path: str) -> bool:
    """Says whether git keeps this file for a branch: a branch may be called `credentials`, and is none."""
    _, is_in_git, below = f"/{path}".partition("/.git/")
    return bool(is_in_git) and not {"refs", "logs"}.isdisjoint(below.split("/")[:-1])


def _copy_link(root: str, target: str, path: str) -> str:
    folder, _, name = path.rpartition("/")
    holder = open_beneath(root, folder, _DIRECTORY)
    try:
        leads_to = os.readlink(name, dir_fd=holder)
        os.symlink(leads_to, f"{target}/{path}")
        return leads_to
    finally:
        os.close(holder)


def _copy_file(root: str, target: str, path: str, copied: _Copied) -> None:
    source = open_beneath(root, path)
    try:
        found = os.fstat(source)
        if not stat.S_ISREG(found.st_mode):
            return
        # The target's folders are ours alone until the command starts.
        made = os.open(f"{target}/{path}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            if path not in copied.emptied:
                _copy_bytes(source, made)
            os.fchmod(made, copied.take_mode(path, found, 0o600))
            # Build programs compare these times.
            os.utime(made, ns=(found.st_atime_ns, found.st_mtime_ns))
        finally:
            os.close(made)
        copied.origins[path] = found.st_ctime_ns
    finally:
        os.close(source)


def _copy_bytes(source: int, made: int) -> None:
    with contextlib.suppress(OSError):
        fcntl.ioctl(made, _FICLONE, source)
        return
    while os.sendfile(made, source, None, 1 << 24):
        pass
