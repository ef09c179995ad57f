"""Reads a Makefile as text: the recipe lines that asked targets and what they need would run, expanded.

Variables are expanded where the file alone fixes them; a function or variable that it does not fix becomes a
shell variable nobody knows, so that the line is judged as dynamic. Pure: included files come through `load`.
It judges nothing, and what it cannot follow it says in `is_whole`.
"""

from __future__ import annotations

import posixpath
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from workbench.policy.work import Work

UNKNOWN = "${MADE_BY_MAKE}"
"""Stands in a recipe for what make alone would know."""

_MOST_LINES = 400
_MOST_TARGETS = 200
_MOST_READINGS = 4
_DEEPEST_EXPANSION = 12
_LONGEST_LINE = 8_000
_ASSIGNMENT = re.compile(
    r"(?:export\s+|override\s+|private\s+)*([A-Za-z0-9_.%/-]+)\s*(:{0,3}=|\?=|\+=|!=)\s*(.*)", re.DOTALL
)
_RULE = re.compile(r"([^:=]+)(::?)(?!=)\s*(.*)", re.DOTALL)
# What changes how everything else is read: where it stands, what make runs is not what is seen here.
_STEERS = re.compile(
    r"\.(RECIPEPREFIX|ONESHELL|EXTRA_PREREQS)|(GNU)?MAKEFLAGS|MAKEFILES|MAKE|PATH|VPATH"
    r"|(COMPILE|LINK|LINT|YACC|LEX|PREPROCESS|CTANGLE|TANGLE|TEXI2DVI)[.\w]*"
)
_SHELL_FLAGS = re.compile(r"(-[a-z]+ |-o (pipefail|errexit|nounset) )*-[a-z]*c")
_HARMLESS_TARGETS = frozenset(
    [
        *(".PHONY", ".SUFFIXES", ".PRECIOUS", ".INTERMEDIATE", ".SECONDARY", ".DELETE_ON_ERROR", ".SILENT"),
        *(".NOTPARALLEL", ".EXPORT_ALL_VARIABLES", ".IGNORE", ".LOW_RESOLUTION_TIME", ".POSIX"),
    ]
)
_REMADE = re.compile(r"GNUmakefile|[Mm]akefile|.*\.(mk|mak|make|d)")
_DEFINE = re.compile(r"((override|export)\s+)*define\b\s*")
_CONDITIONS = re.compile(r"(ifeq|ifneq|ifdef|ifndef|else|endif)\b")
_INCLUDE = re.compile(r"(-include|sinclude|include)\s+(.*)")
_PLAIN_SHELLS = re.compile(r"(/usr)?(/bin/)?(env )?(ba|da|z)?sh( -\w+)*")
# What make defines by itself, as far as recipes use it.
_BUILT_IN = {
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLine:
    """A piece of shell text that a file holds, and where."""

    text: str
    path: str
    line: int


@dataclass(slots=True, kw_only=True)
class _Rule:
    targets: list[str]
    needs: str
    lines: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Makefile:
    """What the file says. `is_whole` is False when some of it could not be followed."""

    variables: dict[str, list[str]] = field(default_factory=dict)
    rules: list[_Rule] = field(default_factory=list)
    parsing: list[ScriptLine] = field(default_factory=list)
    is_whole: bool = True
    folder: str = ""
    work: Work = field(default_factory=Work)


def parse_makefile(
    text: str, path: str, load: Callable[[str], str | None], work: Work | None = None
) -> Makefile:
    """Returns the file as rules and variables. `load` gives an included file's text, or None.

    When no `work` is left, what was understood so far is returned, and it is not whole.
    """
    made = Makefile(folder=posixpath.dirname(path), work=Work() if work is None else work)
    _read(made, text, path, load, 0)
    return made


def find_recipes(
    made: Makefile, targets: tuple[str, ...], given: dict[str, str]
) -> tuple[tuple[ScriptLine, ...], bool]:
    """Returns the lines that making `targets` (or the first one) may run, and whether that is all of them.

    `given` are variables set on the command line. What runs while the file is read comes first.
    """
    variables = {**made.variables, **{name: [value] for name, value in given.items()}}
    found: list[ScriptLine] = list(made.parsing[:_MOST_LINES])
    work = made.work
    is_whole = made.is_whole
    first = next((rule.targets[0] for rule in made.rules if rule.targets[0][:1] not in (".", "%")), None)
    goal = variables.get(".DEFAULT_GOAL", [first] if first else [])
    waiting = deque(targets or [word for name in goal if name for word in name.split()])
    seen: set[str] = set()
    while waiting:
        target = waiting.popleft()
        if not work.take(1):
            return tuple(found), False
        if target in seen:
            continue
        seen.add(target)
        if len(seen) > _MOST_TARGETS or len(found) > _MOST_LINES:
            return tuple(found), False
        for rule in made.rules:
            if not work.take(len(rule.targets)):
                return tuple(found), False
            stem = _match(rule, target)
            if stem is None:
                continue
            needs = " ".join(_expand(rule.needs.replace("%", stem), variables, {}, 0, work)[0]).replace(
                "|", " "
            )
            names = [] if UNKNOWN in needs else needs.split()
            if UNKNOWN in needs:
                is_whole = False
            work.take(8 + len(names))
            waiting.extend(names)
            automatic = {
                "@": target,
                "<": names[0] if names else "",
                "^": " ".join(names),
                "+": " ".join(names),
                "?": " ".join(names),
                "*": stem,
            }
            for line, path, text in rule.lines:
                readings, sure = _expand(text, variables, automatic, 0, work)
                is_whole = is_whole and sure
                found.extend(
                    ScriptLine(text=reading.lstrip("@-+ \t"), path=path, line=line) for reading in readings
                )
    shells = variables.get("SHELL", [])
    if any(not _PLAIN_SHELLS.fullmatch(shell.strip()) for shell in shells):
        is_whole = False
    return tuple(item for item in found if item.text.strip()), is_whole


def _match(rule: _Rule, target: str) -> str | None:
    """Returns the stem when the rule makes the target ("" for a plain name), else None."""
    for name in rule.targets:
        if name == target:
            return ""
        if name.count("%") == 1:
            before, after = name.split("%")
            if (
                target.startswith(before)
                and target.endswith(after)
                and len(target) > len(before) + len(after) - 1
            ):
                return target[len(before) : len(target) - len(after)]
    return None


def _read(made: Makefile, text: str, path: str, load: Callable[[str], str | None], depth: int) -> None:
    rule: _Rule | None = None
    conditions = 0
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        if not made.work.take(1):
            made.is_whole = False
            return
        number, line = index + 1, lines[index]
        index += 1
        if line.startswith("\t") and "#" in line and line.endswith("\\"):
            # To the shell the comment ends with the line, and what follows is run.
            made.is_whole = False
        while line.endswith("\\") and index < len(lines) and len(line) < _LONGEST_LINE:
            line = line[:-1] + " " + lines[index].lstrip("\t ")
            index += 1
        if len(line) > _LONGEST_LINE:
            made.is_whole = False
            continue
        if line.startswith("\t") and rule is not None:
            rule.lines.append((number, path, line.strip()))
            continue
        line = re.sub(r"(?<!\\)#.*", "", line).strip()
        if not line:
            continue
        if match := _CONDITIONS.match(line):
            conditions += {"endif": -1, "else": 0}.get(match[1], 1)
            continue
        if line.startswith(("override ", "unexport ", "undefine ", "vpath ", "load ")):
            made.is_whole = False
        if match := _DEFINE.match(line):
            name, body = line[match.end() :].split("=")[0].strip(), []
            while index < len(lines) and lines[index].strip() != "endef":
                body.append(lines[index])
                index += 1
            index += 1
            _assign(made, name, "\n".join(body), "=", conditions > 0)
            continue
        if match := _INCLUDE.match(line):
            _include(made, match, path, load, depth)
            continue
        if match := _ASSIGNMENT.fullmatch(line):
            name = match[1]
            is_plain = name != ".SHELLFLAGS" or _SHELL_FLAGS.fullmatch(match[3].strip()) is not None
            made.is_whole = made.is_whole and is_plain and _STEERS.fullmatch(name) is None
            _take_shell(made, match[3], path, number)
            if match[2] == "!=":
                made.parsing.append(ScriptLine(text=match[3], path=path, line=number))
            _assign(made, match[1], UNKNOWN if match[2] == "!=" else match[3], match[2], conditions > 0)
            rule = rule if conditions else None
            continue
        match = _RULE.fullmatch(line)
        if match is None:
            _take_shell(made, line, path, number)
            if "$(" in line or "${" in line:
                made.is_whole = made.is_whole and line.startswith(("$(info", "$(warning", "$(error"))
            continue
        for target in match[1].split():
            is_special = target.startswith(".") and target.count("/") == 0 and target not in _HARMLESS_TARGETS
            if is_special or _REMADE.fullmatch(target.rpartition("/")[2]):
                # Rules for suffixes, for make itself, or for what it reads first and then makes anew.
                made.is_whole = False
        rule = _begin_rule(made, match, number, path)


def _begin_rule(made: Makefile, match: re.Match[str], number: int, path: str) -> _Rule | None:
    needs, _, inline = match[3].partition(";")
    if (own := _ASSIGNMENT.fullmatch(match[3])) is not None:
        _assign(made, own[1], own[3], own[2], True)
        return None
    targets = _expand(match[1], made.variables, {}, 0, made.work)[0][0].split()
    if not targets or any(UNKNOWN in target for target in targets):
        made.is_whole = False
    if not targets:
        return None
    parts = needs.split(":")
    if len(parts) == 2:
        # A static pattern rule, `objects: %.o: %.c`.
        needs = parts[1]
    rule = _Rule(targets=targets, needs=needs)
    if inline.strip():
        rule.lines.append((number, path, inline.strip()))
    made.rules.append(rule)
    return rule


def _include(
    made: Makefile, match: re.Match[str], path: str, load: Callable[[str], str | None], depth: int
) -> None:
    for name in _expand(match[2], made.variables, {}, 0, made.work)[0][0].split():
        text = load(posixpath.join(made.folder, name)) if UNKNOWN not in name and depth < 4 else None
        if text is not None:
            _read(made, text, posixpath.join(made.folder, name), load, depth + 1)
        elif match[1] == "include" or UNKNOWN in name or "*" in name:
            made.is_whole = False


def _assign(made: Makefile, name: str, value: str, operator: str, is_alternative: bool) -> None:
    before = made.variables.get(name)
    if operator == "+=":
        made.variables[name] = [
            f"{old} {value}" if len(old) <= _LONGEST_LINE else old for old in (before or [""])
        ][:_MOST_READINGS]
        return
    if before and (is_alternative or operator == "?="):
        made.variables[name] = list(dict.fromkeys([*before, value] if is_alternative else before))[
            :_MOST_READINGS
        ]
        return
    if operator in (":=", "::=", ":::="):
        values = _expand(value, made.variables, {}, 0, made.work)[0]
        made.variables[name] = [item.replace("$", "$$") if UNKNOWN not in item else value for item in values]
        return
    made.variables[name] = [value]


def _take_shell(made: Makefile, text: str, path: str, line: int) -> None:
    """Notes the shell text of every `$(shell …)`, which make may run while it reads the file."""
    for start in [match.end() for match in re.finditer(r"\$[({]shell\s", text)][:20]:
        end = _closing(text, start)
        made.work.take(end - start)
        inner = _expand(text[start:end], made.variables, {}, 0, made.work)[0][0]
        made.parsing.append(ScriptLine(text=inner, path=path, line=line))


def _closing(text: str, start: int) -> int:
    depth = 1
    for index in range(start, len(text)):
        if text[index] in "({":
            depth += 1
        elif text[index] in ")}":
            depth -= 1
            if depth == 0:
                return index
    return len(text)


def _expand(
    text: str,
    variables: dict[str, list[str]],
    automatic: dict[str, str],
    depth: int,
    work: Work,
    known: _Known | None = None,
) -> tuple[list[str], bool]:
    """Returns the readings the text may have, and whether make itself could add no other command to it.

    `known` holds what was expanded on the way: each reference is expanded once a depth, or a few lines that
    name each other ten times would keep the judgement busy for ever.
    """
    known = {} if known is None else known
    if depth > _DEEPEST_EXPANSION or len(text) > _LONGEST_LINE or not work.take(len(text) // 16 + 1):
        return [UNKNOWN], False
    readings = [""]
    sure = True
    index = 0
    while index < len(text):
        # Each reading is copied for each reference in the text.
        if not work.take(8 + sum(map(len, readings)) // 1024):
            return [UNKNOWN], False
        dollar = text.find("$", index)
        if dollar < 0 or dollar + 1 >= len(text):
            readings = [reading + text[index:] for reading in readings]
            break
        following = text[dollar + 1]
        values = [following if following != "$" else "$"]
        end = dollar + 2
        if following in "({":
            end = _closing(text, dollar + 2) + 1
            values, is_sure = _value_once(
                text[dollar + 2 : end - 1], variables, automatic, depth, work, known
            )
            sure = sure and is_sure
        elif following != "$":
            values, is_sure = _value_once(following, variables, automatic, depth, work, known)
            sure = sure and is_sure
        readings = [reading + text[index:dollar] + value for reading in readings for value in values]
        readings = readings[:_MOST_READINGS]
        if any(len(reading) > _LONGEST_LINE for reading in readings):
            return [UNKNOWN], False
        index = end
    return readings, sure


def _value_once(
    name: str,
    variables: dict[str, list[str]],
    automatic: dict[str, str],
    depth: int,
    work: Work,
    known: _Known,
) -> tuple[list[str], bool]:
    if (name, depth) not in known:
        known[name, depth] = _value(name, variables, automatic, depth, work, known)
    return known[name, depth]


def _value(
    name: str,
    variables: dict[str, list[str]],
    automatic: dict[str, str],
    depth: int,
    work: Work,
    known: _Known,
) -> tuple[list[str], bool]:
    function, _, rest = name.partition(" ")
    if rest:
        if function == "shell":
            inner, sure = _expand(rest, variables, automatic, depth + 1, work, known)
            return [f"$({text})" for text in inner], sure
        return [UNKNOWN], function not in ("eval", "call", "foreach", "if", "or", "and", "file", "let")
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
            values, is_sure = _expand(value, variables, automatic, depth + 1, work, known)
            found.extend(values)
            sure = sure and is_sure
        return found[:_MOST_READINGS], sure
    return [_BUILT_IN.get(name, "")], True
