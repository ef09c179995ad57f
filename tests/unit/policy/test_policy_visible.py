"""Nothing in an approval's text can hide."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.policy import render_visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("ls -la 'é' 日本", "ls -la 'é' 日本"),
        ("a\nb\tc", "a\\n\nb\\tc"),
        ("a\x1b[2Kb\r", "a\\e[2Kb\\r"),
        ("a\x00b\x07", "a\\0b\\x07"),
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("a\u200bb\ufeffc\u00a0d", "a\\u200bb\\ufeffc\\xa0d"),
        ("a\U000e0041b", "a\\U000e0041b"),
        ("a\u3164b\ufe0f", "a\\u3164b\\ufe0f"),
        ("\ud800", "\\ud800"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert render_visible(text) == shown


@given(st.text(st.characters()))
def test_nothing_invisible_is_left(text: str) -> None:
    left = render_visible(text).replace("\n", "")
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in left)
