"""What programs of this machine the built-in connector and its users may want, for doctor to tell."""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from workbench.sandbox.versions import read_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program on PATH; `version` is None when it does not say."""

    path: str
    version: str | None


def find_program(name: str) -> Program | None:
    """Returns the program that PATH leads to, asked for its version, or None."""
    path = shutil.which(name)
    return None if path is None else Program(path=path, version=read_version(path))
