"""Keeps a command's output from reaching beyond the screen of the person who watches it.

Colours, cursor moves and screen modes pass. What writes the clipboard, asks the terminal to answer (the
answer would be typed as input), renames windows or hides a link behind other text does not. It works on
bytes as they come, over any cut, and keeps at most one unfinished sequence.
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
_C1: Final = re.compile(rb"\xc2[\x80-\x9f]")


class Guard:
    """Filters one stream of output bytes for a terminal."""

    def __init__(self) -> None:
        self._left = b""

    def pass_on(self, data: bytes) -> bytes:
        """Returns what may be shown of `data` and of what an earlier call held back."""
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
                    return _plain(b"".join(shown))
                # Too long to be a sequence anybody needs: its escape is dropped, the rest is text.
                at = escape + 1
                continue
            sequence = found.group()
            if _is_harmless(sequence):
                shown.append(sequence)
            at = found.end()
        shown.append(data[at:])
        return _plain(b"".join(shown))


class _Open:
    """Passes everything: a file or a pipe gets the exact bytes."""

    def pass_on(self, data: bytes) -> bytes:
        return data


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


def _plain(text: bytes) -> bytes:
    """Drops the C1 controls, which some terminals take for escapes."""
    return _C1.sub(b"", text)
