"""What a project's own `make clean` deletes, and variables that are set for no program."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.model.verdict import Decision, RiskLevel
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)


def clean(folder: Path, recipe: str) -> Decision:
    (folder / "Makefile").write_text(f"clean:\n\t{recipe}\n")
    root = str(folder.resolve())
    surroundings = ProjectSurroundings(workspace_root=root, toolchains=())
    found = judge(POLICY, "make clean", cwd=root, workspace_root=root, surroundings=surroundings)
    return found.verdict.verdict


@pytest.mark.parametrize(
    "recipe", ["rm -f *.o", "rm -f src/*.o *.a", "rm -rf build *.egg-info", "rm -f *.pyc *.log"]
)
@pytest.mark.parametrize("is_there", [False, True])
def test_leavings_by_their_ending_are_no_news_whether_any_is_there(
    recipe: str, is_there: bool, tmp_path: Path
) -> None:
    if is_there:
        for name in ("a.o", "b.a", "c.pyc", "x.egg-info", "x.log"):
            (tmp_path / name).touch()
    assert clean(tmp_path, recipe) is Decision.ALLOW


@pytest.mark.parametrize(
    "recipe", ["rm -f *", "rm -rf .", "rm -f *.c", "rm -f .g*", "rm -rf *.git", "rm -f ../*.o", "rm -f *o"]
)
def test_what_may_take_more_is_asked_about(recipe: str, tmp_path: Path) -> None:
    assert clean(tmp_path, recipe) is not Decision.ALLOW


def risk(text: str) -> tuple[Decision, RiskLevel, tuple[str, ...]]:
    found = judge(POLICY, text, cwd="/ws", workspace_root="/ws", surroundings=ExampleSurroundings()).verdict
    return found.verdict, found.risk_level, found.reason_codes


@pytest.mark.parametrize("text", ["a=1", "a=1; b=2", "name='x y'"])
def test_a_variable_set_for_no_program_is_no_environment(text: str) -> None:
    assert risk(text) == (Decision.REQUIRES_APPROVAL, RiskLevel.MEDIUM, ("not_strict",))


@pytest.mark.parametrize("text", ["PATH=.", "LD_PRELOAD=x", "IFS=x; ls", "GIT_PAGER=x; git log", "FOO=1 ls"])
def test_one_that_steers_or_is_handed_to_a_program_is(text: str) -> None:
    found, level, reasons = risk(text)
    assert found is Decision.REQUIRES_APPROVAL
    assert level is RiskLevel.HIGH
    assert "environment_refused" in reasons
