"""A log is moved as it was recorded, leaves this disk only once it is elsewhere, and each may be repeated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.connectors import keeping
from workbench.connectors.archive import Archive
from workbench.connectors.keeping import KeptFolder
from workbench.model.errors import ArchiveUnavailable
from workbench.sandbox.pieces import find_extent, find_offset, iterate_pieces
from workbench.sandbox.segment import Segment

PLACE = "runs/run_1/stp_1.1"


def make_step(folder: Path, *, limit: int = 1 << 20) -> bytes:
    """A step's folder as an ended step leaves it; returns what was kept of its output."""
    folder.mkdir(parents=True)
    segment = Segment(str(folder), limit_bytes=limit, masks=())
    for number in range(200):
        segment.add(1, b"line %d\n" % number, number)
    digest = segment.finish(200)
    segment.close()
    ended = {
        "exit_code": 0,
        "signal": None,
        "output_bytes": segment.size,
        "dropped_bytes": segment.dropped,
        "end_offset": segment.end,
        "output_digest": digest,
        "index_digest": segment.index_digest,
    }
    (folder / "request.json").write_text("{}")
    (folder / "exit.json").write_text(json.dumps(ended))
    return b"".join(piece.data for piece in iterate_pieces(folder, until=segment.end))


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    return Archive(f"file://{tmp_path}/archive", environ={})


@pytest.mark.parametrize("limit", [1 << 20, 500])
def test_a_stored_log_reads_the_same_from_here_and_from_there(
    tmp_path: Path, archive: Archive, limit: int
) -> None:
    folder = tmp_path / "step"
    kept = make_step(folder, limit=limit)
    before = list(iterate_pieces(folder))
    moments = [find_offset(folder, at_ms) for at_ms in range(0, 210, 7)]
    stored = keeping.store(folder, PLACE, archive)
    assert stored is not None
    assert (stored.url, stored.size_bytes) == (f"{archive.url}/{PLACE}", len(kept))
    # Here it is until it is released; storing it again, as after a stop, changes nothing.
    assert (folder / "output.bin").exists()
    assert keeping.store(folder, PLACE, archive) == stored
    keeping.remove_here(folder)
    assert keeping.is_done(folder)
    log = KeptFolder(folder, PLACE, archive)
    assert log.is_far
    assert list(iterate_pieces(log)) == before
    assert [find_offset(log, at_ms) for at_ms in range(0, 210, 7)] == moments
    assert find_extent(log) == (before[-1].end, 199)
    # What the folder held beside it comes back too.
    (folder / "exit.json").unlink()
    (folder / "request.json").unlink()
    keeping.restore_documents(folder, PLACE, archive)
    assert keeping.read_end(folder) is not None
    keeping.remove(folder, PLACE, archive)
    assert list(iterate_pieces(KeptFolder(folder, PLACE, archive))) == []
    keeping.remove(folder, PLACE, archive)


@pytest.mark.parametrize("name", ["output.bin", "index.bin"])
def test_a_log_that_is_not_as_its_end_says_is_not_stored_and_stays(
    tmp_path: Path, archive: Archive, name: str
) -> None:
    folder = tmp_path / "step"
    make_step(folder)
    data = bytearray((folder / name).read_bytes())
    data[5] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ArchiveUnavailable, match="not what its step's end recorded"):
        keeping.store(folder, PLACE, archive)
    assert archive.read_manifest(PLACE) is None
    assert (folder / name).read_bytes() == data


def test_a_store_that_gives_back_something_else_is_not_believed(
    tmp_path: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "step"
    make_step(folder)
    monkeypatch.setattr(archive, "digest", lambda place, names: {"size_bytes": 1, "digest": "sha256:0"})
    with pytest.raises(ArchiveUnavailable, match="gives back another"):
        keeping.store(folder, PLACE, archive)
    assert not keeping.is_stored(folder)
    assert (folder / "output.bin").exists()


def test_a_step_that_goes_on_is_not_stored(tmp_path: Path, archive: Archive) -> None:
    folder = tmp_path / "step"
    make_step(folder)
    (folder / "exit.json").unlink()
    assert keeping.store(folder, PLACE, archive) is None
    assert archive.read_manifest(PLACE) is None
