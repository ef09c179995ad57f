"""Proves, over every combination of facts, what no change of the rules may break, or shows what breaks it.

The rules become a formula and z3 looks for facts that break an invariant; where it finds none, there are
none. The formula knows nothing of a rule that errs: such rules are refused when they are read, and the
engine denies on any error. A test compares formula and engine on random requests. It decides nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import z3
from cedarpy import pst

from workbench.policy.rules import APPROVE, ASK, RUN, WORDS, Rule

Formula = Any
"""A z3 expression; the library has no types of its own to name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """What must never be: `action` allowed while `breaks` holds. `breaks` gets a way to name facts."""

    name: str
    text: str
    action: str
    breaks: Callable[[Terms], Formula]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One invariant, proved, or refuted by facts for which it does not hold.

    `counter_example` is empty only when it is proved. What it names with False does not hold and must not,
    for the invariant to break; other facts that do not hold are left out.
    """

    name: str
    text: str
    is_proved: bool
    counter_example: Mapping[str, bool | str] = field(default_factory=dict)

    @property
    def example_words(self) -> tuple[str, ...]:
        """The counter-example for people, a few words for each of its facts and texts."""
        said = {True: "holds", False: "does not hold"}
        return tuple(
            f"{name} is {value}" if isinstance(value, str) else f"{name} {said[value]}"
            for name, value in self.counter_example.items()
        )


class Terms:
    """The facts as z3 knows them, in a context of their own: z3's shared one is for one thread only."""

    def __init__(self) -> None:
        self.context = z3.Context()
        self._facts: dict[str, Formula] = {}
        self._words: dict[str, Formula] = {}
        self._lacking: set[str] = set()

    def fact(self, name: str) -> Formula:
        """Returns the fact of this name, which holds or does not."""
        if name not in self._facts:
            self._facts[name] = z3.Bool(name, self.context)
        return self._facts[name]

    def lacking(self, name: str) -> Formula:
        """Returns that the fact of this name does not hold; `read` says so, too, where that is the case."""
        self._lacking.add(name)
        return z3.Not(self.fact(name))

    def any_of(self, *names: str) -> Formula:
        return z3.Or([self.fact(name) for name in names])

    def word(self, name: str) -> Formula:
        """Returns the text of this name; rules compare it, and nothing more. `domain` says what it can be."""
        if name not in self._words:
            self._words[name] = z3.String(name, self.context)
        return self._words[name]

    def text(self, value: str) -> Formula:
        return z3.StringVal(value, self.context)

    def truth(self, value: bool) -> Formula:
        return z3.BoolVal(value, self.context)

    def domain(self) -> Formula:
        """Returns the formula of "each text that was named so far is one that there is"."""
        return z3.And(
            [
                self.truth(True),
                *(
                    z3.Or([word == self.text(value) for value in WORDS[name]])
                    for name, word in self._words.items()
                    if name in WORDS
                ),
            ]
        )

    def solver(self) -> Formula:
        return z3.Solver(ctx=self.context)

    def read(self, model: Formula) -> dict[str, bool | str]:
        """Returns the facts and texts that a model gives, by name.

        Facts that do not hold are left out, but for those that something was said to be `lacking`.
        """
        facts: dict[str, bool | str] = {}
        for name, fact in sorted(self._facts.items()):
            holds = z3.is_true(model.eval(fact, True))
            if holds or name in self._lacking:
                facts[name] = holds
        for name, word in sorted(self._words.items()):
            facts[name] = model.eval(word, True).as_string()
        return facts


INVARIANTS = (
    Invariant(
        name="asking-is-never-stricter",
        text="What may run unasked may run approved too.",
        action=RUN,
        # Always the case, and read off: an example of it names something, whatever the rules speak about.
        breaks=lambda terms: z3.Or(terms.fact("understood"), terms.lacking("understood")),
    ),
    Invariant(
        name="irreversible-is-asked",
        text="No irreversible command runs without approval.",
        action=RUN,
        breaks=lambda terms: terms.fact("irreversible"),
    ),
    Invariant(
        name="deleting-is-asked",
        text="Nothing is deleted, and no uncommitted change is discarded, without approval.",
        action=RUN,
        breaks=lambda terms: terms.any_of(
            "deletes", "discards", "overwrites_ignored", "deletes_workspace", "deletes_found"
        ),
    ),
    Invariant(
        name="writing-outside-is-asked",
        text="Nothing writes outside the workspace without approval.",
        action=RUN,
        breaks=lambda terms: terms.any_of("writes_outside", "writes_unknown", "writes_device"),
    ),
    Invariant(
        name="outside-is-asked",
        text="Nothing writes outside the workspace, works in a folder outside it or runs code from there "
        "without approval.",
        action=RUN,
        breaks=lambda terms: terms.any_of(
            "writes_outside", "writes_unknown", "cwd_outside", "cwd_unknown", "executes_outside"
        ),
    ),
    Invariant(
        name="writing-outside-never",
        text="Nothing writes outside the workspace, approved or not, where this sandbox does not hold; where "
        "it holds, no place outside is there to be written.",
        action=ASK,
        breaks=lambda terms: z3.And(terms.fact("writes_outside"), terms.fact("remote_connector")),
    ),
    Invariant(
        name="publishing-is-asked",
        text="Nothing is published without approval.",
        action=RUN,
        breaks=lambda terms: terms.fact("publishes"),
    ),
    Invariant(
        name="network-is-asked",
        text="Nothing reaches the network without approval, unless that program and form is remembered.",
        action=RUN,
        breaks=lambda terms: z3.And(terms.fact("network"), terms.lacking("remembered")),
    ),
    Invariant(
        name="secrets-are-asked",
        text="Nothing reads where keys, tokens and passwords lie without approval.",
        action=RUN,
        breaks=lambda terms: terms.fact("reads_secret"),
    ),
    Invariant(
        name="unknown-is-asked",
        text="Nothing that is not understood runs without approval.",
        action=RUN,
        breaks=lambda terms: z3.Or(
            terms.lacking("understood"),
            terms.any_of("not_strict", "program_unknown", "program_shadowed", "form_unknown"),
        ),
    ),
    Invariant(
        name="privilege-never",
        text="Nothing runs with more rights, approved or not.",
        action=ASK,
        breaks=lambda terms: terms.fact("privilege"),
    ),
    Invariant(
        name="destruction-never",
        text="Nothing deletes the system or writes a device, approved or not.",
        action=ASK,
        breaks=lambda terms: terms.any_of("deletes_root", "formats_disk", "writes_device"),
    ),
    Invariant(
        name="protected-never",
        text="Nothing writes git's hooks and configuration or the workbench's folder, approved or not; what "
        "git itself would write there is asked, and the sandbox keeps it from being written.",
        action=ASK,
        breaks=lambda terms: terms.fact("writes_protected"),
    ),
    Invariant(
        name="forbidden-reads-never",
        text="Nothing reads password hashes, other processes or daemons' sockets, approved or not.",
        action=ASK,
        breaks=lambda terms: terms.fact("reads_forbidden"),
    ),
    Invariant(
        name="four-eyes",
        text="No approver role may approve its own high-risk request where four eyes is on.",
        action=APPROVE,
        breaks=lambda terms: z3.And(
            terms.fact("four_eyes"),
            terms.fact("own_request"),
            terms.word("risk") == terms.text("high"),
        ),
    ),
    Invariant(
        name="only-approvers-approve",
        text="Viewers and operators approve nothing.",
        action=APPROVE,
        breaks=lambda terms: z3.Or(
            terms.word("role") == terms.text("viewer"), terms.word("role") == terms.text("operator")
        ),
    ),
)


def prove(rules: Iterable[Rule]) -> tuple[Finding, ...]:
    """Returns each invariant, proved for these rules or refuted with the facts that break it."""
    listed = tuple(rules)
    return tuple(_prove_one(listed, invariant) for invariant in INVARIANTS)


def find_difference(one: Iterable[Rule], other: Iterable[Rule], action: str) -> dict[str, bool | str] | None:
    """Returns facts for which `one` allows the action and `other` does not, or None where there are none."""
    terms = Terms()
    return _find(
        terms,
        z3.And(
            allows(terms, tuple(one), action),
            z3.Not(allows(terms, tuple(other), action)),
        ),
    )


def find_impossible(rule: Rule) -> str | None:
    """Returns why a rule could be left out: its condition never holds; None when it can hold."""
    terms = Terms()
    if APPROVE not in rule.actions and RUN not in rule.actions and ASK not in rule.actions:
        return None
    if _find(terms, _condition(terms, rule)) is None:
        return "its condition can never hold"
    return None


def allows(terms: Terms, rules: tuple[Rule, ...], action: str) -> Formula:
    """Returns the formula of "these rules allow the action": some permit holds, and no forbid does."""
    permits = [
        _condition(terms, rule) for rule in rules if rule.effect == "permit" and action in rule.actions
    ]
    forbids = [
        _condition(terms, rule) for rule in rules if rule.effect == "forbid" and action in rule.actions
    ]
    nothing = terms.truth(False)
    return z3.And(z3.Or([nothing, *permits]), z3.Not(z3.Or([nothing, *forbids])))


def _prove_one(rules: tuple[Rule, ...], invariant: Invariant) -> Finding:
    terms = Terms()
    allowed = allows(terms, rules, invariant.action)
    broken = z3.And(allowed, invariant.breaks(terms))
    if invariant.name == "asking-is-never-stricter":
        broken = z3.And(broken, z3.Not(allows(terms, rules, ASK)))
    found = _find(terms, broken)
    return Finding(
        name=invariant.name, text=invariant.text, is_proved=found is None, counter_example=found or {}
    )


def _find(terms: Terms, formula: Formula) -> dict[str, bool | str] | None:
    """Returns facts under which the formula holds, as few as can be had one by one, or None."""
    solver = terms.solver()
    solver.add(formula, terms.domain())
    if solver.check() == z3.unsat:
        return None
    for name in [name for name, value in terms.read(solver.model()).items() if value is True]:
        solver.push()
        solver.add(z3.Not(terms.fact(name)))
        if solver.check() != z3.sat:
            solver.pop()
    solver.check()
    return terms.read(solver.model())


def _condition(terms: Terms, rule: Rule) -> Formula:
    parts = [terms.truth(True)]
    for clause in rule.clauses:
        inside = _translate(terms, clause.expr)
        parts.append(z3.Not(inside) if isinstance(clause, pst.Unless) else inside)
    return z3.And(parts)


def _translate(terms: Terms, expression: pst.Expr) -> Formula:
    """Returns the formula of a condition; what rules.py lets through and nothing else."""
    match expression:
        case pst.BoolLit(value=value):
            return terms.truth(value)
        case pst.GetAttr(base=pst.Var(name="context"), attr=name):
            return terms.fact(name)
        case pst.UnaryOp(op="not", arg=inside):
            return z3.Not(_translate(terms, inside))
        case pst.BinaryOp(op="and", left=left, right=right):
            return z3.And(_translate(terms, left), _translate(terms, right))
        case pst.BinaryOp(op="or", left=left, right=right):
            return z3.Or(_translate(terms, left), _translate(terms, right))
        case pst.BinaryOp(op="eq", left=left, right=right):
            return _same(terms, left, right)
        case pst.BinaryOp(op="not_eq", left=left, right=right):
            return z3.Not(_same(terms, left, right))
        case pst.BinaryOp(op="contains", left=pst.Set(elements=elements), right=right):
            return z3.Or([terms.truth(False), *(_same(terms, element, right) for element in elements)])
        case _:
            raise ValueError(f"no formula for {expression}")


def _same(terms: Terms, left: pst.Expr, right: pst.Expr) -> Formula:
    """Texts are compared as texts, all else as facts."""
    if _is_text(left) or _is_text(right):
        return _as_text(terms, left) == _as_text(terms, right)
    return _translate(terms, left) == _translate(terms, right)


def _is_text(expression: pst.Expr) -> bool:
    match expression:
        case pst.StringLit():
            return True
        case pst.GetAttr(base=pst.Var(name="context"), attr=name):
            return name in WORDS
        case _:
            return False


def _as_text(terms: Terms, expression: pst.Expr) -> Formula:
    match expression:
        case pst.StringLit(value=value):
            return terms.text(value)
        case pst.GetAttr(base=pst.Var(name="context"), attr=name):
            return terms.word(name)
        case _:
            raise ValueError(f"no text in {expression}")
