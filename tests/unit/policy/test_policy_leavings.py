"""What a project's own `make clean` deletes, and variables that are set for no program."""

from __future__ import annotations

import subprocess
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


def track(folder: Path, *names: str) -> None:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x\n")
    subprocess.run(["git", "-C", str(folder), "add", *names], check=True)


@pytest.mark.parametrize(
    ("recipe", "is_asked"),
    [
        ("rm -rf build", True),
        ("rm -rf build/*.o", True),
        ("rm -rf src/build", True),
        ("rm -rf dist", False),
        ("rm -f src/*.pyc", False),
    ],
)
def test_a_tracked_file_is_never_a_leaving(recipe: str, is_asked: bool, tmp_path: Path) -> None:
    track(tmp_path, "build/z.o", "src/build/y")
    (tmp_path / "dist").mkdir()
    assert (clean(tmp_path, recipe) is not Decision.ALLOW) is is_asked


def test_the_effects_of_a_deleted_leaving_agree_with_the_verdict(tmp_path: Path) -> None:
    track(tmp_path, "src/a")
    (tmp_path / "Makefile").write_text("clean:\n\trm -rf build\n")
    root = str(tmp_path.resolve())
    surroundings = ProjectSurroundings(workspace_root=root, toolchains=())
    found = judge(POLICY, "make clean", cwd=root, workspace_root=root, surroundings=surroundings)
    assert found.verdict.verdict is Decision.ALLOW
    assert all(not {"deletes", "irreversible"} & set(facts.effects) for facts in found.commands)
    track(tmp_path, "build/x")
    found = judge(POLICY, "make clean", cwd=root, workspace_root=root, surroundings=surroundings)
    assert found.verdict.verdict is Decision.REQUIRES_APPROVAL
    assert any("deletes" in facts.effects for facts in found.commands)
