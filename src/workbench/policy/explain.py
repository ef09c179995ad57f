"""Shows how a verdict came about: each call, its facts, the rules that spoke, and what would change it.

What would change a verdict is the fewest facts that would have to be otherwise; z3 finds them among all
combinations. It decides nothing: the verdict is the one that `judge` gives.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from cedarpy import pst

from workbench.model.command import Surroundings
from workbench.model.verdict import CommandFacts, Decision, Verdict
from workbench.policy.calls import NOT_UNDERSTOOD
from workbench.policy.evaluate import Outcome, combine, decide_each
from workbench.policy.judge import Policy, understand
from workbench.policy.prove import Terms, allows
from workbench.policy.rules import ASK, RUN, Rule
from workbench.policy.solver import z3

REMEMBERED, UNDERSTOOD = "remembered", "understood"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """A rule that spoke, and the facts it names that hold here."""

    rule: Rule
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would have to be otherwise for the milder `verdict`: facts lost and facts gained.

    Gained is at most that the call is understood: what a program does to the world, nobody can add to it.
    """

    verdict: Decision
    without: tuple[str, ...]
    having: tuple[str, ...]


Search = Callable[[frozenset[str], str, Decision], Change | None]
"""Finds the fewest facts that would have to be otherwise; many calls of a command have the same facts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One call, or with `command` None the script as a whole. `notes` say why a text is not strict."""

    command: CommandFacts | None
    facts: tuple[str, ...]
    notes: tuple[str, ...]
    decision: Decision
    causes: tuple[Cause, ...]
    changes: tuple[Change, ...]
    may_be_remembered: bool
    error: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    verdict: Verdict
    parts: tuple[Part, ...]


def explain(
    policy: Policy,
    source_text: str,
    *,
    cwd: str,
    workspace_root: str,
    surroundings: Surroundings,
    connector: str = "local",
) -> Trace:
    """Returns the verdict of `judge` on the same command, taken apart."""
    found = understand(
        policy,
        source_text,
        cwd=cwd,
        workspace_root=workspace_root,
        surroundings=surroundings,
        connector=connector,
    )
    asked: list[tuple[CommandFacts | None, frozenset[str]]] = [
        (call.facts, call.labels) for call in found.calls
    ]
    if found.script or not asked:
        asked.append((None, found.script))
    outcomes = decide_each(policy.ruleset, [labels for _, labels in asked])
    search = functools.cache(functools.partial(_find_change, policy))
    parts = tuple(
        _explain_part(policy, command, labels, outcome, search)
        for (command, labels), outcome in zip(asked, outcomes, strict=True)
    )
    verdict = combine(
        [*outcomes, *([] if found.calls else decide_each(policy.ruleset, [frozenset()]))],
        policy_digest=policy.policy_digest,
    )
    return Trace(verdict=verdict, parts=parts)


def _explain_part(
    policy: Policy, command: CommandFacts | None, labels: frozenset[str], outcome: Outcome, search: Search
) -> Part:
    notes = tuple(sorted(label for label in labels if label not in policy.ruleset.facts))
    facts = frozenset(label for label in labels if label in policy.ruleset.facts)
    if any(note.startswith("syntax_") for note in notes):
        facts |= {"not_strict"}
    wanted: tuple[tuple[str, Decision], ...] = {
        Decision.ALLOW: (),
        Decision.REQUIRES_APPROVAL: ((RUN, Decision.ALLOW),),
        Decision.DENY: ((ASK, Decision.REQUIRES_APPROVAL), (RUN, Decision.ALLOW)),
    }[outcome.decision]
    changes: list[Change | None] = []
    for action, verdict in () if outcome.error else wanted:
        if command is None and action == RUN:
            # The text as a whole is asked about for what is odd in it, and not at all when nothing is.
            changes.append(Change(verdict=verdict, without=tuple(sorted(facts)), having=()))
        else:
            changes.append(search(facts, action, verdict))
    remembering = decide_each(policy.ruleset, [facts | {REMEMBERED}])[0].decision is Decision.ALLOW
    return Part(
        command=command,
        facts=tuple(sorted(facts)),
        notes=notes,
        decision=outcome.decision,
        causes=tuple(
            Cause(rule=rule, facts=tuple(sorted(set(_named(rule)) & facts))) for rule in outcome.matched
        ),
        changes=tuple(change for change in changes if change is not None),
        may_be_remembered=outcome.decision is Decision.REQUIRES_APPROVAL and remembering,
        error=outcome.error,
    )


def _find_change(policy: Policy, facts: frozenset[str], action: str, verdict: Decision) -> Change | None:
    """Returns the fewest facts to lose or gain for the action to be allowed, with nothing remembered.

    Only facts that go together: a call that comes to be understood has none of what kept it from that.
    """
    terms = Terms()
    search = z3.Optimize(ctx=terms.context)
    search.add(allows(terms, policy.ruleset.rules, action))
    if REMEMBERED in facts:
        search.add(terms.fact(REMEMBERED))
    if UNDERSTOOD not in facts:
        for name in NOT_UNDERSTOOD:
            search.add(z3.Implies(terms.fact(UNDERSTOOD), z3.Not(terms.fact(name))))
    for name in policy.ruleset.facts:
        if name not in facts and name != UNDERSTOOD:
            search.add(z3.Not(terms.fact(name)))
        else:
            search.add_soft(terms.fact(name) == terms.truth(name in facts))
    if search.check() != z3.sat:
        return None
    holding = set(terms.read(search.model()))
    return Change(
        verdict=verdict,
        without=tuple(sorted(facts - holding)),
        having=tuple(sorted((holding & set(policy.ruleset.facts)) - facts)),
    )


def _named(rule: Rule) -> Iterator[str]:
    for clause in rule.clauses:
        yield from _names_in(clause.expr)


def _names_in(expression: pst.Expr) -> Iterator[str]:
    match expression:
        case pst.GetAttr(attr=name):
            yield name
        case pst.UnaryOp(arg=inside):
            yield from _names_in(inside)
        case pst.BinaryOp(left=left, right=right):
            yield from _names_in(left)
            yield from _names_in(right)
