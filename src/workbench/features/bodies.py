"""Reads what a build tool runs for a target, as far as it surely runs it and fails where that fails.

Pure: text in, lines out. Where a condition, an included file, another shell or an ignored error leaves it
open, there is no such line, and nothing is to be claimed of it.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_MOST_INCLUDED = 10
# Where these stand in a makefile, what its lines start and whether that may fail is no longer plain.
_OPENS = re.compile(
    r"(?<![\w.])(?:PATH|SHELL|MAKEFLAGS|\.SHELLFLAGS)[ \t]*(?::{0,3}|[?+!])=|\bexport[ \t]+PATH\b"
    r"|^[ ]*(?:ifn?eq|ifn?def|(?:override[ \t]+)?define|\.ONESHELL|\.IGNORE|\.RECIPEPREFIX|\.INTERMEDIATE"
    r"|\.SECONDARY)",
    re.M,
)
_INCLUDES = re.compile(r"^[ ]*(-|s)?include[ \t]+([^\n#]*)", re.M)
_QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
_REDIRECTED = re.compile(r"[<>]&\d?|&>")
# A command with one of these may go well although a part of it does not.
_GUARDS = re.compile(
    r"[;|`\n]|(?<!&)&(?!&)|(?:^|[ \t(])![ \t]|PATH=|\\$|(?<![\w-])command[ \t]+-v\b"
    r"|(?<![\w./-])(?:if|for|while|until|case|which|type|hash)(?![\w./-])"
)
# What a shell does after one of these, and how its script then ends, its next lines do not tell.
_TURNS = frozenset(
    {
        *(
            ".",
            "alias",
            "break",
            "builtin",
            "command",
            "continue",
            "coproc",
            "enable",
            "eval",
            "exec",
            "exit",
        ),
        *("function", "kill", "logout", "return", "select", "set", "shopt", "source", "suspend", "trap"),
    }
)
_FIRST_WORD = re.compile(r"(?:[A-Za-z_]\w*=\S*[ \t]+)*(\S*)")
_SET = re.compile(r"set((?:[ \t]+-[eux]+(?:o[ \t]+(?:errexit|nounset|pipefail|xtrace))?)+)")
_SET_BY_NAME = re.compile(r"set[ \t]+-o[ \t]+(errexit|nounset|pipefail|xtrace)")
_VARIABLE = re.compile(r"\$\{\w+\}")
_SHELL_LINE = re.compile(r"#![ \t]*/(?:usr/)?bin/(?:env[ \t]+)?(?:sh|bash|dash)(?:[ \t]+(-[eux]+))?[ \t]*")
# Short options of make that take what follows them, so that no other one does.
_TAKING = frozenset("CEfIoWlj")
_OTHERWISE = frozenset("nqtiov")
_LONG = ("--just-print", "--dry-run", "--recon", "--question", "--touch", "--ignore-errors", "--old-file")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A line that make gives up at: its text without make's own marks, and the targets it makes.

    With `is_phony` it runs whenever one of them is asked for, else where such a file is not there.
    """

    text: str
    targets: tuple[str, ...]
    is_phony: bool


def runs_recipes(words: Sequence[str]) -> bool:
    """Says whether make with these words runs its recipes and heeds how they end."""
    for word in words:
        if word.startswith("--"):
            name = word.partition("=")[0]
            if len(name) > 2 and any(option.startswith(name) for option in _LONG):
                return False
        elif word.startswith("-"):
            for letter in word[1:]:
                if letter in _OTHERWISE:
                    return False
                if letter in _TAKING:
                    break
    return True


def is_plain(text: str) -> bool:
    """Says whether a shell's line fails wherever one of its programs does: no guard, no second command."""
    bare = _REDIRECTED.sub("", _QUOTED.sub("q", text))
    return "'" not in bare and '"' not in bare and not _GUARDS.search(bare)


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLine:
    """A line that a shell surely comes to; with `is_fatal` the script fails where the line does."""

    number: int
    text: str
    is_fatal: bool


def gives_up_by_first_line(text: str) -> bool | None:
    """Says whether a program's first line has its shell give up at a failure; None for no such shell."""
    match = _SHELL_LINE.fullmatch(text.split("\n", 1)[0])
    return "e" in (match[1] or "") if match else None


def read_script(text: str, *, gives_up: bool) -> list[ScriptLine]:
    """Returns the lines of a shell's script from its first on, as far as they are plain.

    With `gives_up` the shell was started with -e. Where a line is not plain, the next may never be reached.
    """
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), 1)]
    lines = [(number, line) for number, line in lines if line and not line.startswith("#")]
    found: list[ScriptLine] = []
    for index, (number, line) in enumerate(lines):
        if match := _SET.fullmatch(line) or _SET_BY_NAME.fullmatch(line):
            options = match[1].split()
            gives_up = gives_up or "errexit" in options or any("e" in o for o in options if o[0] == "-")
            continue
        bare = _VARIABLE.sub("v", _QUOTED.sub("q", line))
        starts = [_FIRST_WORD.match(part.strip()) for part in bare.split("&&")]
        turns = any(start and start[1] in _TURNS for start in starts)
        if turns or not is_plain(line) or re.search(r"[(){}]|<<", bare):
            break
        # In a list only the failure of its last part has the shell give up.
        is_fatal = index == len(lines) - 1 or (gives_up and "&&" not in bare)
        found.append(ScriptLine(number=number, text=line, is_fatal=is_fatal))
    return found


def is_makefile_open(text: str, folder: str, read_file: Callable[[str], str | None]) -> bool:
    """Says whether a makefile, or one it includes, changes how recipes run; `folder` is where make runs."""
    waiting, seen = [text], set[str]()
    while waiting:
        current = waiting.pop()
        if _OPENS.search(current):
            return True
        for match in _INCLUDES.finditer(current):
            for name in match[2].split():
                path = posixpath.normpath(posixpath.join(folder, name))
                if path in seen:
                    continue
                seen.add(path)
                if re.search(r"[$*?\[%]", name) or len(seen) > _MOST_INCLUDED:
                    return True
                included = read_file(path)
                if included is None and not match[1]:
                    return True
                waiting += [included] if included is not None else []
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rule:
    targets: list[str]
    needs: list[str]
    recipe: str | None


def read_recipe(text: str, number: int) -> Recipe | None:
    """Returns the recipe that stands on a line of a makefile (the first is 1), or None where it is not plain.

    It is not where a pattern or a variable names the target, or where several rules make it.
    """
    lines = text.split("\n")
    if not 0 < number <= len(lines):
        return None
    line, at = lines[number - 1], number - 1
    while at >= 0 and (not lines[at].strip() or lines[at].startswith(("\t", "#"))):
        at -= 1
    rule = _split_rule(lines[at]) if at >= 0 else None
    own = rule.recipe if rule and at == number - 1 else None
    body = line[1:] if line.startswith("\t") else own
    # A line that goes on from the one before it is a part of another.
    if rule is None or body is None or (number > 1 and lines[number - 2].endswith("\\")):
        return None
    marks = body[: len(body) - len(body.lstrip("@+- \t"))]
    body = body.strip().lstrip("@+- \t")
    if "-" in marks or not is_plain(body) or any("%" in name or "$" in name for name in rule.targets):
        return None
    phony: set[str] = set()
    makers = dict.fromkeys(rule.targets, 0)
    for index, other in enumerate(lines):
        found = _split_rule(other)
        if found is None:
            continue
        if found.targets == [".PHONY"]:
            phony.update(found.needs)
        if found.recipe is not None or (index + 1 < len(lines) and lines[index + 1].startswith("\t")):
            for name in found.targets:
                if name in makers:
                    makers[name] += 1
    if any(count > 1 for count in makers.values()):
        return None
    return Recipe(text=body, targets=tuple(rule.targets), is_phony=phony.issuperset(rule.targets))


def _split_rule(line: str) -> _Rule | None:
    """Returns a rule's targets, what they need, and the recipe that stands on its own line, if one does."""
    head, colon, rest = line.partition(":")
    rest = rest.removeprefix(":")
    if (
        not colon
        or not head.strip()
        or line.startswith("\t")
        or {"#", "="} & {*head}
        or rest[:1] in ("=", ":")
    ):
        return None
    needs, semicolon, recipe = rest.partition(";")
    bare, comment, _ = needs.partition("#")
    if "=" in bare:
        return None
    has_recipe = semicolon and not comment
    return _Rule(targets=head.split(), needs=bare.split(), recipe=recipe if has_recipe else None)
