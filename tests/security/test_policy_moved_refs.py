"""What git brings or shows after an earlier part of the line moved a ref or the index is not known."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.commits import CLEAN, WORD, commit, git
from support.judged import decide, judged
from workbench.model.verdict import Decision
from workbench.policy import load_policy

TRUSTING = load_policy("trusting", is_tried=False)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of which `feat` tracks the .env that `main` ignores, and `f2` took it away again."""
    for words in (
        ("init", "-q", "-b", "main"),
        ("config", "user.email", "a@b.c"),
        ("config", "user.name", "a"),
    ):
        git(tmp_path, *words)
    commit(tmp_path, ".gitignore", ".env\n")
    git(tmp_path, "checkout", "-qb", "plain")
    commit(tmp_path, "plain.txt")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "checkout", "-qb", "feat")
    commit(tmp_path, ".env", f"TOKEN={WORD}\n")
    git(tmp_path, "checkout", "-qb", "f2")
    commit(tmp_path, ".env", None)
    commit(tmp_path, "b.txt")
    git(tmp_path, "checkout", "-q", "main")
    commit(tmp_path, "c.txt")
    (tmp_path / ".env").write_text("mine\n")
    return tmp_path


BRINGS = (
    "git branch x feat && git merge --no-edit x",
    "git branch x feat; git merge --no-edit x",
    "git tag x feat && git cherry-pick x",
    "git switch -q f2 && git revert --no-edit HEAD~1",
    "git branch x f2~2 && git rebase x",
    "sh -c 'git branch x feat' && git merge --no-edit x",
    "git branch x feat && timeout 9 git -C . merge --no-edit x",
)


@pytest.mark.parametrize("text", BRINGS)
def test_what_a_moved_word_brings_is_asked_about(root: Path, text: str) -> None:
    found = judged(root, text, TRUSTING).verdict
    assert found.verdict is Decision.REQUIRES_APPROVAL
    assert "destructive" in found.reason_codes
    subprocess.run(["bash", "-c", text], cwd=root, env=CLEAN, capture_output=True)
    assert (root / ".env").read_text() != "mine\n"


def test_a_loop_comes_round_to_what_it_moved(root: Path) -> None:
    (root / "turn.sh").write_text(
        "for n in 1 2; do\n git merge --no-edit plain\n git branch -q two feat\ndone\n"
    )
    assert "destructive" in judged(root, "sh turn.sh", TRUSTING).verdict.reason_codes


@pytest.mark.parametrize(
    "text",
    [
        "git branch -a && git merge --no-edit plain",
        "git log --oneline && git cherry-pick plain",
        "git merge --ff-only plain && git switch plain",
        "git add -A && git commit -qm x && git switch plain",
        "git switch plain && git merge --ff-only feat",
    ],
)
def test_what_moves_nothing_before_runs_unasked(root: Path, text: str) -> None:
    assert decide(root, text, TRUSTING) is Decision.ALLOW


FORWARD = (
    "git merge --ff-only --no-ff --no-edit feat",
    "git merge --ff-only --ff --no-edit feat",
    "timeout 9 git -C . merge --ff-only --ff --no-edit feat",
    "sh -c 'git merge --ff-only --no-ff --no-edit feat'",
)


@pytest.mark.parametrize("text", FORWARD)
def test_what_takes_back_that_a_merge_only_goes_forward_is_looked_at(root: Path, text: str) -> None:
    found = judged(root, text, TRUSTING)
    assert "destructive" in found.verdict.reason_codes
    subprocess.run(found.argv, cwd=root, env=CLEAN, check=True, capture_output=True)
    assert (root / ".env").read_text() != "mine\n"


BISECTS = (
    *("git bisect start main feat", "git bisect start f2 main", "git bisect start", "git bisect good"),
    *("git bisect bad", "git bisect new", "git bisect old", "git bisect skip", "git bisect next"),
    *("git bisect reset", "git bisect run ls"),
)


@pytest.mark.parametrize("text", BISECTS)
def test_a_bisection_is_asked_about_where_anything_untracked_lies(root: Path, text: str) -> None:
    found = judged(root, text, TRUSTING).verdict
    assert found.verdict is Decision.REQUIRES_APPROVAL
    assert "destructive" in found.reason_codes


def test_a_bisection_goes_to_a_merge_base_that_no_word_names(root: Path) -> None:
    git(root, "checkout", "-q", "feat", "-f")
    git(root, "checkout", "-qb", "fine")
    commit(root, ".env", None)
    commit(root, "good.txt")
    git(root, "checkout", "-qb", "worse", "feat")
    (root / "bad.txt").write_text("x\n")
    git(root, "add", "bad.txt")
    git(root, "rm", "-qf", ".env")
    git(root, "commit", "-qm", "both")
    (root / ".env").write_text("mine\n")
    assert decide(root, "git bisect start worse fine", TRUSTING) is Decision.REQUIRES_APPROVAL
    git(root, "bisect", "start", "worse", "fine")
    assert (root / ".env").read_text() != "mine\n"


def test_a_bisection_of_a_clean_tree_runs_unasked(root: Path) -> None:
    (root / ".env").unlink()
    assert decide(root, "git bisect start main feat", TRUSTING) is Decision.ALLOW
    (root / "new").mkdir()
    (root / "new" / "a").write_text("mine\n")
    assert decide(root, "git bisect start main feat", TRUSTING) is Decision.REQUIRES_APPROVAL
