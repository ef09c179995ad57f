"""Options that name a file, each by its program's manual: everyday work in the workspace, a question outside.

The commands are in `corpus/option_files.txt`; that none of those that reach away is allowed, and none of what
an option runs, is among the attacks of test_policy_sets.py.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from workbench.model.verdict import Decision, Verdict
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings

POLICY = load_policy(is_tried=False)
_FOUND = importlib.util.spec_from_file_location("families", Path(__file__).parent / "corpus" / "families.py")
assert _FOUND is not None
assert _FOUND.loader is not None
FAMILIES = importlib.util.module_from_spec(_FOUND)
_FOUND.loader.exec_module(FAMILIES)


def verdict(text: str) -> Verdict:
    return judge(POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings()).verdict


def reasons(use: str, place: str) -> dict[str, tuple[str, ...]]:
    return {text: verdict(text).reason_codes for text in FAMILIES.options_at(use, place)}


@pytest.mark.parametrize(
    ("use", "file"), [("written", "out/x"), ("read", "docs/x.txt"), ("loaded", "./config/x.js")]
)
def test_in_the_workspace_it_is_everyday_work(use: str, file: str) -> None:
    commands = FAMILIES.options_at(use, file)
    assert len(commands) > 40
    assert [text for text in commands if verdict(text).verdict is not Decision.ALLOW] == []


@pytest.mark.parametrize("place", ["/etc/x", "../x", "~/x"])
def test_what_is_written_outside_is_asked_about_as_such(place: str) -> None:
    # A folder that the tool empties is denied where `rm -r` of it would be.
    expected = {"writes_outside", "destroys_system"}
    found = reasons("written", place)
    assert {text: codes for text, codes in found.items() if not expected & set(codes)} == {}


def test_what_is_written_among_gits_own_files_is_denied() -> None:
    commands = FAMILIES.options_at("written", ".git/hooks/pre-commit")
    assert [text for text in commands if verdict(text).verdict is not Decision.DENY] == []


def test_a_secret_that_an_option_reads_is_asked_about_as_such() -> None:
    found = reasons("read", ".env")
    assert {text: codes for text, codes in found.items() if "reads_secret" not in codes} == {}


@pytest.mark.parametrize("place", ["/tmp/evil.js", "../evil.js", "/home/me/evil.js"])
def test_code_that_an_option_loads_from_outside_is_asked_about_as_such(place: str) -> None:
    # "shadowed_program" is what code from outside is called; a folder outside is unsure in itself.
    expected = {"shadowed_program", "folder_unsure"}
    found = reasons("loaded", place)
    odd = {text for text, codes in found.items() if not expected & set(codes)}
    # A configuration of jest is a relative path, as other texts are settings.
    assert {text for text in odd if not text.startswith("jest -c /")} == set()


def test_a_configuration_written_before_it_is_loaded_is_asked_about() -> None:
    for load in ("eslint -c x.config.js src", "pytest -c x.ini", "gunicorn -c x.py app:app"):
        name = load.split()[2]
        found = verdict(f"echo x > {name} && {load}")
        assert "moving_ground" in found.reason_codes, load


@pytest.mark.parametrize(
    "text",
    [
        "bandit -r src -o=/etc/x",
        "bandit -r src -o:/etc/x",
        "eslint -o=out/x src",
        "dot -Tpng -o:out/x a.dot",
        "dotnet build -o:/etc/x",
    ],
)
def test_a_file_behind_a_sign_that_some_programs_take_away_is_not_understood(text: str) -> None:
    assert "unknown_arguments" in verdict(text).reason_codes


@pytest.mark.parametrize(
    "text", ["cut -d= -f1 a", "cut -d: -f1 a", "sort -t= -k2 a", "awk -F: '{print $1}' a"]
)
def test_a_sign_that_is_the_value_is_understood(text: str) -> None:
    assert verdict(text).verdict is Decision.ALLOW
