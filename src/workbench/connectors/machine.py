"""What programs of this machine the built-in connector and its users may want, for doctor to tell."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from workbench.sandbox.lookup import resolve_path
from workbench.sandbox.modules import missing_module
from workbench.sandbox.versions import read_version
from workbench.sandbox.workspace import looking_at, refuse_too_wide

__all__ = ["Program", "check_breadth", "find_program", "missing_module", "resolve_path"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program on PATH; `version` is None when it does not say."""

    path: str
    version: str | None


def find_program(name: str) -> Program | None:
    """Returns the program that PATH leads to, asked for its version, or None."""
    path = shutil.which(name)
    return None if path is None else Program(path=path, version=read_version(path))


def check_breadth(folder: Path) -> None:
    """Raises BoundaryViolation for a folder that no workspace may be because it holds the whole machine."""
    with looking_at(str(folder)):
        refuse_too_wide(str(folder))
