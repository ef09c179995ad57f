"""Reads the scripts that Python projects name: in pyproject.toml, a Pipfile, and tox's own files.

Pure: text in, pieces of shell text with their line out, and whether that is all the tool would run; None when
it has no script of that name. Each tool reads its own table alone, so that no other tool's script stands for
the program that really runs. It judges nothing.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from workbench.policy.makefiles import ScriptLine
from workbench.policy.parse import quote

Found = tuple[tuple[ScriptLine, ...], bool]
_MOST_SCRIPTS = 60
_HARMLESS_KEYS = frozenset(
    [
        *("help", "cmd", "shell", "composite", "sequence", "deps", "ref", "call", "script", "keep_going"),
        *("ignore_fail", "default_item_type", "args", "capture_stdout", "use_exec", "chain", "description"),
    ]
)
_ELSEWHERE = frozenset({"change_dir", "changedir", "set_env", "setenv", "runner", "plugins", "base"})
_FACTOR = re.compile(r"^[A-Za-z0-9_{},!.-]{1,80}:\s")
_SUBSTITUTION = re.compile(r"\{([^{}\n]{0,200})\}")
_TEMPLATE = re.compile(r"\{[A-Za-z_:]")


def read_python_scripts(text: str, path: str, tool: str, words: tuple[str, ...]) -> Found | None:
    """Returns what `TOOL run WORDS` (or `poe WORDS`) runs by its own table, with the scripts around it."""
    table, name = _table_of(_toml(text), tool, words[0])
    if name not in table:
        return None
    reader = _Scripts(table, text, path, tool)
    reader.take(name, words[1:])
    return tuple(reader.lines), reader.is_whole


def has_entry_point(text: str, name: str) -> bool:
    """Returns whether pyproject.toml names a program of the project itself by this name."""
    data = _toml(text)
    return name in _table(_table(data, "project"), "scripts") or name in _table(
        _table(_table(data, "tool"), "poetry"), "scripts"
    )


def _table_of(data: dict[str, Any], tool: str, name: str) -> tuple[dict[str, Any], str]:
    tools = _table(data, "tool")
    match tool:
        case "pdm":
            return _table(_table(tools, "pdm"), "scripts"), name
        case "rye":
            return _table(_table(tools, "rye"), "scripts"), name
        case "poe":
            return _table(_table(tools, "poe"), "tasks"), name
        case "task":
            return _table(_table(tools, "taskipy"), "tasks"), name
        case "pipenv":
            return _table(data, "scripts"), name
        case "hatch":
            environments = _table(_table(tools, "hatch"), "envs")
            wanted, sign, rest = name.rpartition(":")
            merged: dict[str, Any] = {}
            template = _table(environments, wanted).get("template", "default")
            for key in ("default", str(template), wanted) if sign else ("default",):
                merged.update(_table(_table(environments, key), "scripts"))
            return merged, rest if sign else name
        case _:
            return {}, name


class _Scripts:
    """Follows one script to the others that it names."""

    def __init__(self, table: dict[str, Any], text: str, path: str, tool: str) -> None:
        self.table, self.text, self.path, self.tool = table, text, path, tool
        self.lines: list[ScriptLine] = []
        self.is_whole = True
        self.left = _MOST_SCRIPTS

    def take(self, name: str, arguments: tuple[str, ...], depth: int = 0) -> None:
        self.left -= 1
        if self.left < 0 or depth > 8:
            self.is_whole = False
            return
        around = (f"pre_{name}", f"post_{name}") if self.tool in ("pdm", "task") else ()
        if self.tool == "pdm":
            around = ("pre_run", *around)
        for key in (*around[:-1], name, *around[-1:]):
            if key == name:
                self._take_value(self.table[key], name, arguments, depth)
            elif key in self.table and not name.startswith(("pre_", "post_")):
                self.take(key, (), depth + 1)
        if "_" in self.table and self.tool == "pdm":
            self.is_whole = False

    def _take_value(self, value: Any, name: str, arguments: tuple[str, ...], depth: int) -> None:
        match value:
            case str():
                self._take_text(value, name, arguments, depth)
            case list() if self.tool == "pdm" and all(isinstance(item, str) for item in value):
                self._take_text(" ".join(map(quote, value)), name, arguments, depth)
            case list():
                for item in value[:_MOST_SCRIPTS]:
                    self._take_item(item, name, arguments, depth)
                self.is_whole = self.is_whole and len(value) <= _MOST_SCRIPTS
            case dict():
                self._take_table(value, name, arguments, depth)
            case _:
                self.is_whole = False

    def _take_table(self, value: dict[str, Any], name: str, arguments: tuple[str, ...], depth: int) -> None:
        if set(value) - _HARMLESS_KEYS or (value.get("args") and self.tool == "poe"):
            # Variables, another folder, another interpreter: what it runs then is not followed.
            self.is_whole = False
        for need in value.get("deps", ()) if isinstance(value.get("deps", ()), list) else ():
            self._take_item(need, name, (), depth)
        for key in ("cmd", "shell"):
            if key in value:
                self._take_value(value[key], name, arguments, depth)
                return
        for key in ("composite", "sequence", "ref"):
            if key in value:
                listed = value[key] if isinstance(value[key], list) else [value[key]]
                for item in listed[:_MOST_SCRIPTS]:
                    self._take_item(item, name, arguments, depth)
                return
        if not {"call", "script"} & set(value):
            self.is_whole = False

    def _take_item(self, item: Any, name: str, arguments: tuple[str, ...], depth: int) -> None:
        if isinstance(item, str) and item.split()[:1] and item.split()[0] in self.table:
            self.take(item.split()[0], (*item.split()[1:], *arguments), depth + 1)
        elif isinstance(item, str):
            self._take_text(item, name, arguments, depth)
        elif isinstance(item, dict):
            self._take_table(item, name, arguments, depth)
        else:
            self.is_whole = False

    def _take_text(self, text: str, name: str, arguments: tuple[str, ...], depth: int) -> None:
        text = text.strip().removeprefix("- ") if self.tool == "hatch" else text
        first = text.split(maxsplit=1)[:1]
        extra = "".join(" " + quote(item) for item in arguments)
        if self.tool == "hatch" and first and first[0] in self.table and first[0] != name:
            self.take(first[0], (*text.split()[1:], *arguments), depth + 1)
            return
        if "{args" in text:
            start = text.index("{args")
            end = text.find("}", start)
            default = text[start + 5 : end].removeprefix(":") if end > 0 else ""
            text = f"{text[:start]}{extra.strip() or default}{text[end + 1 :]}"
        else:
            text += extra
        if _TEMPLATE.search(text.replace("${", "")) and self.tool != "poe":
            self.is_whole = False
        line = self.text.find(name)
        number = self.text.count("\n", 0, line) + 1 if line >= 0 else 1
        self.lines.append(ScriptLine(text=text, path=self.path, line=number))


def read_tox(text: str, path: str, names: tuple[str, ...], arguments: tuple[str, ...]) -> Found | None:
    """Returns the commands that tox runs in these environments (all without names); None without any."""
    sections = _toml_sections(text) if path.endswith(".toml") else _ini_sections(text)
    if sections is None:
        return (), False
    wanted = [key for key in sections if key.startswith("testenv")]
    if names and not any("{" in key for key in wanted):
        own = [f"testenv:{name}" for name in names if f"testenv:{name}" in sections]
        inherits = len(own) < len(names) or any("commands" not in sections[key] for key in own)
        wanted = own + (["testenv"] if inherits and "testenv" in sections else [])
    lines: list[ScriptLine] = []
    is_whole = len(wanted) <= _MOST_SCRIPTS
    for key in wanted[:_MOST_SCRIPTS]:
        section = sections[key]
        is_whole = is_whole and _ELSEWHERE.isdisjoint(section)
        for part in ("commands_pre", "commands", "commands_post"):
            for command in section.get(part, ()):
                expanded, sure = _expand_tox(command, arguments)
                is_whole = is_whole and sure
                place = text.find(command[:40])
                number = text.count("\n", 0, place) + 1 if place >= 0 else 1
                lines.append(ScriptLine(text=expanded, path=path, line=number))
    is_whole = is_whole and not sections.get("tox", {}).get("requires")
    return (tuple(lines), is_whole) if wanted else None


def _expand_tox(command: str, arguments: tuple[str, ...]) -> tuple[str, bool]:
    sure = True

    def expand(match: re.Match[str]) -> str:
        nonlocal sure
        inner = match[1]
        if inner in ("toxinidir", "tox_root", "package_root"):
            return "."
        if inner == "posargs" or inner.startswith("posargs:"):
            return " ".join(map(quote, arguments)) or inner.removeprefix("posargs").removeprefix(":")
        if inner in ("envpython", "env_python"):
            return "python"
        sure = sure and inner in ("envname", "env_name", "basepython", "base_python")
        return "x" if sure else "${MADE_BY_TOX}"

    text = _SUBSTITUTION.sub(expand, command)
    return _FACTOR.sub("", text).lstrip("-! "), sure and "{" not in text


def _ini_sections(text: str) -> dict[str, dict[str, list[str]]] | None:
    """Returns sections of names with their lines; None for text that tox would refuse or read otherwise."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] | None = None
    value: list[str] | None = None
    for line in text.split("\n"):
        bare = line.strip()
        if not bare or bare[0] in "#;":
            continue
        if line[0] in " \t":
            if value is None:
                return None
            value.append(bare)
        elif bare[0] == "[":
            key = bare[1:].partition("]")[0]
            if "]" not in bare or key == "DEFAULT":
                return None
            section = sections.setdefault("tox" if key.endswith(":tox") else key, {})
            value = None
        else:
            places = [place for place in (bare.find("="), bare.find(":")) if place > 0]
            if section is None or not places:
                return None
            value = section.setdefault(bare[: min(places)].strip().lower(), [])
            if first := bare[min(places) + 1 :].strip():
                value.append(first)
    return {
        key: {name: _joined(found) for name, found in section.items()} for key, section in sections.items()
    }


def _joined(lines: list[str]) -> list[str]:
    """Returns the lines with those that end in a backslash put before the next."""
    found: list[str] = []
    pieces: list[str] = []
    for line in lines:
        if line.endswith("\\"):
            pieces.append(line[:-1])
            continue
        found.append(" ".join((*pieces, line)))
        pieces = []
    return [*found, " ".join(pieces)] if pieces else found


def _toml_sections(text: str) -> dict[str, dict[str, list[str]]] | None:
    """Reads tox.toml, or the part of pyproject.toml that is tox's: commands are lists of words there."""
    data = _toml(text)
    tool = _table(_table(data, "tool"), "tox") or data
    if isinstance(tool.get("legacy_tox_ini"), str):
        return _ini_sections(tool["legacy_tox_ini"])
    sections: dict[str, dict[str, list[str]]] = {}
    named = _table(tool, "env")
    tables = {"testenv": _table(tool, "env_run_base")}
    tables.update({f"testenv:{key}": _table(named, key) for key in named})
    for key, table in tables.items():
        found: dict[str, list[str]] = {}
        for name, value in table.items():
            if name.startswith("commands"):
                if not isinstance(value, list) or not all(isinstance(item, list) for item in value):
                    return None
                for command in value:
                    if not all(isinstance(item, str) for item in command):
                        return None
                found[name] = [" ".join(map(_quote_tox, command)) for command in value]
            else:
                found[name] = ["x"]
        if found:
            sections[key] = found
    return sections


def _quote_tox(word: str) -> str:
    return word if _SUBSTITUTION.fullmatch(word) else quote(word)


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}


def _table(data: Any, key: str) -> dict[str, Any]:
    value = data.get(key) if isinstance(data, dict) else None
    return value if isinstance(value, dict) else {}
