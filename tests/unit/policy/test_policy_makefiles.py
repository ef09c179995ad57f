"""A Makefile's recipes are found, expanded and never guessed."""

from __future__ import annotations

import sys

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
        # What is set for a target wins, wherever it stands.
        ("a: X = 1\nX = 2\na:\n\techo $(X)\n", (), ["echo 2", "echo 1"]),
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A variable that a branch sets is not set where no branch is taken.
        ("ifdef X\nY = ls\nendif\na:\n\t$(Y) rm -rf z\n", {"rm -rf z", "ls rm -rf z"}),
        ("ifdef X\nRM = ls\nendif\na:\n\t$(RM) z\n", {"rm -f z", "ls z"}),
        ("ifdef X\nY = 1\nelse ifdef Z\nY = 2\nendif\na:\n\tp $(Y)\n", {"p ", "p 1", "p 2"}),
        ("ifdef X\nifdef Z\nY = 1\nelse\nY = 2\nendif\nendif\na:\n\tp $(Y)\n", {"p ", "p 1", "p 2"}),
        ("Y = 0\nifdef X\nY = 1\nY = 2\nendif\na:\n\tp $(Y)\n", {"p 0", "p 1", "p 2"}),
        ("Y = 0\nifdef X\nY += 1\nendif\na:\n\tp $(Y)\n", {"p 0", "p 0 1"}),
        # What is set for one target its needs see, and others do not.
        ("b: Y = ls\na b:\n\t$(Y) z\n", {"z", "ls z"}),
        # A definition ends at its own endef, and may have an operator.
        ("define Y =\nrm x\nendef # end\na:\n\t$(Y)\n", {"rm x"}),
        ("define Y\n@rm x\n-rm y\nendef\na:\n\t$(Y)\n", {"rm x\nrm y"}),
        ("Y = ls\ndefine Y +=\n; rm x\nendef\na:\n\t$(Y)\n", {"ls ; rm x"}),
        ("define Y\ndefine Z\nendef\nrm x\nendef\na:\n\techo\n", {"echo"}),
        ("a::\n\trm x\na::\n\trm y\n", {"rm x", "rm y"}),
        ("a: ; ls\nb: $(shell rm x)\n", {"ls", "rm x"}),
    ],
)
def test_every_reading_that_make_may_take_is_found(text: str, expected: set[str]) -> None:
    assert {line.strip() for line in recipes(text, "a")[0]} == {line.strip() for line in expected}


@pytest.mark.parametrize(
    "text",
    [
        "X+Y = rm x\na:\n\t$(X+Y)\n",
        "$(info $(eval Y = rm x))\na:\n\t$(Y)\n",
        "Y := $(eval Z = rm x)\na:\n\t$(Z)\n",
        "a:\n\t$(subst x,y,$(eval Z = rm x))\n",
        "ifdef X\na:\n\tls\n",
        "endif\na:\n\tls\n",
        "define Y\nrm x\na:\n\tls\n",
        "define MAKEFLAGS\n-n\nendef\na:\n\tls\n",
        "a: SHELL = ./x\na:\n\tls\n",
        "a: PATH = ./x\na:\n\tls\n",
        "a: .SHELLFLAGS = -c x\na:\n\tls\n",
        "".join(f"ifdef X{n}\nY = {n}\nendif\n" for n in range(6)) + "a:\n\t$(Y)\n",
        "CC = rm -rf x;\na: b.o\n",
        "CFLAGS = -O2; rm x\na: b.o\n",
        "CFLAGS = `rm x`\na: b.o\n",
        "%:\n\trm x\na:\n\tls\n",
        'guile = 1\na:\n\t$(guile (system "x"))\n',
    ],
)
def test_what_is_not_surely_read_is_not_whole(text: str) -> None:
    assert not recipes(text, "a")[1]


@pytest.mark.parametrize(
    "text",
    [
        "CC = gcc\nCFLAGS = -Wall -O2\nLDLIBS = -lm\napp: a.o b.o\n\t$(CC) -o $@ $^\n",
        'CC := x86_64-linux-gnu-gcc-12\nCFLAGS += -DNAME="x"\napp: a.o\n',
        "ifeq ($(OS),Windows_NT)\nE = .exe\nelse\nE =\nendif\napp:\n\techo app$(E)\n",
        "export\nexport A B\n$(info building)\napp:\n\tls\n",
        "SRC := $(wildcard *.c)\nOBJ := $(SRC:.c=.o)\napp:\n\tls $(OBJ)\n",
    ],
)
def test_what_ordinary_makefiles_hold_is_whole(text: str) -> None:
    assert recipes(text, "app")[1]


def test_an_included_file_that_has_a_rule_is_made_anew_and_not_whole() -> None:
    text = "include more\nmore:\n\trm x\na:\n\tls\n"
    made = parse_makefile(text, "/ws/Makefile", lambda _: "B = 1\n")
    assert not find_recipes(made, ("a",), {})[1]


def test_what_is_included_is_looked_for_where_make_runs() -> None:
    asked: list[str] = []
    parse_makefile("include m.mk\n", "/ws/sub/x.mk", lambda name: asked.append(name), folder="/ws")
    assert asked == ["/ws/m.mk"]


SLOW = [
    "x" + " " * 7_900 + "y\n",
    "x" + "\t" * 7_900 + "y\n",
    "a" + ":" * 7_900 + "\n",
    "export " * 1_100 + "\n",
    "/" * 7_900 + ":\n",
    "$(shell " * 990 + "\n",
    "$(" * 3_900 + "\n",
    "a:\n" + "\t" + "$$" * 3_900 + "\n",
    "A = " + "$$" * 3_900 + "\n" + "a:\n" + "\t$(A)\n" * 100,
    "define A\n" * 500,
    "ifdef X\n" * 500,
    "a: " + "$(A) " * 1_500 + "\n",
    "\\\n" * 4_000,
    "a" * 7_900 + "\n",
    "%a: %b\n\tls\n" * 500,
    "include Makefile\n" * 40,
    "-include " + "x " * 3_900 + "\n",
]


@pytest.mark.parametrize("piece", SLOW, ids=range(len(SLOW)))
def test_work_grows_no_faster_than_the_text(piece: str) -> None:
    """Counted in steps of the interpreter, which no other load on the machine changes."""

    def steps(times: int) -> int:
        counted = 0

        def count(*_: object) -> None:
            nonlocal counted
            counted += 1

        text = piece * times + "a:\n\tls\n"
        before = sys.getprofile()
        sys.setprofile(count)
        try:
            made = parse_makefile(text, "/ws/Makefile", lambda _: text)
            find_recipes(made, ("a",), {})
        finally:
            sys.setprofile(before)
        return counted

    assert steps(8) <= 12 * steps(1) + 20_000
