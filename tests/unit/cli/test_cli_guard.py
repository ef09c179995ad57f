"""What a watched command may do to the watcher's terminal."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.cli.guard import Guard

HOSTILE = {
    "the clipboard": b"\x1b]52;c;aGFja2Vk\x07",
    "the clipboard, ended otherwise": b"\x1b]52;c;aGFja2Vk\x1b\\",
    "the window's title": b"\x1b]0;root@prod\x07",
    "where is the cursor": b"\x1b[6n",
    "who are you": b"\x1b[c",
    "who are you, once more": b"\x1b[>0q",
    "report the window": b"\x1b[21t",
    "a setting asked for": b"\x1bP$qm\x1b\\",
    "a link to a script": b"\x1b]8;;javascript:alert(1)\x07",
    "a link to a file": b"\x1b]8;;file:///etc/passwd\x1b\\",
    "an eight-bit control": "\x9b6n".encode(),
    "an eight-bit control as a byte": b"\x9b6n",
    "the clipboard, in eight bits": b"\x9d52;c;aGFja2Vk\x9c",
    "the clipboard, as code points": "\x9d52;c;aGFja2Vk\x9c".encode(),
    "the clipboard, ended in eight bits": b"\x1b]52;c;aGFja2Vk\x9c",
    "the clipboard, after half a character": b"\xe2\x9d52;c;aGFja2Vk\x07",
    "the clipboard, in a code point of too many bytes": b"\xe0\x82\x9d52;c;aGFja2Vk\x07",
    "a control that another one's end uncovers": b"\xc2\xc2\x9b\x9b6n",
    "an escape that a control's end uncovers": b"\x1b\x9d]52;c;aGFja2Vk\x07",
    "a program's own command": b"\x1b_Gi=1;AAAA\x1b\\",
}
HARMLESS = [
    b"\x1b[31mred\x1b[0m",
    b"\x1b[2J\x1b[H",
    b"\x1b[?1049h",
    b"\x1b]8;;https://a.example/x\x1b\\",
    b"\xc3\xa9",
    "“quoted” ❝too❞ Ü \u00a0 \uffff 𝒜 \U0010ffff".encode(),
    b"caf\xe9 in Latin-1",
]
C1 = re.compile("[\x80-\x9f\udc80-\udc9f]")
"""A C1 control, as a code point or as a byte that is part of no character."""


@pytest.mark.parametrize("name", HOSTILE)
def test_what_reaches_beyond_the_screen_is_dropped_over_any_cut(name: str) -> None:
    data = b"before" + HOSTILE[name] + b"after"
    for cut in range(len(data)):
        guard = Guard()
        shown = guard.pass_on(data[:cut]) + guard.pass_on(data[cut:])
        assert b"\x1b" not in shown
        assert not C1.search(shown.decode("utf-8", "surrogateescape"))
        assert shown.startswith(b"before")
        assert shown.endswith(b"after")


@pytest.mark.parametrize("data", HARMLESS)
def test_what_draws_passes_over_any_cut(data: bytes) -> None:
    for cut in range(len(data)):
        guard = Guard()
        assert guard.pass_on(data[:cut]) + guard.pass_on(data[cut:]) + guard.end() == data


def test_half_a_character_at_the_end_is_shown_without_its_controls() -> None:
    guard = Guard()
    assert guard.pass_on(b"caf\xe9") + guard.end() == b"caf\xe9"
    assert guard.pass_on(b"\xe2\x9d") + guard.end() == b"\xe2"


def test_a_sequence_without_end_is_not_waited_for_for_ever() -> None:
    assert Guard().pass_on(b"\x1b]" + b"x" * 5000) == b"]" + b"x" * 5000


@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_cut_never_changes_what_is_shown(data: bytes, cut: int) -> None:
    whole, parts = Guard(), Guard()
    end = b"\n" * 5000
    shown = whole.pass_on(data + end)
    assert shown == parts.pass_on(data[:cut]) + parts.pass_on(data[cut:] + end)
    assert not C1.search(shown.decode("utf-8", "surrogateescape"))


@given(st.text(st.characters(min_codepoint=0xA0, exclude_categories=["Cs"])), st.integers(0, 200))
def test_every_character_passes_as_it_is_over_any_cut(text: str, cut: int) -> None:
    guard, data = Guard(), text.encode()
    assert guard.pass_on(data[:cut]) + guard.pass_on(data[cut:]) == data
