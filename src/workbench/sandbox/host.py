"""Looks at this machine: which system folders a sandbox shows, and what in them it must hide.

Read once when the service starts. A root service could read what others cannot, so everything under /etc
that is not for everybody's eyes is hidden by name. It starts nothing.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass

_LINKS = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """`links`: (target, link) as the host has them; `folders`: the same names where they are real folders."""

    links: tuple[tuple[str, str], ...]
    folders: tuple[str, ...]
    hidden_files: tuple[str, ...]
    hidden_folders: tuple[str, ...]
    is_root: bool


def survey_host() -> HostFacts:
    """Reads the facts from disk."""
    files, folders = _private_paths("/etc")
    return HostFacts(
        links=tuple((os.readlink(path), path) for path in _LINKS if os.path.islink(path)),
        folders=tuple(path for path in _LINKS if os.path.isdir(path) and not os.path.islink(path)),
        hidden_files=tuple(files),
        hidden_folders=tuple(folders),
        is_root=os.geteuid() == 0,
    )


def _private_paths(top: str) -> tuple[list[str], list[str]]:
    """Returns files and folders below `top` that not everybody may read; links are left alone."""
    files: list[str] = []
    folders: list[str] = []
    waiting = [top]
    while waiting:
        try:
            entries = sorted(os.scandir(waiting.pop()), key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            mode = entry.stat(follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                if mode & 0o005 == 0o005:
                    waiting.append(entry.path)
                else:
                    folders.append(entry.path)
            elif not stat.S_ISLNK(mode) and not mode & 0o004:
                files.append(entry.path)
    return sorted(files), sorted(folders)
