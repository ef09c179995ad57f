"""Reads what the words behind a program's name are: a mode, a module, a setting of git.

Pure: words in, answers out. Where an option leaves it open, the answer is the one that claims nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_MODE = re.compile(r"[0-7]{1,5}|[ugoa]*[-+=][rwxXstugo0-7]*(?:,?[ugoa]*[-+=][rwxXstugo0-7]*)*")
_SETTING = ("--add", "--replace-all", "--unset", "--unset-all", "--rename-section", "--remove-section")
# Any other option may choose another file, or only read.
_MARKING = ("--local", "--bool", "--int", "--bool-or-int", "--path", "--fixed-value", "--append", "--all")
_SETTING_WORDS = frozenset({"set", "unset", "rename-section", "remove-section"})
_READING_WORDS = frozenset({"get", "list", "edit"})
_REMOTE_WORDS = frozenset({"add", "remove", "rm", "rename", "set-url"})


def mode_of(program: str, words: Sequence[str]) -> str:
    """Returns the word of chmod that is a mode and no file, or "" when there is none."""
    first = next((word for word in words if not word.startswith("-")), "")
    # A file may have such a name: then it stands there a second time.
    is_mode = program == "chmod" and words.count(first) == 1 and _MODE.fullmatch(first)
    return first if is_mode else ""


def sets_git_config(words: Sequence[str]) -> bool:
    """Says whether git with these words surely writes the configuration of the repository it is in."""
    if words[:1] == ("remote",):
        return len(words) > 2 and words[1] in _REMOTE_WORDS and not {"-h", "--help"} & {*words}
    if words[:1] != ("config",):
        return False
    options = [word for word in words[1:] if word.startswith("-")]
    operands = [word for word in words[1:] if not word.startswith("-")]
    known = (*_SETTING, *_MARKING)
    if any(option not in known and not option.startswith("--type=") for option in options):
        return False
    if operands[:1] and operands[0] in _SETTING_WORDS | _READING_WORDS:
        return operands[0] in _SETTING_WORDS and len(operands) > 1
    return bool(operands) and (len(operands) > 1 or any(option in _SETTING for option in options))


def module_of(words: Sequence[str]) -> str:
    """Returns the module of `python -m`, or ""."""
    index = 0
    while index < len(words):
        word = words[index]
        if word in ("-W", "-X"):
            index += 2
        elif re.fullmatch(r"-[bBdEiIOPqsSuvx]*m", word):
            return words[index + 1] if index + 1 < len(words) else ""
        elif match := re.fullmatch(r"-[bBdEiIOPqsSuvx]*m(\w[\w.]*)", word):
            return match[1]
        elif re.fullmatch(r"-[bBdEiIOPqsSuvx]+", word):
            index += 1
        else:
            return ""
    return ""
