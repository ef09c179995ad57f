"""What a watched command may do to the watcher's terminal."""

from __future__ import annotations

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
    "a program's own command": b"\x1b_Gi=1;AAAA\x1b\\",
}
HARMLESS = [
    b"\x1b[31mred\x1b[0m",
    b"\x1b[2J\x1b[H",
    b"\x1b[?1049h",
    b"\x1b]8;;https://a.example/x\x1b\\",
    b"\xc3\xa9",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_what_reaches_beyond_the_screen_is_dropped_over_any_cut(name: str) -> None:
    data = b"before" + HOSTILE[name] + b"after"
    for cut in range(len(data)):
        guard = Guard()
        shown = guard.pass_on(data[:cut]) + guard.pass_on(data[cut:])
        assert b"\x1b" not in shown
        assert shown.startswith(b"before")
        assert shown.endswith(b"after")


@pytest.mark.parametrize("data", HARMLESS)
def test_what_draws_passes(data: bytes) -> None:
    assert Guard().pass_on(data) == data


def test_a_sequence_without_end_is_not_waited_for_for_ever() -> None:
    assert Guard().pass_on(b"\x1b]" + b"x" * 5000) == b"]" + b"x" * 5000


@given(st.binary(max_size=200), st.integers(0, 200))
def test_a_cut_never_changes_what_is_shown(data: bytes, cut: int) -> None:
    whole, parts = Guard(), Guard()
    end = b"\n" * 5000
    assert whole.pass_on(data + end).replace(b"\xc2", b"") == (
        parts.pass_on(data[:cut]) + parts.pass_on(data[cut:] + end)
    ).replace(b"\xc2", b"")
