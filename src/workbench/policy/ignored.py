"""Says which names a search passes over because ignore files, such as .gitignore, say so.

It errs to the side of "not passed over": a line that is not understood hides nothing, and one that might
take a name in again does. It looks at no disk.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import translate

FILES = (".gitignore", ".ignore", ".rgignore", ".fdignore")
_LONGEST = 20_000
_MOST_LINES = 400
_PLAIN = re.compile(r"[A-Za-z0-9_.*?+@-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an ignore file in `folder`: `pattern` is over a name, or over the path below `folder`."""

    folder: str
    pattern: re.Pattern[str]
    is_path: bool
    takes_in: bool
    is_for_folders: bool


def read_lines(folder: str, text: str, *, may_hide: bool) -> tuple[Line, ...]:
    """Returns the lines of an ignore file that lies in `folder`, an absolute path, in their order.

    Unless `may_hide`, only those that take a name in again: not every tool obeys every such file.
    """
    found = []
    for raw in text[:_LONGEST].splitlines()[:_MOST_LINES]:
        takes_in = raw.startswith("!")
        line = raw[takes_in:].strip()
        if not line or line.startswith("#"):
            continue
        bare = line.strip("/")
        is_path = "/" in line.rstrip("/")
        is_understood = all(part == "**" or _PLAIN.fullmatch(part) for part in bare.split("/"))
        if is_path and "**" in bare:
            is_understood = False
        if not takes_in and not (is_understood and may_hide):
            continue
        found.append(
            Line(
                folder=folder,
                pattern=re.compile(translate(bare) if is_understood else r"(?s:.*)\Z"),
                is_path=is_path and is_understood,
                takes_in=takes_in,
                is_for_folders=line.endswith("/"),
            )
        )
    if len(text) > _LONGEST or len(text.splitlines()) > _MOST_LINES:
        # What is not read might take anything in again.
        found.append(
            Line(
                folder=folder,
                pattern=re.compile(r"(?s:.*)\Z"),
                is_path=False,
                takes_in=True,
                is_for_folders=False,
            )
        )
    return tuple(found)


def is_ignored(lines: tuple[Line, ...], path: str, *, is_folder: bool) -> bool | None:
    """Returns whether the last line that speaks of `path` hides it or takes it in; None without one."""
    name = path.rpartition("/")[2]
    for line in reversed(lines):
        if line.is_for_folders and not is_folder and not line.takes_in:
            continue
        text = path.removeprefix(line.folder.rstrip("/") + "/") if line.is_path else name
        # A star of an ignore file takes no slash; what a pattern of Python takes beyond hides nothing.
        if line.is_path and not line.takes_in and text.count("/") != line.pattern.pattern.count("/"):
            continue
        if line.pattern.fullmatch(text):
            return not line.takes_in
    return None
