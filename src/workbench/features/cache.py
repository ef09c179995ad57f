"""Keeps what was parsed, so that an unchanged repository is not parsed again.

Two files a repository in the caller's folder: the finished discovery with the stamps it rests on, and the
outlines with their contents' ids. A file that is missing, damaged or from another version counts as empty.
Nothing that decides about running anything ever comes from here; it only saves time.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from workbench.features.document import Outline
from workbench.features.files import Stamp
from workbench.model.feature import Discovery

MAX_CACHE_BYTES = 256 << 20
_T = TypeVar("_T")
_LEARNING: Final = threading.Lock()
_DECODERS: Final[dict[type[Any], msgspec.msgpack.Decoder[Any]]] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """A discovery, and all it depends on: the code that made it, HEAD, and each file's stamp."""

    code: str
    head: str | None
    stamps: dict[str, Stamp]
    blob_ids: dict[str, str]
    problems: list[tuple[str, str]]
    agent_paths: list[str]
    discovery: Discovery


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """Outlines and build files by the id of the bytes they were read from, and HEAD's blob ids by path."""

    code: str
    head: str | None = None
    head_blob_ids: dict[str, str] = field(default_factory=dict)
    head_paths: list[str] = field(default_factory=list)
    outlines: dict[str, tuple[str, Outline]] = field(default_factory=dict)


def load_remembered(folder: Path | None, repo: str) -> tuple[Remembered, int] | None:
    """Returns the last discovery of this repository and when it was written (ns), or None."""
    return _load(folder, repo, "discovery", Remembered)


def load_contents(folder: Path | None, repo: str) -> Contents | None:
    """Returns the outlines of this repository that are kept, or None."""
    loaded = _load(folder, repo, "outlines", Contents)
    return loaded[0] if loaded else None


def store_remembered(folder: Path | None, repo: str, remembered: Remembered) -> None:
    """Keeps a discovery; a folder that cannot be written only costs time later."""
    _store(folder, repo, "discovery", remembered)


def store_contents(folder: Path | None, repo: str, contents: Contents) -> None:
    """Keeps outlines; a folder that cannot be written only costs time later."""
    _store(folder, repo, "outlines", contents)


def _path(folder: Path, repo: str, kind: str) -> Path:
    name = hashlib.sha256(repo.encode("utf-8", "surrogateescape")).hexdigest()[:24]
    return folder / f"{name}.{kind}"


def _load(folder: Path | None, repo: str, kind: str, shape: type[_T]) -> tuple[_T, int] | None:
    if folder is None:
        return None
    try:
        handle = os.open(
            _path(folder, repo, kind), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        )
    except OSError:
        return None
    with open(handle, "rb") as file:
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_CACHE_BYTES:
                return None
            return _decoder(shape).decode(file.read()), status.st_mtime_ns
        except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError, ValueError, TypeError):
            return None


def _decoder(shape: type[_T]) -> msgspec.msgpack.Decoder[_T]:
    """Returns the one decoder of a shape. Two threads must not look into one dataclass at the same time.

    msgspec 0.22 shows what it has learnt of a dataclass to other threads before it is complete, and one that
    decodes by it then ends the process.
    """
    with _LEARNING:
        if shape not in _DECODERS:
            _DECODERS[shape] = msgspec.msgpack.Decoder(shape)
        return _DECODERS[shape]


def _store(folder: Path | None, repo: str, kind: str, value: object) -> None:
    if folder is None:
        return
    path = _path(folder, repo, kind)
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        content = msgspec.msgpack.encode(value)
        handle = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        with open(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except (OSError, UnicodeError, OverflowError, RecursionError):
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
