"""Answers policy's questions about a copy of a workspace, under the names that the original has.

So that what is judged is what the copy holds, whatever became of the original meanwhile. Only of files that
the copy holds empty, and of commits, the original is asked. It judges nothing.
"""

from __future__ import annotations

import os

from workbench.sandbox.lookup import ProjectSurroundings, resolve_path
from workbench.sandbox.profile import is_within
from workbench.sandbox.replica import Manifest

_MOST_LINKS = 40


class CopiedSurroundings:
    """model.command.Surroundings for the copy at `tree` of the workspace at `root`; both are real paths.

    Every path that is asked about or answered is one of the original's.
    """

    def __init__(self, *, root: str, tree: str, manifest: Manifest, toolchains: tuple[str, ...]) -> None:
        self._root, self._tree = root, tree
        self._emptied = {path for path, stamp in manifest.items() if stamp.is_emptied}
        self._original = ProjectSurroundings(workspace_root=root, toolchains=toolchains)
        self._copy = ProjectSurroundings(workspace_root=tree, toolchains=toolchains)
        self.program_path = self._original.program_path

    def real_path(self, path: str) -> str:
        """Returns the absolute path with symlinks and `..` resolved as they are in the copy."""
        if not is_within(path, self._root):
            path = resolve_path(path)
        return self._resolve(path) if is_within(path, self._root) else path

    def read_text(self, path: str) -> str | None:
        """Returns the text of a file of the copy, or None as ProjectSurroundings does."""
        real = self.real_path(path)
        if not is_within(real, self._root):
            return None
        if self._below(real) in self._emptied:
            return self._original.read_text(real)
        return self._copy.read_text(self._there(real))

    def list_folder(self, path: str) -> tuple[str, ...] | None:
        """Returns the sorted names in a folder of the copy, or None as ProjectSurroundings does."""
        real = self.real_path(path)
        return self._copy.list_folder(self._there(real)) if is_within(real, self._root) else None

    def scan_folder(self, path: str) -> tuple[tuple[str, str], ...] | None:
        """Returns the names in a folder of the copy with their kinds, or None as ProjectSurroundings does."""
        real = self.real_path(path)
        return self._copy.scan_folder(self._there(real)) if is_within(real, self._root) else None

    def tracked_files(self, top: str) -> tuple[str, ...] | None:
        """Returns the paths in the index of a repository of the copy, or None as ProjectSurroundings does."""
        index = self.real_path(f"{top}/.git/index")
        folder = index.removesuffix("/.git/index")
        if folder == index or not is_within(folder, self._root):
            # An index that lies apart from its repository is read where the original's is.
            return self._original.tracked_files(top)
        return self._copy.tracked_files(self._there(folder))

    def committed_files(self, top: str, revision: str) -> tuple[str, ...] | None:
        """Returns what the original's commits hold: the copy may be without them."""
        return self._original.committed_files(top, revision)

    def _below(self, real: str) -> str:
        return real[len(self._root) :].strip("/")

    def _there(self, real: str) -> str:
        return f"{self._tree}/{self._below(real)}".rstrip("/")

    def _resolve(self, path: str) -> str:
        """Resolves a path in the workspace, one name after the other; a loop of links ends unresolved."""
        waiting = self._below(path).split("/")[::-1]
        here, links = self._root, 0
        while waiting:
            name = waiting.pop()
            if name in ("", "."):
                continue
            if name == "..":
                here = here.rpartition("/")[0] or "/"
            else:
                here = f"{here.rstrip('/')}/{name}"
                target = self._read_link(here) if is_within(here, self._root) else None
                if target is not None and links < _MOST_LINKS:
                    links += 1
                    here = "/" if target.startswith("/") else here.rpartition("/")[0] or "/"
                    waiting += target.split("/")[::-1]
                    continue
            if here != self._root and not self._may_return(here):
                # Outside the workspace there is no copy: the machine itself says where this leads.
                rest = "/".join([here, *waiting[::-1]])
                return resolve_path(rest)
        return here

    def _may_return(self, here: str) -> bool:
        """Says whether a path may still be on its way into the workspace."""
        return is_within(here, self._root) or is_within(self._root, here)

    def _read_link(self, path: str) -> str | None:
        try:
            return os.readlink(self._there(path))
        except OSError:
            return None
