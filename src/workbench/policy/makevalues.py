"""Expands a Makefile's variables: to each text that they may stand for, or to what only make would know.

Pure and bounded: each reference costs a step of what the file may ask for. It judges nothing.
"""

from __future__ import annotations

import re
from typing import Protocol

UNKNOWN = "${MADE_BY_MAKE}"
"""Stands in a recipe for what make alone would know."""

MOST_READINGS = 4
LONGEST_LINE = 8_000
_DEEPEST_EXPANSION = 12
DOES_MORE = re.compile(r"\$[({](eval|call|foreach|file|guile|let|if|or|and|shell)\b")
# Functions that give back parts and forms of their arguments, and run nothing.
_VALUE_FUNCTIONS = frozenset(
    [
        *("subst", "patsubst", "strip", "findstring", "filter", "filter-out", "sort", "word", "wordlist"),
        *("words", "firstword", "lastword", "dir", "notdir", "suffix", "basename", "addsuffix", "addprefix"),
        *(
            "join",
            "wildcard",
            "realpath",
            "abspath",
            "origin",
            "flavor",
            "info",
            "warning",
            "error",
            "intcmp",
        ),
    ]
)
# What make defines by itself, as far as recipes use it.
BUILT_IN = {
    "MAKE": "make",
    "RM": "rm -f",
    "CC": "cc",
    "CXX": "g++",
    "CPP": "cc -E",
    "AR": "ar",
    "SHELL": "/bin/sh",
    "CURDIR": ".",
    "PWD": ".",
    "HOME": "~",
}
_Known = dict[tuple[str, int], tuple[list[str], bool]]


class Worker(Protocol):
    """What counts the steps that are left."""

    steps_left: int


def closing(text: str, start: int) -> int:
    depth = 1
    for index in range(start, len(text)):
        if text[index] in "({":
            depth += 1
        elif text[index] in ")}":
            depth -= 1
            if depth == 0:
                return index
    return len(text)


def expand(
    made: Worker,
    text: str,
    variables: dict[str, list[str]],
    automatic: dict[str, str],
    depth: int,
    known: _Known | None = None,
) -> tuple[list[str], bool]:
    """Returns the readings the text may have, and whether make itself could add no other command to it.

    `known` holds what was expanded on the way: each reference is expanded once a depth, or a few lines that
    name each other ten times would keep the judgement busy for ever.
    """
    known = {} if known is None else known
    if depth > _DEEPEST_EXPANSION or len(text) > LONGEST_LINE:
        return [UNKNOWN], False
    readings: list[list[str]] = [[]]
    lengths = [0]
    sure = True
    index = 0
    while index < len(text):
        dollar = text.find("$", index)
        if dollar < 0 or dollar + 1 >= len(text):
            for reading in readings:
                reading.append(text[index:])
            break
        made.steps_left -= len(readings)
        if made.steps_left < 0:
            return [UNKNOWN], False
        following = text[dollar + 1]
        values = [following if following != "$" else "$"]
        end = dollar + 2
        if following in "({":
            end = closing(text, dollar + 2) + 1
            made.steps_left -= (end - dollar) // 100
            values, is_sure = _value_once(
                made, text[dollar + 2 : end - 1], variables, automatic, depth, known
            )
            sure = sure and is_sure
        elif following != "$":
            values, is_sure = _value_once(made, following, variables, automatic, depth, known)
            sure = sure and is_sure
        if len(values) == 1:
            for reading in readings:
                reading += (text[index:dollar], values[0])
            lengths = [length + dollar - index + len(values[0]) for length in lengths]
        else:
            found = [[*reading, text[index:dollar], value] for reading in readings for value in values]
            sure = sure and len(found) <= MOST_READINGS
            readings = found[:MOST_READINGS]
            made.steps_left -= sum(len(reading) for reading in readings) // 10
            lengths = [sum(map(len, reading)) for reading in readings]
        if max(lengths, default=0) > LONGEST_LINE:
            return [UNKNOWN], False
        index = end
    return ["".join(reading) for reading in readings], sure


def _value_once(
    made: Worker,
    name: str,
    variables: dict[str, list[str]],
    automatic: dict[str, str],
    depth: int,
    known: _Known,
) -> tuple[list[str], bool]:
    if (name, depth) not in known:
        known[name, depth] = _value(made, name, variables, automatic, depth, known)
    return known[name, depth]


def _value(
    made: Worker,
    name: str,
    variables: dict[str, list[str]],
    automatic: dict[str, str],
    depth: int,
    known: _Known,
) -> tuple[list[str], bool]:
    function, _, rest = name.partition(" ")
    if "\t" in function:
        return [UNKNOWN], False
    if rest:
        if function == "shell":
            inner, sure = expand(made, rest, variables, automatic, depth + 1, known)
            return [f"$({text})" for text in inner], sure
        return [UNKNOWN], function in _VALUE_FUNCTIONS and not DOES_MORE.search(rest)
    if name in automatic:
        return [automatic[name]], True
    if name[:1] in "@<^*?+" and name[1:] in ("D", "F"):
        return [UNKNOWN], True
    if ":" in name or "$" in name or name[:1] in "@<^*?+%":
        return [UNKNOWN], "$" not in name
    if name in variables:
        found: list[str] = []
        sure = True
        for value in variables[name]:
            values, is_sure = expand(made, value, variables, automatic, depth + 1, known)
            found.extend(values)
            sure = sure and is_sure
        return found[:MOST_READINGS], sure and len(found) <= MOST_READINGS
    return [BUILT_IN.get(name, "")], True
