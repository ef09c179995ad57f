"""Finds what package managers run around installing, packing and publishing, and which program yarn is.

`npm install` runs `preinstall`, `prepare` and more from package.json, in each workspace package as well;
`.yarnrc.yml` can name a file of the project that runs in yarn's place. It judges nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from workbench.policy.configured import steers_npm
from workbench.policy.makefiles import ScriptLine
from workbench.policy.options import Reading
from workbench.policy.paths import is_within, locate
from workbench.policy.programs import Reader
from workbench.policy.projectfiles import Named, load, nearest
from workbench.policy.scripts import read_lifecycle, read_package
from workbench.policy.taskfiles import read_yaml
from workbench.policy.walk import plain

_INSTALL = ("pnpm:devPreinstall", "preinstall", "install", "postinstall", "prepublish")
_PREPARE = ("preprepare", "prepare", "postprepare")
_PACK = ("prepublish", "prepack", *_PREPARE, "postpack")
_INSTALLS = (
    *("install", "i", "add", "ci", "clean-install", "update", "up", "upgrade", "dedupe", "prune"),
    "import",
)
_BY_COMMAND = {
    **dict.fromkeys(_INSTALLS, (*_INSTALL, *_PREPARE)),
    **dict.fromkeys(
        ("uninstall", "remove", "rm"),
        ("preuninstall", "uninstall", "postuninstall", *_INSTALL, *_PREPARE),
    ),
    "pack": _PACK,
    "publish": ("prepublishOnly", *_PACK, "publish", "postpublish"),
    "version": ("preversion", "version", "postversion"),
}
_MANAGERS = frozenset({"npm", "pnpm", "yarn", "bun"})
# Its hooks are code of the project.
_PNPM_FILES = (".pnpmfile.cjs", ".pnpmfile.mjs")
_PNPM_SETTINGS = "pnpm-workspace.yaml"
_STEERS_PNPM = re.compile(r"script-?shell|node-?options|pnpmfile|shellEmulator", re.IGNORECASE)
_CODE = (".js", ".cjs", ".mjs")
_CLASSIC = re.compile(r"^[ \t]*\"?(?P<key>[\w.-]+)\"?[ \t]+\"?(?P<value>[^\"\n]*)\"?[ \t]*$", re.MULTILINE)
_MOST_PACKAGES = 40


def find_lifecycle(
    reader: Reader, program: str, reading: Reading, words: tuple[str, ...], cwd: str
) -> Named | None:
    """Returns the scripts that a package manager runs by itself around what it is asked to do."""
    if program not in _MANAGERS:
        return None
    asked = next((word for word in map(plain, words) if word in _BY_COMMAND), "")
    if program == "yarn" and not asked and all(plain(word)[:1] == "-" for word in words):
        is_answer = reading.given & {"-v", "--version", "-h", "--help"}
        asked = "" if is_answer else "install"
    if not asked or "--ignore-scripts" in reading.given:
        return None
    path, text, exists = nearest(reader, cwd, "package.json")
    if not exists:
        return None
    folder = posixpath.dirname(path)
    files, labels = read_npm_settings(reader, folder, program)
    if program == "pnpm":
        own = (posixpath.join(folder, name) for name in _PNPM_FILES)
        files.extend(file for file in own if load(reader, file)[1])
    names = _BY_COMMAND[asked]
    lines: list[ScriptLine] = []
    packages, is_whole = _find_packages(reader, text, folder) if names[-1] == "postprepare" else ([], True)
    for package in (path, *packages):
        if package != path:
            text, exists = load(reader, package)
            if not exists:
                continue
        found = read_lifecycle(text, package, names) if text else None
        is_whole = is_whole and found is not None
        place = posixpath.dirname(package)
        lines.extend(replace(line, cwd=place) for line in found or ())
        files.append(package)
        if "install" in names and load(reader, posixpath.join(place, "binding.gyp"))[1]:
            # Compiled by actions that it names itself.
            labels.add("script_unsure")
    if not is_whole:
        labels.add("script_unreadable")
    return Named(lines=tuple(lines), files=tuple(files), labels=frozenset(labels), cwd=folder, has_tools=True)


def read_npm_settings(reader: Reader, folder: str, program: str) -> tuple[list[str], set[str]]:
    """Returns the .npmrc files that count in a folder, and `script_unsure` where one says what runs them."""
    files: list[str] = []
    labels: set[str] = set()
    for place in dict.fromkeys((folder, reader.workspace_root)):
        settings, is_there = load(reader, posixpath.join(place, ".npmrc"))
        if is_there:
            files.append(posixpath.join(place, ".npmrc"))
            labels |= {"script_unsure"} if not settings or steers_npm(settings) else set()
        settings, is_there = (
            load(reader, posixpath.join(place, _PNPM_SETTINGS)) if program == "pnpm" else ("", False)
        )
        if is_there:
            files.append(posixpath.join(place, _PNPM_SETTINGS))
            labels |= {"script_unsure"} if not settings or _STEERS_PNPM.search(settings) else set()
    return files, labels


def _find_packages(reader: Reader, text: str, folder: str) -> tuple[list[str], bool]:
    """Returns the package.json of each workspace package, and whether these are surely all."""
    data = read_package(text) or {}
    listed = data.get("workspaces", [])
    listed = listed.get("packages", []) if isinstance(listed, dict) else listed
    more, exists = load(reader, posixpath.join(folder, _PNPM_SETTINGS))
    if exists:
        said = read_yaml(more)
        given = said.get("packages", []) if isinstance(said, dict) else None
        listed = [*listed, *given] if isinstance(given, list) and isinstance(listed, list) else None
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        return [], False
    found: list[str] = []
    is_whole = True
    for item in listed:
        pattern = posixpath.normpath(item)
        if item.startswith("!"):
            continue
        parent, last = posixpath.split(pattern)
        if last == "*" and not re.search(r"[*?\[{]", parent):
            names = reader.surroundings.list_folder(posixpath.join(folder, parent))
            is_whole = is_whole and names is not None
            found.extend(posixpath.join(folder, parent, name, "package.json") for name in names or ())
        elif re.search(r"[*?\[{]", pattern):
            is_whole = False
        else:
            found.append(posixpath.join(folder, pattern, "package.json"))
    inside = [path for path in dict.fromkeys(found) if is_within(path, reader.workspace_root)]
    is_whole = is_whole and len(inside) == len(set(found)) <= _MOST_PACKAGES
    return inside[:_MOST_PACKAGES], is_whole


def with_own_yarn(reader: Reader, named: Named | None, cwd: str) -> Named | None:
    """Returns the same, with the file of the project that runs in yarn's place and the plugins it loads."""
    files: list[str] = []
    labels: set[str] = set()
    for path, text in _yarn_settings(reader, cwd):
        files.append(path)
        found = _read_yarn(text) if path.endswith(".yml") else _read_classic(text)
        if found is None:
            labels.add("script_unreadable")
        for program in found or ():
            folder = posixpath.dirname(path)
            place = locate(program, cwd=folder, root=reader.workspace_root, surroundings=reader.surroundings)
            reader.looked.add(place.path)
            if place.zone != "workspace":
                labels.add("executes_outside")
            elif not program.endswith(_CODE):
                # Not given to node: it may be any program.
                labels.add("script_unsure")
            files.append(place.path)
            labels.add("executes")
    if not files:
        return named
    if named is None:
        return Named(files=tuple(files), labels=frozenset(labels), cwd=cwd)
    return replace(named, files=(*named.files, *files), labels=named.labels | labels)


def _yarn_settings(reader: Reader, cwd: str) -> Iterator[tuple[str, str]]:
    """Yields each of yarn's settings files from this folder upwards with its text."""
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root):
        for name in (".yarnrc.yml", ".yarnrc"):
            text, exists = load(reader, posixpath.join(folder, name))
            if exists:
                yield posixpath.join(folder, name), text
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)


def _read_yarn(text: str) -> tuple[str, ...] | None:
    data = read_yaml(text) if text else None
    if not isinstance(data, dict):
        return () if text and data is None and not text.strip() else None
    plugins = data.get("plugins", [])
    if not isinstance(plugins, list):
        return None
    given = [
        data.get("yarnPath"),
        *(item.get("path") if isinstance(item, dict) else item for item in plugins),
    ]
    found = tuple(item for item in given if item is not None)
    return found if all(isinstance(item, str) for item in found) else None


def _read_classic(text: str) -> tuple[str, ...] | None:
    if not text:
        return None
    values = {match["key"].lstrip("-"): match["value"] for match in _CLASSIC.finditer(text)}
    if any("script-shell" in key or "use-yarnrc" in key or key.endswith("cwd") for key in values):
        return None
    return tuple(value for key, value in values.items() if key == "yarn-path")
