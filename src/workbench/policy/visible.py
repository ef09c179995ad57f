"""Shows text on an approval page so that nothing in it can hide, reorder or overwrite what is read.

It changes display alone; the digest an approval is bound to covers the exact bytes.
"""

from __future__ import annotations

import unicodedata

_LETTERS = {"\n": "\\n\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e", "\x00": "\\0"}
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
# Blank to the eye, yet no category of their own.
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0\u034f\u17b4\u17b5")


def render_visible(text: str) -> str:
    """Returns the text with control, bidirectional, invisible and odd space characters written out.

    A newline is shown as `\\n` and kept; any other such character becomes its escape, such as `\\u202e`.
    """
    return "".join(_show(character) for character in text)


def _show(character: str) -> str:
    if " " <= character <= "~":
        return character
    if character in _LETTERS:
        return _LETTERS[character]
    category = unicodedata.category(character)
    is_variation = "\ufe00" <= character <= "\ufe0f" or "\U000e0100" <= character <= "\U000e01ef"
    if category in _HIDDEN_CATEGORIES or category == "Zs" or character in _BLANK or is_variation:
        code = ord(character)
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return character
