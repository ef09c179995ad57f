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
        with _Folders(self._workspace) as folders:
            if all(folders.has(path) for path, _ in protected):
                return
            with self._gated():
                self._make_missing(folders, protected)

    def _make_missing(self, folders: _Folders, protected: Sequence[Sequence[str]]) -> None:
        made = self._read_record()
        missing = [(path, kind) for path, kind in protected if not folders.has(path)]
        # Written first: what is made must be on record even when this process dies right after.
        self._write_record([*made, *(path for path, _ in missing if path not in made)])
        others = [path for path, kind in missing if not folders.make(path, kind)]
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


class _Folders:
    """The folders of a workspace that hold protected paths, each walked to once."""

    def __init__(self, workspace: str) -> None:
        self._workspace = workspace
        self._opened: dict[str, int] = {}

    def __enter__(self) -> _Folders:
        return self

    def __exit__(self, *_: object) -> None:
        for descriptor in self._opened.values():
            os.close(descriptor)

    def has(self, path: str) -> bool:
        """Says whether the path is there; raises OSError where it is or goes over a symlink."""
        folder, _, name = path.rpartition("/")
        try:
            found = os.stat(name, dir_fd=self._open(folder), follow_symlinks=False)
        except FileNotFoundError:
            return False
        if stat.S_ISLNK(found.st_mode):
            raise OSError(40, f"{self._workspace}: {name} is a symbolic link")
        return True

    def make(self, path: str, kind: str) -> bool:
        """Makes the path; False when it is there."""
        folder, _, name = path.rpartition("/")
        holder = self._open(folder)
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
        return True

    def _open(self, folder: str) -> int:
        if folder not in self._opened:
            self._opened[folder] = _walk(self._workspace, folder.split("/") if folder else [])
        return self._opened[folder]


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
