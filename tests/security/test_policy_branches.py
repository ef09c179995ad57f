"""`git checkout NAME` runs unasked where it changes the branch for sure; what may restore files is asked."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.judged import decide, judged
from workbench.model.verdict import Decision

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


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=root, env=CLEAN, check=True, capture_output=True)


@pytest.fixture
def ignored(root: Path) -> Path:
    """A repository whose .env git ignores, and a branch `theirs` that tracks one."""
    (root / ".gitignore").write_text(".env\n")
    git(root, "add", ".gitignore")
    git(root, "commit", "-qm", "second")
    git(root, "checkout", "-qb", "theirs")
    (root / ".env").write_text("theirs\n")
    git(root, "add", "-f", ".env")
    git(root, "commit", "-qm", "third")
    git(root, "checkout", "-q", "main")
    (root / ".env").write_text("mine\n")
    return root


KEPT = {
    "git switch theirs": "git switch --no-overwrite-ignore theirs",
    "git checkout theirs": "git checkout --no-overwrite-ignore theirs",
    "git merge --ff-only theirs": "git merge --no-overwrite-ignore --ff-only theirs",
    "timeout 9 git switch theirs": "timeout 9 git switch --no-overwrite-ignore theirs",
    "env CI=1 git checkout theirs": "env CI=1 git checkout --no-overwrite-ignore theirs",
    "nice timeout 9 git -C docs merge --ff-only theirs": (
        "nice timeout 9 git -C docs merge --no-overwrite-ignore --ff-only theirs"
    ),
}


@pytest.mark.parametrize("text", KEPT)
def test_a_file_that_git_ignores_is_not_written_over_by_what_runs_unasked(ignored: Path, text: str) -> None:
    found = judged(ignored, text)
    assert found.verdict.verdict is Decision.ALLOW
    assert found.argv[1:] == tuple(KEPT[text].split()[1:])
    done = subprocess.run(found.argv, cwd=ignored, env=CLEAN, capture_output=True, text=True)
    assert "would be overwritten" in done.stderr
    assert (ignored / ".env").read_text() == "mine\n"


def test_the_option_is_put_into_a_script_that_is_given_in_one_word(ignored: Path) -> None:
    found = judged(ignored, "sh -c 'git switch theirs; true'")
    assert found.verdict.verdict is Decision.ALLOW
    subprocess.run(found.argv, cwd=ignored, env=CLEAN, capture_output=True)
    assert (ignored / ".env").read_text() == "mine\n"


WRITTEN = {"change.sh": "#!/bin/sh\ngit switch theirs\n", "Makefile": "change:\n\tgit switch theirs\n"}


@pytest.mark.parametrize("text", ["sh change.sh", "./change.sh", "make change"])
def test_where_the_option_cannot_be_put_in_it_is_asked_about(ignored: Path, text: str) -> None:
    for name, content in WRITTEN.items():
        (ignored / name).write_text(content)
        (ignored / name).chmod(0o755)
    found = judged(ignored, text)
    assert found.verdict.verdict is Decision.REQUIRES_APPROVAL
    assert "destructive" in found.verdict.reason_codes
    subprocess.run(found.argv, cwd=ignored, env=CLEAN, check=True, capture_output=True)
    assert (ignored / ".env").read_text() == "theirs\n"


@pytest.mark.parametrize("text", ["sh change.sh", "./change.sh", "make change"])
def test_where_nothing_lies_in_the_way_the_same_script_runs_unasked(ignored: Path, text: str) -> None:
    for name, content in WRITTEN.items():
        (ignored / name).write_text(content)
        (ignored / name).chmod(0o755)
    (ignored / ".env").unlink()
    assert decide(ignored, text) is Decision.ALLOW
