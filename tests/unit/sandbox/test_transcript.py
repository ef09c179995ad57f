"""Writing and reading a step's log: any offset, any border, hostile bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sandbox.pieces import Piece, iterate_pieces, read_pieces
from workbench.sandbox.segment import Segment
from workbench.sandbox.step_folder import INDEX_RECORD
from workbench.sandbox.transcript import render_asciicast, render_asciicast_v3, render_text


def pieces_of(*chunks: bytes) -> list[Piece]:
    offset, pieces = 0, []
    for chunk in chunks:
        pieces.append(Piece(offset=offset, stream="terminal", at_ms=offset, data=chunk))
        offset += len(chunk)
    return pieces


def test_what_is_added_is_read_back_with_streams_and_times(tmp_path: Path) -> None:
    segment = Segment(str(tmp_path), limit_bytes=100, masks=())
    segment.add(1, b"out", 5)
    segment.add(2, b"err", 7)
    assert segment.finish(9) == "sha256:" + hashlib.sha256(b"outerr").hexdigest()
    segment.close()
    assert list(iterate_pieces(tmp_path)) == [
        Piece(offset=0, stream="stdout", at_ms=5, data=b"out"),
        Piece(offset=3, stream="stderr", at_ms=7, data=b"err"),
    ]
    assert read_pieces(tmp_path, offset=2, limit_bytes=2) == [
        Piece(offset=2, stream="stdout", at_ms=5, data=b"t"),
        Piece(offset=3, stream="stderr", at_ms=7, data=b"e"),
    ]


def test_bytes_that_were_not_indexed_any_more_are_given_out_once_the_step_has_ended(tmp_path: Path) -> None:
    segment = Segment(str(tmp_path), limit_bytes=100, masks=())
    segment.add(2, b"indexed", 1)
    segment.close()
    with open(tmp_path / "output.bin", "ab") as file:
        file.write(b" rest")
    assert [piece.data for piece in iterate_pieces(tmp_path)] == [b"indexed"]
    assert [piece.data for piece in iterate_pieces(tmp_path, until=12)] == [b"indexed", b" rest"]


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert read_pieces(tmp_path, offset=0, limit_bytes=10) == []


def write_log(folder: Path) -> bytes:
    """Writes three records' output: 4 bytes of stdout, 4 of stderr, 4 of stdout."""
    segment = Segment(str(folder), limit_bytes=100, masks=())
    for stream, data, at_ms in ((1, b"one\n", 5), (2, b"two\n", 7), (1, b"six\n", 9)):
        segment.add(stream, data, at_ms)
    segment.finish(9)
    segment.close()
    return b"one\ntwo\nsix\n"


def put_record(folder: Path, number: int, *values: int) -> None:
    with open(folder / "index.bin", "r+b") as file:
        file.seek(number * INDEX_RECORD.size)
        file.write(INDEX_RECORD.pack(*values))


def test_what_comes_later_is_never_written_as_older(tmp_path: Path) -> None:
    segment = Segment(str(tmp_path), limit_bytes=100, masks=())
    segment.add(2, b"before the start", 30)
    segment.add(1, b"after it", 1)
    segment.close()
    assert [(piece.at_ms, piece.is_indexed) for piece in iterate_pieces(tmp_path)] == [(30, True), (30, True)]


@pytest.mark.parametrize("until", [12, None])
@pytest.mark.parametrize("limit", [1, 3, 100])
def test_all_bytes_are_there_without_an_index(tmp_path: Path, until: int | None, limit: int) -> None:
    output = write_log(tmp_path)
    (tmp_path / "index.bin").unlink()
    pieces = list(iterate_pieces(tmp_path, until=until))
    assert b"".join(piece.data for piece in pieces) == output
    assert {(piece.stream, piece.at_ms, piece.is_indexed) for piece in pieces} == {("stdout", 0, False)}
    for offset in range(len(output)):
        found = read_pieces(tmp_path, offset=offset, limit_bytes=limit, until=until)
        assert b"".join(piece.data for piece in found) == output[offset : offset + limit]


IMPOSSIBLE = {
    "an unknown stream": (4, 4, 3, 7),
    "more than there is": (4, 9, 2, 7),
    "more than a file can have": (4, 2**32 - 1, 2, 7),
    "a time before the last": (4, 4, 2, 4),
    "a gap": (5, 3, 2, 7),
    "an overlap": (3, 5, 2, 7),
    "nothing": (4, 0, 2, 7),
    "a place far out": (2**64 - 1, 4, 2, 7),
}


@pytest.mark.parametrize("until", [12, None])
@pytest.mark.parametrize("values", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_the_index_is_used_up_to_the_first_record_that_cannot_be(
    tmp_path: Path, values: tuple[int, ...], until: int | None
) -> None:
    output = write_log(tmp_path)
    put_record(tmp_path, 1, *values)
    assert list(iterate_pieces(tmp_path, until=until)) == [
        Piece(offset=0, stream="stdout", at_ms=5, data=b"one\n"),
        Piece(offset=4, stream="stdout", at_ms=5, data=b"two\nsix\n", is_indexed=False),
    ]
    last: Piece | None = None
    seen = b""
    while found := read_pieces(tmp_path, offset=len(seen), limit_bytes=3, until=until, after=last):
        last = found[-1]
        seen += b"".join(piece.data for piece in found)
        assert last.is_indexed == (len(seen) <= 4)
    assert seen == output


@given(st.binary(max_size=100), st.integers(min_value=0, max_value=12), st.sampled_from([12, None]))
def test_no_bytes_in_place_of_the_index_end_the_reading_or_lose_output(
    tmp_path_factory: pytest.TempPathFactory, index: bytes, offset: int, until: int | None
) -> None:
    folder = tmp_path_factory.mktemp("log")
    output = write_log(folder)
    with open(folder / "index.bin", "r+b") as file:
        file.write(index)
    pieces = read_pieces(folder, offset=offset, limit_bytes=100, until=until)
    assert b"".join(piece.data for piece in pieces) == output[offset:]


def test_an_index_that_is_no_file_is_as_none(tmp_path: Path) -> None:
    output = write_log(tmp_path)
    (tmp_path / "index.bin").unlink()
    (tmp_path / "index.bin").mkdir()
    assert b"".join(piece.data for piece in iterate_pieces(tmp_path, until=12)) == output


def test_output_that_was_cut_is_read_to_its_end_and_no_further(tmp_path: Path) -> None:
    write_log(tmp_path)
    with open(tmp_path / "output.bin", "r+b") as file:
        file.truncate(6)
    assert [piece.data for piece in iterate_pieces(tmp_path, until=12)] == [b"one\n", b"tw"]


def test_a_recording_says_where_its_times_end(tmp_path: Path) -> None:
    write_log(tmp_path)
    put_record(tmp_path, 1, 4, 4, 77, 7)
    pieces = iterate_pieces(tmp_path, until=12)
    lines = list(render_asciicast(pieces, rows=2, columns=3, started_at=9, title="t"))
    assert [json.loads(line) for line in lines[1:]] == [
        [0.005, "o", "one\r\n"],
        [0.005, "m", "the times and streams of the rest are not known"],
        [0.005, "o", "two\r\nsix\r\n"],
    ]


HOSTILE = (
    b"a\x1b]52;c;ZXZpbA==\x07b\x1b]0;title\x1b\\c\x1bPq\x1b\\d\x1b[31me\x1b[0m\xc2\x9b1mf\x9dg"
    b"\x1b]8;;file:///etc\x07h\x1b]8;;\x07i\x00\x08\x7f\xe2\x80\xae\xc3\xa9\n"
)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
def test_no_control_sequence_is_left_in_text_wherever_it_is_cut(size: int) -> None:
    chunks = [HOSTILE[at : at + size] for at in range(0, len(HOSTILE), size)]
    text = "".join(render_text(pieces_of(*chunks)))
    assert text == "".join(render_text(pieces_of(HOSTILE)))
    assert not set(text) & {chr(code) for code in (*range(9), *range(11, 32), *range(127, 160), 0x202E)}
    assert "ZXZpbA" not in text
    assert text.endswith("é\n")


@given(st.lists(st.binary(max_size=12), max_size=6))
def test_any_bytes_become_clean_text(chunks: list[bytes]) -> None:
    text = "".join(render_text(pieces_of(*chunks)))
    assert not any(ord(letter) < 32 and letter not in "\n\t" for letter in text)


def test_a_line_that_was_overwritten_shows_what_stood_last() -> None:
    assert "".join(render_text(pieces_of(b"10%\r20%\r", b"100%\r\nnext\x08T\n"))) == "100%\nnexT\n"


def test_a_recording_has_absolute_times_and_nothing_that_reaches_out() -> None:
    lines = list(
        render_asciicast(
            pieces_of(b"one\x1b]52;c;x\x07", b"\x1b[1mtwo"), rows=2, columns=3, started_at=9, title="t"
        )
    )
    assert json.loads(lines[0]) == {"version": 2, "width": 3, "height": 2, "timestamp": 9, "title": "t"}
    assert [json.loads(line) for line in lines[1:]] == [[0.0, "o", "one"], [0.012, "o", "\x1b[1mtwo"]]


def test_the_third_version_has_times_since_the_event_before_and_ends_with_the_status() -> None:
    pieces = [
        Piece(offset=0, stream="stdout", at_ms=5, data=b"one\n"),
        Piece(offset=4, stream="stderr", at_ms=12, data=b"two\n\x1b]52;c;x\x07"),
        Piece(offset=8, stream="stdout", at_ms=9, data=b"six\n"),
    ]
    facts = {"rows": 2, "columns": 3, "started_at": 9, "title": "t"}
    head, *events = render_asciicast_v3(pieces, exit_status=3, **facts)  # type: ignore[arg-type]
    assert json.loads(head) == {"version": 3, "term": {"cols": 3, "rows": 2}, "timestamp": 9, "title": "t"}
    assert [json.loads(line) for line in events] == [
        [0.005, "o", "one\r\n"],
        [0.007, "o", "two\r\n"],
        [0.0, "o", "six\r\n"],
        [0.0, "x", "3"],
    ]
    open_ended = list(render_asciicast_v3(pieces, exit_status=None, **facts))  # type: ignore[arg-type]
    assert open_ended == [head, *events[:-1]]
