"""What has to hold before a phase may be switched on: a gate's state, and one that an admin overrode.

The program's gates compute them from live evidence; who sets a switch asks for them. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GateState = Literal["pass", "fail", "not_enough_data"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryGate:
    """`measure` is the whole number behind the state, of which more is worse (a share counts in millionths);
    None where there is no such number."""

    gate_id: str
    phase: str
    text: str
    state: GateState
    evidence: str
    measure: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverriddenGate:
    """A gate of one project that did not pass when a phase was switched on in spite of it."""

    project_id: str
    gate_id: str
    state: GateState
    evidence: str
    measure: int | None = None


def is_worse(gate: EntryGate, overridden: OverriddenGate | None) -> bool:
    """Tells whether a gate that fails now is worse than what an admin knew and overrode.

    One that nobody overrode is; so is one that had not enough data then. Of one that failed then already, the
    measure says it, and without a measure nothing does.
    """
    if gate.state != "fail":
        return False
    if overridden is None or overridden.state != "fail":
        return True
    if gate.measure is None or overridden.measure is None:
        return False
    return gate.measure > overridden.measure
