"""Wrappers are looked through, each by its own grammar."""

from __future__ import annotations

import pytest

from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings
from workbench.policy.unwrap import Inner, split_find
from workbench.policy.walk import DYNAMIC

POLICY = load_policy(is_tried=False)


def programs(text: str) -> list[tuple[str, ...]]:
    judgement = judge(POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings())
    return [call.argv for call in judgement.commands]


@pytest.mark.parametrize(
    "text",
    [
        "env CI=1 touch x",
        "nohup touch x",
        "setsid touch x",
        "nice -n 5 touch x",
        "ionice -c 3 touch x",
        "timeout -k 5 30s touch x",
        "stdbuf -oL touch x",
        "'time' -p touch x",
        "command touch x",
        "exec touch x",
        "flock -n lock touch x",
        "bash -c 'touch x'",
        "sh -e -c 'ls && touch x'",
        "xargs touch x",
        "find . -exec touch x ';'",
        "ssh host touch x",
        "watch -n 1 touch x",
        "sudo -u root touch x",
        "uv run touch x",
        "npx touch x",
        "env nice timeout 5 bash -c 'nohup touch x'",
        "trap 'touch x' EXIT",
        "eval touch x",
    ],
)
def test_the_inner_command_is_among_the_facts(text: str) -> None:
    assert any(argv[:2] == ("touch", "x") for argv in programs(text))


def test_a_module_is_judged_as_the_program_it_is() -> None:
    assert ("pytest", "-q") in programs("python -m pytest -q")


def test_an_inner_script_runs_re_serialised_too() -> None:
    judgement = judge(
        POLICY,
        'timeout 5 bash -c "ls -la  &&  pwd"',
        cwd="/ws",
        workspace_root="/ws",
        surroundings=ExampleSurroundings(),
    )
    assert judgement.argv == ("/usr/bin/timeout", "5", "bash", "-c", "'ls' '-la' && 'pwd'")


def test_what_find_finds_is_read_as_its_starting_point() -> None:
    assert split_find(("src", "-name", "x", "-exec", "cat", "{}", ";", "-print")) == (
        ("src", "-name", "x", "-print"),
        (
            Inner(
                words=("cat", "./src"), start=4, end=6, labels=frozenset({"for_each_path"}), may_rewrite=False
            ),
        ),
    )


def test_what_find_finds_is_unknown_below_several_starting_points() -> None:
    split = split_find(("a", "b", "-exec", "cat", "{}", "+"))
    assert split is not None
    assert split[1][0].words == ("cat", DYNAMIC)


@pytest.mark.parametrize("words", [("-exec",), ("-exec", "ls"), ("-exec", ";"), ("-exec", "ls", "+")])
def test_a_run_without_an_end_is_not_understood(words: tuple[str, ...]) -> None:
    assert split_find(words) is None
