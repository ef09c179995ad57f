"""Asks for the project's own files by name, and holds what was found in them to be run.

Each path is looked at once a judgement, and which were looked at is kept: a file that is not there yet would
have changed what was read just as well. It understands no format and judges nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.policy.makefiles import ScriptLine
from workbench.policy.paths import is_within
from workbench.policy.programs import Reader


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """Shell text from files, or the words that an alias stands for. `has_tools` tells that a name which is
    not known is a tool of the project (npm puts node_modules/.bin first); `instead` that the words of the
    call itself run nothing else. `line` is where an alias stands in its file, when that is known.
    `generates` tells that the call writes code by these lines and by nothing else. `environment`, `loose` and
    `given` are the variables that a make in the lines finds set, may find set, and takes over."""

    lines: tuple[ScriptLine, ...] = ()
    words: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    labels: frozenset[str] = frozenset()
    cwd: str = ""
    has_tools: bool = False
    instead: bool = False
    generates: bool = False
    line: int = 0
    environment: Mapping[str, list[str]] = field(default_factory=dict)
    loose: frozenset[str] = frozenset()
    given: Mapping[str, str] = field(default_factory=dict)


def nearest(reader: Reader, cwd: str, *names: str) -> tuple[str, str, bool]:
    """Returns the path, text ("" when unreadable) and presence of a file in this folder or one above it.

    In each folder the names are tried in the order given.
    """
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root):
        for name in names:
            text, exists = load(reader, posixpath.join(folder, name))
            if exists:
                return posixpath.join(folder, name), text, True
        if folder == reader.workspace_root:
            break
        folder = posixpath.dirname(folder)
    return "", "", False


def beside(reader: Reader, cwd: str, *names: str) -> tuple[str, str, bool]:
    """Returns the path, text ("" when unreadable) and presence of the first of these files in this folder."""
    for name in names:
        path = posixpath.join(cwd, name)
        text, exists = load(reader, path)
        if exists:
            return path, text, True
    return "", "", False


def load(reader: Reader, path: str) -> tuple[str, bool]:
    """Returns a file's text and whether there is such a file, each path read once a judgement."""
    path = posixpath.normpath(path)
    reader.looked.add(path)
    if path not in reader.files:
        if len(reader.files) >= reader.most_files:
            return "", True
        reader.files[path] = reader.surroundings.read_text(path)
    text = reader.files[path]
    if text is not None:
        return text, True
    listed = reader.surroundings.list_folder(posixpath.dirname(path))
    return "", listed is None or posixpath.basename(path) in listed
