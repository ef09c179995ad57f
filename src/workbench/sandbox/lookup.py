"""Answers policy's questions about the machine as the sandbox will see it.

It resolves names on the sandbox's own PATH, never on the caller's, and reads workspace files only. It
judges nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat

from workbench.sandbox.commits import read_committed
from workbench.sandbox.index import read_index
from workbench.sandbox.profile import is_within, search_path

_ROOT_LINK = re.compile(r"/proc/(?:self|thread-self|[0-9]+)(?:/task/[0-9]+)?/root(?=/|$)")
_LARGEST_TEXT = 256 * 1024
_LARGEST_FOLDER = 1_000
_LARGEST_SCAN = 20_000
_LARGEST_INDEX = 32 * 1024 * 1024


def resolve_path(path: str) -> str:
    """Returns what os.path.realpath does, at a fifth of its cost: the kernel walks the path, once.

    Where the kernel does not say it (a loop of links, a path that ends in nothing twice over),
    os.path.realpath says it itself. What /proc says of this process is no answer, as the command will be
    another: its links are left as they are, but `root`, which is the one root there is inside.
    """
    real = None
    if path.startswith("/") and not path.startswith("//"):
        with contextlib.suppress(OSError):
            if path.startswith(("/proc", "/dev/fd", "/dev/std")):
                real = _resolve_in_proc(os.path.normpath(path))
            else:
                real = _resolve_by_kernel(path)
    if real is None:
        real = os.path.realpath(path)
    if real.startswith(own := f"/proc/{os.getpid()}/"):
        return "/proc/self/" + real[len(own) :]
    return real


def _resolve_in_proc(path: str) -> str | None:
    """Returns a path in /proc, or a device that is a link there, without this process's part in it."""
    if path.startswith("/dev/"):
        return path
    if path != "/proc" and not path.startswith("/proc/"):
        return None
    found = _ROOT_LINK.match(path)
    return resolve_path(path[found.end() :] or "/") if found else path


def _resolve_by_kernel(path: str) -> str | None:
    """Returns the real path of what is there, or would be in a folder that is; None when it is not known."""
    missing = ""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        parent, _, missing = path.rpartition("/")
        if missing in ("", ".", "..") or not parent:
            return None
        descriptor = os.open(parent, os.O_PATH | os.O_CLOEXEC | os.O_DIRECTORY)
    try:
        if missing:
            try:
                os.lstat(missing, dir_fd=descriptor)
            except FileNotFoundError:
                pass
            else:
                # A link that leads to nothing, or something that has just come.
                return None
        real = os.readlink(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
    # "(unreachable)" before it, or " (deleted)" after it, is the kernel's remark, not a path.
    if not real.startswith("/") or real.endswith(" (deleted)"):
        return None
    return f"{real.rstrip('/')}/{missing}" if missing else real


class ProjectSurroundings:
    """A project's surroundings: model.command.Surroundings for one workspace and its toolchains."""

    def __init__(self, *, workspace_root: str, toolchains: tuple[str, ...]) -> None:
        self._root = workspace_root
        self._toolchains = toolchains
        self._folders = search_path(toolchains)
        self._scanned: set[str] = set()

    def program_path(self, name: str) -> str | None:
        """Returns the absolute path of an executable on the sandbox's PATH, or None.

        A path that leads out of what the sandbox shows is no answer, even when the host has it.
        """
        if "/" in name or not name or name in (".", ".."):
            return None
        for folder in self._folders:
            path = f"{folder}/{name}"
            # Most names are not in most folders: that is seen before any link is resolved.
            if not os.access(path, os.X_OK):
                continue
            real = resolve_path(path)
            if os.path.isfile(real) and os.access(real, os.X_OK) and self._is_shown(real):
                return path
        return None

    def real_path(self, path: str) -> str:
        """Returns the absolute path with symlinks and `..` resolved, as far as it exists."""
        return resolve_path(path)

    def read_text(self, path: str) -> str | None:
        """Returns a workspace file's UTF-8 text; None outside the workspace, above 256 KiB, or unreadable."""
        real = resolve_path(path)
        if not is_within(real, self._root):
            return None
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        with open(descriptor, "rb") as file:
            data = file.read(_LARGEST_TEXT + 1)
        if len(data) > _LARGEST_TEXT:
            return None
        try:
            return data.decode()
        except UnicodeDecodeError:
            return None

    def list_folder(self, path: str) -> tuple[str, ...] | None:
        """Returns the sorted names in a workspace folder, none for one that is not there.

        None outside the workspace, above 1,000 names, or when the folder cannot be read.
        """
        real = resolve_path(path)
        if not is_within(real, self._root):
            return None
        names = []
        try:
            with os.scandir(real) as entries:
                for entry in entries:
                    names.append(entry.name)
                    if len(names) > _LARGEST_FOLDER:
                        return None
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError:
            return None
        return tuple(sorted(names))

    def scan_folder(self, path: str) -> tuple[tuple[str, str], ...] | None:
        """Returns the sorted names in a workspace folder with their kinds, none for what is no folder.

        Kinds are `file`, `folder` and `link`. None outside the workspace, above 20,000 names, or when the
        folder cannot be read.
        """
        # A folder that was just seen as one, where all links are resolved, is not resolved again.
        real = path if path in self._scanned else resolve_path(path)
        if not is_within(real, self._root):
            return None
        found = []
        try:
            with os.scandir(real) as entries:
                for entry in entries:
                    kind = "link" if entry.is_symlink() else "folder" if entry.is_dir() else "file"
                    found.append((entry.name, kind))
                    if len(found) > _LARGEST_SCAN:
                        return None
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError:
            return None
        inside = real.rstrip("/") + "/"
        self._scanned.update(inside + name for name, kind in found if kind == "folder")
        return tuple(sorted(found))

    def tracked_files(self, top: str) -> tuple[str, ...] | None:
        """Returns the paths that git's index of a repository names, relative to its top folder.

        () without an index; None outside the workspace, or for an index that is above 32 MiB, split, sparse
        or not understood.
        """
        path = f"{top}/.git/index"
        real = resolve_path(path)
        if not is_within(real, self._root):
            return None
        try:
            descriptor = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return ()
        except OSError:
            return None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            return None
        with open(descriptor, "rb") as file:
            data = file.read(_LARGEST_INDEX + 1)
        return read_index(data) if len(data) <= _LARGEST_INDEX else None

    def committed_files(self, top: str, revision: str) -> tuple[str, ...] | None:
        """Returns the paths of the files in the commits that a word of git's names; see `read_committed`.

        None outside the workspace, and where it cannot be known.
        """
        folder = f"{top}/.git"
        if resolve_path(folder) != folder or not is_within(folder, self._root):
            return None
        return read_committed(folder, revision)

    def _is_shown(self, real: str) -> bool:
        shown = ("/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", *self._toolchains)
        return any(is_within(real, folder) for folder in shown)
