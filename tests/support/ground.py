"""A small git repository that a test may do anything to."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

GIT = (
    "git",
    "-c",
    "user.name=A Tester",
    "-c",
    "user.email=tester@example.invalid",
    "-c",
    "init.defaultBranch=main",
)

SPEC = """# Feature Specification: A small thing

**Feature Branch**: `001-small-thing`
**Created**: 2026-01-02
**Status**: Draft
"""
PLAN = "# Implementation Plan: A small thing\n\nIt is small.\n"
TASKS = """# Tasks: A small thing

## Phase 1: Do it

- [x] T001 Write it down in note.txt
- [ ] T002 Prove it with `make test` in Makefile
"""
MAKEFILE = "test:\n\t@echo tested\n"


def write_tree(root: Path, files: dict[str, str]) -> None:
    """Writes files by their paths relative to the root."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def make_repository(root: Path, files: dict[str, str] | None = None) -> Path:
    """Makes a git repository with one spec-kit feature, or with exactly these files, and returns its path."""
    root.mkdir(parents=True, exist_ok=True)
    root = root.resolve()
    write_tree(
        root,
        files
        if files is not None
        else {
            ".specify/memory/constitution.md": "# Constitution\n",
            "specs/001-small-thing/spec.md": SPEC,
            "specs/001-small-thing/plan.md": PLAN,
            "specs/001-small-thing/tasks.md": TASKS,
            "Makefile": MAKEFILE,
        },
    )
    commit_all(root)
    return root


def commit_all(root: Path) -> None:
    """Commits whatever lies in the repository, and makes it one first if it is none."""
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "--allow-empty", "-m", "as it is")):
        subprocess.run((*GIT, *words), cwd=root, check=True, env=environment)
