"""Keeps in mind which files were read to understand a command, so that a verdict can be bound to them."""

from __future__ import annotations

import hashlib

from workbench.model.command import Surroundings


class NotedSurroundings:
    """The surroundings of one command, which note each text that is read from them."""

    def __init__(self, inner: Surroundings) -> None:
        self._inner = inner
        self._texts: dict[str, str | None] = {}
        self._programs: dict[str, str | None] = {}
        self.real_path = inner.real_path
        self.list_folder = inner.list_folder
        self.scan_folder = inner.scan_folder
        self.tracked_files = inner.tracked_files
        self.committed_files = inner.committed_files

    def program_path(self, name: str) -> str | None:
        """Returns what the surroundings say; within one command a name leads to one program."""
        if name not in self._programs:
            self._programs[name] = self._inner.program_path(name)
        return self._programs[name]

    def read_text(self, path: str) -> str | None:
        """Returns what the surroundings say, and notes it."""
        text = self._inner.read_text(path)
        self._texts[path] = text
        return text

    def texts_digest(self) -> str:
        """Returns one digest of every path that was read and its text; "" when none was there."""
        read = [(path, text) for path, text in sorted(self._texts.items()) if text is not None]
        if not read:
            return ""
        digest = hashlib.sha256()
        for part in (part for pair in read for part in pair):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
        return "sha256:" + digest.hexdigest()
