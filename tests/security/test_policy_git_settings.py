"""Programs that a git configuration makes plain commands start are asked about; usual ones are not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
READS = ("git status", "git diff", "git log --oneline", "git -C src status", "cd src && git status")
CLEAN = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.py").write_text("x = 1\n")
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, env=CLEAN, check=True)
    return tmp_path


def decide(root: Path, text: str) -> Decision:
    place = str(root.resolve())
    surroundings = ProjectSurroundings(workspace_root=place, toolchains=())
    found = judge(POLICY, text, cwd=place, workspace_root=place, surroundings=surroundings)
    return found.verdict.verdict


def configure(root: Path, text: str) -> None:
    with (root / ".git" / "config").open("a") as file:
        file.write(text)


def test_without_settings_of_its_own_a_repository_is_read_unasked(root: Path) -> None:
    assert {decide(root, text) for text in READS} == {Decision.ALLOW}


@pytest.mark.parametrize(
    "setting",
    [
        "[core]\n\tfsmonitor = echo x > made; false\n",
        "[core]\n\tpager = sh -c 'rm -rf src'\n",
        "[CORE]\nFSMonitor=./x\n",
        "[core] fsmonitor = ./x\n",
        '[diff "x"]\n\ttextconv = ./x\n',
        "[diff]\n\texternal = ./x\n",
        '[filter "x"]\n\tclean = ./x\n',
        '[filter "x"]\n\tprocess = ./x\n',
        '[merge "x"]\n\tdriver = ./x %A\n',
        "[core]\n\thooksPath = /tmp/hooks\n",
        "[core]\n\thooksPath = ../hooks\n",
        "[core]\n\tsshCommand = ./x\n",
        "[credential]\n\thelper = !./x\n",
        "[gpg]\n\tprogram = ./x\n",
        "[include]\n\tpath = ../x\n",
        '[includeIf "gitdir:/"]\n\tpath = ../x\n',
        "[core]\n\tworktree = /\n",
        "[pager]\n\tlog = false\n\tdiff = ./x\n\tstatus = ./x\n[color]\n\tui = auto\n",
        '[remote "o"]\n\turl = ext::./x %S\n',
        '[difftool "x"]\n\tpath = ./x\n',
        '[lfs "customtransfer.x"]\n\tpath = ./x\n\targs = y\n',
        "[uploadpack]\n\tpackObjectsHook = ./x\n",
        "[core]\n\tfsmonitor = fal\\\nse; ./x\n",
    ],
)
def test_a_program_that_nobody_knows_is_asked_about(root: Path, setting: str) -> None:
    configure(root, setting)
    assert Decision.ALLOW not in {decide(root, text) for text in READS}


@pytest.mark.parametrize(
    "setting",
    [
        "[core]\n\tfsmonitor = true\n\tpager = less -R\n\teditor = vim\n",
        '[filter "lfs"]\n\tclean = git-lfs clean -- %f\n\tsmudge = git-lfs smudge -- %f\n'
        "\tprocess = git-lfs filter-process\n\trequired = true\n",
        "[core]\n\thooksPath = .husky/_\n",
        "[credential]\n\thelper = store\n",
        '[remote "origin"]\n\turl = git@example.org:a/b.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*\n',
        "[user]\n\tname = Ada\n[pull]\n\trebase = true\n",
    ],
)
def test_what_is_usual_is_not_asked_about(root: Path, setting: str) -> None:
    configure(root, setting)
    assert {decide(root, text) for text in READS} == {Decision.ALLOW}


def test_such_a_setting_does_run_when_git_only_reads(root: Path) -> None:
    # Otherwise the words above would prove nothing.
    configure(root, "[core]\n\tfsmonitor = echo x > made; false\n")
    subprocess.run(["git", "status"], cwd=root, env=CLEAN, check=True, capture_output=True)
    assert (root / "made").exists()


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("echo x > gd/hooks/post-commit", "echo x > .git/hooks/post-commit"),
        ("cp src/a.py gd/config", "cp src/a.py .git/config"),
        ("mv gd aside", "mv .git aside"),
        ("rm -r gd", "rm -r .git"),
        ("echo x > gd/description", "echo x > .git/description"),
    ],
)
def test_what_a_git_file_points_to_is_judged_as_git_s_folder(root: Path, text: str, inside: str) -> None:
    def judged(command: str) -> tuple[Decision, tuple[str, ...]]:
        place = str(root.resolve())
        surroundings = ProjectSurroundings(workspace_root=place, toolchains=())
        found = judge(POLICY, command, cwd=place, workspace_root=place, surroundings=surroundings)
        return found.verdict.verdict, found.verdict.reason_codes

    as_folder = judged(inside)
    (root / "gd").mkdir()
    assert judged(text) != as_folder
    (root / "gd").rmdir()
    (root / ".git").rename(root / "gd")
    for pointer in ("gd", "./gd", f"{root.resolve()}/gd"):
        (root / ".git").write_text(f"gitdir: {pointer}\n")
        assert judged(text) == as_folder


def git(folder: Path, *words: str) -> None:
    subprocess.run(["git", *words], cwd=folder, env=CLEAN, check=True, capture_output=True)


def test_a_repository_in_the_tree_that_a_pointer_names_is_asked_about(root: Path) -> None:
    git(root, "init", "-q", "--bare", "kept")
    nested = root / "nested"
    nested.mkdir()
    (nested / ".git").write_text("gitdir: ../kept\n")
    assert decide(root, "git -C nested status") is Decision.REQUIRES_APPROVAL
    assert decide(root, "cd nested && git log") is Decision.REQUIRES_APPROVAL
    assert decide(root, "git status") is Decision.ALLOW


@pytest.mark.parametrize("place", ["kept", "kept/objects"])
def test_a_bare_repository_in_the_tree_is_asked_about(root: Path, place: str) -> None:
    git(root, "init", "-q", "--bare", "kept")
    assert decide(root, f"git -C {place} log") is Decision.REQUIRES_APPROVAL


def test_a_submodule_and_a_linked_work_tree_are_read_unasked_until_theirs_names_a_program(root: Path) -> None:
    git(root, "config", "user.email", "a@example.org")
    git(root, "config", "user.name", "a")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    git(root, "clone", "-q", ".", "other")
    git(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", "./other", "sub")
    git(root, "worktree", "add", "-q", "linked")
    for folder in ("sub", "linked"):
        assert (root / folder / ".git").is_file()
        assert decide(root, f"git -C {folder} status") is Decision.ALLOW
    with (root / ".git" / "modules" / "sub" / "config").open("a") as file:
        file.write("[core]\n\tpager = ./x\n")
    assert decide(root, "git -C sub log") is Decision.REQUIRES_APPROVAL
    assert decide(root, "git -C linked log") is Decision.ALLOW
    configure(root, "[core]\n\tpager = ./x\n")
    assert decide(root, "git -C linked log") is Decision.REQUIRES_APPROVAL
