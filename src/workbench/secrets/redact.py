"""Works out under which bytes a known secret could appear in output, and masks them in short texts.

The transcript's writer masks these byte strings in a stream; errors and events use `redact_text`. Masking
guards against accidents; against malice the sandbox's network does.
"""

from __future__ import annotations

import base64
import json
import shlex
import urllib.parse
from collections.abc import Iterable
from typing import Final

MASK: Final = "***"
_SHORTEST: Final = 6
"""A line or a base64 part shorter than this would mask ordinary text."""


def forms_of(value: str) -> set[bytes]:
    """Returns the value as bytes in its common encodings: plain, URL, JSON, shell, hex, base64 at the three
    offsets, and each line of a multi-line value."""
    raw = value.encode()
    forms = {
        raw,
        urllib.parse.quote(value, safe="").encode(),
        urllib.parse.quote_plus(value).encode(),
        json.dumps(value)[1:-1].encode(),
        json.dumps(value, ensure_ascii=False)[1:-1].encode(),
        shlex.quote(value).encode(),
        raw.hex().encode(),
        raw.hex().upper().encode(),
        *_base64_forms(raw),
    }
    forms.update(line.strip().encode() for line in value.splitlines())
    return {form for form in forms if len(form) >= _SHORTEST}


def redact_text(text: str, masks: Iterable[bytes]) -> str:
    """Returns `text` with every mask that occurs in it replaced."""
    for mask in masks:
        text = text.replace(mask.decode("utf-8", "ignore"), MASK)
    return text


def _base64_forms(raw: bytes) -> set[bytes]:
    """The characters that do not depend on what stands before or after the secret, at each offset."""
    forms = set()
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + raw)
        start = (0, 2, 3)[offset]
        whole = (offset + len(raw)) // 3 * 4
        inner = encoded[start:whole]
        forms |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return forms
