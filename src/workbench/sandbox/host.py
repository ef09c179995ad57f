"""Looks at this machine: which system folders a sandbox shows, and how what is private in them stays so.

Read afresh for each start, because files come and go while the service runs. A root service could read what
others cannot. Where the kernel can show a folder as nobody's (ownerless.py) it refuses that itself; elsewhere
what is private is looked for and hidden by name.
"""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.sandbox.ownerless import can_be_ownerless
from workbench.sandbox.profile import is_within

_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
_LOCAL = "/usr/local"
"""Where people put files below /usr; the rest is a package manager's, and too large for a look each time."""

_UNUSED = 4294967293
"""A number that no file has: a mapping must hold one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """`links`: (target, link) as the host has them; `folders`: the same names where they are real folders;
    `ownerless`: folders to be shown as nobody's, so that nothing in them needs to be hidden by name;
    `by_name`: those in which the hidden ones were looked for, so that what lies there may be newer."""

    links: tuple[tuple[str, str], ...]
    folders: tuple[str, ...]
    ownerless: tuple[str, ...]
    hidden_files: tuple[str, ...]
    hidden_folders: tuple[str, ...]
    by_name: tuple[str, ...]
    is_root: bool


class Host:
    """This machine. `nobody` is what open_nobody returned; without it everything is hidden by name."""

    def __init__(self, *, nobody: int | None = None) -> None:
        self.nobody = nobody
        self._packaged: dict[str, list[str]] = {}

    def survey(self, *, toolchains: Sequence[str] = (), workspace_root: str = "") -> HostFacts:
        """Reads the facts from disk for one start; a few milliseconds where names are hidden."""
        is_root = os.geteuid() == 0
        folders = tuple(path for path in _LINKS if os.path.isdir(path) and not os.path.islink(path))
        system = ("/usr", "/etc", *folders)
        shown = [*system, *_outermost(toolchains, [*system, workspace_root])]
        if not is_root:
            # The kernel refuses an ordinary user's command what it refuses the user; /etc is also read by
            # groups that the user may be in.
            shown = ["/etc"]
        ownerless = tuple(path for path in shown if self._is_ownerless(path, workspace_root))
        by_name = tuple(path for path in shown if path not in ownerless)
        hidden = [name for path in by_name for name in self._find_private(path, workspace_root)]
        kinds = [(path, _is_folder(path)) for path in sorted(hidden)]
        return HostFacts(
            links=tuple((os.readlink(path), path) for path in _LINKS if os.path.islink(path)),
            folders=folders,
            ownerless=ownerless,
            hidden_files=tuple(path for path, is_folder in kinds if is_folder is False),
            hidden_folders=tuple(path for path, is_folder in kinds if is_folder),
            by_name=by_name,
            is_root=is_root,
        )

    def close(self) -> None:
        """Gives up what open_host opened."""
        nobody, self.nobody = self.nobody, None
        if nobody is not None:
            os.close(nobody)

    def _is_ownerless(self, path: str, workspace_root: str) -> bool:
        # What is shown as nobody's cannot be written, so no workspace may lie in it.
        return (
            self.nobody is not None
            and not is_within(workspace_root, path)
            and can_be_ownerless(path, self.nobody)
        )

    def _find_private(self, top: str, workspace_root: str) -> list[str]:
        if top == "/etc" or (not is_within(top, "/usr") and top not in _LINKS):
            return _private_paths(top, without=workspace_root)
        if top not in self._packaged:
            self._packaged[top] = _private_paths(top, without=_LOCAL)
        return [*self._packaged[top], *(_private_paths(_LOCAL) if top == "/usr" else ())]


def open_host() -> Host:
    """Returns this machine as the service's user may use it."""
    return Host(nobody=open_nobody() if os.geteuid() == 0 else None)


def open_nobody() -> int | None:
    """Returns a descriptor of a user namespace that maps no number in use; None where there can be none.

    It takes a few milliseconds and is good for the life of the process, and for those that inherit it.
    """
    words = ["/usr/bin/unshare", "--user", "/bin/cat"]
    try:
        inside = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}
        )
    except OSError:
        return None
    with inside:
        assert inside.stdin is not None
        assert inside.stdout is not None
        try:
            # Once it answers it is in its namespace.
            inside.stdin.write(b"!")
            inside.stdin.flush()
            if inside.stdout.read(1) != b"!":
                return None
            for name in ("uid_map", "gid_map"):
                with open(f"/proc/{inside.pid}/{name}", "w") as file:
                    file.write(f"{_UNUSED} {_UNUSED} 1\n")
            return os.open(f"/proc/{inside.pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        finally:
            with contextlib.suppress(OSError):
                inside.stdin.close()


def _outermost(paths: Sequence[str], others: Sequence[str]) -> list[str]:
    """Returns the paths that lie in none of the others, nor in one another."""
    around = [*others, *paths]
    return [
        path
        for path in dict.fromkeys(paths)
        if not any(other and other != path and is_within(path, other) for other in around)
        and path not in others
    ]


def _private_paths(top: str, *, without: str = "") -> list[str]:
    """Returns what lies below `top` that this process may read and not everybody; links are left alone."""
    found: list[str] = []
    waiting = [top]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as listing:
                entries = list(listing)
        except OSError:
            continue
        for entry in entries:
            if entry.is_symlink() or entry.path == without:
                continue
            try:
                mode = entry.stat(follow_symlinks=False).st_mode
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(mode) and mode & 0o005 == 0o005:
                waiting.append(entry.path)
            elif (stat.S_ISDIR(mode) or not mode & 0o004) and _may_use(entry.path):
                found.append(entry.path)
    return found


def _may_use(path: str) -> bool:
    """Says whether this process may read the file or enter the folder; else its command may not either."""
    return os.access(path, os.R_OK) or os.access(path, os.X_OK)


def _is_folder(path: str) -> bool | None:
    """Says what the path is now; None when there is none, or a link: nothing is hidden then."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return None
    return None if stat.S_ISLNK(mode) else stat.S_ISDIR(mode)
