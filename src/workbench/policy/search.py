"""Reads find's own expression, to say which paths it may hand on: by name, by kind, without what it prunes.

A test that only the disk can answer may be true or false. It looks at no disk and runs nothing.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from workbench.policy.options import Option
from workbench.policy.sensitive import compile_pattern, is_exact_pattern
from workbench.policy.walk import plain

_ACTIONS = frozenset({"-print", "-print0", "-printf", "-ls", "-delete", "-exec", "-execdir", "-ok", "-okdir"})
_RUNS = frozenset({"-exec", "-execdir", "-ok", "-okdir"})
_NEVER_SELECT = frozenset(
    {"-maxdepth", "-mindepth", "-depth", "-mount", "-xdev", "-daystart", "-nowarn", "-warn"}
)
_TRUE = frozenset({"-true", "-follow", "-noleaf", "-regextype", *_NEVER_SELECT})
_MOST_WORDS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What a search meets: `shown` as it prints it, and `kind`: file, folder or link."""

    shown: str
    kind: str


@dataclass(slots=True, kw_only=True)
class _Outcome:
    is_handed_on: bool = False
    is_pruned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Truth:
    may_hold: bool
    may_fail: bool


_Test = Callable[[Entry, bool, _Outcome], _Truth]
_EITHER = _Truth(may_hold=True, may_fail=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """A search's expression. `depth` is how far below its roots it goes, None without a limit.

    `names` and `expressions` are the patterns that a name or path has to fit, without those that are
    negated; `wants_links` tells that it looks for links by their kind.
    """

    depth: int | None
    names: tuple[str, ...]
    expressions: tuple[str, ...]
    test: _Test | None
    has_action: bool
    prunes: bool
    wants_links: bool

    def meets(self, entry: Entry) -> tuple[bool, bool]:
        """Returns whether the entry may be handed on, and whether a search surely goes no deeper there."""
        if self.test is None:
            return True, False
        outcome = _Outcome()
        truth = self.test(entry, True, outcome)
        handed_on = outcome.is_handed_on if self.has_action else truth.may_hold
        return handed_on, outcome.is_pruned and self.prunes


def read_search(words: tuple[str, ...], options: Mapping[str, Option]) -> Search:
    """Returns find's expression among its argument words; what does not parse hands everything on."""
    texts = [plain(word) for word in words]
    start = 0
    while start < len(texts) and (
        texts[start][:1] not in ("-", "(", "!") or texts[start] in ("-H", "-L", "-P")
    ):
        start += 1
    parser = _Parser(words=texts[start:], options=options)
    test = parser.read()
    return Search(
        depth=parser.depth,
        names=tuple(parser.names),
        expressions=tuple(parser.expressions),
        test=test,
        has_action=parser.has_action,
        prunes=parser.prunes,
        wants_links=parser.wants_links,
    )


class _Parser:
    def __init__(self, *, words: list[str], options: Mapping[str, Option]) -> None:
        self._words = words
        self._options = options
        self._at = 0
        self._negations = 0
        self.depth: int | None = None
        self.names: list[str] = []
        self.expressions: list[str] = []
        self.has_action = False
        self.prunes = True
        self.wants_links = False

    def read(self) -> _Test | None:
        if not self._words:
            return lambda entry, sure, outcome: _Truth(may_hold=True, may_fail=False)
        if len(self._words) > _MOST_WORDS:
            return None
        test = self._any_of()
        return test if self._at == len(self._words) else None

    def _peek(self) -> str:
        return self._words[self._at] if self._at < len(self._words) else ""

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        return word

    def _any_of(self) -> _Test | None:
        tests = [self._all_of()]
        while self._peek() in ("-o", "-or"):
            self._next()
            tests.append(self._all_of())
        return None if any(test is None for test in tests) else _any([test for test in tests if test])

    def _all_of(self) -> _Test | None:
        tests = [self._one()]
        while self._peek() not in ("", "-o", "-or", ")"):
            if self._peek() in ("-a", "-and"):
                self._next()
            tests.append(self._one())
        return None if any(test is None for test in tests) else _all([test for test in tests if test])

    def _one(self) -> _Test | None:
        word = self._next()
        if word in ("!", "-not"):
            self._negations += 1
            inner = self._one()
            self._negations -= 1
            return None if inner is None else _not(inner)
        if word == "(":
            inner = self._any_of()
            return inner if self._next() == ")" else None
        if word in _RUNS:
            while self._at < len(self._words) and not (
                self._peek() == ";" or (self._peek() == "+" and self._words[self._at - 1] == "{}")
            ):
                self._next()
            self._next()
        elif word not in self._options:
            return None
        value = self._next() if word not in _RUNS and self._options[word].kind is not None else ""
        return self._primary(word, value)

    def _primary(self, word: str, value: str) -> _Test:
        if word in _ACTIONS:
            self.has_action = True
            return _hand_on
        if word == "-prune":
            return _prune
        # Then -prune does nothing, or nothing near the roots.
        self.prunes = self.prunes and word not in ("-depth", "-delete", "-mindepth")
        if word == "-maxdepth" and value.isdigit():
            self.depth = min(int(value), self.depth if self.depth is not None else int(value))
        if word in _TRUE:
            return lambda entry, sure, outcome: _Truth(may_hold=True, may_fail=False)
        if word == "-false":
            return lambda entry, sure, outcome: _Truth(may_hold=False, may_fail=True)
        if word == "-type":
            wanted = {"f": "file", "d": "folder", "l": "link"}
            kinds = {wanted.get(letter, "file") for letter in value.split(",")}
            self.wants_links = self.wants_links or ("link" in kinds and self._negations % 2 == 0)
            return lambda entry, sure, outcome: _known(entry.kind in kinds)
        if word in ("-name", "-iname", "-path", "-ipath", "-wholename"):
            if self._negations % 2 == 0:
                self.names.append(value)
            pattern = compile_pattern(value)
            is_exact = is_exact_pattern(value)
            is_name = word in ("-name", "-iname")

            def fits(entry: Entry, sure: bool, outcome: _Outcome) -> _Truth:
                text = posixpath.basename(entry.shown) if is_name else entry.shown
                if pattern.fullmatch(text) is None:
                    return _Truth(may_hold=False, may_fail=True)
                # Letters of the other case are no match for -name.
                return _Truth(
                    may_hold=True, may_fail=not is_exact or value.lower() != value or text.lower() != text
                )

            return fits
        self.wants_links = self.wants_links or word in ("-xtype", "-lname", "-ilname")
        if word in ("-regex", "-iregex") and self._negations % 2 == 0:
            self.expressions.append(value)
        return lambda entry, sure, outcome: _EITHER


def _known(holds: bool) -> _Truth:
    return _Truth(may_hold=holds, may_fail=not holds)


def _hand_on(entry: Entry, sure: bool, outcome: _Outcome) -> _Truth:
    outcome.is_handed_on = True
    # What a program that is run says decides, and -delete fails on a folder that is not empty.
    return _EITHER


def _prune(entry: Entry, sure: bool, outcome: _Outcome) -> _Truth:
    outcome.is_pruned = outcome.is_pruned or sure
    return _Truth(may_hold=True, may_fail=False)


def _not(inner: _Test) -> _Test:
    def test(entry: Entry, sure: bool, outcome: _Outcome) -> _Truth:
        truth = inner(entry, sure, outcome)
        return _Truth(may_hold=truth.may_fail, may_fail=truth.may_hold)

    return test


def _all(tests: list[_Test]) -> _Test:
    def test(entry: Entry, sure: bool, outcome: _Outcome) -> _Truth:
        may_fail = False
        for inner in tests:
            truth = inner(entry, sure and not may_fail, outcome)
            may_fail = may_fail or truth.may_fail
            if not truth.may_hold:
                return _Truth(may_hold=False, may_fail=True)
        return _Truth(may_hold=True, may_fail=may_fail)

    return test


def _any(tests: list[_Test]) -> _Test:
    def test(entry: Entry, sure: bool, outcome: _Outcome) -> _Truth:
        may_hold = False
        for inner in tests:
            truth = inner(entry, sure and not may_hold, outcome)
            may_hold = may_hold or truth.may_hold
            if not truth.may_fail:
                return _Truth(may_hold=True, may_fail=False)
        return _Truth(may_hold=may_hold, may_fail=True)

    return test
