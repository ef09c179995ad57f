"""Reads a Makefile as text: the recipe lines that asked targets and what they need would run, expanded.

Variables are expanded where the file alone fixes them; a function or variable that it does not fix becomes a
shell variable nobody knows, so that the line is judged as dynamic. Pure: included files come through `load`.
It judges nothing, and what it cannot follow it says in `is_whole`.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from workbench.policy.makevalues import BUILT_IN, DOES_MORE, LONGEST_LINE, MOST_READINGS, closing, expand
from workbench.policy.makevalues import UNKNOWN as UNKNOWN

_MOST_LINES = 400
_MOST_TARGETS = 200
_MOST_READ_LINES = 20_000
_MOST_RULES = 4_000
_MOST_PATTERNS = 200
_MOST_INCLUDED = 30
MOST_STEPS = 60_000
_ASSIGNMENT = re.compile(
    r"(?:export\s+|override\s+|private\s+)*([A-Za-z0-9_.%/-]+)\s*(:{0,3}=|\?=|\+=|!=)\s*(.*)", re.DOTALL
)
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
_REMADE = frozenset({"GNUmakefile", "makefile", "Makefile"})
_REMADE_ENDINGS = (".mk", ".mak", ".make", ".d")
_DEFINE = re.compile(r"((override|export)\s+)*define\b\s*")
_DEFINED = re.compile(r"([^\s:=+?!#]+)\s*(\+=|:{1,3}=|\?=|!=|=)?")
_EXPORTS = re.compile(r"export(\s+[A-Za-z0-9_.-]+)*")
# Exported, it decides what a program in a recipe loads or runs.
_STEERS_OTHERS = re.compile(
    r"HOME|XDG_.*|GIT_.*|LD_.*|DYLD_.*|BASH_ENV|ENV|PERL5.*|RUBY(OPT|LIB)|NODE_OPTIONS|.*EDITOR|.*PAGER|SSH_.*|npm_config_.*"
)
# In every environment already, so that a plain assignment changes what the recipes see.
_INHERITED = re.compile(r"HOME|XDG_.*|LD_LIBRARY_PATH")
_SAYS = ("$(info ", "$(warning ", "$(error ")
# What make's own rules run where the file has none for a target, and what may stand in their flags.
_OWN_PROGRAMS = (
    "CC",
    "CXX",
    "CPP",
    "AS",
    "AR",
    "FC",
    "F77",
    "PC",
    "CO",
    "GET",
    "M2C",
    "LEX",
    "YACC",
    "LINT",
    "TEX",
)
_OWN_FLAGS = (
    *(
        "CFLAGS",
        "CPPFLAGS",
        "CXXFLAGS",
        "LDFLAGS",
        "LDLIBS",
        "LOADLIBES",
        "TARGET_ARCH",
        "ASFLAGS",
        "ARFLAGS",
    ),
    *("FFLAGS", "PFLAGS", "LFLAGS", "YFLAGS", "OUTPUT_OPTION", "TARGET_MACH", "RFLAGS", "COFLAGS", "GFLAGS"),
)
_COMPILER = re.compile(
    r"([a-z0-9_-]+-)?(cc|gcc|g\+\+|c\+\+|clang(\+\+)?|ar|as|ld|gfortran|flex|bison|lex|yacc)(-[0-9.]+)?( -E)?"
)
_FLAGS = re.compile(r"[A-Za-z0-9_.,+=:/@% -]*")
_IN_QUOTES = re.compile(r"""(?:[A-Za-z0-9_.,+=:/@% -]|'[^'\n]*'|"[^"$`\n]*")*""")
_CONDITIONS = re.compile(r"(ifeq|ifneq|ifdef|ifndef|else|endif)\b")
_SHELL_CALL = re.compile(r"\$[({]shell\s")
_INCLUDE = re.compile(r"(-include|sinclude|include)\s+(.*)")
_PLAIN_SHELLS = re.compile(r"(/usr)?(/bin/)?(env )?(ba|da|z)?sh( -\w+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLine:
    """A piece of shell text that a file holds, and where. `cwd` is its folder, if not that of its file."""

    text: str
    path: str
    line: int
    cwd: str = ""


@dataclass(slots=True, kw_only=True)
class _Rule:
    targets: list[str]
    needs: str
    stem: str = ""
    lines: list[tuple[int, str, str]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class _Branches:
    """An open conditional: the names that each of its branches sets, and those that nothing set before it."""

    sets: list[set[str]] = field(default_factory=lambda: [set()])
    fresh: set[str] = field(default_factory=set)
    has_else: bool = False


@dataclass(slots=True, kw_only=True)
class Makefile:
    """What the file says. `is_whole` is False when some of it could not be followed.

    `specific` are values set for some targets alone. `steps_left` and `lines_left` bound the work that a
    file of a given length can ask for. `exports` are the names that recipes find in their environment,
    `loose` those of which that is not sure; `exports_all` tells that each is one of them.
    """

    variables: dict[str, list[str]] = field(default_factory=dict)
    specific: list[tuple[frozenset[str], str, str]] = field(default_factory=list)
    included: list[str] = field(default_factory=list)
    branches: list[_Branches] = field(default_factory=list)
    steps_left: int = MOST_STEPS
    lines_left: int = _MOST_READ_LINES
    rules: list[_Rule] = field(default_factory=list)
    parsing: list[ScriptLine] = field(default_factory=list)
    is_whole: bool = True
    folder: str = ""
    exports: set[str] = field(default_factory=set)
    loose: set[str] = field(default_factory=set)
    exports_all: bool = False


def parse_makefile(
    text: str,
    path: str,
    load: Callable[[str], str | None],
    *,
    folder: str | None = None,
    steps: int = MOST_STEPS,
    environment: Mapping[str, list[str]] | None = None,
) -> Makefile:
    """Returns the file as rules and variables. `load` gives an included file's text, or None.

    `folder` is where make runs, which included names start from; without it, where the file lies. After at
    most `steps` steps of expanding, reading stops, and the file is not whole. `environment` are variables
    that make finds set, each with its readings; what the file assigns with `?=` they take the place of.
    """
    made = Makefile(folder=posixpath.dirname(path) if folder is None else folder, steps_left=steps)
    made.included.append(posixpath.basename(path))
    made.variables.update({name: list(readings) for name, readings in (environment or {}).items()})
    made.exports.update(environment or ())
    _read(made, text, path, load, 0)
    if made.exports_all:
        _export(made, sorted(made.variables), path, 1)
    return made


def find_exports(made: Makefile, given: Mapping[str, str]) -> dict[str, list[str]]:
    """Returns the variables that a make run by a recipe finds in its environment, with their readings."""
    names = set(made.variables) if made.exports_all else made.exports & set(made.variables)
    found = {}
    for name in sorted(names - made.loose - set(given))[:_MOST_LINES]:
        readings = [
            reading if is_sure else UNKNOWN
            for value in made.variables[name]
            for values, is_sure in [expand(made, value, made.variables, {}, 0)]
            for reading in values
        ]
        found[name] = list(dict.fromkeys(readings))
    return found


def find_recipes(
    made: Makefile, targets: tuple[str, ...], given: dict[str, str]
) -> tuple[tuple[ScriptLine, ...], bool]:
    """Returns the lines that making `targets` (or the first one) may run, and whether that is all of them.

    `given` are variables set on the command line. What runs while the file is read comes first.
    """
    variables = {**made.variables, **{name: [value] for name, value in given.items()}}
    found: list[ScriptLine] = list(made.parsing[:_MOST_LINES])
    by_name: dict[str, list[_Rule]] = {}
    for rule in made.rules:
        for name in rule.targets:
            by_name.setdefault(name, []).append(rule)
    patterns = [rule for rule in made.rules if any("%" in name for name in rule.targets)]
    is_whole = made.is_whole and len(patterns) <= _MOST_PATTERNS and len(made.parsing) <= _MOST_LINES
    patterns = patterns[:_MOST_PATTERNS]
    # What make reads it first makes anew, where there is a rule for it.
    # A rule without lines of its own still makes what it needs.
    remade = any(_does_more(rule) for name in made.included for rule in by_name.get(name, ()))
    if remade or any(_does_more(rule) and _match(rule, name) for name in made.included for rule in patterns):
        is_whole = False
    first = next((rule.targets[0] for rule in made.rules if rule.targets[0][:1] not in (".", "%")), None)
    goal = variables.get(".DEFAULT_GOAL", [first] if first else [])
    goal = [reading for name in goal for reading in expand(made, name, variables, {}, 0)[0]]
    waiting = [_spelled(name) for name in targets] or [
        _spelled(word) for name in goal if name for word in name.split()
    ]
    seen: set[str] = set()
    while waiting:
        target = waiting.pop(0)
        if target in seen:
            continue
        if any(mark in target for mark in "*?["):
            # Which files it stands for is not looked up; any rule that makes such a file may run.
            waiting.extend(name for name in by_name if fnmatch.fnmatchcase(name, target))
            seen.add(target)
            continue
        is_whole = is_whole and "$" not in target
        seen.add(target)
        if len(seen) > _MOST_TARGETS or len(found) > _MOST_LINES:
            return tuple(found), False
        own = _variables_for(made, variables, given, target)
        has_recipe = False
        matching = [(rule, rule.stem) for rule in by_name.get(target, ())]
        matching += [(rule, stem) for rule in patterns if (stem := _match(rule, target))]
        for rule, stem in matching:
            needs = " ".join(expand(made, rule.needs.replace("%", stem), own, {}, 0)[0]).replace("|", " ")
            names = [] if UNKNOWN in needs else [_spelled(name) for name in needs.split()]
            if UNKNOWN in needs:
                is_whole = False
            waiting.extend(names[: _MOST_TARGETS + 1])
            automatic = {
                "@": target,
                "<": names[0] if names else "",
                "^": " ".join(names),
                "+": " ".join(names),
                "?": " ".join(names),
                "*": stem,
            }
            has_recipe = has_recipe or bool(rule.lines)
            for line, path, text in rule.lines:
                if len(found) > _MOST_LINES:
                    return tuple(found), False
                readings, sure = expand(made, text, own, automatic, 0)
                is_whole = is_whole and sure
                found.extend(ScriptLine(text=_bare(reading), path=path, line=line) for reading in readings)
        if not has_recipe and not _has_plain_own_rules(made, own):
            is_whole = False
    shells = variables.get("SHELL", [])
    if any(not _PLAIN_SHELLS.fullmatch(shell.strip()) for shell in shells):
        is_whole = False
    return tuple(item for item in found if item.text.strip()), is_whole


def _does_more(rule: _Rule) -> bool:
    return bool(rule.lines) or bool(rule.needs.strip())


def _spelled(name: str) -> str:
    """Returns a file's name as make compares it: `./x` is `x`."""
    while name.startswith("./") and len(name) > 2:
        name = name[2:].lstrip("/")
    return name


def _bare(text: str) -> str:
    """Returns the lines of a recipe without the marks that only make reads."""
    return "\n".join(line.lstrip("@-+ \t") for line in text.split("\n"))


def _variables_for(
    made: Makefile, variables: dict[str, list[str]], given: dict[str, str], target: str
) -> dict[str, list[str]]:
    """Returns the variables while this target is made: what is set for one target alone its needs see too."""
    own = variables
    for targets, name, value in made.specific:
        if name in given:
            continue
        if own is variables:
            own = dict(variables)
        before = own.get(name)
        if before is None:
            before = [] if target in targets else [BUILT_IN.get(name, "")]
        own[name] = list(dict.fromkeys([*before, value]))
    return own


def _has_plain_own_rules(made: Makefile, variables: dict[str, list[str]]) -> bool:
    """Returns whether make's own rules, which may make a target without a recipe, run compilers alone."""
    for form, names in ((_COMPILER, _OWN_PROGRAMS), (_FLAGS, _OWN_FLAGS)):
        for name in names:
            for value in variables.get(name, ()):
                readings, sure = expand(made, value, variables, {}, 0)
                if not sure and form is _COMPILER:
                    return False
                for reading in readings:
                    text = reading.replace(UNKNOWN, "x").strip()
                    is_said = form is _FLAGS and "$(" not in reading and "`" not in reading
                    if len(text) > LONGEST_LINE or not (
                        form.fullmatch(posixpath.basename(text) if form is _COMPILER else text)
                        or (is_said and _IN_QUOTES.fullmatch(text))
                    ):
                        return False
    return True


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
    lines = text.removeprefix("\ufeff").split("\n")
    index = 0
    opened = len(made.branches)
    while index < len(lines):
        number, line = index + 1, lines[index]
        index += 1
        made.lines_left -= 1
        if made.lines_left < 0:
            made.is_whole = False
            return
        if line.startswith("\t") and "#" in line and _goes_on(line):
            # To the shell the comment ends with the line, and what follows is run.
            made.is_whole = False
        if _goes_on(line):
            pieces, length = [], 0
            while _goes_on(line) and index < len(lines):
                pieces.append(line[:-1])
                length += len(line)
                line = lines[index].lstrip("\t ")
                index += 1
            line = " ".join((*pieces, line)) if length < LONGEST_LINE else "x" * (LONGEST_LINE + 1)
        if len(line) > LONGEST_LINE:
            made.is_whole = False
            continue
        if line.startswith("\t") and rule is not None:
            rule.lines.append((number, path, line.strip()))
            continue
        line = re.sub(r"(?<!\\)#.*", "", line).strip()
        if not line:
            continue
        if match := _CONDITIONS.match(line):
            _follow_condition(made, match[1], line, opened)
            continue
        if line.startswith(("override ", "unexport ", "undefine ", "vpath ", "load ", "-load ")):
            made.is_whole = False
        if match := _DEFINE.match(line):
            index = _read_define(made, line[match.end() :], lines, index, path)
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
            _assign(made, match[1], UNKNOWN if match[2] == "!=" else match[3], match[2])
            if line.startswith("export") or _INHERITED.fullmatch(name):
                _export(made, [name], path, number)
            rule = rule if made.branches else None
            continue
        parts = _split_rule(line)
        if parts is None:
            if _EXPORTS.fullmatch(line):
                made.exports_all = made.exports_all or line == "export"
                _export(made, line.split()[1:], path, number)
            _take_shell(made, line, path, number)
            says = line.startswith(_SAYS) and not DOES_MORE.search(line)
            made.is_whole = made.is_whole and (says or _EXPORTS.fullmatch(line) is not None)
            continue
        for target in parts[0].split():
            is_special = target.startswith(".") and target.count("/") == 0 and target not in _HARMLESS_TARGETS
            last = posixpath.basename(target)
            made.exports_all = made.exports_all or target == ".EXPORT_ALL_VARIABLES"
            if is_special or last in _REMADE or last.endswith(_REMADE_ENDINGS):
                # Rules for suffixes, for make itself, or for what it reads first and then makes anew.
                made.is_whole = False
        _take_shell(made, line, path, number)
        rule = _begin_rule(made, parts, number, path)
    if len(made.branches) != opened:
        made.is_whole = False
        del made.branches[opened:]


def _goes_on(line: str) -> bool:
    """Returns whether the next line belongs to this one: two backslashes at its end are one of the text."""
    return (len(line) - len(line.rstrip("\\"))) % 2 == 1


def _colon(text: str, start: int = 0) -> int:
    """Returns the place of the first colon that stands in no reference to a variable, or -1."""
    index = start
    while index < len(text):
        if text.startswith(("$(", "${"), index):
            index = closing(text, index + 2)
        elif text[index] == ":":
            return index
        index += 1
    return -1


def _export(made: Makefile, names: list[str], path: str, number: int) -> None:
    made.exports.update(names)
    if made.branches:
        made.loose.update(names)
    made.parsing.extend(
        ScriptLine(text=f"{name}=x", path=path, line=number)
        for name in names
        if _STEERS_OTHERS.fullmatch(name) and len(made.parsing) <= _MOST_LINES
    )


def _split_rule(line: str) -> tuple[str, str] | None:
    """Returns a rule's targets and what stands after its colon or colons, or None when it is no rule."""
    colon, equals = _colon(line), line.find("=")
    if colon <= 0 or 0 <= equals < colon:
        return None
    end = colon + (2 if line.startswith("::", colon) else 1)
    return None if line[end : end + 1] == "=" else (line[:colon].rstrip(" \t&"), line[end:].strip())


def _follow_condition(made: Makefile, word: str, line: str, opened: int) -> None:
    if word not in ("else", "endif"):
        made.branches.append(_Branches())
        return
    if len(made.branches) <= opened:
        made.is_whole = False
        return
    branches = made.branches[-1]
    if word == "else":
        branches.sets.append(set())
        branches.has_else = branches.has_else or line.strip() == "else"
        return
    made.branches.pop()
    for name in branches.fresh:
        if not branches.has_else or any(name not in names for names in branches.sets):
            # Where no branch is taken it is what it was: nothing, or what make knows by itself.
            made.variables[name] = list(dict.fromkeys([BUILT_IN.get(name, ""), *made.variables[name]]))
        elif made.branches:
            made.branches[-1].fresh.add(name)
        if made.branches:
            made.branches[-1].sets[-1].add(name)


def _read_define(made: Makefile, rest: str, lines: list[str], index: int, path: str) -> int:
    """Takes a variable of several lines; returns the place after its end."""
    match = _DEFINED.match(rest)
    body: list[str] = []
    depth, start = 1, index
    while index < len(lines):
        line = lines[index]
        index += 1
        made.lines_left -= 1
        word = line.lstrip() if not line.startswith("\t") else ""
        depth += 1 if _DEFINE.match(word) else -1 if re.match(r"endef\b", word) else 0
        if depth == 0:
            break
        body.append(line)
    text = "\n".join(body)
    if match is None or depth or len(text) > LONGEST_LINE or _STEERS.fullmatch(match[1]):
        made.is_whole = False
        return index
    _export(made, [match[1]], path, start)
    _take_shell(made, text, path, start)
    if match[2] == "!=":
        made.parsing.append(ScriptLine(text=text, path=path, line=start))
    _assign(made, match[1], UNKNOWN if match[2] == "!=" else text, match[2] or "=")
    return index


def _begin_rule(made: Makefile, parts: tuple[str, str], number: int, path: str) -> _Rule | None:
    needs, _, inline = parts[1].partition(";")
    targets = expand(made, parts[0], made.variables, {}, 0)[0][0].split()
    if (own := _ASSIGNMENT.fullmatch(parts[1])) is not None:
        made.is_whole = made.is_whole and _STEERS.fullmatch(own[1]) is None and own[1] != ".SHELLFLAGS"
        if "export" in parts[1][: own.start(1)].split():
            made.loose.add(own[1])
            _export(made, [own[1]], path, number)
        elif _INHERITED.fullmatch(own[1]):
            _export(made, [own[1]], path, number)
        if "override" in parts[1][: own.start(1)].split():
            # It goes before what the command line sets.
            made.is_whole = False
        value = UNKNOWN if own[2] == "!=" else own[3]
        if own[1] == "SHELL" or len(made.specific) >= _MOST_LINES or own[2] in ("!=", "+="):
            made.is_whole = made.is_whole and own[2] == "+=" and own[1] not in ("SHELL", "export")
        if own[2] == "+=":
            value = f"{(made.variables.get(own[1]) or [''])[0]} {own[3]}"
        made.specific.append((frozenset(targets), own[1], value))
        return None
    if not targets or any(UNKNOWN in target for target in targets):
        made.is_whole = False
    if len(made.rules) >= _MOST_RULES:
        made.is_whole = False
        return None
    if not targets:
        return None
    if (colon := _colon(needs)) >= 0:
        return _begin_static(made, targets, (needs[:colon], needs[colon + 1 :]), inline, number, path)
    if any(mark in target for target in targets for mark in "*?["):
        made.is_whole = False
    rule = _Rule(targets=[_spelled(target) for target in targets], needs=needs)
    if inline.strip():
        rule.lines.append((number, path, inline.strip()))
    made.rules.append(rule)
    return rule


def _begin_static(
    made: Makefile, targets: list[str], parts: tuple[str, str], inline: str, number: int, path: str
) -> _Rule:
    """Begins a static pattern rule, `objects: %.o: %.c`: each target puts its own stem into the needs."""
    patterns, needs = expand(made, parts[0], made.variables, {}, 0)[0], parts[1]
    shape = _Rule(targets=patterns[0].split() if len(patterns) == 1 else [], needs="")
    lines = [(number, path, inline.strip())] if inline.strip() else []
    rules = []
    for target in targets:
        stem = _match(shape, target)
        if not stem or len(shape.targets) != 1 or any(mark in target for mark in "*?["):
            made.is_whole = False
        rules.append(_Rule(targets=[_spelled(target)], needs=needs, stem=stem or "", lines=lines))
    made.rules.extend(rules)
    return rules[0]


def _include(
    made: Makefile, match: re.Match[str], path: str, load: Callable[[str], str | None], depth: int
) -> None:
    readings = expand(made, match[2], made.variables, {}, 0)[0]
    for name in dict.fromkeys(name for reading in readings for name in reading.split()):
        if len(made.included) > _MOST_INCLUDED:
            made.is_whole = False
            return
        made.included.append(_spelled(name))
        text = load(posixpath.join(made.folder, name)) if UNKNOWN not in name and depth < 4 else None
        if text is not None:
            _read(made, text, posixpath.join(made.folder, name), load, depth + 1)
        elif match[1] == "include" or UNKNOWN in name or set(name) & set("*?[~") or depth >= 4:
            made.is_whole = False


def _assign(made: Makefile, name: str, value: str, operator: str) -> None:
    before = made.variables.get(name)
    if made.branches:
        if before is None:
            made.branches[-1].fresh.add(name)
        made.branches[-1].sets[-1].add(name)
    values = [value]
    if operator == "+=":
        values = [f"{old} {value}" for old in (before or [""])]
    elif operator == "?=" and before and not made.branches:
        return
    elif operator in (":=", "::=", ":::="):
        expanded, sure = expand(made, value, made.variables, {}, 0)
        made.is_whole = made.is_whole and sure
        values = [item.replace("$", "$$") if UNKNOWN not in item else value for item in expanded]
    if made.branches and before:
        values = list(dict.fromkeys([*before, *values]))
    if len(values) > MOST_READINGS:
        made.is_whole = False
    made.variables[name] = values[:MOST_READINGS]


def _take_shell(made: Makefile, text: str, path: str, line: int) -> None:
    """Notes the shell text of every `$(shell …)`, which make may run while it reads the file."""
    place = 0
    while (match := _SHELL_CALL.search(text, place)) is not None:
        place = closing(text, match.end())
        made.steps_left -= 1 + (place - match.end()) // 100
        if len(made.parsing) > _MOST_LINES or made.steps_left < 0:
            made.is_whole = False
            return
        inner, sure = expand(made, text[match.end() : place], made.variables, {}, 0)
        made.is_whole = made.is_whole and sure
        made.parsing.extend(ScriptLine(text=item, path=path, line=line) for item in inner)
