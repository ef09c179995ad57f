"""Keeps a command's output from reaching beyond the screen of the person who watches it.

Colours, cursor moves and screen modes pass. What writes the clipboard, asks the terminal to answer (the
answer would be typed as input), renames windows or hides a link behind other text does not. The eight-bit
controls (C1), as single bytes or as code points, never pass; the same bytes inside a UTF-8 character are
text. It works on bytes as they come, over any cut, and keeps at most one unfinished sequence or character.
"""

from __future__ import annotations

import re
from typing import Final, TextIO

# Control sequences that only move, draw or switch screen modes; n, c, t, q and x make the terminal answer.
_HARMLESS_FINALS: Final = frozenset(b"@ABCDEFGHIJKLMPSTXZ`abdefghlmrsu")
_LONGEST: Final = 4096
_WHOLE: Final = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI
    rb"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)"  # OSC, DCS, SOS, PM, APC
    rb"|\x1b[ -/]*[0-Z\\^-~]",  # two- and three-byte escapes
    re.DOTALL,
)
_LINK: Final = re.compile(rb"\x1b\]8;[^;]*;(?:https?://[\x21-\x7e]*)?(?:\x07|\x1b\\)")
_TWO_BYTE_HARMLESS: Final = frozenset(b"78=>DEMHc()*+")
# The well-formed sequences of Unicode's table 3-7 from U+00A0 on.
_CHARACTER: Final = (
    rb"\xc2[\xa0-\xbf]|[\xc3-\xdf][\x80-\xbf]"
    rb"|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]"
    rb"|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}"
)
_TEXT_OR_C1: Final = re.compile(rb"((?:" + _CHARACTER + rb")+)|\xc2?([\x80-\x9f])")
_UNFINISHED: Final = re.compile(
    rb"(?:[\xc2-\xdf]|\xe0[\xa0-\xbf]?|[\xe1-\xec\xee\xef][\x80-\xbf]?|\xed[\x80-\x9f]?"
    rb"|\xf0(?:[\x90-\xbf][\x80-\xbf]?)?|[\xf1-\xf3][\x80-\xbf]{0,2}|\xf4(?:[\x80-\x8f][\x80-\xbf]?)?)\Z"
)
_STRING_END: Final = b"\x9c"


class Guard:
    """Filters one stream of output bytes for a terminal."""

    def __init__(self) -> None:
        self._left = b""
        self._character = b""

    def pass_on(self, data: bytes) -> bytes:
        """Returns what may be shown of `data` and of what an earlier call held back."""
        data = self._character + data
        cut = _UNFINISHED.search(data, max(0, len(data) - 3))
        self._character = cut.group() if cut else b""
        return self._pass_seven_bit(_without_c1(data[: len(data) - len(self._character)]))

    def end(self) -> bytes:
        """Returns what may be shown of a character that was held back and never finished."""
        data, self._character = self._character, b""
        return self._pass_seven_bit(_without_c1(data))

    def _pass_seven_bit(self, data: bytes) -> bytes:
        data = self._left + data
        self._left = b""
        shown: list[bytes] = []
        at = 0
        while (escape := data.find(b"\x1b", at)) >= 0:
            shown.append(data[at:escape])
            found = _WHOLE.match(data, escape)
            if found is None:
                if len(data) - escape < _LONGEST:
                    self._left = data[escape:]
                    return b"".join(shown)
                # Too long to be a sequence anybody needs: its escape is dropped, the rest is text.
                at = escape + 1
                continue
            sequence = found.group()
            if _is_harmless(sequence):
                shown.append(sequence)
            at = found.end()
        shown.append(data[at:])
        return b"".join(shown)


class _Open:
    """Passes everything: a file or a pipe gets the exact bytes."""

    def pass_on(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


Guards = tuple[Guard | _Open, Guard | _Open]
"""One filter for standard output, and one for standard error."""


def guard_for(target: TextIO) -> Guard | _Open:
    """Returns a filter for a terminal, and none for a file or a pipe."""
    return Guard() if target.isatty() else _Open()


def _is_harmless(sequence: bytes) -> bool:
    kind = sequence[1:2]
    if kind == b"[":
        return sequence[-1] in _HARMLESS_FINALS
    if kind == b"]":
        return _LINK.fullmatch(sequence) is not None
    return kind[0] in _TWO_BYTE_HARMLESS


def _without_c1(data: bytes) -> bytes:
    """Drops the C1 controls, which some terminals take for escapes; one that ends a string still ends it."""
    return _TEXT_OR_C1.sub(lambda found: found[1] or (b"\x1b\\" if found[2] == _STRING_END else b""), data)
