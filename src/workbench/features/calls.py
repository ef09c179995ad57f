"""Takes a command's text apart into the calls it makes, each with the folder it is made in.

It is a proof of presence, not of safety: policy parses the shell strictly, and decides.
It asks nothing of the machine and reads no file.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass

_SEPARATORS = frozenset({";", "&&", "||", "|", "&", "(", ")", "|&"})
_SHELL_WORDS = frozenset(
    {"cd", "echo", "true", "false", "test", "[", "export", "set", "!", "time", "exit", "printf"}
)
_LEADS = frozenset({"time", "env", "exec", "command", "nohup", "!"})
_QUOTING = re.compile(r"[\"'\\]")
_PLAIN_WORD = re.compile(r"[;&|()<>]+|[^;&|()<>\s]+")
_REDIRECTION = re.compile(r"[<>&|]*[<>][<>&|]*")
_PLAIN_FOLDER = re.compile(r"[^$`*?\[~]+")
_INTERPRETERS = frozenset({"bash", "sh", "dash", "zsh", "python", "python3", "node", "ruby", "perl"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One program call; `folder` is a path in the repository, None where it is not plain."""

    argv: tuple[str, ...]
    folder: str | None = ""


def read_words(command: str) -> tuple[list[str], list[str], str]:
    """Returns the programs a command starts and the scripts it gives to interpreters, and what is wrong.

    After a `cd` the scripts are left out, because where they lie is no longer plain.
    """
    try:
        words = _words_of(command)
    except ValueError as error:
        return [], [], f"its quoting is not closed: {error}"
    programs: list[str] = []
    scripts: list[str] = []
    at_start, interpreter, has_moved = True, False, False
    for word in words:
        if word in _SEPARATORS:
            at_start, interpreter = True, False
        elif at_start:
            if _is_assignment(word):
                continue
            at_start, interpreter = False, word in _INTERPRETERS
            has_moved = has_moved or word == "cd"
            if word not in _SHELL_WORDS and not (has_moved and "/" in word):
                programs.append(word)
        elif interpreter:
            interpreter = False
            if not has_moved and not word.startswith(("-", "/")):
                scripts.append(word)
    if not words:
        return [], [], "it is empty"
    return list(dict.fromkeys(programs)), list(dict.fromkeys(scripts)), ""


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
