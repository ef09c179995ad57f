"""A reason is what can be seen of it."""

from __future__ import annotations

import pytest

from workbench.model.reason import is_said


@pytest.mark.parametrize("reason", ["ok", "  because ", "ja", "好", "\u200bx", "é", "👍", "?"])
def test_what_shows_is_a_reason(reason: str) -> None:
    assert is_said(reason)


@pytest.mark.parametrize(
    "reason",
    [
        "",
        " ",
        "\n\t",
        "\u200b\u2060",
        "\u00ad",
        "\u3164",
        "\u2800",
        "\u202e\u202c",
        "\ufe0f",
        "\x00",
        "\u0301",
    ],
)
def test_what_does_not_show_is_none(reason: str) -> None:
    assert not is_said(reason)
