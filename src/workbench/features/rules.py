"""Loads the rule table of rules.toml: which rule answers which facts, and how an intent becomes a command.

The table is data; this module only gives it types and picks the first rule that holds.
It knows neither features nor programs.
"""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`match` and `not_match` are examples: sets of facts that this rule must, or must not, answer."""

    rule_id: str
    rank: int
    text: str
    needs: frozenset[str]
    forbids: frozenset[str]
    intent: str
    would_change: tuple[str, ...]
    match: tuple[frozenset[str], ...]
    not_match: tuple[frozenset[str], ...]

    def holds(self, facts: Set[str]) -> bool:
        return self.needs <= facts and not (self.forbids & facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """How one intent is put into a command; `forms` is the order in which forms are tried."""

    forms: tuple[str, ...]
    slash: tuple[str, ...]
    argument: str
    prompt: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """How an agent's program takes a plain prompt, and a slash command ("" when it takes none)."""

    program: str
    prompt: str
    slash: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleTable:
    rules: tuple[Rule, ...]
    intents: dict[str, Intent]
    agents: dict[str, Agent]

    def answer(self, facts: Set[str]) -> Rule:
        """Returns the first rule that holds; the last one of the table always does."""
        return next(rule for rule in self.rules if rule.holds(facts))


@functools.cache
def load_rules() -> RuleTable:
    """Returns the shipped table; it is read once."""
    table = tomllib.loads(Path(__file__).with_name("rules.toml").read_text(encoding="utf-8"))
    return RuleTable(
        rules=tuple(
            Rule(
                rule_id=row["id"],
                rank=row["rank"],
                text=row["text"],
                needs=frozenset(row["needs"]),
                forbids=frozenset(row.get("forbids", ())),
                intent=row["intent"],
                would_change=tuple(row["would_change"]),
                match=tuple(frozenset(facts) for facts in row["match"]),
                not_match=tuple(frozenset(facts) for facts in row["not_match"]),
            )
            for row in table["rule"]
        ),
        intents={
            name: Intent(
                forms=tuple(row["forms"]),
                slash=tuple(row["slash"]),
                argument=row["argument"],
                prompt=row["prompt"],
            )
            for name, row in table["intent"].items()
        },
        agents={name: Agent(**row) for name, row in table["agent"].items()},
    )
