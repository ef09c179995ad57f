"""Reads, afresh, the facts on which the gate decides: switch, kill records, approval, project, policy layers.

What cannot be read counts as the safe value: an unreadable kill record is engaged.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from workbench.engine.context import ENGINE, Context
from workbench.engine.flags import FlagQuestion, pick_switch
from workbench.gate import Policy, build_first, in_force, read_organisation, read_project
from workbench.gate.standing import PolicyBroken
from workbench.gate.switches import switch_for
from workbench.ledger.ledger import HOUSE
from workbench.ledger.move import PutLayer
from workbench.ledger.reads import GateFacts, KillRecord
from workbench.ledger.rows import SwitchRecord
from workbench.model.actor import person_named
from workbench.model.admission import GateSnapshot, SwitchAnswer
from workbench.model.clock import render_time
from workbench.model.errors import Conflict, WorkbenchError
from workbench.model.layer import PolicyLayer, PolicyLayers
from workbench.model.project import Project

EVERYTHING: Final = "all"
_MOST_KILL_BYTES: Final = 2000
ORGANISATION: Final = "organisation"
"""The layer of rules for every project; its files lie in the home."""


async def look(
    context: Context, project_id: str, *, connector: str, actor: str, step_id: str | None = None
) -> GateSnapshot:
    """Returns the gate's facts for one decision about one step, all of one moment."""
    await _require_tried(context)
    name = switch_for(connector)
    facts = await context.ledger.gate_facts(project_id, step_id)
    now = render_time(context.clock.now())
    answers = await ask_flags(
        context, facts.project, name, records=facts.switches, connector=connector, actor=actor, now=now
    )
    return GateSnapshot(
        project=facts.project,
        switch_name=name,
        switch_answers=answers,
        kill_reason=read_kill_file(context.kill_file)
        or find_kill(facts.kill_records, project_id=project_id, connector=connector),
        approval=facts.approval,
        actor=actor,
        now=now,
        layers=await _layers_of(context, facts, now),
        people=facts.people,
    )


async def ask_flags(
    context: Context,
    project: Project,
    name: str,
    *,
    records: list[SwitchRecord],
    connector: str,
    actor: str,
    now: str,
) -> tuple[SwitchAnswer, ...]:
    """Returns what each source of flags says now about one switch, for a start that `actor` asked for."""
    record = pick_switch(records, name, project.project_id)
    person = person_named(actor)
    if context.flags.has_own or (record is not None and record.people):
        # Who is behind an actor matters only where people are named.
        person = (await context.ledger.people(frozenset({actor}))).person_of(actor)
    question = FlagQuestion(
        name=name, project=project, connector=connector, actor=actor, person=person, now=now
    )
    return await context.flags.ask(question, records)


async def read_policy(context: Context, project_id: str) -> Policy:
    """Returns the policy in force for a project, its layers read afresh; raises what is wrong with one."""
    await _require_tried(context)
    facts = await context.ledger.gate_facts(project_id)
    layers = await _layers_of(context, facts, render_time(context.clock.now()))
    return await context.think(lambda: in_force(context.policy, layers))


async def _require_tried(context: Context) -> None:
    """Waits until the shipped policy's examples were tried; raises what is wrong with them."""
    if context.try_policy is not None:
        await context.try_policy()


async def record_first(context: Context, layer: PolicyLayer) -> str | None:
    """Records the organisation's first policy, if it is sound, and returns the digest recorded then.

    Nothing was in force in its place, so nobody has to say that it may count. One that is not sound is not
    recorded, and stops starts by itself. Raises LedgerUnavailable.
    """
    try:
        over = await context.think(lambda: build_first(context.policy, layer))
        payload = {
            "digest": layer.digest,
            "previous_digest": None,
            "rules": [r.rule_id for r in over.ruleset.rules if r.source.startswith(layer.place + "/")],
            "rules_text": layer.rules_text,
        }
        move = PutLayer(
            layer=ORGANISATION,
            digest=layer.digest,
            seen=None,
            tag="policy:organisation_recorded",
            payload=payload,
        )
        await context.ledger.append(HOUSE, [move], actor=ENGINE.name, via=ENGINE.via)
    except PolicyBroken:
        return None
    except Conflict:
        # Another decision was there first.
        return await context.ledger.layer_digest(ORGANISATION)
    return layer.digest


async def _layers_of(context: Context, facts: GateFacts, now: str) -> PolicyLayers:
    organisation, recorded = read_organisation(context.home), facts.organisation_digest
    if recorded is None and not organisation.is_empty:
        recorded = await record_first(context, organisation)
    return PolicyLayers(
        organisation=organisation,
        organisation_digest=recorded,
        project=read_project(Path(facts.project.workspace_root)),
        accepted_digest=facts.project.accepted_policy_digest,
        workspace_root=facts.project.workspace_root,
        remembered=tuple(rule for rule in facts.remembered if rule.is_in_force(now)),
    )


async def read_kill(context: Context, project_id: str | None, connector: str | None) -> str | None:
    """Returns why starts are stopped here, or None when every record could be read and none is on."""
    reason = read_kill_file(context.kill_file)
    if reason is not None:
        return reason
    try:
        records: list[KillRecord] | None = await context.ledger.kill_records()
    except WorkbenchError:
        records = None
    return find_kill(records, project_id=project_id, connector=connector)


def find_kill(
    records: list[KillRecord] | None, *, project_id: str | None, connector: str | None
) -> str | None:
    """Returns why these records stop starts here, or None; records that could not be read stop all."""
    if records is None:
        return "the kill record cannot be read, which counts as engaged"
    scopes = {EVERYTHING, f"project:{project_id}", f"connector:{connector}"}
    for record in records:
        if record.engaged and record.scope in scopes:
            return f"{record.reason} (by {record.changed_by}, {record.changed_at}, scope {record.scope})"
    return None


def read_kill_file(path: Path) -> str | None:
    """Returns the reason in the kill file, or None only when there surely is no such file."""
    try:
        os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        return f"the kill file cannot be looked at ({error.strerror}), which counts as engaged"
    text = _read_reason(path)
    return f"the file {path.name} is in the workbench's home" + (f": {text}" if text else "")


def _read_reason(path: Path) -> str:
    try:
        # A pipe or a device in its place engages it too, and must not hold up or fill whoever reads it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        is_plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        return os.read(descriptor, _MOST_KILL_BYTES).decode("utf-8", "replace").strip() if is_plain else ""
    except OSError:
        return ""
    finally:
        os.close(descriptor)
