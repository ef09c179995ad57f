"""Finds what task runners run from files of their own: task, tox, nox, rake, composer, deno, mise and more.

Without such a file there is nothing that could have been read, and the call is judged by its form alone. A
file that is there and not read whole makes the call one to ask about. It judges nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from dataclasses import replace

from workbench.policy.catalog import Program
from workbench.policy.codefiles import (
    is_plain_build,
    is_plain_gradle,
    read_ctest,
    read_meson_tests,
    read_ninja,
    read_noxfile,
    read_rakefile,
)
from workbench.policy.makefiles import ScriptLine
from workbench.policy.options import Reading
from workbench.policy.programs import Reader
from workbench.policy.projectfiles import Named, beside, nearest
from workbench.policy.pyscripts import read_python_scripts, read_tox
from workbench.policy.taskfiles import (
    read_composer,
    read_deno,
    read_hooks,
    read_lefthook,
    read_mise,
    read_taskfile,
)
from workbench.policy.walk import plain

_Found = tuple[tuple[ScriptLine, ...], bool]
_TASKFILES = tuple(
    f"{name}{middle}.{ending}"
    for middle in ("", ".dist")
    for ending in ("yml", "yaml")
    for name in ("Taskfile", "taskfile")
)
_MISE_FILES = ("mise.local.toml", "mise.toml", ".mise.toml", "mise/config.toml", ".config/mise.toml")
_MISE_FOLDERS = ("mise-tasks", ".mise-tasks", "mise/tasks", ".mise/tasks", ".config/mise/tasks")
_HOOK_FILES = ("lefthook.yml", "lefthook.yaml", ".lefthook.yml", ".lefthook.yaml")
_LISTS = frozenset(
    {"-l", "-a", "--list", "--list-all", "-T", "--tasks", "-P", "--prereqs", "--show-only", "-N"}
)
_UNREAD = {
    "turbo": ("package.json",),
    "yarn": ("package.json",),
    "scons": ("SConstruct", "Sconstruct", "sconstruct", "SConstruct.py"),
    "mage": ("magefile.go", "magefiles"),
}
_LIFECYCLE = re.compile(
    r"([A-Za-z0-9_-]+/)?(clean|compile|test|Test/compile|run|package|doc|update|reload|check|deps|jar|uberjar|repl)"
)
_BUILD_FILES = {"sbt": ("build.sbt",), "lein": ("project.clj",)}
_INCLUDED = re.compile(r"[\"']:?([A-Za-z0-9_:.-]{1,100})[\"']")


def find_task(
    reader: Reader, program: Program, reading: Reading, words: tuple[str, ...], cwd: str
) -> Named | None:
    """Returns what a call of a task runner runs, or None when the project holds no file of that runner."""
    bare = tuple(word for word in map(plain, words) if word[:1] != "-")
    names = tuple(value.text for value in reading.values if value.kind in ("task", "target"))
    # Most runners take a `--` away; without it more of the words are options.
    arguments = tuple(value.text for value in reading.values if value.kind == "text" and value.text != "--")
    if reading.given & _LISTS and program.name in ("task", "rake", "tox", "nox", "ctest"):
        return None
    match program.name:
        case "task":
            place = nearest(reader, cwd, *_TASKFILES)
            if place[2]:
                return _named(place, lambda text, path: read_taskfile(text, path, names))
            place = nearest(reader, cwd, "pyproject.toml")
            return _named(place, lambda text, path: read_python_scripts(text, path, "task", names or ("",)))
        case "composer":
            rest = bare[1:] if bare[:1] in (("run",), ("run-script",)) else bare
            place = nearest(reader, cwd, "composer.json")
            name = rest[0] if rest else ""
            # Behind the name options are the script's own as well.
            given = tuple(map(plain, words))
            start = given.index(name) + 1 if name in given else len(given)
            extra = tuple(word for word in given[start:] if word != "--")
            return _named(place, lambda text, path: read_composer(text, path, name, extra), tools=True)
        case "deno":
            place = nearest(reader, cwd, "deno.json", "deno.jsonc")
            found = _named(place, lambda text, path: read_deno(text, path, names[0], arguments))
            other = nearest(reader, cwd, "package.json")
            if found is None and (place[2] or other[2]):
                return _unread(place if place[2] else other)
            return found
        case "tox":
            return _find_tox(reader, reading, cwd, arguments)
        case "nox":
            place = beside(reader, cwd, "noxfile.py")
            sessions = tuple(value.text for value in reading.values if value.kind == "name")
            chosen = sessions if reading.given & {"-s", "--session", "--sessions", "-e"} else ()
            return _named(place, lambda text, path: read_noxfile(text, path, chosen, arguments))
        case "rake":
            return _find_rake(reader, cwd, names)
        case "mise":
            return _find_mise(reader, cwd, names, arguments)
        case "pre-commit":
            place = nearest(reader, cwd, ".pre-commit-config.yaml")
            hooks = tuple(value.text for value in reading.values if value.kind == "name")
            chosen = () if reading.given & {"--hook-stage", "--color"} else hooks
            return _named(place, lambda text, path: read_hooks(text, path, chosen), tools=True)
        case "lefthook":
            place = nearest(reader, cwd, *_HOOK_FILES)
            return _named(place, lambda text, path: read_lefthook(text, path, names[0]), tools=True)
        case "gradle":
            return _find_gradle(reader, cwd, names)
        case "mvn" | "ant":
            place = beside(reader, cwd, "pom.xml" if program.name == "mvn" else "build.xml")
            return _named(place, lambda text, _: ((), is_plain_build(text, program.name)))
        case "ninja":
            place = beside(reader, cwd, "build.ninja")
            return _named(place, read_ninja, tools=True)
        case "ctest":
            place = beside(reader, cwd, "CTestTestfile.cmake")
            return _named(place, read_ctest, tools=True)
        case "meson":
            is_test = bare[:1] == ("test",)
            place = beside(reader, cwd, "meson-info/intro-tests.json" if is_test else "build.ninja")
            return _named(place, read_meson_tests if is_test else read_ninja, tools=True)
        case "sbt" | "lein":
            place = beside(reader, cwd, *_BUILD_FILES[program.name])
            return _named(place, lambda *_: ((), all(_LIFECYCLE.fullmatch(name) for name in names)))
        case _:
            place = nearest(reader, cwd, *_UNREAD.get(program.name, ()))
            return _unread(place) if place[2] else None


def _named(
    place: tuple[str, str, bool], read: Callable[[str, str], _Found | None], *, tools: bool = False
) -> Named | None:
    path, text, exists = place
    if not exists:
        return None
    found = read(text, path) if text else ((), False)
    if found is None:
        return None
    lines, is_whole = found
    labels = frozenset() if is_whole else frozenset({"script_unsure" if text else "script_unreadable"})
    folder = posixpath.dirname(path)
    return Named(lines=lines, files=(path,), labels=labels, cwd=folder, has_tools=tools)


def _unread(place: tuple[str, str, bool]) -> Named:
    return Named(files=(place[0],), labels=frozenset({"script_unreadable"}), cwd=posixpath.dirname(place[0]))


def _find_tox(reader: Reader, reading: Reading, cwd: str, arguments: tuple[str, ...]) -> Named | None:
    named = [value.text for value in reading.values if value.kind == "name"]
    is_chosen = "-e" in reading.given and not reading.given & {"-p", "--parallel", "-s", "-t"}
    names = tuple(name for item in named for name in item.split(",")) if is_chosen else ()
    for file in ("tox.ini", "setup.cfg", "pyproject.toml", "tox.toml"):
        place = nearest(reader, cwd, file)
        is_its = file in ("tox.ini", "tox.toml") or "testenv" in place[1] or "tool.tox" in place[1]
        if place[2] and (is_its or not place[1]):
            found = _named(place, lambda text, path: read_tox(text, path, names, arguments), tools=True)
            return found or _unread(place)
    return None


def _find_rake(reader: Reader, cwd: str, names: tuple[str, ...]) -> Named | None:
    place = nearest(reader, cwd, "Rakefile", "rakefile", "Rakefile.rb", "rakefile.rb")
    if not place[2]:
        return None
    more = reader.surroundings.list_folder(posixpath.join(posixpath.dirname(place[0]), "lib/tasks"))
    has_more = more is None or any(name.endswith(".rake") for name in more)
    found = _named(place, lambda text, path: read_rakefile(text, path, names), tools=True)
    if found is not None and has_more:
        return replace(found, labels=frozenset({"script_unsure"}))
    return found


def _find_mise(reader: Reader, cwd: str, names: tuple[str, ...], arguments: tuple[str, ...]) -> Named | None:
    for file in _MISE_FILES:
        place = nearest(reader, cwd, file)
        found = _named(place, lambda text, path: read_mise(text, path, names[0], arguments))
        if found is not None:
            return found
    for folder in _MISE_FOLDERS:
        listed = reader.surroundings.list_folder(posixpath.join(cwd, folder))
        if listed is None or listed:
            return _unread((posixpath.join(cwd, folder), "", True))
    return None


def _find_gradle(reader: Reader, cwd: str, names: tuple[str, ...]) -> Named | None:
    settings = beside(reader, cwd, "settings.gradle", "settings.gradle.kts")
    folders = [""]
    for line in settings[1].split("\n")[:400]:
        if line.startswith("include"):
            folders.extend(name.replace(":", "/").strip("/") for name in _INCLUDED.findall(line[:2_000]))
    texts, files = [settings[1]], [settings[0]] if settings[2] else []
    is_whole = len(folders) <= 20
    for folder in folders[:20]:
        place = beside(reader, posixpath.join(cwd, folder), "build.gradle", "build.gradle.kts")
        if place[2]:
            files.append(place[0])
            texts.append(place[1])
            is_whole = is_whole and bool(place[1])
    if not files:
        return None
    is_whole = is_whole and is_plain_gradle("\n".join(texts), names)
    return Named(
        files=tuple(files), labels=frozenset() if is_whole else frozenset({"script_unsure"}), cwd=cwd
    )
