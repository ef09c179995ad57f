"""Tells whether a file that is read-only in a step was changed by another name of it.

A mount protects a path, not the file: one that has a second name in the workspace (a hard link, as package
managers make them) is written by that. Such a file is compared before and after. Standard library only, for
the shim. It follows no symlink and changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import deque
from collections.abc import Iterator, Sequence

_MOST_LOOKED_AT, _MOST_COMPARED = 1024, 256
_LARGEST_READ = 1 << 20

_Stamp = tuple[int, int, int, str]


class HardLinks:
    """The files under `paths`, absolute and read-only in the step, that have more than one name.

    No second name can be made during the step: to link a file out of a mount, the kernel refuses.
    """

    def __init__(self, root: str, paths: Sequence[str]) -> None:
        self._root = root
        self._files = list(_find(paths))
        self._before: dict[str, _Stamp | None] = {}

    def note(self) -> None:
        """Notes how they are now, right before the command starts."""
        self._before = {path: _stamp(path) for path in self._files}

    def changed(self) -> list[str]:
        """Returns those that are not as they were noted, or not there any more, relative to the root."""
        return [os.path.relpath(path, self._root) for path in self._before if not self._is_same(path)]

    def _is_same(self, path: str) -> bool:
        return _stamp(path) == self._before[path]


def _find(paths: Sequence[str]) -> Iterator[str]:
    """Yields the first files with several names, outer folders first."""
    waiting = deque(paths)
    found = 0
    for _ in range(_MOST_LOOKED_AT):
        if not waiting or found == _MOST_COMPARED:
            return
        path = waiting.popleft()
        try:
            status = os.lstat(path)
            if stat.S_ISDIR(status.st_mode):
                waiting += [f"{path}/{name}" for name in os.listdir(path) if name != "objects"]
        except OSError:
            continue
        if stat.S_ISREG(status.st_mode) and status.st_nlink > 1:
            found += 1
            yield path


def _stamp(path: str) -> _Stamp | None:
    """Returns what tells a file's content: its text's digest, or the kernel's time of its last change."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_READ:
            told = str(status.st_ctime_ns)
        else:
            told = hashlib.sha256(os.read(descriptor, _LARGEST_READ)).hexdigest()
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return status.st_dev, status.st_ino, status.st_size, told
