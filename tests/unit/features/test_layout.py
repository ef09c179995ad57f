"""What the layouts share: commands found in task texts, ids made unique."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.features.formats import all_layouts
from workbench.features.formats.layout import command_in


@pytest.mark.parametrize(
    ("text", "command"),
    [
        ("Run `bash tests/run.sh` and see it hold", "bash tests/run.sh"),
        ("run: `./build.sh all`", "./build.sh all"),
        ("`make test` passes", "make test"),
        ("Execute `frobnicate --all`", "frobnicate --all"),
        ("Verify with `pytest -q`", "pytest -q"),
        ("Edit `src/a.py`, then run `npm test -- --watch=false`", "npm test -- --watch=false"),
        ("Create `src/models/user.py`", ""),
        ("Use `asyncio` here", ""),
        ("Rename `old name` to `new name`", ""),
        ("`make` it good", ""),
        ("no command", ""),
    ],
)
def test_only_what_reads_as_a_command_is_one(text: str, command: str) -> None:
    assert command_in(text) == command


@given(st.text(alphabet="run `bash/.-\n\t", max_size=200))
def test_no_text_makes_it_fail(text: str) -> None:
    assert "\n" not in command_in(text)


def test_every_layout_says_what_it_looks_for_and_starts_at_the_root() -> None:
    layouts = all_layouts()
    assert len({layout.name for layout in layouts}) == len(layouts)
    assert all(layout.looked_for and layout.may_hold("") for layout in layouts)
