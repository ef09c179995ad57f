"""Files of task runners give the lines that run; what is odd is not whole, and no text breaks a reader."""

from __future__ import annotations

import shlex
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.policy.codefiles import (
    read_ctest,
    read_meson_tests,
    read_ninja,
    read_noxfile,
    read_rakefile,
)
from workbench.policy.makefiles import ScriptLine
from workbench.policy.pyscripts import has_entry_point, read_python_scripts, read_tox
from workbench.policy.taskfiles import (
    read_composer,
    read_deno,
    read_hooks,
    read_lefthook,
    read_mise,
    read_taskfile,
)

Found = tuple[tuple[ScriptLine, ...], bool] | None
READERS: dict[str, Callable[[str], Found]] = {
    "taskfile": lambda text: read_taskfile(text, "p", ("a",)),
    "composer": lambda text: read_composer(text, "p", "a", ()),
    "deno": lambda text: read_deno(text, "p.jsonc", "a", ()),
    "mise": lambda text: read_mise(text, "p", "a", ()),
    "hooks": lambda text: read_hooks(text, "p", ()),
    "lefthook": lambda text: read_lefthook(text, "p", "a"),
    "tox": lambda text: read_tox(text, "tox.ini", (), ()),
    "tox in toml": lambda text: read_tox(text, "pyproject.toml", (), ()),
    "pdm": lambda text: read_python_scripts(text, "p", "pdm", ("a",)),
    "poe": lambda text: read_python_scripts(text, "p", "poe", ("a",)),
    "hatch": lambda text: read_python_scripts(text, "p", "hatch", ("a",)),
    "task": lambda text: read_python_scripts(text, "p", "task", ("a",)),
    "nox": lambda text: read_noxfile(text, "p", (), ()),
    "rake": lambda text: read_rakefile(text, "p", ("a",)),
    "ninja": lambda text: read_ninja(text, "p"),
    "ctest": lambda text: read_ctest(text, "p"),
    "meson": lambda text: read_meson_tests(text, "p"),
}


def lines(found: Found) -> list[str]:
    assert found is not None
    assert found[1]
    return [shlex.join(shlex.split(line.text)) for line in found[0]]


def test_lines_come_with_the_place_they_stand_in() -> None:
    found = read_taskfile("tasks:\n  a:\n    cmds:\n      - one\n      - two\n", "p", ("a",))
    assert found == (
        (ScriptLine(text="one", path="p", line=4), ScriptLine(text="two", path="p", line=5)),
        True,
    )


def test_what_a_task_needs_is_read_with_it() -> None:
    text = "vars: {V: x}\nenv: {CI: '1'}\ntasks:\n  a: {deps: [b], cmds: [{task: c}]}\n  b: b\n"
    text += "  c: 'c {{.V}}'\n"
    assert lines(read_taskfile(text, "p", ("a",))) == ["CI=x", "b", "c x"]
    assert lines(read_composer('{"scripts": {"a": ["@b x", "C\\\\D::e", "f"], "b": "g"}}', "p", "a", ())) == [
        "g",
        "f",
    ]
    assert lines(
        read_deno('{"tasks": {"a": {"dependencies": ["b"], "command": "x"}, "b": "y"}}', "p", "a", ())
    ) == [
        "y",
        "x",
    ]
    assert lines(
        read_mise('[tasks.a]\ndepends = "b"\nrun = ["x"]\n[tasks.b]\nrun = "y"\n', "p", "a", ("z",))
    ) == [
        "y",
        "x z",
    ]


def test_arguments_of_the_call_reach_the_script() -> None:
    text = '[tool.pdm.scripts]\na = "x"\nb = "y {args}"\nc = ["m", "n o"]\n'
    text += '[tool.hatch.envs.e.scripts]\na = "z {args:-q}"\n'
    assert lines(read_python_scripts(text, "p", "pdm", ("a", "1"))) == ["x 1"]
    assert lines(read_python_scripts(text, "p", "pdm", ("b", "1"))) == ["y 1"]
    assert lines(read_python_scripts(text, "p", "pdm", ("c",))) == ["m 'n o'"]
    assert lines(read_python_scripts(text, "p", "hatch", ("e:a",))) == ["z -q"]
    assert read_python_scripts(text, "p", "uv", ("a",)) is None
    assert read_python_scripts(text, "p", "poe", ("a",)) is None


def test_scripts_before_and_after_are_read_too() -> None:
    for table, tool in (("pdm.scripts", "pdm"), ("taskipy.tasks", "task")):
        text = f'[tool.{table}]\npre_a = "x"\na = "y"\npost_a = "z"\n'
        assert lines(read_python_scripts(text, "p", tool, ("a",))) == ["x", "y", "z"]


def test_commands_of_tox_are_found_with_their_values() -> None:
    text = "[testenv]\ncommands =\n  py311: pytest {posargs:tests} \\\n    -q\n  - ruff {toxinidir}\n"
    text += "[testenv:x]\ncommands = y\n"
    assert lines(read_tox(text, "tox.ini", ("py311",), ())) == ["pytest tests -q", "ruff ."]
    assert lines(read_tox(text, "tox.ini", ("x",), ())) == ["y"]
    assert lines(read_tox(text, "tox.ini", ("py311",), ("a b",)))[0] == "pytest 'a b' -q"
    toml = '[tool.tox.env_run_base]\ncommands = [["pytest", "a b"]]\n'
    assert lines(read_tox(toml, "pyproject.toml", (), ())) == ["pytest 'a b'"]


def test_entry_points_are_found() -> None:
    assert has_entry_point('[project.scripts]\nmine = "m:f"\n', "mine")
    assert not has_entry_point("broken [", "mine")


def test_hooks_of_the_repository_itself_are_read() -> None:
    text = "repos:\n- repo: local\n  hooks:\n  - {id: a, entry: x, language: system, args: [-q]}\n"
    text += "  - {id: b, entry: y}\n"
    assert lines(read_hooks(text, "p", ())) == ["x -q", "y"]
    assert lines(read_hooks(text, "p", ("b",))) == ["y"]


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "text", ["", "[", "{", "x", "\x00", "- - -", "a: [", "[a]\na = [", "{}", "[]", "null", "1"]
)
def test_what_is_no_such_file_gives_no_line(name: str, text: str) -> None:
    found = READERS[name](text)
    assert found is None or found[0] == ()


PIECES = [
    *"abcmd=:;$(){}[]\t\n\\%@<#!\"'-,&*|? ",
    "  ",
    "tasks:\n  a: ",
    "[testenv]\n",
    "task :a do\n",
    "scripts",
    "run",
]


@given(st.lists(st.sampled_from(PIECES), max_size=100).map("".join))
def test_no_text_breaks_a_reader(text: str) -> None:
    for read in READERS.values():
        read(text)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize(
    "piece",
    [
        "[",
        "{a: ",
        "- ",
        '{"a":',
        "a = [",
        "(",
        'sh "',
        " ",
        '"',
        "\\",
        "\\\n",
        "x" + " " * 900 + "y\n",
        "add_test(" + "=" * 900 + "\n",
        "a: &x [*x]\n",
        "#",
    ],
)
def test_deep_and_long_text_ends_and_gives_nothing_wrong(name: str, piece: str) -> None:
    READERS[name](piece * (60_000 // len(piece)))
