"""Reads git's own configuration files as settings, with all that they include.

Only the syntax of git-config(1), and never git: asking it could run what stands there. It is lenient, so that
what a newer git understands is not overlooked. Every includeIf counts as true. It judges nothing.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass

_MOST_BYTES = 512 * 1024
"""Of all files together: reading goes before each start."""
_MOST_FILES, _DEEPEST_INCLUDE = 32, 10
_HEADER = re.compile(r'\[\s*([-.\w]+)\s*(?:"((?:[^"\\]|\\.)*)")?\s*\]')
_SETTING = re.compile(r"([A-Za-z][-\w]*)[ \t]*(?:=(.*))?", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """`section` and `key` are in lower case, without the subsection; `file` is where it stands."""

    section: str
    key: str
    value: str
    file: str

    @property
    def is_include(self) -> bool:
        """Whether it names a file to be read as well."""
        return self.section in ("include", "includeif") and self.key == "path"

    def resolve(self) -> str:
        """Returns the file that an include names, as git understands it."""
        return os.path.join(os.path.dirname(self.file), os.path.expanduser(self.value))


def read_settings(files: list[str]) -> list[Setting]:
    """Returns the settings of the files and of all that they include, read now."""
    found: list[Setting] = []
    seen: set[str] = set()
    waiting = [(path, 0) for path in reversed(files)]
    left = _MOST_BYTES
    while waiting and len(seen) < _MOST_FILES:
        path, depth = waiting.pop()
        real = os.path.realpath(path)
        if real in seen or depth > _DEEPEST_INCLUDE:
            continue
        seen.add(real)
        text = read_text(path, left)
        left -= len(text)
        for setting in parse_settings(text, file=path):
            found.append(setting)
            if setting.is_include and setting.value:
                waiting.append((setting.resolve(), depth + 1))
    return found


def parse_settings(text: str, *, file: str = "") -> Iterator[Setting]:
    """Yields the settings of one file's text; what is no setting is left out."""
    section = ""
    for line in _join_lines(text):
        rest = line
        while header := _HEADER.match(rest):
            # The old spelling [section.subsection] means the same.
            section = header[1].lower().partition(".")[0]
            rest = rest[header.end() :].lstrip()
        if section and (setting := _SETTING.match(rest)):
            value = "true" if setting[2] is None else _parse_value(setting[2])
            yield Setting(section=section, key=setting[1].lower(), value=value, file=file)


def _join_lines(text: str) -> Iterator[str]:
    """Yields the lines without comments; a backslash at the end of one joins the next to it."""
    before = ""
    for line in text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n"):
        whole = before + (line if before else line.lstrip())
        before = ""
        if whole.startswith(("#", ";")):
            continue
        if (len(whole) - len(whole.rstrip("\\"))) % 2:
            before = whole[:-1]
            continue
        yield whole
    if before:
        yield before


def _parse_value(raw: str) -> str:
    value, kept = "", 0
    is_quoted = False
    letters = iter(raw.lstrip())
    for letter in letters:
        if letter == "\\":
            escaped = next(letters, "")
            value += _ESCAPES.get(escaped, escaped)
        elif letter == '"':
            is_quoted = not is_quoted
        elif letter in "#;" and not is_quoted:
            break
        else:
            value += letter
            if letter in " \t" and not is_quoted:
                continue
        kept = len(value)
    return value[:kept]


def read_text(path: str, at_most: int = 4096) -> str:
    """Returns the start of an ordinary file, "" for anything else: a pipe put there must not hold us up."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        return os.read(descriptor, max(0, at_most)).decode("utf-8", "surrogateescape")
    except OSError:
        return ""
    finally:
        os.close(descriptor)
