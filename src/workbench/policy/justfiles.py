"""Reads a justfile: the lines that the asked recipes and what they need would run.

Pure: text in, pieces of shell text with their line out. Settings, attributes, imports and expressions that it
does not follow make the reading not whole, and the one who asks treats that as unsure. It judges nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workbench.policy.makefiles import ScriptLine

UNKNOWN = "${MADE_BY_JUST}"
"""Stands in a recipe for what just alone would know."""

_MOST_LINES = 400
_LONGEST_LINE = 4_000
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_PLAIN_STRING = re.compile(r"'[^'\n]*'|\"[^\"\\\n]*\"")
_PARAMETER = re.compile(
    r"([+*]?)\$?([A-Za-z_][A-Za-z0-9_-]*)(=(?:'[^'\n]*'|\"[^\"\\\n]*\"|[A-Za-z_][A-Za-z0-9_-]*))?"
)
_HARMLESS_SETTINGS = frozenset(
    [
        *(
            "positional-arguments",
            "quiet",
            "ignore-comments",
            "export",
            "unstable",
            "allow-duplicate-recipes",
        ),
        *("allow-duplicate-variables", "windows-shell", "windows-powershell"),
    ]
)
_PLAIN_SHELL = re.compile(
    r"\[\s*['\"](?:/usr)?(?:/bin/)?(?:ba|da|z)?sh['\"](?:\s*,\s*['\"](?:-[a-z]{1,6}|pipefail)['\"]){1,4}\s*,?\s*\]"
)
_HARMLESS_ATTRIBUTES = frozenset(
    [
        *(
            "private",
            "linux",
            "macos",
            "unix",
            "windows",
            "openbsd",
            "no-exit-message",
            "exit-message",
            "confirm",
        ),
        *("group", "doc", "parallel", "positional-arguments", "default", "no-quiet"),
    ]
)
_SHELL_SHEBANG = re.compile(r"#!\s*(/usr)?/bin/(env\s+)?(ba|da|z)?sh(\s+-[a-z]+)*\s*")


@dataclass(slots=True, kw_only=True)
class _Recipe:
    parameters: list[tuple[str, str, str | None]]
    needs: list[str]
    lines: list[tuple[int, str]] = field(default_factory=list)
    is_whole: bool = True


@dataclass(slots=True, kw_only=True)
class _Justfile:
    recipes: dict[str, list[_Recipe]] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    values: dict[str, str | None] = field(default_factory=dict)
    exports: list[tuple[int, str]] = field(default_factory=list)
    is_whole: bool = True


def read_justfile(text: str, path: str, words: tuple[str, ...]) -> tuple[tuple[ScriptLine, ...], bool]:
    """Returns the lines that `just WORDS` may run, and whether that is all of them.

    The words are recipes with their arguments; without any it is the first recipe.
    """
    made = _parse(text)
    found = [ScriptLine(text=f"{name}=x", path=path, line=line) for line, name in made.exports]
    is_whole = made.is_whole
    waiting: list[tuple[str, list[str]]] = []
    rest = list(words) or list(made.recipes)[:1]
    while rest:
        name = rest.pop(0)
        taken = made.recipes.get(made.aliases.get(name, name), [])
        count = max((_count(recipe) for recipe in taken), default=0)
        waiting.append((name, rest[:count]))
        rest = rest[count:]
    seen: set[str] = set()
    while waiting:
        name, arguments = waiting.pop(0)
        name = made.aliases.get(name, name)
        if name not in made.recipes:
            is_whole = False
            continue
        if name in seen and not arguments:
            continue
        seen.add(name)
        for recipe in made.recipes[name]:
            values, is_bound = _bind(recipe, arguments, made.values)
            is_whole = is_whole and recipe.is_whole and is_bound
            waiting.extend((need, []) for need in recipe.needs if need not in seen)
            for number, line in recipe.lines:
                expanded, sure = _expand(line, values)
                is_whole = is_whole and sure
                found.append(ScriptLine(text=expanded, path=path, line=number))
            if len(found) > _MOST_LINES or len(waiting) > _MOST_LINES:
                return tuple(found), False
    return tuple(found), is_whole


def _count(recipe: _Recipe) -> int:
    return 1_000 if any(mark for mark, _, _ in recipe.parameters) else len(recipe.parameters)


def _bind(
    recipe: _Recipe, arguments: list[str], values: dict[str, str | None]
) -> tuple[dict[str, str | None], bool]:
    """Returns the values inside the recipe: its parameters stand before the file's variables."""
    bound = dict(values)
    rest = list(arguments)
    for mark, name, default in recipe.parameters:
        if mark:
            bound[name] = " ".join(rest) if rest else default if default is not None else ""
            rest = []
        elif rest:
            bound[name] = rest.pop(0)
        else:
            bound[name] = default
    return bound, not rest


def _expand(text: str, values: dict[str, str | None]) -> tuple[str, bool]:
    pieces: list[str] = []
    sure = True
    place = 0
    while (start := text.find("{{", place)) >= 0:
        pieces.append(text[place:start])
        end = text.find("}}", start + 2)
        if end < 0:
            return UNKNOWN, False
        inner = text[start + 2 : end].strip()
        value = inner[1:-1] if _PLAIN_STRING.fullmatch(inner) else values.get(inner)
        sure = sure and value is not None
        pieces.append(UNKNOWN if value is None else value)
        place = end + 2
    return "".join((*pieces, text[place:])), sure


def _parse(text: str) -> _Justfile:
    made = _Justfile()
    current: _Recipe | None = None
    attributes_are_known = True
    lines = text.split("\n")
    index = 0
    while index < len(lines):
        number, line = index + 1, lines[index]
        index += 1
        if line[:1] in (" ", "\t") and line.strip() and current is not None:
            index = _take_body(current, lines, index - 1)
            continue
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        if len(line) > _LONGEST_LINE or line[:1] in (" ", "\t") or line.endswith("\\"):
            made.is_whole = False
            continue
        current = None
        if bare.startswith("["):
            attributes_are_known = _are_harmless(bare) and attributes_are_known
            continue
        if not _take_setting(made, bare, number):
            current = _take_header(made, bare)
            if current is not None:
                current.is_whole = current.is_whole and attributes_are_known
        attributes_are_known = True
    return made


def _are_harmless(text: str) -> bool:
    if not text.endswith("]"):
        return False
    inner = re.sub(r"'[^'\n]*'|\"[^\"\\\n]*\"", "", text[1:-1])
    names = [re.split(r"[:(]", item, maxsplit=1)[0].strip() for item in inner.split(",")]
    return all(name in _HARMLESS_ATTRIBUTES for name in names)


def _take_setting(made: _Justfile, line: str, number: int) -> bool:
    """Returns whether the line is no recipe: a setting, an alias, an import or an assignment."""
    first, _, rest = line.partition(" ")
    if first in ("import", "import?", "mod", "mod?", "unexport", "!include"):
        made.is_whole = False
        return True
    if (first == "set" and ":=" in line) or line.removeprefix("set ").strip() in _HARMLESS_SETTINGS:
        name, _, value = rest.partition(":=")
        is_plain = name.strip() in _HARMLESS_SETTINGS or value.strip() == "false"
        is_shell = name.strip() == "shell" and _PLAIN_SHELL.fullmatch(value.strip()) is not None
        made.is_whole = made.is_whole and (is_plain or is_shell)
        return True
    if first == "set" and ":" not in line:
        made.is_whole = False
        return True
    place = line.find(":=")
    if place < 0:
        return False
    name, value = line[:place].strip(), _without_comment(line[place + 2 :])
    if first == "alias":
        made.aliases[name.removeprefix("alias").strip()] = value
        return True
    if first == "export":
        name = name.removeprefix("export").strip()
        made.exports.append((number, name))
    if not _NAME.fullmatch(name):
        return False
    if "`" in value or "shell(" in value or value.count("'") % 2 or value.count('"') % 2:
        made.is_whole = False
    made.values[name] = value[1:-1] if _PLAIN_STRING.fullmatch(value) else made.values.get(value)
    return True


def _without_comment(value: str) -> str:
    text = value.strip()
    match = _PLAIN_STRING.match(text)
    after = text[match.end() :].strip() if match else ""
    return text[: match.end()] if match and after.startswith("#") else text


def _take_header(made: _Justfile, line: str) -> _Recipe | None:
    text = line.removeprefix("@")
    match = _NAME.match(text)
    if match is None:
        made.is_whole = False
        return None
    recipe = _Recipe(parameters=[], needs=[])
    place = match.end()
    while True:
        rest = text[place:]
        place += len(rest) - len(rest.lstrip())
        if text[place : place + 1] == ":":
            break
        parameter = _PARAMETER.match(text, place)
        if parameter is None:
            # A default that is an expression may run a program.
            recipe.is_whole = False
            place = text.rfind(":")
            if place < 0:
                made.is_whole = False
                return None
            break
        default = parameter[3]
        value = None if default is None or default[1] not in "'\"" else default[2:-1]
        recipe.parameters.append((parameter[1], parameter[2], value))
        place = parameter.end()
    needs = text[place + 1 :].split("#")[0].strip()
    if "(" in needs or "`" in needs or "'" in needs or '"' in needs:
        # Needs with arguments: which values they get is not followed.
        recipe.is_whole = False
    recipe.needs = [word for word in re.split(r"[\s()&]+", needs) if _NAME.fullmatch(word)]
    if "::" in needs:
        recipe.is_whole = False
    made.recipes.setdefault(match[0], []).append(recipe)
    return recipe


def _take_body(recipe: _Recipe, lines: list[str], index: int) -> int:
    """Takes the indented lines from here on; returns the place after them."""
    body: list[tuple[int, str]] = []
    while index < len(lines) and (lines[index][:1] in (" ", "\t") or not lines[index].strip()):
        if lines[index].strip():
            body.append((index + 1, lines[index].strip()))
        index += 1
    if any(len(line) > _LONGEST_LINE for _, line in body) or len(body) > _MOST_LINES:
        recipe.is_whole = False
        body = []
    if body and body[0][1].startswith("#!"):
        recipe.is_whole = recipe.is_whole and _SHELL_SHEBANG.fullmatch(body[0][1]) is not None
        recipe.lines.append((body[0][0] + 1, "\n".join(line for _, line in body[1:])))
        return index
    pieces: list[str] = []
    start = 0
    for number, line in body:
        start = start if pieces else number
        if line.endswith("\\"):
            pieces.append(line[:-1])
            continue
        whole = "".join((*pieces, line)).lstrip("@-")
        pieces = []
        if whole:
            recipe.lines.append((start, whole))
    if pieces:
        recipe.is_whole = False
    return index
