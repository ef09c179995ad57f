"""Says which files the commits hold that a call of git shows or searches, and whether that can be known.

A word that is no plain name of a commit, an id that may be any object, and what an earlier part of the line
may have moved are not known. Of all history the youngest part is looked at. It runs no git.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from workbench.policy.options import Form, Reading, Value
from workbench.policy.paths import is_within
from workbench.policy.programs import Reader
from workbench.policy.walk import plain

KINDS = frozenset({"pathspec", "revision"})
_ALL = "--all"
# These show commits one by one, with what each took away.
_BY_COMMIT = frozenset({"show", "log", "format-patch", "whatchanged", "diff-tree", "stash", "range-diff"})
_BY_RANGE = frozenset({"format-patch", "range-diff"})
# These take a word for an object before they take any for a file, also behind `--`.
_OBJECT_FIRST = frozenset({"archive", "cat-file"})
# `REV:PATH` is one file for these, and the words were judged as that one.
_ONE_FILE = frozenset({"show", "cat-file", "blame"})
_PLAIN = re.compile(r"(?!-)[^\s~^:@{}\\*?\[]+(?:[~^]\d{0,4})*|(?:@|stash@\{\d{1,4}\})(?:[~^]\d{0,4})*")
_ID = re.compile(r"[0-9a-fA-F]{4,40}")
_SAME_FILES = re.compile(r"(?:\^\{(?:commit|tree|tag|)\}|\^!|\^@|\^-\d?)$")
# These stand for what has a name, which all of history begins at.
_NAMED = re.compile(r"[^\s~^:{}\\*?\[]*@\{(?:u|upstream|push|-\d+)\}(?:[~^]\d{0,4})*")
_MAYBE = re.compile(r"[@^{]|^:/")


@dataclass(slots=True, kw_only=True)
class History:
    """`names` are the paths below the top folder; `asked` those that a word of the form `REV:PATH` takes.

    `is_unknown` tells that a word may stand for anything, `is_unseen` that git's files tell nothing.
    """

    names: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    is_unknown: bool = False
    is_unseen: bool = False


def words_of_paths(
    form: Form, reading: Reading, words: tuple[str, ...]
) -> tuple[list[Value], list[Value], bool]:
    """Returns the operands that may be revisions, those that are paths, and whether `--` parts them."""
    operands = [value for value in reading.values if value.is_operand and value.kind in KINDS]
    dashes = [index for index, word in enumerate(words) if plain(word) == "--"]
    if form.words[0] in _OBJECT_FIRST:
        count = 1 if form.words[0] == "archive" else len(operands)
        return operands[:count], operands[count:], len(operands) > count
    if form.words[0] == "grep":
        # What stands behind `--` before the text that is looked for is parted by none.
        text = [value.index for value in reading.values if value.is_operand and value.kind == "text"]
        dashes = [index for index in dashes if not text or index > text[0]]
    dash = dashes[0] if dashes else len(words)
    before = [value for value in operands if value.index < dash]
    return before, [value for value in operands if value.index > dash], bool(dashes)


def look_back(
    reader: Reader, form: Form, reading: Reading, labels: set[str], revisions: list[str], cwd: str, top: str
) -> History:
    """Returns what the commits hold that this call shows, for the words of it that may be revisions."""
    found = History()
    word = form.words[0]
    wanted: list[str] = []
    is_ranged = "walks_history" in labels or word in _BY_RANGE or reader.has_moved_refs
    is_ranged |= bool(reading.given & {"--merge-base", "-NUM"})
    if word == "stash":
        number = next((value.text for value in reading.values if value.is_operand), "0")
        wanted.append(f"stash@{{{number}}}" if number.isdecimal() else number)
    elif not revisions and (word == "show" or reading.given & {"--cached", "--staged"}) and word != "grep":
        wanted.append("HEAD")
    for text in revisions:
        if text.startswith(":"):
            # A file of the index, or a pathspec; but a commit that has these words.
            found.is_unknown |= text.startswith(":/")
        elif ":" in text:
            _take_path(reader, found, text, word, cwd, top)
        else:
            is_ranged |= "..." in text or (".." in text and word != "diff")
            ends = re.split(r"\.{2,3}", text.removeprefix("^"))
            wanted += [end or "HEAD" for end in ends]
    for text in wanted:
        is_ranged |= _take(reader, found, text, top, with_parents=word in _BY_COMMIT)
    if reader.has_moved_refs:
        for text in reader.moved_to:
            if _MAYBE.search(text) and not _PLAIN.fullmatch(text):
                found.is_unknown = True
            else:
                found.names.update(reader.surroundings.committed_files(top, text) or ())
    if is_ranged:
        names = reader.surroundings.committed_files(top, _ALL)
        found.is_unseen |= names is None
        found.names.update(names or ())
    if not reader.work.take(len(found.names)):
        found.is_unseen = True
    return found


def _take(reader: Reader, found: History, text: str, top: str, *, with_parents: bool) -> bool:
    """Adds what one commit holds; returns whether all of history has to be looked at for it."""
    bare = text
    while match := _SAME_FILES.search(bare):
        bare = bare[: match.start()]
        with_parents = True
    if _NAMED.fullmatch(bare):
        return True
    if not _PLAIN.fullmatch(bare):
        found.is_unknown = True
        return False
    is_missing = False
    for revision in (bare, f"{bare}^", f"{bare}^2")[: 3 if with_parents else 1]:
        names = reader.surroundings.committed_files(top, revision)
        is_missing |= names is None
        found.names.update(names or ())
        if revision == bare and names == () and _ID.fullmatch(bare):
            # It may be the id of a file or a folder, of which git tells nobody where it was.
            found.is_unknown = True
    return is_missing


def _take_path(reader: Reader, found: History, text: str, word: str, cwd: str, top: str) -> None:
    """Adds what `REV:PATH` takes of a commit: a file, or all that lies in a folder."""
    revision, _, path = text.partition(":")
    if "{/" in text:
        # The colon may stand in the words of a message.
        found.is_unknown = True
        return
    if word in _ONE_FILE:
        return
    inner = History()
    if _take(reader, inner, revision, top, with_parents=False) or reader.has_moved_refs:
        names = reader.surroundings.committed_files(top, _ALL)
        found.is_unseen |= names is None
        inner.names.update(names or ())
    found.is_unknown |= inner.is_unknown
    start = cwd if path.startswith(("./", "../")) else top
    place = posixpath.normpath(posixpath.join(start, path))
    found.asked.update(_below(inner.names, place, top))


def _below(names: set[str], place: str, top: str) -> Iterator[str]:
    return (name for name in names if is_within(f"{top}/{name}", place))
