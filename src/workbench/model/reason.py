"""What counts as a reason: something that a reader of the record can see."""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset("\u115f\u1160\u3164\uffa0\u2800")
"""Letters and a sign that are drawn as nothing."""


def is_said(reason: str) -> bool:
    """Tells whether a reason has at least one sign that shows; spaces and hidden characters are none."""
    return any(unicodedata.category(sign)[0] not in "CZM" and sign not in _UNSEEN for sign in reason)
