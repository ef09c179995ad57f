"""Redaction against the plain definition: whatever lies in any match, overlapping or not, is covered."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workbench.sandbox.redaction import COVER, Redaction


def cover_all(text: bytes, patterns: list[bytes]) -> list[bytes]:
    """The bytes outside every match, split where something was covered."""
    hidden = [False] * len(text)
    for pattern in patterns:
        for at in range(len(text)):
            if text.startswith(pattern, at):
                hidden[at : at + len(pattern)] = [True] * len(pattern)
    shown = [b""]
    for byte, is_hidden in zip(text, hidden, strict=True):
        if is_hidden and shown[-1:] != [b""]:
            shown.append(b"")
        elif not is_hidden:
            shown[-1] += bytes([byte])
    return [part for part in shown if part]


@given(
    st.lists(st.lists(st.sampled_from(b"ab"), max_size=6).map(bytes), max_size=12),
    st.lists(st.lists(st.sampled_from(b"ab"), min_size=1, max_size=5).map(bytes), min_size=1, max_size=4),
)
def test_any_chunks_show_exactly_what_no_pattern_covers(chunks: list[bytes], patterns: list[bytes]) -> None:
    redaction = Redaction(patterns)
    shown = b"".join(redaction.feed(chunk) for chunk in chunks) + redaction.flush()
    expected = b"".join(cover_all(b"".join(chunks), patterns))
    assert shown.replace(COVER, b"") == expected


def test_without_patterns_nothing_is_held_back() -> None:
    assert Redaction([]).feed(b"abc") == b"abc"


def test_only_what_could_become_a_secret_is_held_back() -> None:
    redaction = Redaction([b"hunter2"])
    assert [redaction.feed(b"a hun"), redaction.feed(b"t"), redaction.feed(b"x"), redaction.flush()] == [
        b"a ",
        b"",
        b"huntx",
        b"",
    ]


def test_an_endless_chain_of_overlaps_holds_back_little() -> None:
    redaction = Redaction([b"aa"])
    shown = b"".join(redaction.feed(b"a" * 1000) for _ in range(100)) + redaction.flush()
    assert shown == COVER
