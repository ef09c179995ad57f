"""Repositories that git itself makes, with nobody's settings, commit by commit."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Final

WORD: Final = "word-that-only-the-secret-holds"
CLEAN: Final = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "LC_ALL": "C",
    "GIT_EDITOR": "true",
}


def git(root: Path, *words: str) -> str:
    """Runs git there and returns what it put out; fails the test with it."""
    done = subprocess.run(["git", *words], cwd=root, env=CLEAN, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit(root: Path, name: str, text: str | None = "x\n") -> None:
    """Commits one file with this text, ignored or not, or its removal for None."""
    if text is None:
        git(root, "rm", "-qf", name)
    else:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
        git(root, "add", "-f", name)
    git(root, "commit", "-qm", f"about {name}")
