"""What xargs appends is no question where it is tracked files of plain names, for programs that only read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from support.judged import decide, judged
from workbench.model.verdict import Decision

CHECKS = [
    "git ls-files | xargs prettier --check",
    "git ls-files '*.py' | xargs ruff format --check",
    "git ls-files -z | xargs -0 black --check -q",
    "git ls-files | grep '[.]py$' | xargs isort --check-only",
    "git ls-files src | xargs -n 20 eslint --quiet",
    "cd src && git ls-files | xargs shellcheck",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    for name in ("src/a.py", "src/b.ts", "README.md"):
        track(tmp_path, name)
    return tmp_path


def track(root: Path, name: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("x\n")
    subprocess.run(["git", "add", "-f", "--", name], cwd=root, check=True)


@pytest.mark.parametrize("text", CHECKS)
def test_what_only_reads_tracked_files_of_plain_names_runs_unasked(root: Path, text: str) -> None:
    assert decide(root, text) is Decision.ALLOW


@pytest.mark.parametrize("text", CHECKS)
@pytest.mark.parametrize("name", ["--write", "src/--config=x", "src/a --write", 'src/a"b', "src/a\n--fix"])
def test_a_name_that_is_no_plain_word_is_a_reason_to_ask(root: Path, text: str, name: str) -> None:
    track(root, name)
    assert decide(root, text) is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    "text",
    [
        "git ls-files | xargs prettier --write",
        "git ls-files | xargs prettier --check --write",
        "git ls-files | xargs eslint --fix",
        "git ls-files | xargs ruff format",
        "git ls-files | xargs black",
        "git ls-files | xargs touch",
        "git ls-files | xargs python3",
        "git ls-files | xargs sh",
        "git ls-files | xargs rm",
        "git ls-files -o | xargs prettier --check",
        "git ls-files | sed 's/^/--/' | xargs prettier --check",
        "cat list | xargs prettier --check",
        "touch x && git add x && git ls-files | xargs prettier --check",
        "git ls-files | xargs ./prettier --check",
    ],
)
def test_everything_else_that_is_appended_to_is_asked_about(root: Path, text: str) -> None:
    assert decide(root, text) is not Decision.ALLOW


def test_a_tracked_secret_among_them_is_asked_about_as_one(root: Path) -> None:
    track(root, "src/.env")
    found = judged(root, "git ls-files | xargs prettier --check").verdict
    assert (found.verdict, "reads_secret" in found.reason_codes) == (Decision.REQUIRES_APPROVAL, True)
