"""Reads the folders that a tool empties from the settings that it reads by itself, as mkdocs its `site_dir`.

What an option names is judged where the options are read. Settings that are code are the project's code.
"""

from __future__ import annotations

import posixpath
import re

from workbench.policy.calls import Findings
from workbench.policy.leavings import loses_by_emptying
from workbench.policy.options import Form, Reading
from workbench.policy.paths import is_within
from workbench.policy.places import use_path
from workbench.policy.programs import Reader

_YAML = ("mkdocs.yml", "mkdocs.yaml")
_VALUE = r"[ \t]*[\"']?(?P<path>[^\"'\s#,]+)"
_SETTINGS: dict[str, tuple[tuple[str, ...], re.Pattern[str]]] = {
    "mkdocs": (_YAML, re.compile(rf"^site_dir[ \t]*:{_VALUE}", re.MULTILINE)),
    "jekyll": (
        ("_config.yml", "_config.yaml", "_config.toml"),
        re.compile(rf"^destination[ \t]*[:=]{_VALUE}", re.MULTILINE),
    ),
    "hugo": (
        tuple(
            f"{name}.{ending}" for name in ("hugo", "config") for ending in ("toml", "yaml", "yml", "json")
        ),
        re.compile(rf"[\"']?publishDir[\"']?[ \t]*[:=]{_VALUE}", re.IGNORECASE),
    ),
    "pytest": (
        ("pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg"),
        re.compile(rf"--basetemp(?:=|[ \t]+){_VALUE}"),
    ),
}


def take_settled(
    reader: Reader, program: str, form: Form, reading: Reading, cwd: str, paths: Findings
) -> None:
    """Judges each folder that the settings beside a call name to be emptied, as if an option had named it.

    Where a tool only empties when it is told to, only then. A file that is not there names none.
    """
    found = _SETTINGS.get(program)
    if found is None or (program in ("mkdocs", "jekyll") and form.words[:1] not in (("build",), ("serve",))):
        return
    if program == "hugo" and "--cleanDestinationDir" not in reading.given:
        return
    names, pattern = found
    given = [
        value.text for value in reading.values if value.kind in ("plaincode", "code") and not value.is_operand
    ]
    for name in (*names, *given):
        text = reader.surroundings.read_text(posixpath.normpath(posixpath.join(cwd, name)))
        for match in pattern.finditer(text or ""):
            path = use_path(reader, paths, "delete", match["path"], cwd)
            if not is_within(path, reader.workspace_root) or loses_by_emptying(reader, path):
                paths.labels |= {"deletes", "irreversible"}
