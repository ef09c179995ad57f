"""Takes a command's text apart into the calls it makes, each with the folder it is made in.

It is a proof of presence, not of safety: policy parses the shell strictly, and decides.
It asks nothing of the machine and reads no file.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass

from workbench.features.programs import SHELLS
from workbench.model.verdict import CommandFacts

_SEPARATORS = frozenset({";", "&&", "||", "|", "&", "(", ")", "|&"})
_SHELL_WORDS = frozenset(
    {"cd", "echo", "true", "false", "test", "[", "export", "set", "!", "time", "exit", "printf"}
)
_LEADS = frozenset({"time", "env", "exec", "command", "nohup", "!"})
_QUOTING = re.compile(r"[\"'\\]")
_PLAIN_WORD = re.compile(r"[;&|()<>]+|[^;&|()<>\s]+")
_REDIRECTION = re.compile(r"[<>&|]*[<>][<>&|]*")
_PLAIN_FOLDER = re.compile(r"[^$`*?\[~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One program call; `folder` is a path in the repository, None where it is not plain."""

    argv: tuple[str, ...]
    folder: str | None = ""


def read_words(command: str) -> tuple[list[str], str]:
    """Returns the programs that a command itself starts, and what is wrong with its text, or ""."""
    try:
        words = _words_of(command)
    except ValueError as error:
        return [], f"its quoting is not closed: {error}"
    programs: list[str] = []
    at_start = True
    for word in words:
        if word in _SEPARATORS:
            at_start = True
        elif at_start and not _is_assignment(word):
            at_start = False
            if word not in _SHELL_WORDS:
                programs.append(word)
    return list(dict.fromkeys(programs)), "" if words else "it is empty"


def read_calls(command: str) -> list[Call]:
    """Returns the command's calls without assignments, redirections and words like `time`."""
    try:
        words = _words_of(command)
    except ValueError:
        return []
    calls: list[Call] = []
    folder: str | None = ""
    outer: list[str | None] = []
    argv: list[str] = []
    is_target = False

    def close() -> None:
        nonlocal folder
        if argv and argv[0] == "cd":
            folder = inner_folder(folder, argv[1]) if len(argv) == 2 else None
        elif argv:
            calls.append(Call(argv=tuple(argv), folder=folder))
        argv.clear()

    for word in words:
        if word in _SEPARATORS:
            close()
            is_target = False
            if word == "(":
                outer.append(folder)
            elif word == ")":
                folder = outer.pop() if outer else None
        elif _REDIRECTION.fullmatch(word):
            if argv and argv[-1] in ("1", "2"):
                argv.pop()
            is_target = True
        elif is_target:
            is_target = False
        elif argv or not (_is_assignment(word) or word in _LEADS):
            argv.append(word)
    close()
    return calls


def inner_folder(folder: str | None, name: str) -> str | None:
    """Returns the repository path that a plain relative folder name leads to, or None for any other."""
    if folder is None or name.startswith(("/", "-")) or not _PLAIN_FOLDER.fullmatch(name):
        return None
    inner = posixpath.normpath(posixpath.join(folder, name))
    return None if inner == ".." or inner.startswith("../") else "" if inner == "." else inner


def _is_assignment(word: str) -> bool:
    name, is_assignment, _ = word.partition("=")
    return bool(is_assignment) and name.isidentifier()


def _words_of(command: str) -> list[str]:
    if not _QUOTING.search(command):
        return _PLAIN_WORD.findall(command)
    lexer = shlex.shlex(command, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    lexer.commenters = ""
    return list(lexer)


def facts_of(call: Call, root: str) -> CommandFacts:
    """Makes facts of a call that only its text tells of: an interpreter reads the script it is given."""
    reads: tuple[str, ...] = ()
    cwd = root if not call.folder else f"{root}/{call.folder}"
    is_interpreter = call.argv[0] in SHELLS | {"python", "python3", "node", "ruby", "perl", "source", "."}
    if call.folder is not None and is_interpreter and len(call.argv) > 1:
        script = call.argv[1]
        if not script.startswith("-"):
            reads = (posixpath.normpath(posixpath.join(cwd, script)),)
    if call.folder is None:
        cwd = ""
    return CommandFacts(program=call.argv[0], argv=call.argv, cwd=cwd, reads=reads)
