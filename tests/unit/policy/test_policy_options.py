"""Arguments are read by allow-listed flags alone."""

from __future__ import annotations

import pytest

from workbench.policy.options import Form, parse_option, parse_positionals, read_arguments
from workbench.policy.walk import DYNAMIC


def form(options: str = "", positionals: str = "", **more: object) -> Form:
    return Form(
        program="p",
        options={option.name: option for option in map(parse_option, options.split())},
        positionals=parse_positionals(positionals),
        **more,  # type: ignore[arg-type]
    )


def kinds(wanted: Form, text: str) -> list[tuple[str, str]] | None:
    reading = read_arguments(wanted, tuple(text.split()))
    return None if reading is None else [(value.kind, value.text) for value in reading.values]


GNU = form("-a -b -n=number -o=write --color?name --out=write --long", "text read*")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", [("text", "x")]),
        ("-ab x f g", [("text", "x"), ("read", "f"), ("read", "g")]),
        ("-abn5 x", [("number", "5"), ("text", "x")]),
        ("-n 5 x", [("number", "5"), ("text", "x")]),
        ("-n -5 x", [("number", "-5"), ("text", "x")]),
        ("x -o f", [("text", "x"), ("write", "f")]),
        ("-of x", [("write", "f"), ("text", "x")]),
        ("--out=f x", [("write", "f"), ("text", "x")]),
        ("--out f x", [("write", "f"), ("text", "x")]),
        ("--color x", [("text", "x")]),
        ("--color=auto x", [("name", "auto"), ("text", "x")]),
        ("-- -z -q", [("text", "-z"), ("read", "-q")]),
        ("- x", [("text", "-"), ("read", "x")]),
    ],
)
def test_known_flags_are_read_as_the_program_reads_them(text: str, expected: list[tuple[str, str]]) -> None:
    assert kinds(GNU, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "-z x",
        "-az x",
        "--ou=f x",
        "--long=1 x",
        "-n x y",
        "-n",
        "-o",
        "--out",
        "-o --long x",
        "--unknown",
        "-n5q! x",
    ],
)
def test_an_unlisted_flag_or_misfit_value_is_not_understood(text: str) -> None:
    assert kinds(GNU, text) is None


def test_globals_hold_before_the_subcommand_alone() -> None:
    wanted = Form(
        program="git",
        words=("switch",),
        globals={"-C": parse_option("-C=chdir")},
        options={"-c": parse_option("-c=name")},
        positionals=parse_positionals("text?"),
    )
    assert kinds(wanted, "-C d switch -c b") == [("chdir", "d"), ("name", "b")]
    assert kinds(wanted, "-c core.pager=x switch b") is None
    assert kinds(wanted, "switch -C d") is None
    assert kinds(wanted, "log switch") is None


def test_a_posix_program_leaves_everything_after_its_first_word_to_the_command() -> None:
    wanted = form("-k=number", "number command", style="posix")
    reading = read_arguments(wanted, ("-k", "5", "10", "ls", "-la", "--x"))
    assert reading is not None
    assert [(value.kind, value.index) for value in reading.values] == [
        ("number", 1),
        ("number", 2),
        ("command", 3),
    ]


def test_assignments_before_the_command_are_kept_apart() -> None:
    wanted = form("-i", "assign* command", style="posix")
    reading = read_arguments(wanted, ("-i", "A=1", "B=2", "ls", "C=3"))
    assert reading is not None
    assert [(value.kind, value.text) for value in reading.values] == [
        ("assign", "A=1"),
        ("assign", "B=2"),
        ("command", ""),
    ]


def test_the_last_positional_is_the_target_unless_an_option_names_it() -> None:
    wanted = form("-t=write", "read+ write", drop_last_if=frozenset({"-t"}))
    assert kinds(wanted, "a b c") == [("read", "a"), ("read", "b"), ("write", "c")]
    assert kinds(wanted, "-t d a b") == [("write", "d"), ("read", "a"), ("read", "b")]
    assert kinds(wanted, "a") is None


def test_labels_come_from_the_form_and_the_options_given() -> None:
    wanted = form("-r!recursive!deletes", "read*", labels=frozenset({"reads"}))
    reading = read_arguments(wanted, ("-r", "x"))
    assert reading is not None
    assert reading.labels == {"reads", "recursive", "deletes"}


def test_a_word_of_unknown_value_is_told() -> None:
    reading = read_arguments(form("", "read*"), ("a", DYNAMIC + "$x"))
    assert reading is not None
    assert reading.is_dynamic


@pytest.mark.parametrize("spec", ["x", "-a=nokind", "-a=", "--a b", "-a!Label", "--"])
def test_a_malformed_option_spec_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="option spec"):
        parse_option(spec)


@pytest.mark.parametrize("spec", ["nokind", "read* write*", "read**"])
def test_a_malformed_positional_spec_is_refused(spec: str) -> None:
    with pytest.raises(ValueError, match="positional spec"):
        parse_positionals(spec)
