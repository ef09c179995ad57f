"""Keeps ended steps' logs in an object store, and reads them from there by ranges.

The only file that knows obstore. What is put there is read back and compared before anybody may rely on it.
Credentials come from the usual AWS_* variables; none is in an address, an error or a log of ours. It decides
neither what is stored nor when.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.exceptions import NotFoundError as NothingThere
from obstore.store import from_url

from workbench.connectors.keeping import MANIFEST
from workbench.model.errors import ArchiveUnavailable, InvalidInput
from workbench.sandbox.pieces import LogFile

if TYPE_CHECKING:
    from obstore.store import ClientConfig, ObjectStore

T = TypeVar("T")

_AHEAD_BYTES: Final = 1 << 18
_PART_BYTES: Final = 8 << 20
_RETRY_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 30
_LONGEST_WORDS: Final = 300
_HIDDEN: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


class Archive:
    """One store, below one prefix. Every call may block; run it in a thread.

    Raises InvalidInput for an address that names none, and from its methods ArchiveUnavailable.
    """

    def __init__(self, url: str, *, environ: Mapping[str, str]) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("file", "s3") or "@" in parts.netloc or parts.query or parts.fragment:
            raise InvalidInput(
                f"artifacts_url is {url.split('@')[-1]!r}, which names no object store",
                remedy="write file:///a/folder or s3://bucket/prefix; credentials go into AWS_* variables",
            )
        self.url = url.rstrip("/")
        self._secrets = [environ[name] for name in _HIDDEN if environ.get(name)]
        self._opened: ObjectStore | None = None
        endpoint = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL") or ""
        client: ClientConfig = {"timeout": timedelta(seconds=_ANSWER_SECONDS)}
        if endpoint.startswith("http://"):
            client["allow_http"] = True
        self._options: dict[str, Any] = {"mkdir": True}
        if parts.scheme == "s3":
            self._options = {
                "client_options": client,
                # The engine tries again for as long as it takes; here only a hiccup is bridged.
                "retry_config": {"max_retries": 2, "retry_timeout": timedelta(seconds=_RETRY_SECONDS)},
                **({"endpoint": endpoint} if endpoint else {}),
            }

    @property
    def _store(self) -> ObjectStore:
        # Opened when it is first used: one that cannot be opened just now keeps no server from starting.
        if self._opened is None:
            if self.url.startswith("file://"):
                # What was printed is nobody else's to read.
                Path(unquote(urlsplit(self.url).path)).mkdir(mode=0o700, parents=True, exist_ok=True)
            self._opened = from_url(self.url, **self._options)
        return self._opened

    def put(
        self, place: str, folder: Path, names: Iterable[str], documents: Mapping[str, bytes]
    ) -> dict[str, Any]:
        """Stores files of a folder and small documents under a place, reads all back, and returns the
        manifest: {"files": {name: {"size_bytes", "digest"}}}.

        Raises OSError for what cannot be read here.
        """
        files: dict[str, Any] = {}
        for name in names:
            path = folder / name
            found = _digest(_read_file(path))
            self._put(f"{place}/{name}", path)
            files[name] = found
        for name, data in documents.items():
            self._put(f"{place}/{name}", data)
            files[name] = _digest([data])
        for name, found in files.items():
            if self.digest(place, [name]) != found:
                raise ArchiveUnavailable(
                    f"{self.url} gives back another {place}/{name} than was put there",
                    remedy="look at the store; the files here are kept meanwhile",
                )
        manifest = {"files": files}
        data = json.dumps(manifest, sort_keys=True).encode()
        self._put(f"{place}/{MANIFEST}", data)
        return manifest

    def _put(self, path: str, what: Path | bytes) -> None:
        self._call(lambda: obstore.put(self._store, path, what, chunk_size=_PART_BYTES))

    def read_document(self, place: str, name: str) -> bytes | None:
        """Returns a small file's bytes, or None where there is none."""
        try:
            return self._call(lambda: bytes(obstore.get(self._store, f"{place}/{name}").bytes()))
        except FileNotFoundError:
            return None

    def read_manifest(self, place: str) -> dict[str, Any] | None:
        """Returns what was stored under a place, or None where nothing was, or not all of it."""
        data = self.read_document(place, MANIFEST)
        try:
            found = None if data is None else json.loads(data)
        except ValueError:
            return None
        return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else None

    def digest(self, place: str, names: Iterable[str]) -> dict[str, Any]:
        """Returns size and digest of files one after the other; FileNotFoundError says one is missing."""
        return self._call(
            lambda: _digest(chunk for name in names for chunk in self._stream(f"{place}/{name}"))
        )

    def remove(self, place: str) -> None:
        """Removes all that is stored under a place; harmless where nothing is."""

        def work() -> None:
            paths = [found["path"] for page in obstore.list(self._store, f"{place}/") for found in page]
            # The manifest first: what lacks one counts for nothing.
            for path in sorted(paths, key=lambda path: not path.endswith(f"/{MANIFEST}")):
                try:
                    obstore.delete(self._store, path)
                except (NothingThere, FileNotFoundError):
                    continue

        self._call(work)

    def folder(self, place: str, manifest: Mapping[str, Any]) -> ArchivedFolder:
        """Returns the stored log under a place, for reading by ranges."""
        return ArchivedFolder(self, place, manifest)

    def read_range(self, path: str, start: int, length: int) -> bytes:
        """Returns bytes of a stored file."""
        return self._call(lambda: bytes(obstore.get_range(self._store, path, start=start, length=length)))

    def _stream(self, path: str) -> Iterable[bytes]:
        for chunk in obstore.get(self._store, path).stream(min_chunk_size=1 << 20):
            yield bytes(chunk)

    def _call(self, work: Callable[[], T]) -> T:
        """Does it, and turns what the store says into words without credentials."""
        try:
            return work()
        except (NothingThere, FileNotFoundError) as error:
            raise FileNotFoundError("it is not in the store") from error
        except (BaseError, OSError, ValueError) as error:
            words = " ".join(str(error).split())
            for secret in self._secrets:
                words = words.replace(secret, "***")
            raise ArchiveUnavailable(
                f"{self.url} cannot be used: {words[:_LONGEST_WORDS]}",
                remedy="look at WORKBENCH_ARTIFACTS_URL, the AWS_* variables and the store itself; what is "
                "not stored yet stays on this machine and is tried again",
            ) from None


class ArchivedFolder:
    """A stored log as pieces.py reads one."""

    def __init__(self, archive: Archive, place: str, manifest: Mapping[str, Any]) -> None:
        self._archive, self._place = archive, place
        self._files: Mapping[str, Any] = manifest["files"]

    def names(self) -> list[str]:
        return list(self._files)

    def open(self, name: str) -> LogFile:
        if name not in self._files:
            raise FileNotFoundError(name)
        return _ArchivedFile(self._archive, f"{self._place}/{name}", int(self._files[name]["size_bytes"]))


class _ArchivedFile:
    """Reads ahead a little: a look through an index takes many small reads close to each other."""

    def __init__(self, archive: Archive, path: str, size: int) -> None:
        self._archive, self._path, self._size = archive, path, size
        self._start, self._ahead = 0, b""

    def size(self) -> int:
        return self._size

    def read(self, count: int, at: int) -> bytes:
        count = min(count, self._size - at)
        if count <= 0:
            return b""
        if not self._start <= at <= at + count <= self._start + len(self._ahead):
            # Whole blocks of the file: what lies before is asked for by the next step of a search.
            start = at - at % _AHEAD_BYTES if count < _AHEAD_BYTES else at
            length = min(max(_AHEAD_BYTES, at + count - start), self._size - start)
            self._start, self._ahead = start, self._archive.read_range(self._path, start, length)
        return self._ahead[at - self._start : at - self._start + count]

    def close(self) -> None:
        self._ahead = b""


def _digest(chunks: Iterable[bytes]) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        digest.update(chunk)
        size += len(chunk)
    return {"size_bytes": size, "digest": f"sha256:{digest.hexdigest()}"}


def _read_file(path: Path) -> Iterable[bytes]:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb") as file:
        while data := file.read(1 << 20):
            yield data
