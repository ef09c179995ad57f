"""Knows what programs do, as data: one TOML file a family beside this file, and nothing in Python.

A program is understood only through its listed forms and flags. What is not listed is unknown, and asked
about. Reading the files is load.py's part; this module only looks up.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.policy.options import Form, Reading, read_arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What is known of one program.

    `harmless_flags`: no flag it has, listed or not, can write, delete, execute or connect, so that
    arguments nobody has seen (from xargs) are safe. `filters`: it passes lines of its input on unchanged.
    `statements`: words and standard input can hold statements, as of SQL, that cannot be taken back.
    `otherwise` is the kind its words are taken for when no form fits, and `otherwise_labels` what is then
    said of it, so that a strange flag cannot hide a denial. `local` are the workspace paths of its wrapper,
    such as "gradlew": a script of the project that stands for the program. `family` is its file's name.
    """

    name: str
    forms: tuple[Form, ...]
    is_builtin: bool = False
    harmless_flags: bool = False
    filters: bool = False
    statements: bool = False
    otherwise: str | None = None
    otherwise_labels: frozenset[str] = frozenset()
    local: frozenset[str] = frozenset()
    family: str = ""

    def read(self, words: tuple[str, ...]) -> tuple[Form, Reading] | None:
        """Returns the first form that these argument words fit wholly, with what they mean, or None."""
        for form in self.forms:
            if form.words and form.words[0] not in words:
                continue
            reading = read_arguments(form, words)
            if reading is not None:
                return form, reading
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All programs by name, and the names that may be set before a command."""

    programs: Mapping[str, Program] = field(default_factory=dict)
    environment: frozenset[str] = frozenset()
    code_paths: frozenset[str] = frozenset()

    def find(self, name: str) -> Program | None:
        """Returns the program known under this bare name, or None."""
        return self.programs.get(name)

    def find_local(self, path: str) -> Program | None:
        """Returns the program whose wrapper a project keeps under this path's last parts, or None."""
        parts = path.split("/")
        for tail in ("/".join(parts[-2:]), parts[-1]):
            program = self.programs.get(parts[-1])
            if program is not None and tail in program.local:
                return program
        return None
