"""Aliases are read as git and cargo read them, and never stand for a command of git or cargo itself."""

from __future__ import annotations

import pytest

from workbench.policy.configured import (
    is_whole_git,
    read_cargo_alias,
    read_cargo_programs,
    read_git_alias,
    split_alias,
    steers_npm,
)


def test_an_alias_is_found_by_its_name() -> None:
    assert read_cargo_alias('[alias]\nx = "run -p x"\ny = ["a", "b"]\n', "x") == ("run", "-p", "x")
    assert read_cargo_alias('[alias]\ny = ["a", "b"]\n', "y") == ("a", "b")
    assert read_cargo_alias("[alias", "x") is None
    text = '[core]\n\tst = no\n[alias]\n\tst = status -sb\n\tw = "!rm \\"x\\""\n'
    assert read_git_alias(text, "ST") == ("status -sb", 4)
    assert read_git_alias(text, "w") == ('!rm "x"', 5)
    assert read_git_alias(text, "x") is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[alias] a = push --force\n", "push --force"),
        ("[ALIAS]\nA = log\n", "log"),
        ("[alias]\na = !rm \\\n-rf x\n", "!rm -rf x"),
        ('[alias]\na = log "--x y" # c\n', "log --x y"),
        ("[alias]\na = log ; c\n", "log"),
        ('[alias]\na = "log # x"\n', "log # x"),
        ("[alias]\na = log\na = push\n", "push"),
        ("[alias]\na = log\n[core]\nb = 1\n[alias]\na = push\n", "push"),
        ('[alias]\na = l"o"g\n', "log"),
        ("[alias]\n  a=log   \n", "log"),
        ("[alias]\na = x\\ty\n", "x\ty"),
        ("\ufeff[alias]\r\na = log\r\n", "log"),
        ("[ alias ]\na = log\n", "log"),
        ("[alias] # note\na = log\n", "log"),
        ("[alias]\n# a = no\na = log\n", "log"),
    ],
)
def test_a_git_alias_is_read_as_git_reads_it(text: str, value: str) -> None:
    found = read_git_alias(text, "a")
    assert found is not None
    assert found[0] == value


@pytest.mark.parametrize(
    "text",
    ['[alias "x"]\na = log\n', "[core]\na = log\n", "a = log\n", "[alias]\nab = log\n", "# [alias]\na = x\n"],
)
def test_what_is_no_alias_gives_none(text: str) -> None:
    assert read_git_alias(text, "a") is None


@pytest.mark.parametrize(
    "text",
    [
        "[include]\npath = x\n",
        '[includeIf "gitdir:~/"]\npath = x\n',
        "[ INCLUDE ]\npath = x\n",
        "[extensions]\nworktreeConfig = true\n",
        "[core]\n?? = x\n",
    ],
)
def test_a_configuration_that_is_not_all_there_is_not_whole(text: str) -> None:
    assert not is_whole_git(text)
    assert is_whole_git("[core]\n\tbare = false\n[alias]\n\tst = status\n")


def test_words_of_an_alias_are_split_as_a_shell_splits_them() -> None:
    assert split_alias("log --format='%h %s' -n 3") == ("log", "--format=%h %s", "-n", "3")
    assert split_alias("log 'x") is None


@pytest.mark.parametrize(
    ("text", "programs"),
    [
        ('[build]\nrustc-wrapper = "sccache"\n', ("sccache",)),
        ('[target.x86_64-unknown-linux-gnu]\nrunner = "sh -c x"\nlinker = "clang"\n', ("sh -c x", "clang")),
        ('[target.\'cfg(unix)\']\nrunner = ["sudo", "-E"]\n', ("sudo -E",)),
        ('[env]\nLD_PRELOAD = "x"\n', ("env",)),
        ("[net]\noffline = true\n", ()),
        ("", ()),
        ("[build", None),
    ],
)
def test_programs_that_cargo_runs_beside_its_own_are_found(
    text: str, programs: tuple[str, ...] | None
) -> None:
    assert read_cargo_programs(text) == programs


def test_a_setting_of_npm_that_names_the_shell_is_seen() -> None:
    assert steers_npm("registry=x\n script-shell = ./x\n")
    assert steers_npm("node-options=--require ./x")
    assert not steers_npm("registry=https://example.org\nsave-exact=true\n# script-shell=x\n")


@pytest.mark.parametrize(
    "piece", ["[a" + " " * 90, "[alias]\n", "a = \\\n", '"', '[a "', 'a = "x\\\n', "[ " * 40]
)
def test_no_text_keeps_the_reader_busy(piece: str) -> None:
    for text in (piece * 2_500, "[alias]\n" + piece * 2_500):
        read_git_alias(text, "a")
        is_whole_git(text)
        steers_npm(text)
