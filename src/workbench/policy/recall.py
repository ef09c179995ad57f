"""Marks the calls that a remembered rule covers, and says what of a call such a rule may speak about.

A remembered rule sees the program, the subcommand, the names of flags and the facts; never a value. What it
gives is one more fact, `remembered`; which questions that lifts stands in the rules, not here.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import dataclass, replace

from workbench.policy.calls import Call
from workbench.policy.catalog import Catalog
from workbench.policy.evaluate import RuleSet, ask_recall


@dataclass(frozen=True, slots=True, kw_only=True)
class CallForm:
    """A call as a remembered rule sees it; only a call whose every word is understood has one."""

    program: str
    form: str
    flags: tuple[str, ...]
    facts: tuple[str, ...]


def mark_remembered(recall: RuleSet | None, catalog: Catalog, calls: tuple[Call, ...]) -> tuple[Call, ...]:
    """Returns the calls with the fact `remembered` on each that a remembered rule covers."""
    if recall is None:
        return calls
    forms = [read_form(catalog, call) for call in calls]
    contexts = [
        json.dumps({"program": form.program, "form": form.form, "flags": form.flags, "facts": form.facts})
        for form in forms
        if form is not None
    ]
    answers = iter(ask_recall(recall, contexts))
    return tuple(
        replace(call, labels=call.labels | {"remembered"}) if form is not None and next(answers) else call
        for form, call in zip(forms, calls, strict=True)
    )


def read_form(catalog: Catalog, call: Call) -> CallForm | None:
    """Returns the program and form of a call that is understood whole, or None."""
    argv = call.facts.argv
    if "understood" not in call.labels or not argv:
        return None
    program = catalog.find(posixpath.basename(argv[0]))
    known = program.read(argv[1:]) if program is not None else None
    if program is None or known is None:
        return None
    form, reading = known
    return CallForm(
        # The name it was called by: programs that share an entry are not each other.
        program=posixpath.basename(argv[0]),
        form=" ".join(form.words),
        flags=tuple(sorted(reading.given)),
        facts=tuple(sorted(call.labels)),
    )
