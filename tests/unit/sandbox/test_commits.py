"""The files of the commits that a word names are those that git itself tells, or are not known."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from support.ground import GIT
from workbench.sandbox.commits import read_committed

CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


def git(root: Path, *words: str) -> str:
    done = subprocess.run([*GIT, *words], cwd=root, env=CLEAN, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(f"{name}\n")
    git(root, "add", "-f", name)
    git(root, "commit", "-qm", name)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A history with a merge, packed and loose refs and objects, tags, a remote branch and two stashes."""
    folder = tmp_path_factory.mktemp("history")
    git(folder, "init", "-q")
    commit(folder, "a")
    commit(folder, "deep/er/b")
    git(folder, "tag", "-m", "annotated", "v1")
    git(folder, "checkout", "-qb", "feature/side", "main~1")
    commit(folder, "c")
    git(folder, "checkout", "-q", "main")
    git(folder, "merge", "-q", "--no-edit", "feature/side")
    git(folder, "update-ref", "refs/remotes/origin/theirs", "feature/side")
    git(folder, "gc", "-q")
    commit(folder, "ä name")
    git(folder, "rm", "-q", "c")
    git(folder, "commit", "-qm", "without c")
    for name in ("one", "two"):
        (folder / name).write_text("x\n")
        git(folder, "add", name)
        git(folder, "stash", "-q")
    git(folder, "branch", "loose", "v1")
    return folder


@pytest.mark.parametrize(
    "word",
    [
        *(
            "main",
            "HEAD",
            "@",
            "@~1",
            "main~2^2",
            "main~2^1~1",
            "feature/side",
            "origin/theirs",
            "v1",
            "loose",
        ),
        *("refs/heads/main", "heads/main", "stash", "stash@{1}", "stash@{0}", "ID", "SHORT", "v1-0-gSHORT"),
    ],
)
def test_a_word_names_the_commit_that_git_takes_it_for(root: Path, word: str) -> None:
    told = word.replace("ID", git(root, "rev-parse", "main~1")).replace(
        "SHORT", git(root, "rev-parse", "--short", "main~1")
    )
    listed = git(root, "-c", "core.quotePath=off", "ls-tree", "-r", "--name-only", told).splitlines()
    assert read_committed(f"{root}/.git", told) == tuple(sorted(listed))


@pytest.mark.parametrize(
    "span", ["v1..main", "main..feature/side", "feature/side..main", "main..main", "v1.."]
)
def test_a_span_is_all_files_of_the_commits_in_it(root: Path, span: str) -> None:
    commits = git(root, "rev-list", span).split()
    names = {
        name
        for each in commits
        for name in git(root, "-c", "core.quotePath=off", "ls-tree", "-r", "--name-only", each).splitlines()
    }
    assert read_committed(f"{root}/.git", span) == tuple(sorted(names))


def test_all_is_everything_that_has_a_name(root: Path) -> None:
    assert read_committed(f"{root}/.git", "--all") == ("a", "c", "deep/er/b", "two", "ä name")


def test_a_remote_branch_counts_by_its_bare_name_as_a_change_of_branch_takes_it(root: Path) -> None:
    assert read_committed(f"{root}/.git", "theirs") == ("a", "c")


@pytest.mark.parametrize("word", ["nowhere", "feature", "abcdef1", "stash@{9}", "main~40", "v1^2"])
def test_a_word_that_names_nothing_holds_nothing(root: Path, word: str) -> None:
    assert read_committed(f"{root}/.git", word) == ()


@pytest.mark.parametrize(
    "word",
    [
        *("", "-x", ":/a", "main^{tree}", "main@{1}", "main@{yesterday}", "main:a", "a...b", "../x", "/etc"),
        *("main ", "@{u}", "@{-1}", "refs/heads/*"),
    ],
)
def test_any_other_word_is_not_known(root: Path, word: str) -> None:
    assert read_committed(f"{root}/.git", word) is None


def test_the_end_of_a_shallow_clone_is_the_end(root: Path, tmp_path: Path) -> None:
    subprocess.run(
        ["git", "clone", "-q", "--depth", "2", f"file://{root}", str(tmp_path / "clone")],
        env=CLEAN,
        check=True,
        capture_output=True,
    )
    found = read_committed(f"{tmp_path}/clone/.git", "--all")
    assert found is not None
    assert {"a", "deep/er/b", "ä name"} <= set(found)


def test_what_is_damaged_borrowed_or_would_wait_for_ever_is_not_known(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    commit(tmp_path, "a")
    folder = tmp_path / ".git"
    assert read_committed(str(folder), "main") == ("a",)
    (folder / "reftable").mkdir()
    assert read_committed(str(folder), "main") is None
    (folder / "reftable").rmdir()
    (folder / "refs/heads/odd").write_text("no id\n")
    assert read_committed(str(folder), "odd") is None
    os.mkfifo(folder / "refs/heads/pipe")
    assert read_committed(str(folder), "pipe") is None
    (folder / "refs/heads/pipe").unlink()
    tree = git(tmp_path, "rev-parse", "main^{tree}")
    loose = folder / "objects" / tree[:2] / tree[2:]
    loose.unlink()
    os.mkfifo(loose)
    assert read_committed(str(folder), "main") is None
