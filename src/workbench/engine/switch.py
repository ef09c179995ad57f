"""Sets a phase's switch: off at any time, on or canary only while the phase's entry gates pass.

An admin may override them, which is recorded with what each gate said. What computes the gates is handed in
by app, as it looks at more than the engine knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from workbench.engine.context import Context
from workbench.engine.operate import normalize_deadline
from workbench.gate.switches import CONNECTORS, LOCAL, ORCHESTRATION
from workbench.ledger.ledger import HOUSE
from workbench.ledger.move import SetSwitch
from workbench.model.actor import Actor, Role
from workbench.model.admission import SwitchState
from workbench.model.entry_gate import EntryGate, OverriddenGate
from workbench.model.errors import Conflict, InvalidInput, NotAllowed
from workbench.model.reason import is_said

SWITCHES: Final = (LOCAL, CONNECTORS, ORCHESTRATION)
_MOST_PEOPLE: Final = 200


class GatesNotPassed(Conflict):
    """A phase's entry gates do not pass, so that it is not switched on."""

    code = "gates_not_passed"


async def set_switch(
    context: Context,
    *,
    name: str,
    state: SwitchState,
    actor: Actor,
    reason: str,
    project_id: str | None = None,
    since: str | None = None,
    until: str | None = None,
    people: tuple[str, ...] = (),
    is_override: bool = False,
) -> None:
    """Sets a phase's switch for one project or all, from `since` to `until`, or from now and for good.

    `people` are a canary's members, by actor or person. For all projects the gates of each project are asked.
    Raises InvalidInput for an unknown name, for times that `normalize_deadline` refuses or that leave no
    span, for a canary of nobody, and for an override without a reason; NotAllowed for one by no admin; and
    GatesNotPassed, which names the gates.
    """
    if name not in SWITCHES:
        raise InvalidInput(f"there is no switch {name!r}", remedy=f"use one of: {', '.join(SWITCHES)}")
    since, until = _span(context, since, until)
    members = _members(state, people)
    if project_id is not None:
        await context.ledger.project(project_id)
    if is_override and not actor.has(Role.ADMIN):
        raise NotAllowed("only an admin overrides an entry gate", remedy="ask an admin")
    if is_override and not is_said(reason):
        raise InvalidInput("an override needs a reason", remedy="say why: --override --reason WHY")
    asked: list[tuple[str, EntryGate]] = []
    if state is not SwitchState.OFF:
        asked = await ask_gates(context, name, project_id)
    unmet = tuple(
        OverriddenGate(
            project_id=each,
            gate_id=gate.gate_id,
            state=gate.state,
            evidence=gate.evidence,
            measure=gate.measure,
        )
        for each, gate in asked
        if gate.state != "pass"
    )
    if unmet and not is_override:
        raise _not_passed(name, unmet)
    move = SetSwitch(
        name=name,
        state=state,
        reason=reason,
        scope_project_id=project_id or "",
        since=since,
        until=until,
        people=members,
        overridden=unmet,
        gates=tuple(gate for _, gate in asked),
    )
    await context.ledger.append(HOUSE, [move], actor=actor.name, via=actor.via)


async def ask_gates(context: Context, name: str, project_id: str | None) -> list[tuple[str, EntryGate]]:
    """Returns the entry gates of a phase, each with its project, for one project or for all there are.

    Where there is no project, or nothing computes gates, there is one gate that says so and does not pass.
    """
    projects = [project_id] if project_id else [each.project_id for each in await context.ledger.projects()]
    found = []
    if context.entry_gates is not None:
        for each in projects:
            gates = await context.entry_gates(each)
            found += [(each, gate) for gate in gates if gate.phase == name]
    if found:
        return found
    nothing = EntryGate(
        gate_id="no_evidence",
        phase=name,
        text="There is evidence that gates can be computed from",
        state="not_enough_data",
        evidence="there is no project yet" if not projects else "nothing computes the gates of this phase",
    )
    return [("", nothing)]


def _span(context: Context, since: str | None, until: str | None) -> tuple[str | None, str | None]:
    now = context.clock.now()
    since = None if since is None else normalize_deadline(since, "since", now=now)
    until = None if until is None else normalize_deadline(until, "until", now=now)
    if since is not None and until is not None and until <= since:
        raise InvalidInput(
            f"the span ends at {until}, before it begins at {since}", remedy="let until come after since"
        )
    return since, until


def _members(state: SwitchState, people: Sequence[str]) -> tuple[str, ...]:
    members = tuple(dict.fromkeys(name.strip() for name in people))
    if state is not SwitchState.CANARY:
        if members:
            raise InvalidInput(f"{state} means everybody", remedy="name people for a canary alone")
        return ()
    if not members:
        raise InvalidInput("a canary needs people, for whom alone it is on", remedy="name them: --people ann")
    if len(members) > _MOST_PEOPLE or any(not is_said(name) or "," in name for name in members):
        raise InvalidInput(
            f"a canary's people are up to {_MOST_PEOPLE} names without commas",
            remedy="name actors or persons, each for itself: --people ann --people user:bea",
        )
    return members


def _not_passed(name: str, unmet: tuple[OverriddenGate, ...]) -> GatesNotPassed:
    told = "; ".join(
        f"{gate.gate_id}{f' of {gate.project_id}' if gate.project_id else ''} "
        f"({gate.state.replace('_', ' ')}): {gate.evidence}"
        for gate in unmet
    )
    return GatesNotPassed(
        f"{name} stays as it is, for its entry gates do not pass: {told}",
        remedy="see them with workbench gates; an admin may override them: --override --reason WHY",
    )
