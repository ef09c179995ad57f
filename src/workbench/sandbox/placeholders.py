"""Makes sure that the paths a sandbox must protect exist, so that they can be bound read-only.

A path that is missing could be created by the command; a mount needs something to lie on. So an empty one
is put there for as long as any step uses the workspace, and removed after the last. Standard library only.
Locks, not counters, say who still uses it: they fall with a killed process, and the next one tidies up.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Sequence

FOLDER, FILE, ITSELF = "folder", "file", "itself"
"""What to make where a protected path is missing: a folder, an empty file, or a file that says "."."""

_CONTENT = {FILE: b"", ITSELF: b".\n"}


class Placeholders:
    """The hold of one step on a workspace's protected paths."""

    def __init__(self, workspace: str, *, state_folder: str) -> None:
        name = hashlib.sha256(workspace.encode()).hexdigest()[:32]
        self._workspace = workspace
        self._gate = os.path.join(state_folder, f"{name}.gate")
        self._record = os.path.join(state_folder, f"{name}.json")
        self._use = os.open(os.path.join(state_folder, f"{name}.use"), os.O_RDWR | os.O_CREAT, 0o600)

    def hold(self, protected: Sequence[Sequence[str]]) -> None:
        """Creates what is missing of (relative path, kind). Raises OSError when a path cannot be made.

        The shared lock comes first: while anybody has it, what is there stays there.
        """
        fcntl.flock(self._use, fcntl.LOCK_SH)
        if all(_exists(self._workspace, path) for path, _ in protected):
            return
        with self._gated():
            made = self._read_record()
            missing = [(path, kind) for path, kind in protected if not _exists(self._workspace, path)]
            # Written first: what is made must be on record even when this process dies right after.
            self._write_record([*made, *(path for path, _ in missing if path not in made)])
            others = [path for path, kind in missing if not _make(self._workspace, path, kind)]
            if others:
                kept = [path for path, _ in missing if path not in others and path not in made]
                self._write_record([*made, *kept])

    def release(self) -> None:
        """Gives up the hold; the last one removes what was made, if it is still as it was made."""
        with self._gated():
            fcntl.flock(self._use, fcntl.LOCK_UN)
            try:
                fcntl.flock(self._use, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return
            for path in reversed(self._read_record()):
                _remove(self._workspace, path)
            self._write_record([])
            fcntl.flock(self._use, fcntl.LOCK_UN)

    def close(self) -> None:
        """Closes the lock file; a hold that was not released falls with it."""
        os.close(self._use)

    @contextlib.contextmanager
    def _gated(self) -> Iterator[None]:
        gate = os.open(self._gate, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(gate, fcntl.LOCK_EX)
            yield
        finally:
            os.close(gate)

    def _read_record(self) -> list[str]:
        try:
            with open(self._record) as file:
                return [str(path) for path in json.load(file)]
        except (OSError, ValueError):
            return []

    def _write_record(self, made: list[str]) -> None:
        with open(self._record, "w") as file:
            json.dump(made, file)


def identify(root: str, path: str) -> tuple[int, int]:
    """Returns device and inode of a path, walked from `root` without following any symlink."""
    descriptor = _walk(root, path.strip("/").split("/") if path else [])
    try:
        found = os.fstat(descriptor)
        return found.st_dev, found.st_ino
    finally:
        os.close(descriptor)


def _exists(workspace: str, path: str) -> bool:
    try:
        identify(workspace, path)
    except FileNotFoundError:
        return False
    return True


def _make(workspace: str, path: str, kind: str) -> bool:
    *folders, name = path.split("/")
    holder = _walk(workspace, folders)
    try:
        if kind == FOLDER:
            os.mkdir(name, 0o755, dir_fd=holder)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            made = os.open(name, flags, 0o644, dir_fd=holder)
            try:
                os.write(made, _CONTENT[kind])
            finally:
                os.close(made)
    except FileExistsError:
        return False
    finally:
        os.close(holder)
    return True


def _remove(workspace: str, path: str) -> None:
    *folders, name = path.split("/")
    try:
        holder = _walk(workspace, folders)
    except OSError:
        return
    try:
        found = os.stat(name, dir_fd=holder, follow_symlinks=False)
        if stat.S_ISDIR(found.st_mode):
            os.rmdir(name, dir_fd=holder)
        elif stat.S_ISREG(found.st_mode) and _read_start(name, holder) in _CONTENT.values():
            os.unlink(name, dir_fd=holder)
    except OSError:
        pass  # It is gone, or somebody put something there: then it is theirs.
    finally:
        os.close(holder)


def _read_start(name: str, holder: int) -> bytes:
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=holder)
    try:
        return os.read(descriptor, 8)
    finally:
        os.close(descriptor)


def _walk(root: str, names: Sequence[str]) -> int:
    """Opens root/names... one component at a time; a symlink anywhere below / raises OSError."""
    flags = os.O_PATH | os.O_NOFOLLOW
    descriptor = os.open("/", flags | os.O_DIRECTORY)
    for name in [*root.strip("/").split("/"), *names]:
        try:
            deeper = os.open(name, flags, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        descriptor = deeper
        if stat.S_ISLNK(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(40, f"{root}: {name} is a symbolic link")
    return descriptor
