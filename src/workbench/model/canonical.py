"""One spelling of a value as bytes, so that equal values have equal digests.

Sorted keys, no white space, UTF-8, as in RFC 8785 for the values it takes: text, whole numbers up to
2**53, booleans, null, lists, and maps with ASCII text keys. Anything else is refused rather than guessed.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

_ENCODER = msgspec.json.Encoder(order="sorted")
_LARGEST_INTEGER = 2**53


def render_canonical(value: Any) -> bytes:
    """Returns the canonical JSON bytes; raises TypeError for floats, large integers and non-ASCII keys."""
    _refuse_ambiguous(value)
    return _ENCODER.encode(value)


def digest_of(value: Any) -> str:
    """Returns "sha256:" and the hex digest of the value's canonical bytes."""
    return "sha256:" + hashlib.sha256(render_canonical(value)).hexdigest()


def _refuse_ambiguous(value: Any) -> None:
    match value:
        case None | bool() | str():
            return
        case int():
            if abs(value) > _LARGEST_INTEGER:
                raise TypeError(f"{value} is above 2**53 and would not survive every JSON reader")
        case dict():
            for key, item in value.items():
                if not (isinstance(key, str) and key.isascii()):
                    raise TypeError(f"key {key!r} is not ASCII text")
                _refuse_ambiguous(item)
        case list() | tuple():
            for item in value:
                _refuse_ambiguous(item)
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical spelling")
