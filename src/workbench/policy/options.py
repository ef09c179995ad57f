"""Reads a program's arguments by its allow-listed flags: a flag that is not listed is not understood.

Option specs are words: `-l` takes nothing, `--sort=text` takes a value, `--color?text` may take one after
"=" (short: attached), `-o~text` takes the next word alone (nothing may touch it), `-W+warning` takes what
touches it, or the next word, where a style has options of several letters. `!label` adds a label or
effect when the option is given, as in `-delete!deletes`.
Positional specs are kinds in order; the suffixes `*` (any), `+` (one or more) and `?` (optional) repeat them.
Styles: gnu reads options anywhere, posix before the first positional alone, single has options such as
-name, operands has NAME=VALUE words without a dash as dd has, plain has none. Long options are never
abbreviated. This module knows no program and resolves no path.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from workbench.policy.snippets import fits
from workbench.policy.walk import is_dynamic, plain

KINDS = frozenset(
    [
        "text",
        "number",
        "name",
        "mode",
        "sed",
        "awk",
        "host",
        "assign",
        "module",
        "script",
        "words",
        "command",
        "read",
        "write",
        "delete",
        "emptied",
        "move",
        "code",
        "shellfile",
        "chdir",
        "link",
        "none",
        "infile",
        "outfile",
        "digits",
        "plugin",
        "report",
        "harness",
        "lint",
        "delimiter",
        "jq",
        "revision",
        "warning",
        "define",
        "setting",
        "task",
        "target",
        "binary",
        "goal",
        "local",
        "query",
        "pages",
        "recipe",
        "npmscript",
        "image",
        "rustfmt",
        "configkey",
        "gofile",
        "phpfile",
        "package",
        "shelloption",
        "yq",
        "literal",
        "url",
        "application",
        "ini",
        "variable",
        "scriptfile",
        "pattern",
        "unpattern",
        "unfile",
        "unfolder",
        "nameregex",
        "extension",
        "filetype",
        "pathspec",
        "branch",
        "chart",
        "gomodule",
        "ldflags",
        "listing",
        "columns",
        "builder",
        "settingname",
        "resource",
        "buildtarget",
        "buildlabel",
        "managed",
        "setupword",
        "suffix",
        "served",
        "migration",
        "markup",
        "classpath",
        "bare",
        "plaincode",
        "plainwrite",
    ]
)
STYLES = frozenset({"gnu", "posix", "single", "operands", "plain"})

_OPTION = re.compile(
    r"(?P<name>-NUM|[-+]{1,2}[A-Za-z0-9#@?][A-Za-z0-9_.:-]*|-|[!()]|[a-z]+(?==))"
    r"(?:(?P<mark>[=?~]|\+(?=[a-z]))(?P<kind>[a-z]+))?(?P<adds>(?:![a-z_]+)*)"
)
_POSITIONAL = re.compile(r"(?P<kind>[a-z]+)(?P<suffix>[*+?]?)")
_DASH_NUMBER = re.compile(r"-\d+")
# What a value is once it has fitted: a stricter text of the same meaning.
_MEANINGS = {"digits": "number", "plaincode": "code", "plainwrite": "write"}
_FILES = frozenset(
    {
        "read",
        "write",
        "delete",
        "emptied",
        "move",
        "link",
        "code",
        "scriptfile",
        "gofile",
        "phpfile",
        "shellfile",
    }
    | {"recipe", "chdir", "infile", "outfile", "classpath", "report", "plaincode", "plainwrite"}
)
_NEGATIVE = re.compile(r"-\d+[A-Za-z]?")
_CODE_KINDS = frozenset({"code", "scriptfile", "gofile", "phpfile"})
_LEAVES_THE_REST = frozenset({"command", "words"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """`kind` is None for a flag without a value; `is_optional` means the value must be attached,
    `is_separate` that it must not be, and `is_prefix` that it may touch a name of several letters."""

    name: str
    kind: str | None
    is_optional: bool
    is_separate: bool
    is_prefix: bool
    adds: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Positional:
    kind: str
    suffix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """One understood way to call a program: `words` are the subcommand words that select it.

    `globals` are the options before those words, `options` the ones after: git's -c is not switch's -c.
    `drop_first_if` and `drop_last_if` name options that take the place of the first or last positional.
    `requires` names options of which one must be given.
    """

    program: str
    words: tuple[str, ...] = ()
    style: str = "gnu"
    globals: Mapping[str, Option] = field(default_factory=dict)
    options: Mapping[str, Option] = field(default_factory=dict)
    positionals: tuple[Positional, ...] = ()
    drop_first_if: frozenset[str] = frozenset()
    drop_last_if: frozenset[str] = frozenset()
    requires: frozenset[str] = frozenset()
    labels: frozenset[str] = frozenset()

    @property
    def takes_code(self) -> bool:
        """Whether it runs one file of code with arguments of its own, as an interpreter does."""
        kinds = [item.kind for item in self.positionals]
        return len(kinds) > 1 and kinds[-1] == "text" and kinds[0] in _CODE_KINDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A value with the kind it was read as; `index` is its word's place in the words read.

    `is_operand` tells that it is no option's value.
    """

    kind: str
    text: str
    index: int
    is_attached: bool = False
    is_operand: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Arguments that were understood whole. `is_dynamic`: some value is not known."""

    given: frozenset[str]
    values: tuple[Value, ...]
    labels: frozenset[str]
    is_dynamic: bool


@functools.cache
def parse_options(specs: str) -> Mapping[str, Option]:
    """Returns the options that these spec words describe, by name; raises ValueError naming a word.

    Many forms of a program share theirs, so that what they share is read once.
    """
    return MappingProxyType({option.name: option for option in map(parse_option, specs.split())})


def parse_option(spec: str) -> Option:
    """Returns the option that one spec word describes; raises ValueError naming the word."""
    match = _OPTION.fullmatch(spec)
    if match is None or (match["kind"] is not None and match["kind"] not in KINDS):
        raise ValueError(f"option spec {spec!r} is not NAME, NAME=KIND, NAME?KIND or NAME~KIND with !label")
    return Option(
        name=match["name"],
        kind=match["kind"],
        is_optional=match["mark"] == "?",
        is_separate=match["mark"] == "~",
        is_prefix=match["mark"] == "+",
        adds=tuple(match["adds"].split("!")[1:]),
    )


def parse_positionals(spec: str) -> tuple[Positional, ...]:
    """Returns the positionals that a spec describes; raises ValueError for unknown kinds or two repeats."""
    found = []
    for word in spec.split():
        match = _POSITIONAL.fullmatch(word)
        if match is None or match["kind"] not in KINDS:
            raise ValueError(f"positional spec {word!r} is not a known kind")
        found.append(Positional(kind=match["kind"], suffix=match["suffix"]))
    if sum(item.suffix in ("*", "+") for item in found) > 1 and found[0].kind != "assign":
        raise ValueError(f"positional spec {spec!r} repeats twice")
    return tuple(found)


def read_arguments(form: Form, words: tuple[str, ...]) -> Reading | None:
    """Returns what the words after the program's name mean under this form, or None when not understood."""
    reader = _Reader(form=form, words=words)
    return reader.read()


@dataclass(slots=True, kw_only=True)
class _Reader:
    form: Form
    words: tuple[str, ...]
    given: set[str] = field(default_factory=set)
    options: Mapping[str, Option] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    labels: set[str] = field(default_factory=set)
    positionals: list[int] = field(default_factory=list)
    dynamic: bool = False

    def read(self) -> Reading | None:
        form, words = self.form, self.words
        index, subcommand = 0, 0
        if form.style == "plain":
            if tuple(map(plain, words[: len(form.words)])) != form.words:
                return None
            subcommand = len(form.words)
            self.positionals.extend(range(subcommand, len(words)))
            self.dynamic = any(is_dynamic(word) for word in words)
            index = len(words)
        while index < len(words):
            word = plain(words[index])
            self.dynamic = self.dynamic or is_dynamic(words[index])
            if word == "--" and form.style != "single" and not is_dynamic(words[index]):
                rest = range(index + 1, len(words))
                # Behind the dashes stand files, and no branch.
                if subcommand < len(form.words) or any(item.kind == "branch" for item in form.positionals):
                    return None
                self.positionals.extend(rest)
                self.dynamic = self.dynamic or any(is_dynamic(words[place]) for place in rest)
                break
            if subcommand < len(form.words) and word == form.words[subcommand]:
                subcommand += 1
                index += 1
                continue
            self.options = form.globals if subcommand < len(form.words) else form.options
            is_option = len(word) > 1 and word[0] == "-"
            if form.style == "single" and (word in self.options or word[:1] == "-"):
                is_option = True
            if form.style == "operands":
                is_option = "=" in word and word.partition("=")[0] in self.options
            if not is_option and word[:1] == "+" and word in self.options:
                is_option = True
            if not is_option:
                if subcommand < len(form.words):
                    return None
                self.positionals.append(index)
                index += 1
                if form.style == "posix":
                    self.positionals.extend(range(index, len(words)))
                    self.dynamic = self.dynamic or any(is_dynamic(word) for word in words[index:])
                    break
                continue
            taken = self._read_option(index, word)
            if taken is None:
                return None
            index += taken
        if subcommand < len(form.words) or (form.requires and not form.requires & self.given):
            return None
        if not self._place_positionals():
            return None
        return Reading(
            given=frozenset(self.given),
            values=tuple(sorted(self.values, key=lambda value: value.index)),
            labels=frozenset(self.labels) | form.labels,
            is_dynamic=self.dynamic,
        )

    def _read_option(self, index: int, word: str) -> int | None:
        """Returns how many words the option took, or None when it is not listed."""
        options = self.options
        if _DASH_NUMBER.fullmatch(word) and "-NUM" in options:
            self._give(options["-NUM"])
            return 1
        if word in options:
            option = options[word]
            self._give(option)
            if option.kind is None or option.is_optional:
                return 1
            return self._take_next(option, index)
        if word.startswith("--") or self.form.style in ("single", "operands"):
            name, sign, value = word.partition("=")
            found = options.get(name)
            if found is None and not word.startswith("--"):
                return self._read_prefixed(index, word)
            if not sign or found is None or found.kind is None:
                return None
            self._give(found)
            return 1 if self._add(found.kind, value, index, attached=True) else None
        return self._read_cluster(index, word)

    def _read_prefixed(self, index: int, word: str) -> int | None:
        """Reads `-Wall` or `-Iinclude` where options have several letters; the longest name wins."""
        for length in range(len(word) - 1, 1, -1):
            option = self.options.get(word[:length])
            if option is not None and option.is_prefix and option.kind is not None:
                if _may_be_sign(option.kind, word[length:]):
                    return None
                self._give(option)
                return 1 if self._add(option.kind, word[length:], index, attached=True) else None
        return None

    def _read_cluster(self, index: int, word: str) -> int | None:
        for place in range(1, len(word)):
            option = self.options.get("-" + word[place])
            if option is None:
                return None
            self._give(option)
            if option.kind is None:
                continue
            rest = word[place + 1 :]
            if rest and (option.is_separate or _may_be_sign(option.kind, rest)):
                return None
            if rest:
                return 1 if self._add(option.kind, rest, index, attached=True) else None
            return 1 if option.is_optional else self._take_next(option, index)
        return 1

    def _take_next(self, option: Option, index: int) -> int | None:
        if index + 1 >= len(self.words) or option.kind is None:
            return None
        following = plain(self.words[index + 1])
        # A program for which this value is optional would read the word as an option of its own.
        is_flag = following[:1] == "-" and len(following) > 1 and not _NEGATIVE.fullmatch(following)
        if is_flag and option.kind != "ldflags":
            return None
        self.dynamic = self.dynamic or is_dynamic(self.words[index + 1])
        return 2 if self._add(option.kind, plain(self.words[index + 1]), index + 1) else None

    def _give(self, option: Option) -> None:
        self.given.add(option.name)
        self.labels.update(option.adds)

    def _add(
        self, kind: str, text: str, index: int, *, attached: bool = False, operand: bool = False
    ) -> bool:
        if not fits(kind, text):
            return False
        kind = _MEANINGS.get(kind, kind)
        self.values.append(Value(kind=kind, text=text, index=index, is_attached=attached, is_operand=operand))
        return True

    def _place_positionals(self) -> bool:
        specs = list(self.form.positionals)
        if self.form.drop_first_if & self.given:
            specs = specs[1:]
        if self.form.drop_last_if & self.given:
            specs = specs[:-1]
        places = list(self.positionals)
        if specs and specs[0].kind == "assign" and specs[0].suffix == "*":
            while places and fits("assign", plain(self.words[places[0]])):
                if not self._add("assign", plain(self.words[places[0]]), places.pop(0)):
                    return False
            specs = specs[1:]
        while specs and specs[0].suffix in ("", "?"):
            spec = specs[0]
            if not places:
                if spec.suffix == "?":
                    specs.pop(0)
                    continue
                return False
            if spec.kind in _LEAVES_THE_REST:
                self.values.append(Value(kind=spec.kind, text="", index=places[0]))
                return len(specs) == 1
            if not self._add(spec.kind, plain(self.words[places[0]]), places[0], operand=True):
                return False
            places.pop(0)
            specs.pop(0)
        tail: list[tuple[str, int]] = []
        while specs and specs[-1].suffix == "":
            if not places:
                return False
            tail.append((specs.pop().kind, places.pop()))
        if specs:
            if len(specs) > 1 or (specs[0].suffix == "+" and not places):
                return False
            if specs[0].suffix == "?" and len(places) > 1:
                return False
            tail.extend((specs[0].kind, place) for place in places)
        elif places:
            return False
        return all(self._add(kind, plain(self.words[place]), place, operand=True) for kind, place in tail)


def _may_be_sign(kind: str, attached: str) -> bool:
    """Returns whether this is `-o=/x` or `-o:/x`: some programs take the sign away, and others do not."""
    return kind in _FILES and attached[:1] in ("=", ":")
