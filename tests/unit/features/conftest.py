"""Repositories made for a test: plain folders, or real git ones made by the real git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

MakeRepo = Callable[..., Path]


def git(repo: Path, *words: str) -> str:
    """Runs git in the repository with nothing of the machine's own configuration."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(repo),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_AUTHOR_NAME": "A",
        "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A",
        "GIT_COMMITTER_EMAIL": "a@example.org",
    }
    done = subprocess.run(["git", *words], cwd=repo, env=environment, capture_output=True, check=True)
    return done.stdout.decode()


@pytest.fixture
def run_git() -> Callable[..., str]:
    return git


@pytest.fixture
def make_repo(tmp_path: Path) -> MakeRepo:
    def make(files: Mapping[str, str | bytes], *, commit: bool = False, name: str = "repo") -> Path:
        repo = tmp_path / name
        repo.mkdir(exist_ok=True)
        for path, content in files.items():
            file = repo / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        if commit:
            git(repo, "init", "-q", "-b", "main")
            git(repo, "add", "-A")
            git(repo, "commit", "-q", "-m", "first")
        return repo

    return make
