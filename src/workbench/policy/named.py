"""Finds what a program runs by name from the project's own files: make targets, npm scripts, aliases.

Files are asked for through the surroundings, each bounded there; what was read is listed, so that a verdict
says which files it rests on. A file that exists and cannot be read makes the call one to ask about. It
judges nothing.
"""

from __future__ import annotations

import posixpath

from workbench.policy.catalog import Program
from workbench.policy.makefiles import ScriptLine, find_recipes, parse_makefile
from workbench.policy.options import Reading
from workbench.policy.parse import quote
from workbench.policy.paths import is_within
from workbench.policy.programs import Reader
from workbench.policy.projectfiles import Named as Named
from workbench.policy.projectfiles import load, nearest
from workbench.policy.scripts import (
    has_entry_point,
    read_cargo_alias,
    read_git_alias,
    read_just_recipes,
    read_package_scripts,
    read_python_scripts,
)
from workbench.policy.walk import is_dynamic, plain

_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_JUSTFILES = ("justfile", "Justfile", ".justfile")
_SCRIPT_KINDS = frozenset({"task", "npmscript", "binary"})
_ELSEWHERE = frozenset(
    {"-w", "-ws", "--workspace", "--workspaces", "--filter", "-F", "-r", "--recursive", "--workspace-root"}
)


def find_named(
    reader: Reader, program: Program, reading: Reading, words: tuple[str, ...], cwd: str
) -> Named | None:
    """Returns what an understood call runs by name, or None when it names nothing that a file holds."""
    if "runs_make" in reading.labels:
        return _find_make(reader, reading, cwd)
    if "runs_npm_script" in reading.labels:
        return _find_package_script(reader, program, reading, words, cwd)
    if "runs_just" in reading.labels:
        return _find_just(reader, reading, cwd)
    if "runs_python_script" in reading.labels:
        return _find_python_script(reader, reading, words, cwd)
    return None


def find_alias(reader: Reader, program: Program, words: tuple[str, ...], cwd: str) -> Named | None:
    """Returns what a subcommand that nobody knows stands for in cargo's or git's own configuration."""
    place = next((index for index, word in enumerate(words) if plain(word)[:1] not in ("-", "+")), None)
    if place is None or (place > 0 and program.name == "git"):
        return None
    name, rest = plain(words[place]), words[place + 1 :]
    if program.name == "cargo":
        for tail in (".cargo/config.toml", ".cargo/config"):
            path, text, _ = nearest(reader, cwd, tail)
            alias = read_cargo_alias(text, name) if text else None
            if alias and alias[0] != name:
                return Named(words=(*words[:place], *alias, *rest), files=(path,), cwd=cwd)
    if program.name == "git":
        path, text, _ = nearest(reader, cwd, ".git/config")
        found = read_git_alias(text, name) if text else None
        if found and found[0].startswith("!"):
            script = " ".join((found[0][1:], *(quote(plain(word)) for word in rest)))
            lines = (ScriptLine(text=script, path=path, line=found[1]),)
            return Named(lines=lines, files=(path,), cwd=posixpath.dirname(posixpath.dirname(path)))
        if found and found[0].split()[:1] != [name]:
            return Named(words=(*found[0].split(), *rest), files=(path,), cwd=cwd)
    return None


def is_installed(
    reader: Reader, program: Program, words: tuple[str, ...], reading: Reading, cwd: str
) -> bool:
    """Returns whether what a call like `npx NAME` runs is there: a tool of the project, or beside npx itself.

    A system program of that name is no answer: npx would fetch the package that only shares its name.
    """
    place = next((value.index for value in reading.values if value.kind == "command"), None)
    if place is None or is_dynamic(words[place]):
        return False
    name = plain(words[place])
    if not name or "/" in name:
        return False
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root):
        tools = posixpath.join(folder, "node_modules/.bin")
        listed = reader.surroundings.list_folder(tools)
        if name in (listed or ()) or reader.surroundings.read_text(posixpath.join(tools, name)) is not None:
            return True
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)
    known, path = reader.catalog.find(name), reader.surroundings.program_path(name)
    own = reader.surroundings.program_path(program.name)
    is_tool = known is not None and known.family == program.family == "javascript"
    return (
        is_tool and path is not None and own is not None and posixpath.dirname(path) == posixpath.dirname(own)
    )


def is_entry_point(reader: Reader, name: str, cwd: str) -> bool:
    """Returns whether the project's pyproject.toml defines a program of this name."""
    _, text, _ = nearest(reader, cwd, "pyproject.toml")
    return bool(text) and has_entry_point(text, name)


def _find_make(reader: Reader, reading: Reading, cwd: str) -> Named | None:
    asked = [value.text for value in reading.values if value.kind == "target"]
    given = dict(word.split("=", 1) for word in asked if "=" in word)
    targets = tuple(word for word in asked if "=" not in word)
    files = [value.text for value in reading.values if value.kind == "recipe"]
    path, text, exists = "", "", False
    for name in files[:1] or _MAKEFILES:
        path = posixpath.join(cwd, name)
        text, exists = load(reader, path)
        if exists:
            break
    if not exists:
        return None
    if not text or len(files) > 1:
        return Named(files=(path,), labels=frozenset({"script_unreadable"}), cwd=cwd)
    read: list[str] = [path]

    def include(name: str) -> str | None:
        included, _ = load(reader, name)
        if included:
            read.append(name)
        return included or None

    lines, is_whole = find_recipes(parse_makefile(text, path, include, folder=cwd), targets, given)
    labels = frozenset() if is_whole else frozenset({"script_unsure"})
    return Named(lines=lines, files=tuple(read), labels=labels, cwd=cwd)


def _find_package_script(
    reader: Reader, program: Program, reading: Reading, words: tuple[str, ...], cwd: str
) -> Named | None:
    path, text, exists = nearest(reader, cwd, "package.json")
    if not exists:
        return None
    names = [value for value in reading.values if value.kind in _SCRIPT_KINDS]
    every = [value.text for value in names] if program.name == "concurrently" else []
    extra = ""
    if not every:
        first = min((value.index for value in names), default=-1)
        asked = next((word for word in map(plain, words) if word in ("test", "t", "tst", "start")), "")
        every = [names[0].text] if names else ["start" if asked == "start" else "test"]
        arguments = [value.text for value in reading.values if value.kind == "text" and value.index > first]
        extra = "".join(" " + quote(item) for item in arguments)
    labels: set[str] = set()
    lines: list[ScriptLine] = []
    for name in every:
        found = read_package_scripts(text, path, name) if text else None
        if found is None or reading.given & _ELSEWHERE:
            labels.add("script_unreadable")
        for line in found or ():
            is_own = name in every and line.text and not line.text.endswith("&")
            lines.append(
                ScriptLine(text=line.text + (extra if is_own else ""), path=line.path, line=line.line)
            )
        if found == () and any(value.kind == "binary" for value in names):
            # Not a script: yarn and pnpm run the tool of that name from node_modules/.bin.
            tool = tuple(words[names[0].index :])
            return Named(words=tool, files=(path,), cwd=posixpath.dirname(path), has_tools=True)
    return Named(
        lines=tuple(lines),
        files=(path,),
        labels=frozenset(labels),
        cwd=posixpath.dirname(path),
        has_tools=True,
    )


def _find_just(reader: Reader, reading: Reading, cwd: str) -> Named | None:
    for name in _JUSTFILES:
        path, text, exists = nearest(reader, cwd, name)
        if exists:
            names = tuple(value.text for value in reading.values if value.kind == "task")
            labels = frozenset() if text else frozenset({"script_unreadable"})
            lines = read_just_recipes(text, path, names)
            return Named(lines=lines, files=(path,), labels=labels, cwd=posixpath.dirname(path))
    return None


def _find_python_script(reader: Reader, reading: Reading, words: tuple[str, ...], cwd: str) -> Named | None:
    index = next((value.index for value in reading.values if value.kind == "command"), None)
    path, text, _ = nearest(reader, cwd, "pyproject.toml")
    if index is None or not text:
        return None
    lines = read_python_scripts(text, path, plain(words[index]))
    folder = posixpath.dirname(path)
    return Named(lines=lines, files=(path,), cwd=folder, has_tools=True, instead=True) if lines else None
