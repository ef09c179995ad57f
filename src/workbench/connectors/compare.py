"""Compares stored transcripts with the size and digest that were recorded when their steps ended.

It reads files of a home and nothing else: no server, no connector that runs. It changes nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from workbench.connectors.keeping import compare_stored, is_stored
from workbench.model.artifact import Artifact, ArtifactKind
from workbench.sandbox.pieces import DiskFolder
from workbench.sandbox.step_folder import OUTPUT, order_parts

if TYPE_CHECKING:
    from workbench.connectors.archive import Archive

_PLACE: Final = re.compile(r"([A-Za-z0-9_-]{1,128}/[A-Za-z0-9_-]{1,128}\.[0-9]{1,9})#transcript")
_READ_BYTES: Final = 1 << 20
_DIGEST_OF_NOTHING: Final = f"sha256:{hashlib.sha256().hexdigest()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptFinding:
    """`compared` counts the transcripts that were looked for, and `without_times` those among them of whose
    times and streams nothing was recorded, so that their bytes alone are compared; `problem` names the first
    that is not as recorded, and how many more there are, or is None."""

    compared: int
    without_times: int
    problem: str | None


def compare_transcripts(
    home: Path, artifacts: Iterable[Artifact], indexes: Mapping[str, str], *, archive_url: str
) -> TranscriptFinding:
    """Reads the transcript of every ended step whole, and tells which is not as recorded.

    Each lies below `home`, or in the archive of `archive_url` where it was moved there. Raises what the
    archive's address is refused with.
    `indexes` are the digests of the files with times and streams, by external run id, where there are any.
    """
    compared = without_times = 0
    problems = []
    archive = _open_archive(archive_url)
    for artifact in artifacts:
        if artifact.kind is ArtifactKind.TRANSCRIPT:
            compared += 1
            index = indexes.get(artifact.uri.removesuffix("#transcript"), "")
            without_times += not index
            if (problem := _problem_of(home, archive, artifact, index)) is not None:
                problems.append(
                    f"the transcript of run {artifact.run_id}, step {artifact.step_id}, {problem}"
                )
    more = f" (and {_more(len(problems) - 1)} not as recorded)" if len(problems) > 1 else ""
    return TranscriptFinding(
        compared=compared,
        without_times=without_times,
        problem=f"{problems[0]}{more}" if problems else None,
    )


def _open_archive(url: str) -> Archive | None:
    if not url:
        return None
    from workbench.connectors.archive import Archive

    return Archive(url, environ=os.environ)


def _problem_of(home: Path, archive: Archive | None, artifact: Artifact, index: str) -> str | None:
    place = _PLACE.fullmatch(artifact.uri)
    if place is None:
        return f"is recorded at {artifact.uri!r}, which is no place of a transcript"
    folder = home / "runs" / place[1]
    is_moved = is_stored(folder) or (archive is not None and not folder.exists())
    if is_moved and not (folder / OUTPUT).exists():
        recorded = (artifact.digest, artifact.size_bytes)
        return compare_stored(archive, folder, f"runs/{place[1]}", output=recorded, index=index)
    parts = order_parts(DiskFolder(folder).names())
    outputs, indexes = [folder / part.output for part in parts], [folder / part.times for part in parts]
    problem = _compare_files(outputs, artifact.digest, artifact.size_bytes)
    size = 0 if index == _DIGEST_OF_NOTHING else None
    if problem is None and index and (of_index := _compare_files(indexes, index, size)) is not None:
        problem = f"has other times and streams than were recorded: its index {of_index}"
    return problem


def _compare_files(paths: Sequence[Path], recorded: str, size: int | None) -> str | None:
    """Returns how files, one after the other, differ from their recorded digest, and from their size where
    that is known."""
    digest = hashlib.sha256()
    found = 0
    with contextlib.ExitStack() as stack:
        files = []
        for path in paths:
            try:
                # Neither a link nor something that answers by itself may stand in for the file.
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            except FileNotFoundError:
                if size == 0:
                    # A supervisor that was killed before it opened the log left none: there was no output.
                    return None
                return f"is missing: there is no {path}"
            except OSError as error:
                return f"cannot be read: {path}: {error.strerror}"
            file = stack.enter_context(open(descriptor, "rb", buffering=0))
            state = os.fstat(descriptor)
            if not stat.S_ISREG(state.st_mode):
                return f"is no file any more: {path}"
            found += state.st_size
            files.append((path, file))
        if size is not None and found != size:
            how = "shorter" if found < size else "longer"
            return f"is {how} than recorded: {found} bytes of {size} in {paths[0]}"
        for path, file in files:
            try:
                while data := file.read(_READ_BYTES):
                    digest.update(data)
            except OSError as error:
                return f"cannot be read: {path}: {error.strerror}"
    if f"sha256:{digest.hexdigest()}" != recorded:
        return f"was changed: {paths[0]} does not have the digest that was recorded when the step ended"
    return None


def _more(number: int) -> str:
    return f"{number} more {'is' if number == 1 else 'are'}"
