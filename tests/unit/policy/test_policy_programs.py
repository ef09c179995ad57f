"""Which program a first word names, and what is odd about it."""

from __future__ import annotations

import posixpath

import pytest

from workbench.policy import load_policy
from workbench.policy.programs import Reader, resolve_program

POLICY = load_policy(is_tried=False)


class Machine:
    """/usr/bin holds the catalogue's programs; /bin leads there; the workspace holds some files."""

    def program_path(self, name: str) -> str | None:
        if name == "planted":
            return "/ws/bin/planted"
        return f"/usr/bin/{name}" if POLICY.catalog.find(name) else None

    def real_path(self, path: str) -> str:
        normal = posixpath.normpath(path)
        return "/usr" + normal if normal.startswith("/bin/") else normal

    def read_text(self, path: str) -> str | None:
        return {
            "/ws/a.sh": "#!/bin/bash\nls\n",
            "/ws/b.py": "#!/usr/bin/env python3\n",
            "/ws/c": "#!/opt/x\n",
        }.get(path)

    def list_folder(self, path: str) -> tuple[str, ...] | None:
        return ()

    def scan_folder(self, path: str) -> tuple[tuple[str, str], ...] | None:
        return ()

    def tracked_files(self, top: str) -> tuple[str, ...] | None:
        return ()

    def committed_files(self, top: str, revision: str) -> tuple[str, ...] | None:
        return ()


@pytest.mark.parametrize(
    ("word", "program", "path", "labels"),
    [
        ("ls", "ls", "/usr/bin/ls", set()),
        ("cd", "cd", None, set()),
        ("/usr/bin/ls", "ls", "/usr/bin/ls", set()),
        ("/bin/ls", "ls", "/bin/ls", set()),
        ("frob", None, None, {"program_missing", "program_unknown"}),
        ("planted", None, "/ws/bin/planted", {"program_shadowed", "program_unknown"}),
        ("./ls", None, "/ws/ls", {"program_shadowed", "program_unknown"}),
        ("/opt/ls", None, "/opt/ls", {"program_unknown", "executes_outside"}),
        ("/usr/bin/../../opt/ls", None, "/opt/ls", {"program_unknown", "executes_outside"}),
        ("./a.sh", None, "/ws/a.sh", {"understood", "executes", "workspace_code", "workspace_script"}),
        ("./b.py", None, "/ws/b.py", {"understood", "executes", "workspace_code"}),
        ("./c", None, "/ws/c", {"program_unknown", "executes", "workspace_code"}),
        ("./none", None, "/ws/none", {"program_unknown", "executes", "workspace_code"}),
        (".venv/bin/pytest", "pytest", "/ws/.venv/bin/pytest", {"workspace_code"}),
        (".venv/bin/ls", None, "/ws/.venv/bin/ls", {"program_shadowed", "program_unknown"}),
        ("node_modules/.bin/../../ls", None, "/ws/ls", {"program_shadowed", "program_unknown"}),
    ],
)
def test_a_word_names_a_program(word: str, program: str | None, path: str | None, labels: set[str]) -> None:
    reader = Reader(
        catalog=POLICY.catalog, language=POLICY.language, surroundings=Machine(), workspace_root="/ws"
    )
    found: set[str] = set()
    known, where = resolve_program(reader, word, "/ws", found)
    assert (known.name if known else None, where, found) == (program, path, labels)
