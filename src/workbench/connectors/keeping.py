"""Moves an ended step's log to the archive, finds it wherever it lies, and removes it when it is to go.

A step folder keeps its small documents for ever; only the bytes of the log and its index move. The local ones
are removed once the archive has given the same back, and not before. It does not decide what goes when.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from workbench.connectors.contract import StoredLog
from workbench.model.errors import ArchiveUnavailable
from workbench.sandbox import step_folder
from workbench.sandbox.pieces import DiskFolder, LogFile, LogFolder, measure
from workbench.sandbox.step_folder import order_parts

if TYPE_CHECKING:
    from workbench.connectors.archive import Archive

MANIFEST: Final = "stored.json"
"""Names what a stored folder holds, with sizes and digests; put last, so what has one is whole."""

_REMOVED: Final = "removed.json"
_DOCUMENTS: Final = (step_folder.REQUEST, step_folder.EXIT, step_folder.LOST, step_folder.NETWORK)


class KeptFolder:
    """A step's log, on this disk as long as it is there, and in the archive after that."""

    def __init__(self, folder: Path, place: str, archive: Archive | None) -> None:
        self._disk = DiskFolder(folder)
        self._folder, self._place, self._archive = folder, place, archive
        self._stored: LogFolder | None = None

    @property
    def is_far(self) -> bool:
        """Whether reading it asks the archive, and may take its time."""
        return self._archive is not None and not (self._folder / step_folder.OUTPUT).exists()

    def names(self) -> list[str]:
        names = self._disk.names()
        if step_folder.OUTPUT in names or (stored := self._find_stored()) is None:
            return names
        return stored.names()

    def open(self, name: str) -> LogFile:
        try:
            return self._disk.open(name)
        except FileNotFoundError:
            if (stored := self._find_stored()) is None:
                raise
            return stored.open(name)

    def _find_stored(self) -> LogFolder | None:
        if self._stored is None and self._archive is not None:
            manifest = step_folder.read_document(str(self._folder), MANIFEST)
            manifest = manifest or self._archive.read_manifest(self._place)
            if manifest is not None:
                self._stored = self._archive.folder(self._place, manifest)
        return self._stored


def is_stored(folder: Path) -> bool:
    """Says whether the log was put into the archive, whole."""
    return (folder / MANIFEST).exists()


def is_done(folder: Path) -> bool:
    """Says whether nothing of the log is left to be moved from here."""
    return not any((folder / name).exists() for name in (step_folder.OUTPUT, step_folder.INDEX))


def store(folder: Path, place: str, archive: Archive) -> StoredLog | None:
    """Puts an ended step's log into the archive, which is harmless when it is there; None while it goes on.

    Raises ArchiveUnavailable, also for a log that is not as its end says: such a one stays where it is.
    """
    ended = read_end(folder)
    if ended is None:
        return None
    stored = StoredLog(
        url=f"{archive.url}/{place}",
        size_bytes=int(ended["output_bytes"]),
        digest=str(ended["output_digest"]),
    )
    if is_stored(folder):
        return stored
    found = measure(folder)
    recorded = (ended["output_digest"], ended.get("index_digest", ""))
    if (found.digest, found.index_digest if recorded[1] else "") != recorded:
        raise ArchiveUnavailable(
            f"the transcript in {folder} is not what its step's end recorded, so it is not stored",
            remedy="workbench audit verify says what differs; it stays where it is",
        )
    there = set(DiskFolder(folder).names())
    files = [name for part in order_parts(there) for name in (part.output, part.times) if name in there]
    documents = {name: (folder / name).read_bytes() for name in _DOCUMENTS if name in there}
    try:
        manifest = archive.put(place, folder, files, documents)
    except OSError as error:
        raise ArchiveUnavailable(
            f"the transcript in {folder} cannot be read: {error.strerror or error}",
            remedy="look at the file; it is tried again",
        ) from error
    try:
        step_folder.write_document(str(folder), MANIFEST, manifest, durable=True)
    except OSError as error:
        raise ArchiveUnavailable(
            f"{folder} takes no note that its transcript is stored: {error.strerror}",
            remedy="free space on its disk; it is tried again",
        ) from error
    return stored


def restore_documents(folder: Path, place: str, archive: Archive) -> None:
    """Brings back what a step folder holds beside its log, where the folder itself is gone."""
    if (folder / step_folder.REQUEST).exists():
        return
    manifest = archive.read_manifest(place)
    if manifest is None:
        return
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name in _DOCUMENTS:
        if name in manifest["files"] and (data := archive.read_document(place, name)) is not None:
            (folder / name).write_bytes(data)
    step_folder.write_document(str(folder), MANIFEST, manifest, durable=False)


def remove(folder: Path, place: str, archive: Archive | None) -> None:
    """Removes a log for good, here and in the archive; what says how the step ended stays. Once is enough.

    Raises ArchiveUnavailable.
    """
    if (folder / _REMOVED).exists():
        return
    remove_here(folder)
    if archive is not None:
        archive.remove(place)
    with contextlib.suppress(OSError):
        (folder / MANIFEST).unlink(missing_ok=True)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        step_folder.write_document(str(folder), _REMOVED, {}, durable=False)


def read_end(folder: Path) -> dict[str, Any] | None:
    """Returns the document of the step's end, or of its loss; None while there is none."""
    for name in (step_folder.EXIT, step_folder.LOST):
        ended = step_folder.read_document(str(folder), name)
        if ended is not None:
            return ended
    return None


def compare_stored(
    archive: Archive | None, folder: Path, place: str, *, output: tuple[str, int], index: str
) -> str | None:
    """Returns how a stored log differs from what was recorded, or None; for one that is not here any more."""
    manifest: Mapping[str, Any] | None = step_folder.read_document(str(folder), MANIFEST)
    if archive is None:
        return "was stored elsewhere, and WORKBENCH_ARTIFACTS_URL does not say where"
    try:
        manifest = manifest or archive.read_manifest(place)
        if manifest is None:
            return f"is missing: neither {folder} nor {archive.url} has it"
        parts = order_parts(manifest["files"])
        found = archive.digest(place, [part.output for part in parts])
        if (found["digest"], found["size_bytes"]) != output:
            return f"was changed in {archive.url}/{place}"
        if index and archive.digest(place, [part.times for part in parts])["digest"] != index:
            return f"has other times and streams in {archive.url}/{place} than were recorded"
    except FileNotFoundError:
        return f"is missing: {archive.url}/{place} is not whole"
    except ArchiveUnavailable as error:
        return f"cannot be read: {error.message}"
    return None


def remove_here(folder: Path) -> None:
    """Removes the bytes of a log from this disk, the last first: no reader is to take half for all."""
    for part in reversed(order_parts(DiskFolder(folder).names())):
        for name in (part.output, part.times):
            with contextlib.suppress(OSError):
                (folder / name).unlink()
