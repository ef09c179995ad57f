"""Says what a database's client is given to do: on its words, in files, through pipes and redirects.

What goes into a pipe is known as text where a program prints its words or files as they are, as echo and cat
do. What else is piped in nobody has seen, and so are files that cannot be read or that the same command has
written before. It decides nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from workbench.policy.calls import Call
from workbench.policy.catalog import Program
from workbench.policy.paths import is_within
from workbench.policy.programs import Fed, Reader
from workbench.policy.statements import LONGEST, is_action, is_irreversible
from workbench.policy.walk import plain

_MOST_SEEN = 16
_MOST_FILES = 12
_MOST_TOKENS = 40
_LONGEST_NAME = 400
# What these print are their words and lines of their files or of their input.
_SEEN = frozenset({"echo", "printf", "cat", "head", "tail", "grep", "sed", "sort", "uniq", "tee", "tac"})
# ... and these leave them as they are, unless an option says otherwise.
_UNCHANGED = frozenset({"echo", "cat"})
# Subcommands of a project's own programs that start a database's client.
_STARTS_CLIENT = frozenset({"dbshell", "dbconsole", "sqlshell"})
_SPLITS = re.compile(r"[\s;'\"()]+")
_NAMES_FILE = re.compile(r"(-f|-i|--?file|--?init|--?input|\.read|source|\\i|\\ir|\\\.|--import|-import)")


def follow(before: Fed, command: tuple[str, ...], calls: list[Call]) -> Fed:
    """Returns what the next command of a pipeline is fed, when this one is fed with `before`."""
    name = posixpath.basename(plain(command[0])) if command else ""
    files = {path for call in calls for path in call.facts.reads}
    words = " ".join(plain(word) for word in command[1:])
    return Fed(
        files=(*before.files, *sorted(files)),
        text=f"{before.text}\n{words}"[: 2 * LONGEST],
        is_unseen=before.is_unseen or name not in _SEEN or before.is_long(words),
        is_altered=before.is_altered or name not in _UNCHANGED or words.startswith("-") or " -" in words,
    )


def files_in_text(reader: Reader, text: str, cwd: str) -> set[str]:
    """Returns the files that shell text seems to name, where which command they feed is not known."""
    tokens = re.split(r"[\s;|&<>()\"'`$]+", text[:LONGEST])[:_MOST_TOKENS]
    paths = {
        posixpath.normpath(posixpath.join(cwd, token)) for token in tokens if 0 < len(token) <= _LONGEST_NAME
    }
    return {path for path in paths if _is_there(reader, path)}


def speaks_to_database(reader: Reader, program: Program | None, words: tuple[str, ...]) -> bool:
    """Returns whether the call is of a database's client, or starts one, as in a container."""
    if program is not None and program.statements:
        return True
    named = [posixpath.basename(plain(word)) for word in words[1:_MOST_SEEN]]
    if any(name in _STARTS_CLIENT for name in named):
        return True
    if program is None or not program.otherwise_labels:
        return False
    return any((found := reader.catalog.find(name)) is not None and found.statements for name in named)


def is_lost(reader: Reader, args: tuple[str, ...], cwd: str) -> bool:
    """Returns whether a client with these arguments may run a statement that cannot be taken back."""
    texts = tuple(plain(arg) for arg in args)
    if is_action(texts) or is_irreversible(texts, reader.fed.text) or reader.fed.is_unseen:
        return True
    asked = list(_named_files(reader, texts, cwd)) + [(path, True) for path in reader.fed.files]
    if len(asked) > _MOST_FILES:
        return True
    for path, is_run in asked:
        if is_run and path in reader.written:
            return True
        text = reader.surroundings.read_text(path)
        if text is None or len(text) > LONGEST:
            if is_run and (text is not None or _is_there(reader, path)):
                return True
        elif is_irreversible((), text):
            return True
    return False


def _named_files(reader: Reader, texts: tuple[str, ...], cwd: str) -> Iterator[tuple[str, bool]]:
    """Yields files that the words name, each with whether it is surely there to be run."""
    before, seen = "", 0
    for text in texts:
        tokens = [text, *_SPLITS.split(text)] if _SPLITS.search(text) else [text]
        for token in tokens:
            seen += 1
            if seen > _MOST_TOKENS or len(token) > _LONGEST_NAME:
                break
            name, sign, value = token.partition("=")
            spellings = [(value, _NAMES_FILE.fullmatch(name) is not None)] if sign else []
            if token[:1] == "-":
                spellings.append((token[2:], token[:2] in ("-f", "-i")))
            else:
                spellings.append((token, _NAMES_FILE.fullmatch(before) is not None))
            before = token
            for spelled, is_sure in spellings:
                path = posixpath.normpath(posixpath.join(cwd, spelled))
                if spelled and (is_sure or path in reader.written or _is_there(reader, path)):
                    yield path, is_sure or path in reader.written


def _is_there(reader: Reader, path: str) -> bool:
    folder, name = posixpath.split(path)
    if not is_within(path, reader.workspace_root):
        return False
    return (name, "file") in (reader.scan(folder) or ())
