"""Reads the scripts of a package.json: the asked one with those around it, and what wireit puts behind them.

Pure: text in, pieces of shell text with their line out. A file that is not what it should be gives nothing,
and the one who asks treats that as unreadable. It judges nothing.
"""

from __future__ import annotations

import json
from typing import Any

from workbench.policy.makefiles import ScriptLine

_MOST_WIRED = 60


def read_package_scripts(text: str, path: str, name: str) -> tuple[ScriptLine, ...] | None:
    """Returns a package.json script with the ones before and after it; None when the file is unreadable."""
    data = read_package(text)
    if data is None:
        return None
    keys = (f"pre{name}", name, f"post{name}") if name in data["scripts"] else (name,)
    return _read_keys(data, text, path, keys)


def read_lifecycle(text: str, path: str, names: tuple[str, ...]) -> tuple[ScriptLine, ...] | None:
    """Returns those of these scripts that a package.json has, in this order; None when it is unreadable."""
    data = read_package(text)
    return None if data is None else _read_keys(data, text, path, names)


def read_package(text: str) -> dict[str, Any] | None:
    """Returns what a package.json says, with its table of scripts; None when it cannot be read so."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict) or not isinstance(data.setdefault("scripts", {}), dict):
        return None
    return data


def _read_keys(
    data: dict[str, Any], text: str, path: str, keys: tuple[str, ...]
) -> tuple[ScriptLine, ...] | None:
    scripts = data["scripts"]
    found: list[ScriptLine] = []
    for key in keys:
        script = scripts.get(key)
        if not isinstance(script, str):
            continue
        if script.strip() == "wireit":
            wired = _read_wired(data.get("wireit"), scripts, key)
            if wired is None:
                return None
            found.extend(ScriptLine(text=item, path=path, line=_line_of(text, item)) for item in wired)
        else:
            found.append(ScriptLine(text=script, path=path, line=_line_of(text, f'"{key}"')))
    return tuple(found)


def read_default_start(text: str, path: str) -> tuple[ScriptLine, ...] | None:
    """Returns what `npm start` runs without such a script: those around it, and `node server.js`."""
    try:
        data = json.loads(text)
        scripts = {**data.get("scripts", {}), "start": "node server.js"}
    except (ValueError, RecursionError, AttributeError, TypeError):
        return None
    return read_package_scripts(json.dumps({**data, "scripts": scripts}), path, "start")


def _read_wired(table: Any, scripts: dict[str, Any], name: str) -> list[str] | None:
    """Returns the commands behind a script that is `wireit`; None when they cannot all be told."""
    found: list[str] = []
    waiting, seen = [name], set[str]()
    while waiting:
        key = waiting.pop(0)
        if key in seen:
            continue
        seen.add(key)
        entry = table.get(key) if isinstance(table, dict) else None
        if entry is None and isinstance(scripts.get(key), str) and scripts[key].strip() != "wireit":
            found.append(scripts[key])
            continue
        if not isinstance(entry, dict) or len(seen) > _MOST_WIRED:
            return None
        needs = entry.get("dependencies", [])
        command = entry.get("command", "true")
        if not isinstance(command, str) or not isinstance(needs, list):
            return None
        for need in needs:
            wanted = need.get("script") if isinstance(need, dict) else need
            if not isinstance(wanted, str) or (":" in wanted and wanted not in scripts) or "/" in wanted:
                return None
            waiting.append(wanted)
        found.append(command)
    return found


def _line_of(text: str, piece: str) -> int:
    place = text.find(piece)
    return text.count("\n", 0, place) + 1 if place >= 0 else 1
