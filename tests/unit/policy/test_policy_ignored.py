"""What ignore files hide, on the safe side: a line that is not understood hides nothing."""

from __future__ import annotations

import pytest

from workbench.policy.ignored import is_ignored, read_lines


@pytest.mark.parametrize(
    ("text", "path", "expected"),
    [
        ("*.log", "/ws/a/b.log", True),
        ("node_modules/", "/ws/x/node_modules", True),
        ("/keys", "/ws/keys", True),
        ("/keys", "/ws/a/keys", None),
        ("deploy/*.env", "/ws/deploy/a.env", True),
        ("deploy/*.env", "/ws/deploy/b/a.env", None),
        (".env\n!.env", "/ws/.env", False),
        (".*\n!.env*", "/ws/.env.local", False),
        ("!*.[e]nv\n", "/ws/.env", False),
        ("*.[e]nv", "/ws/.env", None),
        ("**/keys", "/ws/keys", None),
        ("# .env\n\n", "/ws/.env", None),
        ("", "/ws/.env", None),
    ],
)
def test_the_last_line_that_speaks_of_a_path_counts(text: str, path: str, expected: bool | None) -> None:
    assert is_ignored(read_lines("/ws", text, may_hide=True), path, is_folder=True) is expected


def test_a_line_for_folders_hides_no_file() -> None:
    lines = read_lines("/ws", "keys/", may_hide=True)
    assert is_ignored(lines, "/ws/keys", is_folder=False) is None


def test_files_that_not_every_tool_obeys_only_take_in() -> None:
    lines = read_lines("/ws", "*.pem\n!.env", may_hide=False)
    assert is_ignored(lines, "/ws/a.pem", is_folder=False) is None
    assert is_ignored(lines, "/ws/.env", is_folder=False) is False


def test_what_is_too_long_to_read_takes_everything_in() -> None:
    lines = read_lines("/ws", "a\n" * 500, may_hide=True)
    assert is_ignored(lines, "/ws/a", is_folder=False) is False
