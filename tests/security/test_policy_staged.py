"""What a command puts under git's care a later part may show: judged by what lies there."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
SECRET = "word-that-only-the-secret-holds"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "repo"
    folder.mkdir()
    (folder / "app.py").write_text("x = 1\n")
    (folder / ".gitignore").write_text(".env\n")
    (folder / ".env").write_text(SECRET + "\n")
    for text in ("git init -q .", "git add .", "git commit -q -m first"):
        run(folder, text)
    (folder / "app.py").write_text("x = 2\n")
    return folder.resolve()


def run(folder: Path, text: str) -> str:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org"}
    who |= {"GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org"}
    done = subprocess.run(
        ["bash", "-c", text],
        cwd=folder,
        env={**os.environ, **who, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null"},
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout


def decide(folder: Path, text: str) -> Decision:
    surroundings = ProjectSurroundings(workspace_root=str(folder), toolchains=())
    return judge(
        POLICY, text, cwd=str(folder), workspace_root=str(folder), surroundings=surroundings
    ).verdict.verdict


SHOWS = (
    "git add -A && git diff --cached",
    "git add . && git diff --staged",
    "git add -N . && git diff",
    "git add . && git commit -m x && git show",
    "git add -A; git diff HEAD",
    "git stash -u && git show 'stash@{0}^3'",
    "git stash push -u && git show 'stash@{0}^3'",
    "git stash --include-untracked && git show 'stash@{0}^3'",
)


@pytest.mark.parametrize("text", SHOWS)
def test_what_was_staged_and_is_shown_is_asked_about(root: Path, text: str) -> None:
    (root / "secrets.yml").write_text(SECRET + "\n")
    assert decide(root, text) is not Decision.ALLOW
    assert SECRET in run(root, text)


@pytest.mark.parametrize(
    "text", ["git add -A && git diff --cached", "git add . && git commit -m x && git show"]
)
def test_an_ignored_secret_is_not_staged(root: Path, text: str) -> None:
    assert SECRET not in run(root, text)
    assert decide(root, text) is Decision.ALLOW


def test_a_changed_ignore_file_takes_it_in(root: Path) -> None:
    text = "echo x > .gitignore && git add -A && git diff --cached"
    assert decide(root, text) is not Decision.ALLOW
    assert SECRET in run(root, text)


@pytest.mark.parametrize(
    "first", ["git bisect start HEAD HEAD", "git bisect reset", "git worktree add wt other"]
)
def test_what_git_changes_is_no_ground_for_a_recipe(root: Path, first: str) -> None:
    (root / "Makefile").write_text("all:\n\tls\n")
    assert decide(root, "make all") is Decision.ALLOW
    assert decide(root, f"{first} && make all") is not Decision.ALLOW
    assert decide(root, f"{first} && make -C wt") is not Decision.ALLOW
