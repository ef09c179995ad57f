"""Makes the repositories that are measured on, each from nothing and always the same."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_GIT = ("git", "-c", "user.name=Bench", "-c", "user.email=bench@example.invalid")


def make_repository(root: Path, files: dict[str, str]) -> Path:
    """Writes the files, commits them, and returns the folder's real path."""
    root.mkdir(parents=True)
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    surroundings = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    for words in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "ground")):
        subprocess.run((*_GIT, *words), cwd=root, check=True, env=surroundings)
    return root.resolve()


def spec_kit_files(documents: int) -> dict[str, str]:
    """Returns a spec-kit layout of at least this many documents: three a feature, each of ordinary length."""
    files = {".specify/memory/constitution.md": "# Constitution\n\nSmall steps.\n"}
    for number in range(1, documents // 3 + 2):
        name = f"{number:03d}-feature-{number}"
        files[f"specs/{name}/spec.md"] = _spec(name, number)
        files[f"specs/{name}/plan.md"] = _plan(number)
        files[f"specs/{name}/tasks.md"] = _tasks(number)
    return files


def _spec(name: str, number: int) -> str:
    stories = "\n".join(
        f"### User Story {i} (Priority: P{i})\n\nA person does thing {i} of feature {number}.\n\n"
        f"- **FR-{i:03d}**: The system must do thing {i} within its limits.\n"
        for i in range(1, 6)
    )
    return (
        f"# Feature Specification: Feature {number}\n\n**Feature Branch**: `{name}`\n"
        f"**Created**: 2026-01-02\n**Status**: Draft\n\n## User Scenarios\n\n{stories}"
    )


def _plan(number: int) -> str:
    return f"# Implementation Plan: Feature {number}\n\n## Summary\n\n" + "It is done in small steps.\n" * 20


def _tasks(number: int) -> str:
    lines = [
        f"- [{'x' if i <= number % 12 else ' '}] T{i:03d} [US{i % 5 + 1}] Do part {i} in `src/part_{i}.py`"
        for i in range(1, 13)
    ]
    return f"# Tasks: Feature {number}\n\n## Phase 1: Build\n\n" + "\n".join(lines) + "\n"
