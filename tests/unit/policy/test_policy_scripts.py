"""Scripts of a package.json are read with what stands around and behind them; no such file gives nothing."""

from __future__ import annotations

import json

import pytest

from workbench.policy.makefiles import ScriptLine
from workbench.policy.scripts import read_package_scripts


def test_a_package_script_comes_with_the_ones_around_it() -> None:
    text = '{"scripts": {\n"pretest": "a",\n"test": "b",\n"posttest": "c",\n"prebuild": "d"}}'
    assert read_package_scripts(text, "p", "test") == tuple(
        ScriptLine(text=script, path="p", line=line) for script, line in (("a", 2), ("b", 3), ("c", 4))
    )
    assert read_package_scripts(text, "p", "build") == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"scripts": 1}', "[" * 100_000])
def test_what_is_no_package_file_is_unreadable(text: str) -> None:
    assert read_package_scripts(text, "p", "test") is None


def wired(table: object) -> list[str] | None:
    text = json.dumps({"scripts": {"build": "wireit", "tsc": "tsc -b", "gen": "wireit"}, "wireit": table})
    found = read_package_scripts(text, "p", "build")
    return None if found is None else [line.text for line in found]


def test_what_wireit_runs_is_read_from_its_own_table() -> None:
    assert wired(
        {"build": {"command": "a", "dependencies": ["tsc", {"script": "gen"}]}, "gen": {"command": "b"}}
    ) == [
        "a",
        "tsc -b",
        "b",
    ]


@pytest.mark.parametrize(
    "table",
    [
        None,
        {},
        {"build": {"command": 1}},
        {"build": {"dependencies": ["nothing"]}},
        {"build": {"dependencies": ["../other:build"]}},
        {"build": {"dependencies": [1]}},
    ],
)
def test_a_wired_script_that_cannot_be_followed_is_unreadable(table: object) -> None:
    assert wired(table) is None
