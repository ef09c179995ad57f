"""Reads the scripts that projects name in their own files: package.json, cargo's and git's aliases, and more.

Pure: text in, pieces of shell text with their line out. A file that is not what it should be gives nothing,
and the one who asks treats that as unreadable. It judges nothing.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections import deque
from typing import Any

from workbench.policy.makefiles import ScriptLine

_ALIAS_SECTION = re.compile(r"\[alias\]", re.IGNORECASE)
_ALIAS = re.compile(r"\s*([A-Za-z][A-Za-z0-9-]*)\s*=(.*)$")
# Each byte is looked at a fixed number of times, whatever a line holds: a match holds the interpreter.
_RECIPE = re.compile(r"@?([A-Za-z_][A-Za-z0-9_-]*)(?:\s+[+*$]?[A-Za-z_][^:]*|\s*):(?!=)\s*(.*)$")


def read_package_scripts(text: str, path: str, name: str) -> tuple[ScriptLine, ...] | None:
    """Returns a package.json script with the ones before and after it; None when the file is unreadable."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    scripts = data.get("scripts", {}) if isinstance(data, dict) else None
    if not isinstance(scripts, dict):
        return None
    found = []
    for key in (f"pre{name}", name, f"post{name}"):
        script = scripts.get(key)
        if isinstance(script, str) and (key == name or name in scripts):
            found.append(ScriptLine(text=script, path=path, line=_line_of(text, f'"{key}"')))
    return tuple(found)


def read_cargo_alias(text: str, name: str) -> tuple[str, ...] | None:
    """Returns the words that a cargo alias stands for, or None when there is no such alias."""
    aliases = _toml(text).get("alias")
    value = aliases.get(name) if isinstance(aliases, dict) else None
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(value)
    return None


def read_git_alias(text: str, name: str) -> tuple[str, int] | None:
    """Returns what a git alias stands for in this configuration text, and its line."""
    is_section = False
    found = None
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip().startswith("["):
            is_section = _ALIAS_SECTION.match(line.strip()) is not None
        elif is_section and (match := _ALIAS.match(line)) and match[1].lower() == name.lower():
            value = match[2].strip()
            if value[:1] == '"' and value[-1:] == '"' and len(value) > 1:
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            found = value, number
    return found


def read_just_recipes(text: str, path: str, names: tuple[str, ...]) -> tuple[ScriptLine, ...]:
    """Returns the lines of a justfile's recipes (the first without names), with what they depend on."""
    recipes: dict[str, tuple[list[str], list[ScriptLine]]] = {}
    current: list[ScriptLine] | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if line[:1] in (" ", "\t") and current is not None:
            body = re.sub(r"\{\{.*?\}\}", "${MADE_BY_JUST}", line.strip()).lstrip("@-")
            if body:
                current.append(ScriptLine(text=body, path=path, line=number))
        elif (match := _RECIPE.match(line)) is not None:
            current = []
            needs = re.findall(r"[A-Za-z_][A-Za-z0-9_-]*", match[2].split("#")[0])
            recipes[match[1]] = (needs, current)
        elif line.strip() and not line.startswith(("#", "[")):
            current = None
    found: list[ScriptLine] = []
    seen: set[str] = set()
    waiting = deque(names or list(recipes)[:1])
    while waiting:
        name = waiting.popleft()
        if name in recipes and name not in seen:
            seen.add(name)
            waiting.extend(recipes[name][0])
            found.extend(recipes[name][1])
    return tuple(found)


def read_python_scripts(text: str, path: str, name: str) -> tuple[ScriptLine, ...]:
    """Returns the shell text under this name in the script tables that pyproject.toml may hold."""
    data = _toml(text)
    tool = _table(data, "tool")
    tables = [
        _table(_table(tool, "pdm"), "scripts"),
        _table(_table(tool, "poe"), "tasks"),
        _table(_table(tool, "taskipy"), "tasks"),
        _table(_table(tool, "rye"), "scripts"),
    ]
    environments = _table(_table(tool, "hatch"), "envs")
    tables.extend(_table(_table(environments, key), "scripts") for key in environments)
    found = []
    for table in tables:
        value = table.get(name)
        if isinstance(value, dict):
            value = value.get("cmd") or value.get("shell") or value.get("composite")
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, str):
                found.append(ScriptLine(text=item, path=path, line=_line_of(text, name)))
    return tuple(found)


def has_entry_point(text: str, name: str) -> bool:
    """Returns whether pyproject.toml names a program of the project itself by this name."""
    data = _toml(text)
    return name in _table(_table(data, "project"), "scripts") or name in _table(
        _table(_table(data, "tool"), "poetry"), "scripts"
    )


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _table(data: Any, key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}


def _line_of(text: str, piece: str) -> int:
    place = text.find(piece)
    return text.count("\n", 0, place) + 1 if place >= 0 else 1
