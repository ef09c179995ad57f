"""Says what xargs appends to a call where that is surely the names of files and nothing else.

A name can look like an option, and a space in it makes two words of it. Git's index tells the names that it
lists beforehand, and programs that only read what they are given have forms for it. It decides nothing.
"""

from __future__ import annotations

import re

from workbench.model.verdict import Effect
from workbench.policy.programs import Reader
from workbench.policy.tracked import find_repository
from workbench.policy.trail import Trail
from workbench.policy.walk import DYNAMIC, is_dynamic, plain

_STANDS_FOR = "./."
# What xargs would take apart, and what a program would take for an option, in the folder or below it.
_ODD = re.compile(r"[\s'\"\\\x00-\x1f\x7f]|(?:^|/)-")
_ACTS = frozenset(effect.value for effect in Effect) - {Effect.READS.value, Effect.EXECUTES.value}


def with_file(reader: Reader, words: tuple[str, ...]) -> tuple[str, ...]:
    """Returns the words of a call that xargs makes, with a file in the place of what it appends.

    They stay as they are, their end not known, unless all that comes are tracked files of ordinary names and
    the program, with these flags, only reads them.
    """
    if words[-1:] != (DYNAMIC,) or is_dynamic(words[0]) or reader.has_changed or not reader.handed_on:
        return words
    program = reader.catalog.find(plain(words[0]))
    known = program.read((*words[1:-1], _STANDS_FOR)) if program is not None else None
    if known is None:
        return words
    _, reading = known
    takes = [value.kind for value in reading.values if value.is_operand and value.index == len(words) - 2]
    if takes != ["read"] or not _ACTS.isdisjoint(reading.labels) or reading.is_dynamic:
        return words
    is_plain = all(_has_plain_names(reader, trail) for trail in reader.handed_on)
    return (*words[:-1], _STANDS_FOR) if is_plain else words


def _has_plain_names(reader: Reader, trail: Trail) -> bool:
    if not trail.is_tracked or not trail.roots:
        return False
    top, kind = find_repository(reader, trail.roots[0][0].path)
    names = reader.surroundings.tracked_files(top) if kind == "folder" else None
    return names is not None and reader.work.take(len(names)) and not any(map(_ODD.search, names))
