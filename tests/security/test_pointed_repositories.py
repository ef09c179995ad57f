"""A repository that lies in the workspace under another name than `.git` is protected like one.

Judged by what the user's own next git does outside.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from local_steps import Ground, open_ground


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path) as opened:
        yield opened


def git(folder: Path, *words: str) -> str:
    """The user's own git, outside, with a home of no consequence."""
    environment = {"PATH": os.environ["PATH"], "HOME": "/nowhere", "GIT_ALLOW_PROTOCOL": "file"}
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, capture_output=True, env=environment, check=False, text=True
    )
    return done.stdout


def separate(top: Path, folder: Path) -> None:
    top.mkdir(parents=True, exist_ok=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    git(top, "init", "-q", f"--separate-git-dir={folder}", ".")
    commit(top)


def commit(top: Path) -> None:
    (top / "file").write_text((top / "file").read_text() + "more\n" if (top / "file").exists() else "one\n")
    git(top, "add", "file")
    git(top, "commit", "-qm", "x")


def attack(proof: Path, folder: str) -> str:
    """Every way to a hook or a setting: write, replace, exchange the folder or one around it."""
    plant = f"""
        mkdir -p {folder}/hooks {folder}/info
        printf '#!/bin/sh\\ntouch {proof}\\n' > {folder}/hooks/post-commit
        chmod 755 {folder}/hooks/post-commit
        cp {folder}/hooks/post-commit {folder}/hooks/post-update
        printf '[core]\\nfsmonitor = touch {proof}; false\\n' >> {folder}/config
        printf '[core]\\nfsmonitor = touch {proof}; false\\n' >> {folder}/config.worktree
    """
    around = "\n".join(
        f"mv {path} aside{number}; cp -r aside{number} {path}; {plant}"
        for number, path in enumerate([folder, *parents(folder)])
    )
    elsewhere = f"cp -r {folder} evil; echo $PWD/evil > {folder}/commondir"
    return f"{{ {plant}\nrm -rf {folder}/hooks; {plant}\n{around}\n{elsewhere}\n}} 2>/dev/null; true"


def parents(path: str) -> list[str]:
    return [str(folder) for folder in Path(path).parents if str(folder) != "."]


@pytest.mark.parametrize(
    ("top", "folder"), [(".", "gd"), (".", "deep/er/gd"), ("sub", "gd"), ("sub", "sub/gd")]
)
async def test_the_folder_that_a_git_file_points_to_cannot_be_turned_against_the_user(
    ground: Ground, tmp_path: Path, top: str, folder: str
) -> None:
    proof = tmp_path / "proof"
    separate(ground.workspace / top, ground.workspace / folder)
    await ground.run(attack(proof, folder))
    git(ground.workspace / top, "status")
    commit(ground.workspace / top)
    assert not proof.exists()


def test_the_attack_works_where_nothing_is_protected(tmp_path: Path) -> None:
    """Or the test above would prove nothing."""
    proof, top = tmp_path / "proof", tmp_path / "tree"
    separate(top, top / "gd")
    subprocess.run(["sh", "-c", attack(proof, "gd")], cwd=top, check=True)
    commit(top)
    assert proof.exists()


async def test_a_relative_pointer_and_one_that_leads_to_nothing_are_followed(
    ground: Ground, tmp_path: Path
) -> None:
    proof = tmp_path / "proof"
    separate(ground.workspace, ground.workspace / "gd")
    (ground.workspace / "gd").rename(tmp_path / "gd")
    (ground.workspace / ".git").write_text("gitdir: ./gd\n")
    (ground.workspace / "sub").mkdir()
    (ground.workspace / "sub" / ".git").write_text("gitdir: ../gd\n")
    await ground.run(f"git init -q made; mv made/.git gd; {attack(proof, 'gd')}")
    (ground.workspace / ".git").write_text("gitdir: gd\n")
    commit(ground.workspace)
    assert not proof.exists()


async def test_a_submodule_of_a_repository_below_is_protected(ground: Ground, tmp_path: Path) -> None:
    proof = tmp_path / "proof"
    origin, below = tmp_path / "origin", ground.workspace / "below"
    for folder in (origin, below):
        folder.mkdir()
        git(folder, "init", "-q", ".")
        commit(folder)
    git(below, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(origin), "mod")
    git(below, "commit", "-qm", "mod")
    assert (below / ".git" / "modules" / "mod" / "HEAD").exists()
    await ground.run(attack(proof, "below/.git/modules/mod"))
    commit(below / "mod")
    assert not proof.exists()


async def test_a_bare_repository_that_was_there_cannot_be_turned_against_the_user(
    ground: Ground, tmp_path: Path
) -> None:
    proof, workspace = tmp_path / "proof", ground.workspace
    git(workspace, "init", "-q", "--bare", "srv.git")
    git(tmp_path, "clone", "-q", str(workspace / "srv.git"), "clone")
    await ground.run(
        f"""printf '#!/bin/sh\\ntouch {proof}\\n' > srv.git/hooks/post-update; chmod 755 srv.git/hooks/*
        git -C srv.git config core.fsmonitor 'touch {proof}'; git -C srv.git config core.hooksPath ../h
        mkdir h; cp srv.git/hooks/post-update h; mv srv.git aside; true"""
    )
    assert not (workspace / "aside").exists()
    commit(tmp_path / "clone")
    git(tmp_path / "clone", "push", "-q", "origin", "HEAD")
    assert git(workspace / "srv.git", "log", "--all", "--format=%s") == "x\n"
    assert not proof.exists()


async def test_ordinary_git_goes_on_in_them_and_is_not_named_afterwards(ground: Ground) -> None:
    separate(ground.workspace, ground.workspace / "gd")
    git(ground.workspace, "init", "-q", "--bare", "srv.git")
    outcome = await ground.run(
        """set -e; echo x > file; git add file; git -c user.name=a -c user.email=a@b commit -qm two
        git push -q srv.git HEAD:refs/heads/main; git gc -q; git stash list; git log --format=%s"""
    )
    assert (outcome.ended.exit_code, outcome.text, outcome.ended.detail) == (0, "two\nx\n", "")
    before = {path.name for path in ground.workspace.iterdir()}
    assert before == {".git", "gd", "srv.git", "file"}
    assert not (ground.workspace / "srv.git" / "commondir").exists()


async def test_a_folder_that_became_a_repository_in_a_run_is_named(ground: Ground) -> None:
    """Even where a folder of that name was kept from being renamed, and its config cannot be written."""
    git(ground.workspace, "init", "-q", ".")
    (ground.workspace / "tools").mkdir()
    (ground.workspace / "tools" / "config").touch()
    with open(ground.workspace / ".git" / "config", "a") as config:
        config.write("[include]\npath = ../tools/config\n")
    outcome = await ground.run("cd tools; mkdir objects refs hooks; echo ref: refs/heads/main > HEAD")
    assert outcome.ended.detail.startswith("made or changed while it ran: tools/;")
