"""Scripts that a project names are read from its files; what is no such file gives nothing."""

from __future__ import annotations

import pytest

from workbench.policy.makefiles import ScriptLine
from workbench.policy.scripts import (
    has_entry_point,
    read_cargo_alias,
    read_git_alias,
    read_just_recipes,
    read_package_scripts,
    read_python_scripts,
)


def test_a_package_script_comes_with_the_ones_around_it() -> None:
    text = '{"scripts": {\n"pretest": "a",\n"test": "b",\n"posttest": "c",\n"prebuild": "d"}}'
    assert read_package_scripts(text, "p", "test") == tuple(
        ScriptLine(text=script, path="p", line=line) for script, line in (("a", 2), ("b", 3), ("c", 4))
    )
    assert read_package_scripts(text, "p", "build") == ()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"scripts": 1}', "[" * 100_000])
def test_what_is_no_package_file_is_unreadable(text: str) -> None:
    assert read_package_scripts(text, "p", "test") is None


def test_an_alias_is_found_by_its_name() -> None:
    assert read_cargo_alias('[alias]\nx = "run -p x"\ny = ["a", "b"]\n', "x") == ("run", "-p", "x")
    assert read_cargo_alias('[alias]\ny = ["a", "b"]\n', "y") == ("a", "b")
    assert read_cargo_alias("[alias", "x") is None
    text = '[core]\n\tst = no\n[alias]\n\tst = status -sb\n\tw = "!rm \\"x\\""\n'
    assert read_git_alias(text, "ST") == ("status -sb", 4)
    assert read_git_alias(text, "w") == ('!rm "x"', 5)
    assert read_git_alias(text, "x") is None


def test_just_recipes_come_with_what_they_need() -> None:
    text = "x := '1'\nbuild:\n  a {{x}}\n\n[private]\ntest arg: build\n  @b\nother:\n  c\n"
    assert [line.text for line in read_just_recipes(text, "j", ("test",))] == ["b", "a ${MADE_BY_JUST}"]
    assert [line.text for line in read_just_recipes(text, "j", ())] == ["a ${MADE_BY_JUST}"]


def test_scripts_of_pyproject_are_found() -> None:
    text = '[tool.hatch.envs.default.scripts]\ncov = ["a", "b"]\n[project.scripts]\nmine = "m:f"\n'
    assert [line.text for line in read_python_scripts(text, "p", "cov")] == ["a", "b"]
    assert read_python_scripts(text, "p", "x") == ()
    assert has_entry_point(text, "mine")
    assert not has_entry_point("broken [", "mine")
