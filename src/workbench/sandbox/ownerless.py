"""Shows the system's folders as nobody's own, so that the kernel refuses what is not for everybody's eyes.

Standard library only, for the process that becomes bubblewrap as well as for the server. A command of a root
service acts with root's number outside, whatever its number inside: root's private files would be its own.
In an ID-mapped mount (mount_setattr(2), Linux 5.12) that maps no number that any file has, no file has an
owner or a group; what is left are the permissions of others. It changes no file and no mount of others.
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Sequence

_LIBC = ctypes.CDLL(None, use_errno=True)
# The same numbers on every processor (include/uapi/asm-generic/unistd.h).
_OPEN_TREE, _MOVE_MOUNT, _MOUNT_SETATTR = 428, 429, 442
_AT_FDCWD, _AT_EMPTY_PATH, _AT_RECURSIVE = -100, 0x1000, 0x8000
_OPEN_TREE_CLONE, _OPEN_TREE_CLOEXEC = 1, os.O_CLOEXEC
_MOVE_MOUNT_F_EMPTY_PATH = 4
_MOUNT_ATTR_IDMAP = 0x00100000
_CLONE_NEWNS = 0x00020000
_MS_REC, _MS_SLAVE = 1 << 14, 1 << 19


def can_be_ownerless(path: str, nobody: int) -> bool:
    """Says whether the folder, and all that is mounted below it, can be shown as nobody's; about 0.1 ms."""
    try:
        os.close(_clone_ownerless(path, nobody))
    except OSError:
        return False
    return True


def show_ownerless(paths: Sequence[str], nobody: int) -> None:
    """Mounts the folders over themselves as nobody's, for the calling thread and what it starts alone.

    Raises OSError, and has then left nothing behind that anybody else could see.
    """
    _check(_LIBC.unshare(_CLONE_NEWNS), "unshare")
    # Or what is mounted here would be mounted for the whole machine.
    _check(_LIBC.mount(None, b"/", None, _MS_REC | _MS_SLAVE, None), "/")
    for path in paths:
        tree = _clone_ownerless(path, nobody)
        try:
            target = os.fsencode(path)
            moved = _LIBC.syscall(_MOVE_MOUNT, tree, b"", _AT_FDCWD, target, _MOVE_MOUNT_F_EMPTY_PATH)
            _check(moved, path)
        finally:
            os.close(tree)


def _clone_ownerless(path: str, nobody: int) -> int:
    """Returns a descriptor of a mount of the folder that is mounted nowhere."""
    flags = _OPEN_TREE_CLONE | _OPEN_TREE_CLOEXEC | _AT_RECURSIVE
    tree = _check(_LIBC.syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(path), flags), path)
    # struct mount_attr: what to set, what to clear, how to propagate, by which user namespace.
    wanted = struct.pack("=QQQQ", _MOUNT_ATTR_IDMAP, 0, 0, nobody)
    try:
        _check(
            _LIBC.syscall(
                _MOUNT_SETATTR,
                tree,
                b"",
                _AT_EMPTY_PATH | _AT_RECURSIVE,
                wanted,
                ctypes.c_size_t(len(wanted)),
            ),
            path,
        )
    except OSError:
        os.close(tree)
        raise
    return tree


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)
    return result
