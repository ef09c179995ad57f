"""Git writes over files that it ignores when it brings others in: where it would, somebody is asked first."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.commits import CLEAN, commit, git
from support.judged import decide, judged
from workbench.model.verdict import Decision
from workbench.policy import load_policy

TRUSTING = load_policy("trusting", is_tried=False)


def begin(root: Path) -> None:
    """Makes the folder a repository on `main`, without a commit."""
    for words in (
        ("init", "-q", "-b", "main"),
        ("config", "user.email", "a@b.c"),
        ("config", "user.name", "a"),
    ):
        git(root, *words)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two branches that went apart, of which `theirs` tracks what `main` ignores; nothing lies there yet."""
    begin(tmp_path)
    commit(tmp_path, ".gitignore", ".env\nlocal/\n")
    commit(tmp_path, ".env", "once\n")
    commit(tmp_path, ".env", None)
    git(tmp_path, "tag", "without")
    git(tmp_path, "checkout", "-qb", "plain")
    commit(tmp_path, "plain.txt")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "checkout", "-qb", "theirs")
    commit(tmp_path, "a.txt")
    commit(tmp_path, ".env", "theirs\n")
    commit(tmp_path, "local/notes", "theirs\n")
    commit(tmp_path, "b.txt")
    git(tmp_path, "checkout", "-q", "main")
    commit(tmp_path, "c.txt")
    (tmp_path / ".env").write_text("stashed\n")
    git(tmp_path, "add", "-f", ".env")
    git(tmp_path, "stash", "-q")
    git(tmp_path, "pack-refs", "--all")
    return tmp_path


WAYS = {
    "merge": "git merge --no-edit theirs",
    "squash": "git merge --squash theirs",
    "pick": "git cherry-pick theirs~2",
    "several": "git cherry-pick theirs~3 theirs~2",
    "range": "git cherry-pick main..theirs",
    "id": "git cherry-pick ID",
    "revert": "git revert --no-edit without",
    "rebase": "git rebase theirs",
    "onto": "git rebase --onto theirs without",
    "pop": "git stash pop",
    "apply": "git stash apply 'stash@{0}'",
    "bisect": "git bisect start theirs without",
    "line": "git branch -a && git merge --no-edit theirs",
    "wrapped": "timeout 9 git merge --no-edit theirs",
}


def spell(root: Path, way: str) -> str:
    return WAYS[way].replace("ID", git(root, "rev-parse", "--short", "theirs~2"))


@pytest.mark.parametrize("way", WAYS)
def test_what_would_write_over_an_ignored_file_is_asked_about(root: Path, way: str) -> None:
    (root / ".env").write_text("mine\n")
    text = spell(root, way)
    found = judged(root, text, TRUSTING)
    assert found.verdict.verdict is Decision.REQUIRES_APPROVAL
    assert "destructive" in found.verdict.reason_codes
    # Git says nothing, and the file is lost.
    subprocess.run(["bash", "-c", text], cwd=root, env=CLEAN, check=True, capture_output=True)
    assert (root / ".env").read_text() != "mine\n"


@pytest.mark.parametrize("way", WAYS)
def test_where_nothing_lies_in_the_way_it_runs_unasked(root: Path, way: str) -> None:
    assert decide(root, spell(root, way), TRUSTING) is Decision.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        "git merge plain",
        "git cherry-pick plain",
        "git rebase plain",
        "git revert --no-edit main",
        "git stash",
    ],
)
def test_what_brings_no_such_file_runs_unasked_whatever_is_ignored(root: Path, text: str) -> None:
    (root / ".env").write_text("mine\n")
    (root / "local").mkdir()
    (root / "local" / "notes").write_text("mine\n")
    assert decide(root, text, TRUSTING) is Decision.ALLOW
    subprocess.run(["bash", "-c", text], cwd=root, env=CLEAN, check=True, capture_output=True)
    assert (root / ".env").read_text() == (root / "local" / "notes").read_text() == "mine\n"


def test_a_file_in_place_of_a_folder_that_comes_is_in_the_way(root: Path) -> None:
    (root / ".gitignore").write_text(".env\nlocal\n")
    git(root, "commit", "-qam", "another rule")
    (root / "local").write_text("mine\n")
    assert decide(root, "git merge --no-edit theirs") is Decision.REQUIRES_APPROVAL
    subprocess.run(["git", "merge", "-q", "--no-edit", "theirs"], cwd=root, env=CLEAN, capture_output=True)
    assert not (root / "local").is_file()


def test_what_an_earlier_part_writes_is_in_the_way_as_well(root: Path) -> None:
    (root / "kept").write_text("mine\n")
    assert decide(root, "cp kept local.txt && git merge --no-edit theirs") is Decision.ALLOW
    asked = decide(root, "cp kept .env && git merge --no-edit theirs")
    assert asked is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    "text", ["git merge", "git rebase --continue", "git merge ':/about b'", "git merge theirs^{commit}"]
)
def test_what_cannot_be_seen_is_asked_about(root: Path, text: str) -> None:
    found = judged(root, text, TRUSTING).verdict
    assert found.verdict is Decision.REQUIRES_APPROVAL
    assert "destructive" in found.reason_codes


def test_a_name_that_nothing_has_and_a_folder_without_a_repository_are_no_reason(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (root / ".env").write_text("mine\n")
    assert decide(root, "git merge nowhere") is Decision.ALLOW
    assert decide(tmp_path_factory.mktemp("bare"), "git merge theirs") is Decision.ALLOW


def test_a_store_that_borrows_its_objects_or_is_damaged_cannot_be_seen(root: Path) -> None:
    assert decide(root, "git merge plain") is Decision.ALLOW
    borrowed = root / ".git" / "objects" / "info" / "alternates"
    borrowed.write_text("/nonexistent\n")
    assert decide(root, "git merge plain") is Decision.REQUIRES_APPROVAL
    borrowed.unlink()
    tip = git(root, "rev-parse", "plain^{tree}")
    (root / ".git" / "objects" / tip[:2] / tip[2:]).unlink()
    assert decide(root, "git merge plain") is Decision.REQUIRES_APPROVAL


STANDS = {
    "folder": "git stash",
    "pushed": "git stash push -m x",
    "line": "mv a.txt z && mkdir a.txt && mv mine.txt a.txt/v && git stash",
    "file": "mv src z && mv mine.txt src && git stash",
}


@pytest.mark.parametrize("way", STANDS)
def test_what_stands_in_place_of_something_tracked_is_not_stashed_away_unasked(
    tmp_path: Path, way: str
) -> None:
    begin(tmp_path)
    commit(tmp_path, "a.txt")
    (tmp_path / "src").mkdir()
    commit(tmp_path, "src/b.txt")
    assert decide(tmp_path, "git stash") is Decision.ALLOW
    (tmp_path / "mine.txt").write_text("mine\n")
    if way in ("folder", "pushed"):
        (tmp_path / "a.txt").unlink()
        (tmp_path / "a.txt").mkdir()
        (tmp_path / "a.txt" / "u").write_text("mine\n")
    assert decide(tmp_path, STANDS[way]) is Decision.REQUIRES_APPROVAL
    subprocess.run(["bash", "-c", STANDS[way]], cwd=tmp_path, env=CLEAN, capture_output=True, check=True)
    kept = [path for path in tmp_path.rglob("*") if path.is_file() and ".git" not in path.parts]
    # What is asked about is what git really does.
    assert sum(path.read_text() == "mine\n" for path in kept) == (1 if way in ("folder", "pushed") else 0)


@pytest.mark.parametrize(
    "text",
    [
        *("git merge --no-edit theirs", "git cherry-pick theirs", "git cherry-pick -n theirs"),
        *("git merge --squash theirs", "git stash pop", "git stash apply"),
    ],
)
def test_what_follows_a_renamed_folder_onto_an_ignored_file_is_asked_about(tmp_path: Path, text: str) -> None:
    begin(tmp_path)
    commit(tmp_path, ".gitignore", "*.local\n")
    (tmp_path / "src").mkdir()
    for name in ("one", "two", "three"):
        commit(tmp_path, f"src/{name}.txt", f"{name}\n" * 9)
    git(tmp_path, "checkout", "-qb", "theirs")
    (tmp_path / "src" / "x.local").write_text("theirs\n")
    git(tmp_path, "add", "-f", "src/x.local")
    git(tmp_path, "stash", "-q")
    (tmp_path / "src" / "x.local").write_text("theirs\n")
    git(tmp_path, "add", "-f", "src/x.local")
    git(tmp_path, "commit", "-qm", "theirs")
    git(tmp_path, "checkout", "-q", "main")
    git(tmp_path, "mv", "src", "lib")
    git(tmp_path, "commit", "-qm", "renamed")
    assert decide(tmp_path, text) is Decision.ALLOW
    (tmp_path / "lib" / "x.local").write_text("mine\n")
    assert decide(tmp_path, text) is Decision.REQUIRES_APPROVAL
    subprocess.run(["bash", "-c", text], cwd=tmp_path, env=CLEAN, capture_output=True, check=False)
    # What is asked about is what git really does.
    assert (tmp_path / "lib" / "x.local").read_text() == "theirs\n"
