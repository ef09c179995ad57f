"""Finds what a program runs by name from the project's own files: make targets, npm scripts, aliases.

Files are asked for through the surroundings, each bounded there; what was read is listed, so that a verdict
says which files it rests on. A file that exists and cannot be read makes the call one to ask about. It
judges nothing.
"""

from __future__ import annotations

import posixpath
import re

from workbench.policy.catalog import Program
from workbench.policy.cmakefiles import find_cmake
from workbench.policy.configured import (
    CARGO_COMMANDS,
    GIT_COMMANDS,
    is_whole_git,
    read_cargo_alias,
    read_cargo_programs,
    read_git_alias,
    split_alias,
)
from workbench.policy.gofiles import find_generators
from workbench.policy.hooks import find_hooks, find_staged
from workbench.policy.justfiles import read_justfile
from workbench.policy.lifecycle import find_lifecycle, read_npm_settings, with_own_yarn
from workbench.policy.makefiles import MOST_STEPS, ScriptLine, find_exports, find_recipes, parse_makefile
from workbench.policy.options import Reading
from workbench.policy.parse import quote
from workbench.policy.paths import is_within
from workbench.policy.programs import Reader
from workbench.policy.projectfiles import Named as Named
from workbench.policy.projectfiles import load, nearest
from workbench.policy.pyscripts import has_entry_point, read_python_scripts
from workbench.policy.runners import find_task
from workbench.policy.scripts import read_default_start, read_package_scripts
from workbench.policy.sensitive import is_secret
from workbench.policy.walk import is_dynamic, plain

_MAKEFILES = ("GNUmakefile", "makefile", "Makefile")
_JUSTFILES = ("justfile", "Justfile", "JUSTFILE", ".justfile", ".Justfile")
_JUST_SHOWS = frozenset({"-l", "--list", "--summary", "--dump", "--show", "--fmt"})
_CARGO_OWN_ALIASES = frozenset({"b", "c", "d", "t", "r", "rm"})
_TOOLCHAIN_PATH = re.compile(r"^[ \t]*path[ \t]*=", re.MULTILINE)
_BUILD_PROGRAMS = re.compile(r"(sccache|ccache|mold|(rust-)?lld|([a-z0-9_]+-)*(cc|gcc|clang|ld)(-[0-9.]+)?)")
_HAVE_TABLES = frozenset({"pdm", "rye", "hatch", "pipenv", "poe"})
_CODE_FILE = re.compile(r"[A-Za-z0-9_@./-]+\.[cm]?[jt]sx?")
_SCRIPT_KINDS = frozenset({"task", "npmscript", "binary"})
_ELSEWHERE = frozenset(
    {"-w", "-ws", "--workspace", "--workspaces", "--filter", "-F", "-r", "--recursive", "--workspace-root"}
)


def find_named(
    reader: Reader, program: Program, reading: Reading, words: tuple[str, ...], cwd: str
) -> Named | None:
    """Returns what an understood call runs by name, or None when it names nothing that a file holds."""
    named = _find(reader, program, reading, words, cwd)
    return with_own_yarn(reader, named, cwd) if program.name == "yarn" else named


def _find(
    reader: Reader, program: Program, reading: Reading, words: tuple[str, ...], cwd: str
) -> Named | None:
    if "runs_make" in reading.labels:
        return _find_make(reader, reading, cwd)
    if "runs_npm_script" in reading.labels and program.name != "concurrently":
        return _find_package_script(reader, program, reading, words, cwd)
    if "runs_just" in reading.labels:
        return _find_just(reader, reading, cwd)
    if "runs_python_script" in reading.labels:
        return _find_python_script(reader, program, reading, words, cwd)
    if "runs_task" in reading.labels:
        return find_task(reader, program, reading, words, cwd)
    if program.name == "cargo" and "executes" in reading.labels:
        return _find_cargo_programs(reader, cwd)
    if program.name == "cmake" and "executes" in reading.labels:
        return find_cmake(reader, reading, words, cwd)
    if program.name == "git":
        return find_hooks(reader, reading, words, cwd)
    if reader.first_word == "lint-staged":
        return find_staged(reader, cwd)
    if program.name == "go" and "runs_code" in reading.labels:
        return find_generators(reader, reading, words, cwd)
    return find_lifecycle(reader, program.name, reading, words, cwd)


def may_be_alias(program: Program, words: tuple[str, ...]) -> bool:
    """Returns whether a user's alias stands before what the catalogue knows: cargo's `t` may be any words."""
    return program.name == "cargo" and any(plain(word) in _CARGO_OWN_ALIASES for word in words[:3])


def find_alias(reader: Reader, program: Program, words: tuple[str, ...], cwd: str) -> Named | None:
    """Returns what a subcommand that nobody knows stands for in cargo's or git's own configuration."""
    place = next((index for index, word in enumerate(words) if plain(word)[:1] not in ("-", "+")), None)
    if place is None or (place > 0 and program.name == "git"):
        return None
    name, rest = plain(words[place]), words[place + 1 :]
    if program.name == "cargo" and name not in CARGO_COMMANDS:
        for path, text in _cargo_configs(reader, cwd):
            alias = read_cargo_alias(text, name) if text else None
            if alias:
                # The nearest file that has it counts.
                is_own = alias[0] == name
                return (
                    None if is_own else Named(words=(*words[:place], *alias, *rest), files=(path,), cwd=cwd)
                )
    if program.name == "git" and name.lower() not in GIT_COMMANDS:
        return _find_git_alias(reader, name, rest, cwd)
    return None


def _find_git_alias(reader: Reader, name: str, rest: tuple[str, ...], cwd: str) -> Named | None:
    """Git takes its own commands first, then programs called git-NAME, then aliases."""
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root):
        text, _ = load(reader, posixpath.join(folder, ".git"))
        if text:
            # A worktree's or submodule's: its configuration lies elsewhere.
            return None
        text, exists = load(reader, posixpath.join(folder, ".git/config"))
        if exists:
            break
        if folder == reader.workspace_root:
            return None
        folder = posixpath.dirname(folder)
    else:
        return None
    found = read_git_alias(text, name)
    if found is None or reader.surroundings.program_path(f"git-{name}") is not None:
        return None
    path = posixpath.join(folder, ".git/config")
    labels = frozenset() if is_whole_git(text) else frozenset({"script_unsure"})
    if found[0].startswith("!"):
        script = " ".join((found[0][1:], *(quote(plain(word)) for word in rest)))
        lines = (ScriptLine(text=script, path=path, line=found[1]),)
        return Named(lines=lines, files=(path,), labels=labels, cwd=folder)
    words = split_alias(found[0])
    if not words or words[0] == name:
        return None
    return Named(words=(*words, *rest), files=(path,), labels=labels, line=found[1], cwd=cwd)


def _cargo_configs(reader: Reader, cwd: str) -> list[tuple[str, str]]:
    """Returns cargo's configuration files from this folder upwards; the one without an ending counts."""
    found = []
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root):
        for tail in (".cargo/config", ".cargo/config.toml"):
            text, exists = load(reader, posixpath.join(folder, tail))
            if exists:
                found.append((posixpath.join(folder, tail), text))
                break
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)
    return found


def _find_cargo_programs(reader: Reader, cwd: str) -> Named | None:
    """Returns what cargo's configuration runs in place of the compiler, or before what was built."""
    configs = _cargo_configs(reader, cwd)
    toolchain = nearest(reader, cwd, "rust-toolchain.toml", "rust-toolchain")
    if _TOOLCHAIN_PATH.search(toolchain[1]):
        return Named(files=(toolchain[0],), labels=frozenset({"script_unsure"}), cwd=cwd)
    if not configs:
        # Its own code is built whatever a checkout brings; only a configuration is read.
        reader.looked.clear()
        return None
    labels: set[str] = set()
    lines: list[ScriptLine] = []
    for path, text in configs:
        programs = read_cargo_programs(text) if text else None
        if programs is None:
            labels.add("script_unreadable")
        for program in programs or ():
            if not _BUILD_PROGRAMS.fullmatch(program):
                labels.add("script_unsure")
                lines.append(ScriptLine(text=program, path=path, line=_line_in(text, program)))
    files = tuple(path for path, _ in configs)
    return Named(lines=tuple(lines), files=files, labels=frozenset(labels), cwd=cwd)


def _line_in(text: str, piece: str) -> int:
    place = text.find(piece)
    return text.count("\n", 0, place) + 1 if place >= 0 else 1


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
    # A make that a recipe runs takes over what its own was given.
    given = {**reader.given, **dict(word.split("=", 1) for word in asked if "=" in word)}
    targets = tuple(word for word in asked if "=" not in word)
    files = [value.text for value in reading.values if value.kind == "recipe"]
    path, text, exists = "", "", False
    for name in files[:1] or _MAKEFILES:
        path = posixpath.join(cwd, name)
        text, exists = load(reader, path)
        if exists:
            break
    if not exists and (files or any(value.kind == "chdir" for value in reading.values)):
        # Whoever names the place means a file that is there by then.
        return Named(files=(path,), labels=frozenset({"script_unreadable"}), cwd=cwd)
    if not exists:
        return None
    if not text or len(files) > 1:
        return Named(files=(path,), labels=frozenset({"script_unreadable"}), cwd=cwd)
    read: list[str] = [path]
    texts: list[str] = [text]
    labels = {"reads_secret"} if is_secret(path) else set[str]()

    def include(name: str) -> str | None:
        if is_secret(posixpath.normpath(name)):
            labels.add("reads_secret")
        included, _ = load(reader, name)
        texts.append(included)
        if included:
            read.append(name)
        return included or None

    # A step of make's own is about as much work as four characters of a file.
    steps = max(0, min(MOST_STEPS, reader.work.left // 4))
    made = parse_makefile(text, path, include, folder=cwd, steps=steps, environment=reader.environment)
    lines, is_whole = find_recipes(made, targets, given)
    reader.work.take(4 * (steps - made.steps_left))
    if not is_whole or any(name in item for name in reader.loose for item in texts):
        labels.add("script_unsure")
    return Named(
        lines=lines,
        files=tuple(read),
        labels=frozenset(labels),
        cwd=cwd,
        environment=find_exports(made, given),
        loose=frozenset(made.loose),
        given=given,
    )


def _find_package_script(
    reader: Reader, program: Program, reading: Reading, words: tuple[str, ...], cwd: str
) -> Named | None:
    path, text, exists = nearest(reader, cwd, "package.json")
    if program.name == "bun" and (tool := _find_bun_tool(reading, words, text, path, cwd)) is not None:
        return tool
    if not exists:
        return None
    names = [value for value in reading.values if value.kind in _SCRIPT_KINDS]
    every = [value.text for value in names] if program.name == "npm-run-all" else []
    extra = ""
    if not every:
        first = min((value.index for value in names), default=-1)
        asked = next((word for word in map(plain, words) if word in ("test", "t", "tst", "start")), "")
        every = [names[0].text] if names else ["start" if asked == "start" else "test"]
        arguments = [value.text for value in reading.values if value.kind == "text" and value.index > first]
        # Some package managers hand a `--` on and some do not; without it more words are options.
        extra = "".join(" " + quote(item) for item in arguments if item != "--")
    settings, labels = read_npm_settings(reader, posixpath.dirname(path), program.name)
    files = [path, *settings]
    lines: list[ScriptLine] = []
    for name in every:
        found = read_package_scripts(text, path, name) if text else None
        if found == () and name == "start" and program.name in ("npm", "pnpm") and text:
            found = read_default_start(text, path)
        if found is None or reading.given & _ELSEWHERE:
            labels.add("script_unreadable")
        for line in found or ():
            is_own = name in every and line.text and not line.text.endswith("&")
            lines.append(
                ScriptLine(text=line.text + (extra if is_own else ""), path=line.path, line=line.line)
            )
        if found == () and any(value.kind == "binary" for value in names):
            # Not a script: yarn and pnpm run the tool of that name from node_modules/.bin.
            tools = tuple(word for word in words[names[0].index :] if word != "--")
            return Named(words=tools, files=(path,), cwd=posixpath.dirname(path), has_tools=True)
    return Named(
        lines=tuple(lines),
        files=tuple(files),
        labels=frozenset(labels),
        cwd=posixpath.dirname(path),
        has_tools=True,
    )


def _find_bun_tool(reading: Reading, words: tuple[str, ...], text: str, path: str, cwd: str) -> Named | None:
    """Returns what `bun run NAME` runs when NAME is no script: a file, a tool, or any system program."""
    name = next((value for value in reading.values if value.kind in _SCRIPT_KINDS), None)
    if name is None or (path and not text) or (text and read_package_scripts(text, path, name.text) != ()):
        return None
    if _CODE_FILE.fullmatch(name.text):
        return None
    files = (path,) if path else ()
    tools = tuple(word for word in words[name.index :] if word != "--")
    return Named(words=tools, files=files, cwd=cwd, has_tools=True)


def _find_just(reader: Reader, reading: Reading, cwd: str) -> Named | None:
    if reading.given & _JUST_SHOWS:
        return None
    path, text, exists = nearest(reader, cwd, *_JUSTFILES)
    if not exists:
        return None
    names = tuple(value.text for value in reading.values if value.kind == "task")
    lines, is_whole = read_justfile(text, path, names)
    labels = frozenset({"script_unreadable"}) if not text else frozenset[str]()
    if not is_whole:
        labels |= {"script_unsure"}
    return Named(lines=lines, files=(path,), labels=labels, cwd=posixpath.dirname(path))


def _find_python_script(
    reader: Reader, program: Program, reading: Reading, words: tuple[str, ...], cwd: str
) -> Named | None:
    """Returns a script of the tool's own table. uv and poetry have none: what they run is what is named."""
    index = next((value.index for value in reading.values if value.kind == "command"), None)
    tool = plain(reader.first_word)
    if index is None or tool not in _HAVE_TABLES or is_dynamic(words[index]):
        return None
    path, text, exists = nearest(reader, cwd, "Pipfile" if tool == "pipenv" else "pyproject.toml")
    if not exists:
        return None
    asked = tuple(plain(word) for word in words[index:] if plain(word) != "--")
    if tool == "hatch" and nearest(reader, cwd, "hatch.toml")[2]:
        # It goes before pyproject.toml, and may give any name another meaning.
        return Named(files=(path,), labels=frozenset({"script_unsure"}), cwd=cwd)
    found = read_python_scripts(text, path, tool, asked) if text else ((), False)
    if found is None:
        return None
    lines, is_whole = found
    labels = frozenset[str]() if is_whole else frozenset({"script_unsure"})
    folder = posixpath.dirname(path)
    return Named(lines=lines, files=(path,), labels=labels, cwd=folder, has_tools=True, instead=True)
