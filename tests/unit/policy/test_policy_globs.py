"""Patterns over file names become the names that bash would put there, or are not expanded at all."""

from __future__ import annotations

import pytest

from workbench.policy.globs import expand_glob
from workbench.policy.load import ExampleSurroundings

FOLDERS = {
    "/ws": ("-rf", ".env", "B.py", "a.py", "b.py", "huge", "sub"),
    "/ws/sub": ("c.py", "x"),
    "/ws/odd": ("a\nb",),
}


class Listed(ExampleSurroundings):
    def list_folder(self, path: str) -> tuple[str, ...] | None:
        return None if path.endswith("/huge") else FOLDERS.get(path.rstrip("/"), ())


def expand(word: str, cwd: str = "/ws") -> tuple[str, ...] | None:
    return expand_glob(word, cwd=cwd, root="/ws", surroundings=Listed())


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("*.py", ("B.py", "a.py", "b.py")),
        ("?.py", ("B.py", "a.py", "b.py")),
        ("[ab].py", ("a.py", "b.py")),
        ("sub/*.py", ("sub/c.py",)),
        ("s*/c.py", ("sub/c.py",)),
        ("-*", ("-rf",)),
        ("none*", ("none*",)),
        ("gone/*.py", ("gone/*.py",)),
        ("--include=*.py", ("--include=*.py",)),
        ("/ws/sub/*", ("/ws/sub/c.py", "/ws/sub/x")),
    ],
)
def test_a_pattern_becomes_the_names_in_order(word: str, expected: tuple[str, ...]) -> None:
    assert expand(word) == expected


@pytest.mark.parametrize(
    "word",
    [
        "/etc/*",
        "../*",
        "sub/../*",
        "huge/*",
        "odd/*",
        "*/",
        "*" * 600,
        ".env*",
        "*.pem",
        "sub/id_*",
        "/ws/../etc/*",
    ],
)
def test_what_cannot_be_told_is_not_guessed(word: str) -> None:
    assert expand(word) is None


def test_outside_the_workspace_nothing_is_expanded() -> None:
    assert expand("*.py", cwd="/ws-evil") is None
