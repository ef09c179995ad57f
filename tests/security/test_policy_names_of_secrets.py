"""A secret's name among others is no secret, nor is a file so named that is made; what stands in one is."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.judged import judged
from workbench.model.verdict import Decision


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name in (".env", "id.key", "notes.txt", ".env.example"):
        (tmp_path / name).write_text("KEY=1\n")
    (tmp_path / "certs").mkdir()
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        "ls *",
        "ls -la .env notes.txt",
        "stat -c %s id.key notes.txt",
        "du -sh *",
        "test -f .env",
        "[ -f .env ] && echo yes",
        "cp .env.example .env.local",
        "cp .env.example certs/server.key",
    ],
)
def test_a_name_and_what_is_made_are_no_secret(project: Path, text: str) -> None:
    assert judged(project, text).verdict.verdict is Decision.ALLOW


@pytest.mark.parametrize(
    "text",
    [
        "cat .env",
        "ls -la .env",
        "stat id.key",
        "du -sh .env id.key",
        "ls *; cat notes.txt",
        "ls .env | xargs cat",
        "ls -1 .env; cat .env",
        "[ -f .env ] && cat .env",
        "test -f .env && cp .env notes.txt",
        "cp .env.example .env",
        "cp .env.example .env.local && cp .env .env.local",
        "touch .env",
        "cp notes.txt .env.a && cp .env.a notes.txt",
        "mv .env .env.old",
        "ls ~/.ssh",
        "stat /etc/passwd ~/.aws/credentials",
        "wc -l .env",
    ],
)
def test_what_stands_in_a_secret_or_would_be_lost_is_asked_about(project: Path, text: str) -> None:
    assert judged(project, text).verdict.verdict is Decision.REQUIRES_APPROVAL


def test_password_hashes_are_denied_by_name_too(project: Path) -> None:
    assert judged(project, "ls /etc/shadow").verdict.verdict is Decision.DENY


@pytest.mark.parametrize(
    "text", ["git status -v", "git status -vv", "git commit --dry-run -v", "git status --verbose"]
)
def test_what_git_shows_of_a_tracked_secret_on_the_way_is_asked_about(project: Path, text: str) -> None:
    subprocess.run(["git", "add", "-f", ".env"], cwd=project, check=True)
    assert "reads_secret" in judged(project, text).verdict.reason_codes
    assert judged(project, "git status -sb").verdict.verdict is Decision.ALLOW
