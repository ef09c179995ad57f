"""Splits a CMake file into its commands with their words. Pure; it knows no command and judges nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SPACE = re.compile(r"[ \t\r\n;]+")
_BRACKET = re.compile(r"\[(=*)\[")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)
_WORD = re.compile(r"(?:[^\s()#\"\\;]|\\.)+", re.DOTALL)
_ESCAPE = re.compile(r"\\(\n|.)", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\n": "", ";": ";"}
_MOST_WORDS = 20_000


class Quoted(str):
    """A word in quotes: a list in it stays one word."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CMakeCommand:
    """One command: its name in small letters, its words with `${…}` as written, and the line it begins in."""

    name: str
    words: tuple[str, ...]
    line: int


def split_cmake(text: str) -> tuple[list[CMakeCommand], bool]:
    """Returns the commands of a CMake file in order, and whether the text could be split to its end."""
    commands: list[CMakeCommand] = []
    words: list[str] = []
    name, line, depth = "", 1, 0
    place = count = 0
    number, counted = 1, 0
    touches = False
    while place < len(text):
        count += 1
        if count > _MOST_WORDS:
            return commands, False
        if match := _SPACE.match(text, place):
            place, touches = match.end(), False
            continue
        if text[place] == "#":
            opened = _BRACKET.match(text, place + 1)
            end = text.find(f"]{opened[1]}]", place) if opened else text.find("\n", place)
            if opened and end < 0:
                return commands, False
            place = len(text) if end < 0 else end + (len(opened[1]) + 2 if opened else 0)
            touches = False
            continue
        if text[place] in "()":
            is_open = text[place] == "("
            place, touches = place + 1, False
            depth += 1 if is_open else -1
            if is_open and depth == 1 and name:
                words = []
            elif depth == 0 and name and not is_open:
                commands.append(CMakeCommand(name=name, words=tuple(words), line=line))
                name = ""
            elif depth < 1 or not name:
                return commands, False
            else:
                words.append("(" if is_open else ")")
            continue
        if depth and (opened := _BRACKET.match(text, place)):
            end = text.find(f"]{opened[1]}]", opened.end())
            if end < 0:
                return commands, False
            # Nothing in it is a variable.
            words.append(Quoted(text[opened.end() : end].replace("$", "\0")))
            place, touches = end + len(opened[1]) + 2, False
            continue
        quoted = _QUOTED.match(text, place)
        found = quoted or _WORD.match(text, place)
        if found is None:
            return commands, False
        word = _ESCAPE.sub(_unescape, quoted[1] if quoted else found[0])
        if depth == 0:
            if name or quoted:
                return commands, False
            number, counted = number + text.count("\n", counted, place), place
            name, line = word.lower(), number
        elif touches and words:
            words[-1] += word
        else:
            words.append(Quoted(word) if quoted else word)
        place, touches = found.end(), True
    return commands, depth == 0 and not name


def _unescape(match: re.Match[str]) -> str:
    # An escaped dollar is no variable.
    return "\0" if match[1] == "$" else _ESCAPES.get(match[1], match[1])
