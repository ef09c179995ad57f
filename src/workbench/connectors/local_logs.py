"""Finds the logs of local steps by their names, renders them, and moves and removes them.

What is true of a step's log is in its folder, or in the archive where it was moved; no state is kept beside
them but which folders were looked at.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.connectors import keeping, transcripts
from workbench.connectors.contract import WHOLE, Extent, ExternalRef, Span, StoredLog
from workbench.connectors.keeping import KeptFolder
from workbench.connectors.transcripts import SearchHit
from workbench.model.errors import NotFound
from workbench.sandbox import step_folder
from workbench.sandbox.pieces import find_extent

if TYPE_CHECKING:
    from workbench.connectors.archive import Archive

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


class LocalLogs:
    """The logs below a folder of runs, each `RUN/STEP.ATTEMPT`; `archive` is where ended ones are moved."""

    connector_id = "local"

    def __init__(self, runs: Path, archive: Archive | None) -> None:
        self._runs, self._archive = runs, archive
        self._unstored: set[str] | None = None
        self._starting: set[str] = set()

    def transcript(self, ref: ExternalRef, form: str, span: Span = WHOLE) -> Iterator[bytes]:
        """Yields the output so far in the form asked for, as the contract says."""
        self._bring_back_now(ref)
        return transcripts.render(self._folder(ref), self._log(ref), ref.external_run_id, form, span)

    def extent(self, ref: ExternalRef) -> Extent:
        """Returns how far the output goes so far, by the last record of its index."""
        self._bring_back_now(ref)
        end, at_ms = find_extent(self._log(ref))
        return Extent(end_offset=end, duration_ms=at_ms)

    def input_wanted(self, ref: ExternalRef) -> str | None:
        """Returns since when the step waits for somebody to type, or None while it does not."""
        folder = self._folder(ref)
        waiting = step_folder.read_document(str(folder), step_folder.WAITING)
        # A supervisor that was killed takes nothing back.
        return None if waiting is None or keeping.read_end(folder) else str(waiting["since"])

    def search(self, ref: ExternalRef, text: str, *, limit: int = 1000) -> Iterator[SearchHit]:
        """Yields the lines of the plain text that hold `text`, case ignored, at most `limit`."""
        return transcripts.search(self._folder(ref), self._log(ref), ref.external_run_id, text, limit=limit)

    @property
    def archive_url(self) -> str:
        """Where ended steps' logs are moved to; "" means that they stay where they are."""
        return "" if self._archive is None else self._archive.url

    def expect_stored(self, ref: ExternalRef) -> None:
        """Notes a step that has ended, so that it is looked at when logs are moved."""
        if self._archive is not None and self._unstored is not None:
            self._unstored.add(ref.external_run_id)

    async def unstored(self) -> Sequence[ExternalRef]:
        """Lists the ended steps whose log is still to be moved, as far as it lies here."""
        if self._archive is None:
            return ()
        if self._unstored is None:
            there = await asyncio.to_thread(self._list_folders)
            self._unstored = {name for name, is_live in there.items() if not is_live}
        refs = [
            ExternalRef(connector_id=self.connector_id, external_run_id=name)
            for name in sorted(self._unstored)
        ]
        done = {ref for ref in refs if keeping.is_done(self._folder(ref))}
        self._unstored -= {ref.external_run_id for ref in done}
        return [ref for ref in refs if ref not in done]

    async def store(self, ref: ExternalRef) -> StoredLog | None:
        """Puts the log of an ended step into the archive too. Raises ArchiveUnavailable."""
        if self._archive is None:
            return None
        return await asyncio.to_thread(keeping.store, self._folder(ref), _place(ref), self._archive)

    async def release_output(self, ref: ExternalRef) -> None:
        """Removes the log of a stored step from this disk; one that is not stored stays."""
        if keeping.is_stored(self._folder(ref)):
            await asyncio.to_thread(keeping.remove_here, self._folder(ref))

    async def remove_output(self, ref: ExternalRef) -> None:
        """Removes the log of an ended step for good, wherever it lies. Raises ArchiveUnavailable."""
        await asyncio.to_thread(keeping.remove, self._folder(ref), _place(ref), self._archive)

    def _folder(self, ref: ExternalRef) -> Path:
        run, _, rest = ref.external_run_id.partition("/")
        step, _, attempt = rest.partition(".")
        is_ours = ref.connector_id == self.connector_id and attempt.isdecimal() and attempt.isascii()
        if not (is_ours and _ID.fullmatch(run) and _ID.fullmatch(step)):
            raise NotFound(
                f"{ref.external_run_id!r} names no local step", remedy="look at the run's steps again"
            )
        return self._runs / run / rest

    def _log(self, ref: ExternalRef) -> KeptFolder:
        return KeptFolder(self._folder(ref), _place(ref), self._archive)

    async def _bring_back(self, ref: ExternalRef) -> None:
        """Makes a step folder that is gone known again, where the archive has it."""
        is_elsewhere = self._archive is not None and ref.external_run_id not in self._starting
        if is_elsewhere and not self._folder(ref).exists():
            await asyncio.to_thread(self._bring_back_now, ref)

    def _bring_back_now(self, ref: ExternalRef) -> None:
        folder = self._folder(ref)
        if self._archive is not None and not folder.exists():
            keeping.restore_documents(folder, _place(ref), self._archive)

    def _list_folders(self) -> dict[str, bool]:
        """Returns every step folder's name and whether its step has not ended."""
        found: dict[str, bool] = {}
        for run in self._runs.iterdir() if self._runs.exists() else ():
            for step in run.iterdir() if run.is_dir() else ():
                ends = (step_folder.EXIT, step_folder.LOST)
                found[f"{run.name}/{step.name}"] = not any((step / name).exists() for name in ends)
        return found


def _place(ref: ExternalRef) -> str:
    """Returns the folder's name in the archive."""
    return f"runs/{ref.external_run_id}"
