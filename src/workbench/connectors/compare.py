"""Compares stored transcripts with the size and digest that were recorded when their steps ended.

It reads files of a home and nothing else: no server, no connector that runs. It changes nothing.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.model.artifact import Artifact, ArtifactKind
from workbench.sandbox.step_folder import INDEX, OUTPUT

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
    home: Path, artifacts: Iterable[Artifact], indexes: Mapping[str, str]
) -> TranscriptFinding:
    """Reads the transcript of every ended step below `home` whole, and tells which is not as recorded.

    `indexes` are the digests of the files with times and streams, by external run id, where there are any.
    """
    compared = without_times = 0
    problems = []
    for artifact in artifacts:
        if artifact.kind is ArtifactKind.TRANSCRIPT:
            compared += 1
            index = indexes.get(artifact.uri.removesuffix("#transcript"), "")
            without_times += not index
            if (problem := _problem_of(home, artifact, index)) is not None:
                problems.append(
                    f"the transcript of run {artifact.run_id}, step {artifact.step_id}, {problem}"
                )
    more = f" (and {_more(len(problems) - 1)} not as recorded)" if len(problems) > 1 else ""
    return TranscriptFinding(
        compared=compared,
        without_times=without_times,
        problem=f"{problems[0]}{more}" if problems else None,
    )


def _problem_of(home: Path, artifact: Artifact, index: str) -> str | None:
    place = _PLACE.fullmatch(artifact.uri)
    if place is None:
        return f"is recorded at {artifact.uri!r}, which is no place of a transcript"
    folder = home / "runs" / place[1]
    problem = _compare_file(folder / OUTPUT, artifact.digest, artifact.size_bytes)
    size = 0 if index == _DIGEST_OF_NOTHING else None
    if problem is None and index and (of_index := _compare_file(folder / INDEX, index, size)) is not None:
        problem = f"has other times and streams than were recorded: its index {of_index}"
    return problem


def _compare_file(path: Path, recorded: str, size: int | None) -> str | None:
    """Returns how a file differs from its recorded digest, and from its size where that is known."""
    try:
        # Neither a link nor something that answers by itself may stand in for the file.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        if size == 0:
            # A supervisor that was killed before it opened the log left none, and there was no output.
            return None
        return f"is missing: there is no {path}"
    except OSError as error:
        return f"cannot be read: {path}: {error.strerror}"
    with open(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            return f"is no file any more: {path}"
        if size is not None and found.st_size != size:
            how = "shorter" if found.st_size < size else "longer"
            return f"is {how} than recorded: {found.st_size} bytes of {size} in {path}"
        digest = hashlib.sha256()
        try:
            while data := file.read(_READ_BYTES):
                digest.update(data)
        except OSError as error:
            return f"cannot be read: {path}: {error.strerror}"
    if f"sha256:{digest.hexdigest()}" != recorded:
        return f"was changed: {path} does not have the digest that was recorded when the step ended"
    return None


def _more(number: int) -> str:
    return f"{number} more {'is' if number == 1 else 'are'}"
