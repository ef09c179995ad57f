"""Counts are written as people write them, wherever they are shown."""

from __future__ import annotations

import pytest

from workbench.model.counted import render_count


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 processes"), (1, "1 process"), (2, "2 processes"), (21, "21 processes")]
)
def test_one_is_one(number: int, words: str) -> None:
    assert render_count(number, "process", "processes") == words
    assert render_count(number, "run") == f"{number} run" + ("" if number == 1 else "s")
