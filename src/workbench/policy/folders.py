"""Follows `cd` in shell files, and marks what a call does by a relative path where the folder is not known.

A shell file that begins with `cd "$(dirname "$0")"` is where it lies; one that goes to `$1` may be anywhere.
It judges nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace

from workbench.policy.calls import Call
from workbench.policy.leniency import functions_of, without_remarks
from workbench.policy.options import Reading
from workbench.policy.parse import Script
from workbench.policy.paths import is_within
from workbench.policy.programs import Reader
from workbench.policy.walk import SimpleCommand, is_dynamic, plain

_MOVES = frozenset({"cd", "pushd", "popd"})
# Behind one of these a `cd` changes the folder of what follows.
_IN_THIS_SHELL = frozenset(
    {"cd", "pushd", "popd", "command", "builtin", "eval", ".", "source", "time", "trap"}
)
_SOURCES = frozenset({".", "source"})
_AT_STAKE = frozenset(
    {"writes", "deletes", "executes", "irreversible", "program_unknown", "runs_file", "makes_link"}
)
_FOLDER_OPTIONS = frozenset({"-C", "--prefix", "--directory", "--dir", "--chdir"})
_OWN_NAMES = frozenset({"cd", "dirname", "pwd", "git", "basename", "pushd"})
# What says where a script is, given another value.
_TURNS_NAMES = re.compile(r"BASH_ARGV0|(?<![\w${])(?:BASH_SOURCE|(?:OLD)?PWD)\b(?!\()")
_LONGEST = 16_384
_SELF = r"(?:\$\{BASH_SOURCE(?:\[0\])?\}|\$BASH_SOURCE|\$0|\$\{0\})"
# With the name of the variable that says which file it is: a sourced file's $0 is another's.
_DIRNAME = rf"(?:\$\( ?|`)dirname(?: --)? \"?{_SELF}\"? ?(?:\)|`)|\$\{{(?:0|BASH_SOURCE(?:\[0\])?)%/\*\}}"
_TOP = r"\$\(git rev-parse --show-toplevel(?: 2>/dev/null)?\)"
_HERE = r"\$\(pwd(?: -P)?\)|`pwd`|\$PWD|\$\{PWD\}"
_TAIL = r"(?P<tail>(?:/(?:\.\.|[A-Za-z0-9_-][\w.-]*))*)/?"
_FOLDER = re.compile(rf"\"?(?:(?P<own>{_DIRNAME})|(?P<top>{_TOP})|(?P<here>{_HERE}))\"?{_TAIL}\"?")
_PWD = re.compile(
    r"[\"']?(?:\$\( ?|`)(?:CDPATH= )?cd(?: -P)?(?: --)? (?P<folder>[^;&|\n]{1,200}?)"
    r" ?(?:>/dev/null|> /dev/null|&>/dev/null)?"
    r"(?: 2>&1)? ?(?:&&|;) ?pwd(?: -P)? ?(?:\)|`)[\"']?"
)
_NAMED = re.compile(rf"\"?\$\{{?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}}?\"?{_TAIL}\"?")
_MOVED = re.compile(r"(?<![\w./-])(?:cd|pushd|popd|source|eval|\.)(?=[ \t])")


def own_folder(
    reader: Reader, command: SimpleCommand, word: str, script: Script, file: str, cwd: str
) -> str | None:
    """Returns the folder that the word of a `cd` in a shell file surely stands for, or None.

    `command` is that `cd` as it stands in the text. `$0` tells it only until something changes the folder.
    """
    text = script.text
    if (
        len(text) > _LONGEST
        or _TURNS_NAMES.search(text)
        or (command.is_loose and "zsh" in text.split("\n", 1)[0])
    ):
        # In a function zsh's $0 is the function.
        return None
    if (
        len(text) > _LONGEST
        or not reader.work.take(len(text))
        or not file
        or not _OWN_NAMES.isdisjoint(functions_of(text))
    ):
        return None
    lines = text.split("\n")
    line = command.line
    before, own = "\n".join(lines[: line - 1]), lines[line - 1] if line <= len(lines) else ""
    if command.is_loose and _has_moved("\n".join((before, *lines[line:]))):
        # A function may be called after another `cd` that stands behind it.
        return None
    if len(_MOVED.findall(_PWD.sub("", own))) > 1:
        return None
    if (found := _FOLDER.fullmatch(word)) is not None:
        return (
            None if _has_moved(before) or _is_others(reader, found) else _folder_of(reader, found, file, cwd)
        )
    named = _NAMED.fullmatch(word)
    if named is None or not any(_sets(item, named["name"]) for item in script.commands):
        return None
    return _value_of(reader, named, text, before, file, cwd)


def _sets(command: SimpleCommand, name: str) -> bool:
    """Returns whether the command surely runs, and gives the variable a value."""
    is_told = any(key == name for key, _ in command.assignments) or any(
        word.startswith(f"{name}=") for word in map(plain, command.words[1:])
    )
    return is_told and command.is_sure and not command.shells


def _value_of(
    reader: Reader, named: re.Match[str], text: str, before: str, file: str, cwd: str
) -> str | None:
    """Returns the folder of a variable that has one value in the text, given before it is used."""
    told = without_remarks(text)
    sets = [match.end() for match in re.finditer(rf"(?<![\w$-])(?<!\$\{{){named['name']}\b", told)]
    head = told[: sets[0] - len(named["name"])] if len(sets) == 1 else ""
    if len(sets) != 1 or head.count("\n") > without_remarks(before).count("\n"):
        return None
    value = told[sets[0] :].split("\n", 1)[0].rstrip()
    if value[:1] != "=" or _has_moved(head):
        return None
    inner = _PWD.fullmatch(value[1:])
    found = _FOLDER.fullmatch(inner["folder"] if inner is not None else value[1:])
    # Without `pwd` the value is relative, and stands for another folder after the next `cd`.
    if found is None or _is_others(reader, found) or (inner is None and found["own"] and _has_moved(before)):
        return None
    return posixpath.normpath(_folder_of(reader, found, file, cwd) + named["tail"])


def _is_others(reader: Reader, found: re.Match[str]) -> bool:
    """Returns whether it says where another lies: a link to the file, or whoever takes it in."""
    if not found["own"]:
        return False
    return reader.is_link or (reader.is_sourced and "BASH_SOURCE" not in found["own"])


def is_lost_by(reading: Reading, labels: Collection[str]) -> bool:
    """Returns whether a call works in a folder that one of its own options names and nobody knows."""
    return "cwd_unknown" in labels and any(value.kind == "chdir" for value in reading.values)


def lost_labels(labels: Collection[str]) -> set[str]:
    """Returns `cwd_lost` for what writes, deletes or runs something in a folder that is not known."""
    return set() if _AT_STAKE.isdisjoint(labels) else {"cwd_lost"}


def fill_folders(
    reader: Reader, command: SimpleCommand, words: tuple[str, ...], script: Script, file: str, cwd: str
) -> tuple[str, ...]:
    """Returns the words with the folders that options such as `-C` name, where a shell file finds them."""
    found = list(words)
    for index, word in enumerate(words[1:], start=1):
        if is_dynamic(word) and words[index - 1] in _FOLDER_OPTIONS:
            found[index] = own_folder(reader, command, plain(word), script, file, cwd) or word
    return tuple(found)


def _has_moved(text: str) -> bool:
    return _MOVED.search(_PWD.sub("", without_remarks(text))) is not None


def _folder_of(reader: Reader, found: re.Match[str], file: str, cwd: str) -> str:
    if found["own"]:
        folder = posixpath.dirname(file)
    elif found["top"]:
        folder = _top(reader, cwd)
    else:
        folder = cwd
    return posixpath.normpath(folder + found["tail"])


def _top(reader: Reader, cwd: str) -> str:
    folder = posixpath.normpath(cwd)
    while is_within(folder, reader.workspace_root) and folder != reader.workspace_root:
        if ".git" in dict(reader.scan(folder) or ()):
            return folder
        folder = posixpath.dirname(folder)
    return reader.workspace_root


@dataclass(slots=True, kw_only=True)
class Drift:
    """Where in one text the folder is not known: after an unknown `cd`, and in loops and functions around it.

    `outside` tells that it was not known when the text began.
    """

    outside: bool
    functions: frozenset[str] = frozenset()
    anywhere: list[tuple[int, ...]] = field(default_factory=list)
    so_far: list[tuple[int, ...]] = field(default_factory=list)

    @property
    def is_left(self) -> bool:
        """Returns whether whoever goes on in the same shell does not know the folder either."""
        return self.outside or any(shells == () for shells in self.so_far)

    def holds(self, command: SimpleCommand) -> bool:
        """Returns whether the command may run in a folder that is not known."""
        lost = [*self.so_far, *(self.anywhere if command.is_loose else ())]
        return self.outside or any(command.shells[: len(shells)] == shells for shells in lost)

    def mark(self, command: SimpleCommand, calls: list[Call]) -> list[Call]:
        """Returns the calls with `cwd_lost` where one writes, deletes or runs by a relative path."""
        if not self.holds(command) or not _is_relative(command):
            return calls
        return [self._mark_one(call) for call in calls]

    def _mark_one(self, call: Call) -> Call:
        if call.facts.argv[:1] in [(name,) for name in _MOVES]:
            return call
        is_own = bool(call.facts.argv) and call.facts.argv[0] in self.functions
        labels = call.labels - {"program_unknown"} if is_own else call.labels
        return replace(call, labels=call.labels | lost_labels(labels))

    def take(self, command: SimpleCommand, calls: list[Call], *, is_known: bool) -> None:
        """Keeps that the command changes the folder to one that is not known."""
        if not is_known and _changes_folder(command, calls):
            self.so_far.append(command.shells)


def find_drift(commands: Iterable[SimpleCommand], *, outside: bool, functions: frozenset[str]) -> Drift:
    """Returns the drift of a text before its first command."""
    anywhere = [command.shells for command in commands if command.is_loose and _is_unknown_move(command)]
    return Drift(outside=outside, functions=functions, anywhere=anywhere)


def _is_unknown_move(command: SimpleCommand) -> bool:
    words = [plain(word) for word in command.words]
    place = next((index for index, word in enumerate(words) if word in _MOVES), None)
    if place is None or not set(words[:place]) <= _IN_THIS_SHELL:
        return False
    return len(words) == place + 1 or words[-1][:1] == "-" or is_dynamic(command.words[-1])


def _changes_folder(command: SimpleCommand, calls: list[Call]) -> bool:
    """Returns whether one of the calls is a `cd` of this shell to a folder that is not known."""
    name = plain(command.words[0]) if command.words else ""
    if name not in _IN_THIS_SHELL:
        return False
    return any(
        call.facts.argv[:1] in [(move,) for move in _MOVES] and "cwd_unknown" in call.labels for call in calls
    )


def _is_relative(command: SimpleCommand) -> bool:
    """Returns whether what the command does may depend on the folder: some path of it is not absolute."""
    name = plain(command.words[0]) if command.words else ""
    words = [plain(word) for word in command.words[1:]]
    words += [item.target and plain(item.target) for item in command.redirections]
    paths = [word for word in words if word[:1] not in ("-", "")]
    is_whole = bool(paths) and all(word[:1] == "/" for word in paths)
    return not is_whole or ("/" in name and name[:1] != "/")
