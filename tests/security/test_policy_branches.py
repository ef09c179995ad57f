"""`git checkout NAME` runs unasked where it changes the branch for sure; what may restore files is asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "a.md").write_text("a\n")
    (tmp_path / "notes").write_text("n\n")
    for words in (
        ("init", "-q", "-b", "main"),
        ("config", "user.email", "a@example.org"),
        ("config", "user.name", "a"),
        ("add", "."),
        ("commit", "-qm", "first"),
        ("branch", "feature/one"),
        ("branch", "packed"),
        ("branch", "docs"),
        ("update-ref", "refs/remotes/origin/theirs", "HEAD"),
        ("pack-refs", "--all"),
        ("branch", "loose"),
    ):
        subprocess.run(["git", *words], cwd=tmp_path, env=CLEAN, check=True)
    return tmp_path


def decide(root: Path, text: str) -> Decision:
    place = str(root.resolve())
    surroundings = ProjectSurroundings(workspace_root=place, toolchains=())
    return judge(POLICY, text, cwd=place, workspace_root=place, surroundings=surroundings).verdict.verdict


@pytest.mark.parametrize(
    "text",
    [
        "git checkout main",
        "git checkout loose",
        "git checkout packed",
        "git checkout -q feature/one",
        "git checkout theirs",
        "cd docs && git checkout packed",
        "git -C docs checkout packed",
    ],
)
def test_a_branch_that_is_there_is_checked_out_unasked(root: Path, text: str) -> None:
    assert decide(root, text) is Decision.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        "git checkout notes",
        "git checkout docs",
        "git checkout docs/a.md",
        "git checkout ./docs",
        "git checkout .",
        "git checkout -- packed",
        "git checkout -- notes",
        "git checkout nowhere",
        "git checkout packed notes",
        "git checkout packed -- notes",
        "git checkout -f packed",
        "git checkout 'pack*'",
        "git checkout :/notes",
        "git checkout ../packed",
        "touch packed && git checkout packed",
        "mkdir packed && cp notes packed/notes && git checkout packed",
        "cd /tmp && git checkout packed",
    ],
)
def test_what_may_restore_files_is_asked_about(root: Path, text: str) -> None:
    assert decide(root, text) is Decision.REQUIRES_APPROVAL


def test_git_itself_loses_nothing_by_what_is_allowed_and_loses_what_is_asked_about(root: Path) -> None:
    (root / "notes").write_text("changed\n")
    for text in ("git checkout -q loose", "git checkout -q packed", "git checkout -q feature/one"):
        assert decide(root, text) is Decision.ALLOW
        subprocess.run(text.split(), cwd=root, env=CLEAN, check=True, capture_output=True)
        assert (root / "notes").read_text() == "changed\n", text
    subprocess.run(["git", "checkout", "-q", "notes"], cwd=root, env=CLEAN, check=True)
    assert (root / "notes").read_text() == "n\n"


@pytest.mark.parametrize("text", ["git switch theirs", "git checkout theirs", "git merge theirs"])
def test_a_file_that_git_ignores_is_not_written_over_by_what_runs_unasked(root: Path, text: str) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=root, env=CLEAN, check=True, capture_output=True)

    (root / ".gitignore").write_text(".env\n")
    git("add", ".gitignore")
    git("commit", "-qm", "second")
    git("checkout", "-qb", "theirs")
    (root / ".env").write_text("theirs\n")
    git("add", "-f", ".env")
    git("commit", "-qm", "third")
    git("checkout", "-q", "main")
    (root / ".env").write_text("mine\n")
    place = str(root.resolve())
    surroundings = ProjectSurroundings(workspace_root=place, toolchains=())
    found = judge(POLICY, text, cwd=place, workspace_root=place, surroundings=surroundings)
    assert found.verdict.verdict is Decision.ALLOW
    assert found.commands[0].argv == (*text.split()[:2], "--no-overwrite-ignore", "theirs")
    done = subprocess.run(found.argv, cwd=root, env=CLEAN, capture_output=True, text=True)
    assert "would be overwritten" in done.stderr
    assert (root / ".env").read_text() == "mine\n"
