"""A Makefile's recipes are found, expanded and never guessed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.policy.makefiles import UNKNOWN, find_recipes, parse_makefile


def recipes(text: str, *targets: str, **given_: str) -> tuple[list[str], bool]:
    lines, is_whole = find_recipes(parse_makefile(text, "/ws/Makefile", lambda _: None), targets, given_)
    return [line.text for line in lines], is_whole


@pytest.mark.parametrize(
    ("text", "targets", "expected"),
    [
        ("a:\n\techo 1\nb: a\n\techo 2\n", ("b",), ["echo 2", "echo 1"]),
        ("a:\n\techo 1\nb:\n\techo 2\n", (), ["echo 1"]),
        (".PHONY: a\na: ; @echo $@\n", (), ["echo a"]),
        ("X = 1\nX += 2\na:\n\techo $(X) ${X}\n", (), ["echo 1 2 1 2"]),
        ("X := a\nX ?= b\na:\n\t-@echo $X\n", (), ["echo a"]),
        ("%.o: %.c\n\tcc -c $< -o $@\n", ("m.o",), ["cc -c m.c -o m.o"]),
        ("a: b c\n\techo $^\nb c:\n", (), ["echo b c"]),
        ("a:\n\techo $$HOME \\\n\t  x\n", (), ["echo $HOME  x"]),
        ("a:\n\techo $(shell id)\n", (), ["echo $(id)"]),
        ("a:\n\t$(MAKE) b\n", (), ["make b"]),
        ("ifdef X\nY = 1\nelse\nY = 2\nendif\na:\n\techo $(Y)\n", (), ["echo 1", "echo 2"]),
        ("X := $(shell date)\na:\n\techo\n", (), ["date", "echo"]),
        ("define T\nrm x\nendef\na:\n\t$(T)\n", (), ["rm x"]),
        ("a: X = 1\nX = 2\na:\n\techo $(X)\n", (), ["echo 2"]),
        ("X = 2\na: X = 1\na:\n\techo $(X)\n", (), ["echo 2", "echo 1"]),
    ],
)
def test_the_lines_that_would_run_are_found(text: str, targets: tuple[str, ...], expected: list[str]) -> None:
    assert recipes(text, *targets)[0] == expected


def test_a_variable_on_the_command_line_wins() -> None:
    assert recipes("X = 1\na:\n\techo $(X)\n", X="9")[0] == ["echo 9"]


@pytest.mark.parametrize(
    "text",
    [
        "a:\n\t$(call f,x)\n",
        "a:\n\t$(eval x)\n",
        "$(eval a: ; x)\na:\n\techo\n",
        "include gone.mk\na:\n\techo\n",
        "SHELL = /opt/x\na:\n\techo\n",
        "a: $(wildcard *.c)\n\techo\n",
    ],
)
def test_what_make_alone_could_know_makes_it_not_whole(text: str) -> None:
    assert not recipes(text)[1]


def test_an_unknown_value_stays_unknown_to_the_shell() -> None:
    assert recipes("a:\n\techo $(patsubst a,b,c)\n")[0] == [f"echo {UNKNOWN}"]


PIECES = [*"ab:=;$(){}\t\n\\%@<#! ", "ifdef x\n", "endif\n", "define y\n", "include z\n", "$(shell a)"]


@given(st.lists(st.sampled_from(PIECES), max_size=120).map("".join))
def test_no_text_breaks_the_reader(text: str) -> None:
    recipes(text, "a")


@pytest.mark.parametrize(
    "text",
    [
        "A = " + "$(A)" * 10 + "\nx:\n\techo $(A)\n",
        "".join(f"A{i} = {f'$(A{i + 1})' * 10}\n" for i in range(20)) + "x:\n\techo $(A0)\n",
    ],
)
def test_variables_that_multiply_end_soon_and_are_not_whole(text: str) -> None:
    assert not recipes(text, "x")[1]
