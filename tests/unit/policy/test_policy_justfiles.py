"""A justfile's recipes are found with what they need; what only just would know is not whole."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.policy.justfiles import UNKNOWN, read_justfile


def lines(text: str, *words: str) -> list[str]:
    return [line.text for line in read_justfile(text, "j", words)[0]]


def test_just_recipes_come_with_what_they_need() -> None:
    text = "x := '1'\nbuild:\n  a {{x}}\n\n[private]\ntest arg: build\n  @b\nother:\n  c\n"
    assert lines(text, "test", "z") == ["b", "a 1"]
    assert lines(text) == ["a 1"]


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("alias t := test\ntest:\n  a\n", ("t",), ["a"]),
        ("a: && b\n  x\nb:\n  y\n", ("a",), ["x", "y"]),
        ("a p:\n  x {{p}}\nb:\n  y\n", ("a", "1", "b"), ["x 1", "y"]),
        ("a *p:\n  x {{p}}\n", ("a", "1", "2"), ["x 1 2"]),
        ("a p='q':\n  x {{ p }}\n", ("a",), ["x q"]),
        ("a:\n  x \\\n  y\n", ("a",), ["x y"]),
        ("a:\n  #!/usr/bin/env bash\n  set -e\n  rm x\n", ("a",), ["set -e\nrm x"]),
        ("[linux]\na:\n  x\n[macos]\na:\n  y\n", ("a",), ["x", "y"]),
        ('set shell := ["bash", "-euo", "pipefail", "-c"]\na:\n  x {{ \'1\' }}\n', ("a",), ["x 1"]),
        ("set positional-arguments\n@a:\n  x\n", ("a",), ["x"]),
        ("export A := '1'\na:\n  x\n", ("a",), ["A=x", "x"]),
        ("# says\na: # why\n  x\n\n  y\n", ("a",), ["x", "y"]),
    ],
)
def test_what_is_surely_read_is_whole(text: str, words: tuple[str, ...], expected: list[str]) -> None:
    found, is_whole = read_justfile(text, "j", words)
    assert [line.text for line in found] == expected
    assert is_whole


@pytest.mark.parametrize(
    "text",
    [
        "import 'x.just'\na:\n  x\n",
        "import? 'x.just'\na:\n  x\n",
        "mod x\na:\n  x\n",
        "!include x\na:\n  x\n",
        "v := `rm x`\na:\n  x {{v}}\n",
        "v := `rm x`\na:\n  x\n",
        "v := shell('rm x')\na:\n  x\n",
        "a:\n  x {{v}}\n",
        "a:\n  x {{`rm x`}}\n",
        "a:\n  x {{env('X')}}\n",
        "a:\n  x {{{{y}}\n",
        "v := 'a' + b\na:\n  {{v}}\n",
        "v := '''\nx\n'''\na:\n  x\n",
        "v := 'one\na:\n  x'\na:\n  y\n",
        "set shell := ['./x', '-c']\na:\n  x\n",
        "set shell := ['bash', '-c', 'rm x']\na:\n  x\n",
        "set shell := [\n 'x',\n]\na:\n  x\n",
        "set dotenv-load\na:\n  x\n",
        "set dotenv-load := true\na:\n  x\n",
        "set dotenv-filename := 'x'\na:\n  x\n",
        "set working-directory := 'x'\na:\n  x\n",
        "set script-interpreter := ['x']\na:\n  x\n",
        "set fallback\na:\n  x\n",
        "a: (b 'rm')\n  x\nb p:\n  {{p}}\n",
        "a p=`rm x`:\n  x\n",
        "a p=(b + c):\n  x\n",
        "a:\n  #!/usr/bin/env python\n  import os\n",
        "a:\n  #!./x\n  y\n",
        "[script]\na:\n  x\n",
        "[script('python')]\na:\n  x\n",
        "[no-cd]\na:\n  x\n",
        "[working-directory: '..']\na:\n  x\n",
        "[private, no-cd]\na:\n  x\n",
        "[env('PATH', 'x')]\na:\n  x\n",
        "a: m::b\n  x\n",
        "b:\n  x\n",
        "a: gone\n  x\n",
        "  x\na:\n  x\n",
        "a:\n  x \\\n",
        "a p:\n  x {{p}}\n",
        "??\na:\n  x\n",
    ],
)
def test_what_is_not_surely_read_is_not_whole(text: str) -> None:
    assert not read_justfile(text, "j", ("a",))[1]


def test_a_value_that_only_just_knows_stays_unknown_to_the_shell() -> None:
    assert lines("a:\n  rm {{v}}/x\n", "a") == [f"rm {UNKNOWN}/x"]


PIECES = [*"ab:=;(){}\t\n\\@#[]'\"`!&*+ ", "  ", "set ", "alias ", "{{", "}}", ":=", "import ", "mod "]


@given(st.lists(st.sampled_from(PIECES), max_size=120).map("".join))
def test_no_text_breaks_the_reader(text: str) -> None:
    read_justfile(text, "j", ("a",))
    read_justfile(text, "j", ())


@pytest.mark.parametrize(
    "piece",
    [
        "a:\n",
        "a" + " " * 90 + "\n",
        "a: a a a\n  x\n",
        "  x\n",
        "a:\n  {{" * 3,
        "a *b *c:\n",
        "[" * 90,
        "a: b\nb: a\n",
    ],
)
def test_no_text_keeps_the_reader_busy(piece: str) -> None:
    read_justfile(piece * 2_500, "j", ("a",))
    read_justfile(piece * 2_500, "j", ())
