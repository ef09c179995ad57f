"""Rolls a phase back where an entry gate of it is breached: its switch goes off, for that project.

Only a gate that fails counts, and only when it fails at two looks in a row; one that lost its data keeps what
is on. What runs goes on, and what is held is resumed by a person alone. It starts nothing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

import structlog

from workbench.engine.context import ENGINE, Context
from workbench.engine.flags import pick_switch, state_at
from workbench.engine.switch import SWITCHES
from workbench.ledger.ledger import HOUSE
from workbench.ledger.move import SetSwitch
from workbench.ledger.rows import SwitchRecord
from workbench.model.admission import SwitchState
from workbench.model.clock import render_time
from workbench.model.entry_gate import EntryGate, is_worse
from workbench.model.errors import Conflict, WorkbenchError
from workbench.model.project import Project
from workbench.program.gates import compute_gates

log = structlog.get_logger()

Breaches = frozenset[tuple[str, str]]
"""Which gate fails in which project: (project_id, gate_id)."""

LOOK_SECONDS: Final = 30.0
"""How long it rests at least, which is also how far apart the two looks are that set a switch off."""
_REST_FOR_WORK: Final = 100
"""It rests so many times as long as a look took: a hundredth of one core is what it may cost."""


async def watch(context: Context, *, pause_seconds: float = LOOK_SECONDS) -> None:
    """Looks again and again, without end; what goes wrong is logged, and looked at again."""
    seen: Breaches = frozenset()
    while True:
        await asyncio.sleep(pause_seconds)
        began = time.monotonic()
        try:
            seen = await roll_back(context, seen)
        except WorkbenchError as error:
            # What could not be looked at is not known to fail twice in a row.
            seen = frozenset()
            log.warning("entry gates not looked at", problem=error.message)
        except Exception:
            seen = frozenset()
            log.exception("entry gates not looked at")
        await asyncio.sleep((time.monotonic() - began) * _REST_FOR_WORK)


async def roll_back(context: Context, seen: Breaches) -> Breaches:
    """Sets off what is on or canary and fails a gate now as at the last look, `seen`; returns what fails now.

    A gate that was overridden when the switch was set counts once it is worse than it was then.
    """
    found: set[tuple[str, str]] = set()
    for project in await context.ledger.projects():
        live = await _live_switches(context, project)
        if not live:
            continue
        breached: dict[str, list[EntryGate]] = {}
        for gate in await compute_gates(context, project.project_id, phases=live.keys()):
            record = live.get(gate.phase)
            if record is None or not _is_breach(gate, record, project):
                continue
            key = (project.project_id, gate.gate_id)
            found.add(key)
            if key in seen:
                breached.setdefault(gate.phase, []).append(gate)
        for phase, gates in breached.items():
            await _set_off(context, project, live[phase], gates)
    return frozenset(found)


async def _live_switches(context: Context, project: Project) -> Mapping[str, SwitchRecord]:
    records = await context.ledger.switches()
    now = render_time(context.clock.now())
    picked = ((name, pick_switch(records, name, project.project_id)) for name in SWITCHES)
    return {
        name: record
        for name, record in picked
        if record is not None and state_at(record, now) in (SwitchState.ON, SwitchState.CANARY)
    }


def _is_breach(gate: EntryGate, record: SwitchRecord, project: Project) -> bool:
    known = (each for each in record.overridden if each.gate_id == gate.gate_id)
    return is_worse(gate, next((each for each in known if each.project_id == project.project_id), None))


async def _set_off(context: Context, project: Project, record: SwitchRecord, gates: list[EntryGate]) -> None:
    told = "; ".join(f"{gate.gate_id}: {gate.evidence}" for gate in gates)
    move = SetSwitch(
        name=record.name,
        state=SwitchState.OFF,
        reason=f"rolled back, as an entry gate fails: {told}",
        scope_project_id=project.project_id,
        gates=tuple(gates),
        # Whoever set it meanwhile, in spite of the gate, is not overruled by what was seen before.
        seen_at=record.changed_at if record.project_id else "",
    )
    try:
        await context.ledger.append(HOUSE, [move], actor=ENGINE.name, via=ENGINE.via)
    except Conflict:
        return
    log.warning("phase rolled back", switch=record.name, project=project.project_id, problem=told)
