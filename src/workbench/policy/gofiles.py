"""Finds what `go generate` runs: the //go:generate lines in the Go files of the packages that are asked for.

Such a line is no shell text: its words are given to a program as they are, with a few variables of go's own.
It judges nothing.
"""

from __future__ import annotations

import json
import posixpath
import re

from workbench.policy.makefiles import ScriptLine
from workbench.policy.options import Reading
from workbench.policy.parse import quote
from workbench.policy.paths import is_within, locate
from workbench.policy.programs import Reader
from workbench.policy.projectfiles import Named
from workbench.policy.walk import plain

_LINE = re.compile(r"^//go:generate[ \t]+([^\n]*)$", re.MULTILINE)
_WORD = re.compile(r"\"(?:[^\"\\]|\\.)*\"|[^ \t]+")
_PACKAGE = re.compile(r"^package[ \t]+(\w+)", re.MULTILINE)
_VARIABLE = re.compile(r"\$\{?(GOFILE|GOPACKAGE|GOLINE)\}?(?![A-Za-z0-9_])")
_MOST_FILES = 1_000
_MOST_FOLDERS = 400
_MOST_LINES = 200
_LONGEST_LINE = 4_000


def find_generators(reader: Reader, reading: Reading, words: tuple[str, ...], cwd: str) -> Named | None:
    """Returns the commands of a `go generate`; None when it only prints them or no file has any."""
    if "generate" not in map(plain, words) or "-n" in reading.given:
        return None
    asked = [value.text for value in reading.values if value.kind == "package"] or ["."]
    files: list[str] = []
    is_whole = True
    for name in asked:
        found = _find_files(reader, name, cwd)
        is_whole = is_whole and found is not None
        files.extend(found or ())
    # A file that this command has written by then is not there to be read.
    reader.looked |= {path for path in reader.written if path.endswith(".go")}
    lines: list[ScriptLine] = []
    holders: list[str] = []
    for path in dict.fromkeys(files):
        reader.looked.add(path)
        text = reader.surroundings.read_text(path)
        # Looking for the word costs little; only a file that has it is read line by line.
        has_lines = text is not None and "//go:generate" in text
        if text is None or not reader.work.take(len(text) if has_lines else len(text) // 20 + 1):
            is_whole = False
            continue
        if not has_lines:
            continue
        holders.append(path)
        found_lines, sure = read_generators(text, path)
        is_whole = is_whole and sure
        lines.extend(found_lines)
    if is_whole and not lines:
        return None
    labels = frozenset() if is_whole and len(lines) <= _MOST_LINES else frozenset({"script_unsure"})
    return Named(
        lines=tuple(lines[:_MOST_LINES]), files=tuple(holders), labels=labels, cwd=cwd, generates=bool(lines)
    )


def read_generators(text: str, path: str) -> tuple[list[ScriptLine], bool]:
    """Returns the //go:generate lines of a Go file as shell text, and whether each could be read."""
    package = _PACKAGE.search(text)
    values = {"GOFILE": posixpath.basename(path), "GOPACKAGE": package[1] if package else "main"}
    aliases: dict[str, list[str]] = {}
    lines: list[ScriptLine] = []
    is_whole = True
    for match in _LINE.finditer(text.replace("\r\n", "\n")):
        number = text.count("\n", 0, match.start()) + 1
        if len(lines) > _MOST_LINES:
            return lines, False
        words = _split(match[1]) if len(match[1]) <= _LONGEST_LINE else None
        if not words:
            is_whole = is_whole and words == []
            continue
        if words[0] == "-command":
            aliases[words[1] if len(words) > 1 else ""] = words[2:]
            continue
        words = [*aliases.get(words[0], words[:1]), *words[1:]]
        shown = " ".join(_spell(word, {**values, "GOLINE": str(number)}) for word in words)
        lines.append(ScriptLine(text=shown, path=path, line=number, cwd=posixpath.dirname(path)))
    return lines, is_whole


def _split(line: str) -> list[str] | None:
    """Returns the words of a line, those in double quotes as Go reads them; None for what Go refuses."""
    words: list[str] = []
    for piece in _WORD.findall(line):
        if not piece.startswith('"'):
            words.append(piece)
            continue
        try:
            words.append(json.loads(piece))
        except ValueError:
            return None
    return words


def _spell(word: str, values: dict[str, str]) -> str:
    """Returns the word as shell text; with a variable that go does not set itself, as one nobody knows."""
    filled = _VARIABLE.sub(lambda match: values[match[1]], word)
    if "$" not in filled:
        return quote(filled)
    return '"' + re.sub(r'(["`\\])', r"\\\1", filled) + '"'


def _find_files(reader: Reader, name: str, cwd: str) -> list[str] | None:
    """Returns the Go files of a package or, with `...`, of all below it; None where some may be missed."""
    if name.endswith(".go"):
        place = locate(name, cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings)
        return [place.path] if place.zone == "workspace" else None
    is_deep = name == "..." or name.endswith("/...")
    base = name.removesuffix("...") or "."
    if not re.match(r"\.{1,2}(/|$)|/", base) or "..." in base:
        # By its import path a package may lie anywhere.
        return None
    place = locate(base, cwd=cwd, root=reader.workspace_root, surroundings=reader.surroundings)
    if place.zone != "workspace":
        return None
    files: list[str] = []
    todo, seen = [place.path], 0
    while todo:
        folder = todo.pop()
        entries = reader.scan(folder)
        seen += 1
        if entries is None or seen > _MOST_FOLDERS or not is_within(folder, reader.workspace_root):
            return None
        for entry, kind in entries:
            if kind == "folder" and is_deep and not _is_left_out(entry):
                todo.append(f"{folder}/{entry}")
            elif kind != "folder" and entry.endswith(".go"):
                files.append(f"{folder}/{entry}")
    return files if len(files) <= _MOST_FILES else None


def _is_left_out(name: str) -> bool:
    return name[:1] in (".", "_") or name in ("testdata", "vendor", "node_modules")
