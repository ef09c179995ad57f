"""The archive, against a folder and against a real S3 server: what is put there is there, or it is said."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.object_store import BUCKET, SECRET_KEY, ObjectStore, object_store
from workbench.connectors.archive import Archive
from workbench.connectors.keeping import MANIFEST
from workbench.model.errors import ArchiveUnavailable, InvalidInput

PLACE = "runs/run_1/stp_1.1"
DATA = bytes(range(256)) * 5000


@pytest.fixture(scope="module")
def store() -> Iterator[ObjectStore]:
    with object_store() as opened:
        opened.start()
        yield opened


@pytest.fixture(params=["file", "s3"])
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    if request.param == "file":
        return Archive(f"file://{tmp_path}/archive", environ={})
    store: ObjectStore = request.getfixturevalue("store")
    for name, value in store.environment.items():
        request.getfixturevalue("monkeypatch").setenv(name, value)
    return Archive(f"s3://{BUCKET}/{tmp_path.name}/", environ=store.environment)


def fill(tmp_path: Path) -> Path:
    folder = tmp_path / "step"
    folder.mkdir()
    (folder / "output.bin").write_bytes(DATA)
    (folder / "index.bin").write_bytes(b"")
    return folder


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_what_is_put_is_read_back_by_ranges_and_removed(archive: Archive, tmp_path: Path) -> None:
    assert archive.read_manifest(PLACE) is None
    manifest = archive.put(PLACE, fill(tmp_path), ["output.bin", "index.bin"], {"request.json": b"{}"})
    assert manifest == archive.read_manifest(PLACE)
    assert manifest["files"]["output.bin"] == {"size_bytes": len(DATA), "digest": digest(DATA)}
    assert archive.read_document(PLACE, "request.json") == b"{}"
    assert archive.read_document(PLACE, "exit.json") is None
    assert archive.digest(PLACE, ["output.bin", "request.json"])["digest"] == digest(DATA + b"{}")
    folder = archive.folder(PLACE, manifest)
    assert set(folder.names()) == {"output.bin", "index.bin", "request.json"}
    file = folder.open("output.bin")
    for at, count in (
        (0, 1),
        (5, 300_000),
        (len(DATA) - 3, 10),
        (len(DATA), 4),
        (700_001, 24),
        (699_000, 24),
    ):
        assert file.read(count, at) == DATA[at : at + count]
    assert folder.open("index.bin").read(5, 0) == b""
    with pytest.raises(FileNotFoundError):
        folder.open("tail.bin")
    if archive.url.startswith("file://"):
        assert (tmp_path / "archive").stat().st_mode & 0o077 == 0
    archive.remove(PLACE)
    assert archive.read_manifest(PLACE) is None
    assert archive.read_document(PLACE, "output.bin") is None
    archive.remove(PLACE)


def test_a_folder_that_is_not_whole_counts_for_nothing(archive: Archive, tmp_path: Path) -> None:
    folder = fill(tmp_path)
    with pytest.raises(FileNotFoundError):
        archive.put(PLACE, folder, ["output.bin", "missing.bin"], {})
    assert archive.read_document(PLACE, "output.bin") == DATA
    assert archive.read_document(PLACE, MANIFEST) is None


def test_a_store_that_does_not_answer_is_said_without_the_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with object_store() as down:
        for name, value in down.environment.items():
            monkeypatch.setenv(name, value)
        archive = Archive(f"s3://{BUCKET}/x", environ=down.environment)
        with pytest.raises(ArchiveUnavailable) as caught:
            archive.put(PLACE, fill(tmp_path), ["output.bin"], {})
    assert f"s3://{BUCKET}/x" in caught.value.message
    assert SECRET_KEY not in f"{caught.value.message} {caught.value.remedy}"


@pytest.mark.parametrize(
    "url", ["", "/folder", "https://host/x", "s3://key:secret@bucket/x", "s3://bucket/x?key=1", "file://x#y"]
)
def test_an_address_that_names_no_store_or_holds_credentials_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Archive(url, environ={})
    assert "secret" not in caught.value.message
