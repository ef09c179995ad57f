"""Output above the limit: its beginning and its end are kept, and where bytes are missing is said."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sandbox.pieces import Piece, find_offset, iterate_pieces, measure, read_pieces
from workbench.sandbox.segment import Segment
from workbench.sandbox.transcript import render_asciicast, render_text


def letters(count: int, start: int = 0) -> bytes:
    return bytes(65 + (start + number) % 26 for number in range(count))


def write(folder: Path, chunks: list[bytes], limit: int) -> tuple[Segment, str]:
    segment = Segment(str(folder), limit_bytes=limit, masks=())
    for number, chunk in enumerate(chunks):
        segment.add(number % 3, chunk, number)
    digest = segment.finish(len(chunks))
    segment.close()
    return segment, digest


@given(
    st.lists(st.integers(min_value=1, max_value=300), max_size=40),
    st.integers(min_value=2, max_value=200),
    st.integers(min_value=0, max_value=4000),
    st.integers(min_value=1, max_value=90),
)
def test_beginning_and_end_are_kept_at_their_own_offsets(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], limit: int, offset: int, most: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    chunks, whole = [], b""
    for size in sizes:
        chunks.append(letters(size, len(whole)))
        whole += chunks[-1]
    segment, digest = write(folder, chunks, limit)
    assert (segment.size + segment.dropped, segment.end) == (len(whole), len(whole))
    assert segment.size <= limit
    assert segment.size == len(whole) if len(whole) <= limit else segment.size >= limit - limit // 32 - 1
    found = list(iterate_pieces(folder, until=segment.end))
    kept = b"".join(piece.data for piece in found)
    assert digest == "sha256:" + hashlib.sha256(kept).hexdigest()
    measured = measure(folder)
    assert (measured.size_bytes, measured.end, measured.digest) == (len(kept), len(whole), digest)
    assert measured.index_digest == segment.index_digest
    assert sum(piece.lost_bytes for piece in found) == segment.dropped
    assert sum(piece.lost_bytes > 0 for piece in found) == (segment.dropped > 0)
    position = 0
    for piece in found:
        assert piece.offset == position
        assert piece.data in (b"", whole[position : position + len(piece.data)])
        assert piece.is_indexed
        position = piece.end
    assert position == len(whole)
    # From any place on, in any portions, the same comes, and nothing twice.
    seen, at, last = b"", min(offset, len(whole)), None
    while portion := read_pieces(folder, offset=at, limit_bytes=most, until=segment.end, after=last):
        seen += b"".join(piece.data or b"?" * piece.lost_bytes for piece in portion)
        last = portion[-1]
        at = last.end
    shown = b"".join(piece.data or b"?" * piece.lost_bytes for piece in found)
    assert seen == shown[min(offset, len(whole)) :]


def test_a_reader_that_comes_to_what_was_dropped_meanwhile_is_told_and_goes_on(tmp_path: Path) -> None:
    segment = Segment(str(tmp_path), limit_bytes=320, masks=())
    segment.add(0, letters(200), 1)
    (first, *_) = read_pieces(tmp_path, offset=0, limit_bytes=160)
    assert first.data == letters(160)
    segment.add(0, letters(1000, 200), 2)
    going_on = read_pieces(tmp_path, offset=first.end, limit_bytes=1000, after=first)
    gap, *rest = going_on
    assert (gap.offset, gap.data) == (160, b"")
    assert gap.lost_bytes == segment.dropped > 800
    assert b"".join(piece.data for piece in rest) == letters(1200)[gap.end :]
    # One that asks for the middle of what is gone is told of the rest of that.
    assert read_pieces(tmp_path, offset=500, limit_bytes=10)[0].lost_bytes == gap.end - 500
    segment.close()


def test_text_and_recording_say_where_output_is_missing(tmp_path: Path) -> None:
    segment, _ = write(tmp_path, [b"begun \xc3", b"x" * 500, b"\nthe end\n"], 32)
    pieces = list(iterate_pieces(tmp_path, until=segment.end))
    text = "".join(render_text(pieces))
    assert text.startswith("begun ")
    assert text.endswith("\nthe end\n")
    assert f"\n[{segment.dropped} bytes of output missing here]\n" in text
    events = [
        json.loads(line) for line in render_asciicast(pieces, rows=2, columns=3, started_at=9, title="")
    ]
    (marker,) = [event for event in events[1:] if event[1] == "m"]
    assert marker[2] == f"{segment.dropped} bytes of output missing here"


def test_a_sequence_that_was_begun_before_the_gap_does_not_swallow_what_comes_after() -> None:
    pieces = [
        Piece(offset=0, stream="terminal", at_ms=0, data=b"a\x1b]0;tit"),
        Piece(offset=8, stream="terminal", at_ms=1, data=b"", lost_bytes=1),
        Piece(offset=9, stream="terminal", at_ms=1, data=b"shown\n"),
    ]
    assert "".join(render_text(pieces)) == "a\n[1 byte of output missing here]\nshown\n"


def test_time_leads_to_the_place_of_the_output(tmp_path: Path) -> None:
    segment = Segment(str(tmp_path), limit_bytes=64, masks=())
    for number in range(100):
        segment.add(0, letters(4, 4 * number), 10 * number)
    segment.close()
    assert [find_offset(tmp_path, moment) for moment in (0, 1, 10, 70)] == [0, 4, 4, 28]
    # What came then is gone: the next that is there comes first.
    gone = find_offset(tmp_path, 400)
    assert gone == segment.end - (segment.size - 32)
    assert find_offset(tmp_path, 990) == 396
    assert find_offset(tmp_path, 5000) == segment.end
