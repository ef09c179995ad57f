"""Writing and reading a step's log: any offset, any border, hostile bytes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.sandbox.segment import Segment
from workbench.sandbox.transcript import (
    Piece,
    iterate_pieces,
    read_pieces,
    render_asciicast,
    render_text,
)


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
