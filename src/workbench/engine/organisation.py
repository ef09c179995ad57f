"""Puts an organisation's policy in force where another one was: shown first, checked, proved, recorded.

The first one is recorded by the server itself (`look.record_first`). What changes after that stops every
start until it is put back or accepted here; the gate sees to that, not this file.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path

from workbench.engine.context import Context
from workbench.engine.inspect import (
    MOST_REPLAYED,
    Acceptance,
    Replayed,
    describe_difference,
    find_acceptance,
    replay,
)
from workbench.engine.look import ORGANISATION
from workbench.gate import (
    Policy,
    build_first,
    describe_unrecorded,
    describe_untested,
    find_untested,
    in_force,
    read_organisation,
    read_project,
    with_organisation,
)
from workbench.gate.standing import Finding, PolicyBroken, prove_policy
from workbench.ledger.ledger import HOUSE
from workbench.ledger.move import PutLayer
from workbench.model.actor import Actor
from workbench.model.errors import Conflict, InvalidInput, NotFound
from workbench.model.layer import PolicyLayer, PolicyLayers
from workbench.model.project import Project
from workbench.model.run import Run, Step


@dataclass(frozen=True, slots=True, kw_only=True)
class OrganisationChange:
    """What accepting the organisation's files of this `digest` ("" for none) would mean.

    `previous_digest` is the one recorded now, None where none ever was. With a `problem` they are refused.
    `difference` are lines of a unified diff of the rules, from what was recorded to what lies there;
    `examples` is how many of their own held. Verdicts of all projects were judged anew.
    """

    digest: str
    previous_digest: str | None
    problem: str
    remedy: str
    rules: tuple[str, ...]
    difference: tuple[str, ...]
    examples: int
    findings: tuple[Finding, ...]
    replayed: int
    changes: tuple[Replayed, ...]


async def organisation_note(context: Context) -> str:
    """Returns what is wrong with an organisation's policy that is not the one recorded, or "".

    The first one is recorded by itself, unless it is not sound; then that is what is wrong.
    """
    layer, recorded = read_organisation(context.home), await context.ledger.layer_digest(ORGANISATION)
    if recorded == _digest(layer) or (recorded is None and layer.is_empty):
        return ""
    if recorded is None:
        seen = f"{layer.digest} {layer.problem}"
        if seen not in context.unsound_layers:
            fault = await context.think(lambda: _find_fault(context.policy, layer))
            context.unsound_layers.clear()
            context.unsound_layers[seen] = fault
        return context.unsound_layers[seen]
    return f"{describe_unrecorded(layer, recorded)}; nothing starts: workbench policy accept"


async def preview_organisation(context: Context, *, last: int) -> OrganisationChange:
    """Returns what it would change to accept the organisation's files as they lie there now.

    The verdicts of the last `last` runs of each project are judged anew, at most 200 runs. Raises TooBusy.
    """
    layer, recorded = read_organisation(context.home), await context.ledger.layer_digest(ORGANISATION)
    acceptance = await find_acceptance(
        context,
        lambda event: event.tag in _TAGS and event.payload.get("digest") == recorded,
    )
    past: list[tuple[Project, list[tuple[Run, tuple[Step, ...]]]]] = []
    left = MOST_REPLAYED
    for project in await context.ledger.projects():
        page = await context.ledger.runs(project.project_id, limit=min(last, left)) if left else None
        if page is not None:
            left -= len(page.runs)
            past.append((project, list(page.runs)))
    async with context.inspections.take(HOUSE):
        return await asyncio.to_thread(_preview, context, layer, recorded, acceptance, past)


async def accept_organisation(
    context: Context, *, actor: Actor, seen_digest: str | None = None
) -> tuple[str, str | None, tuple[str, ...]]:
    """Accepts the organisation's files as they lie in the home now, or that there are none any more.

    Returns the digest now in force ("" for none), the one before, and the ids of the rules. With
    `seen_digest`, only the files of that digest, and Conflict when others lie there. Raises PolicyBroken for
    files that cannot be in force or break an invariant; InvalidInput for a rule that could go without an
    example failing; NotFound where there is nothing to accept or give up; Conflict where the record has
    changed meanwhile.
    """
    layer, recorded = read_organisation(context.home), await context.ledger.layer_digest(ORGANISATION)
    digest = _digest(layer)
    if seen_digest not in (None, digest):
        raise Conflict(
            "the organisation's policy files were changed after you looked at them",
            remedy="look at what they change now, and accept that",
        )
    if layer.is_empty and not recorded:
        raise NotFound(f"there is no policy in {layer.place}", remedy="write one: policy.cedar")
    over = await context.think(lambda: with_organisation(context.policy, layer))
    if untested := await context.think(lambda: describe_untested(over, layer)):
        raise InvalidInput(untested[0], remedy=untested[1], code="policy_untested")
    rules = _rules_of(over, layer)
    payload = {
        "digest": digest,
        "previous_digest": recorded,
        "rules": list(rules),
        "rules_text": layer.rules_text,
    }
    move = PutLayer(layer=ORGANISATION, digest=digest, seen=recorded, tag=_TAGS[1], payload=payload)
    await context.ledger.append(HOUSE, [move], actor=actor.name, via=actor.via)
    return digest, recorded, rules


_TAGS = ("policy:organisation_recorded", "policy:organisation_accepted")


def _find_fault(policy: Policy, layer: PolicyLayer) -> str:
    try:
        build_first(policy, layer)
    except PolicyBroken as broken:
        return f"{broken.message}; nothing starts: {broken.remedy}"
    # Sound, and recorded at the next decision.
    return ""


def _digest(layer: PolicyLayer) -> str:
    return "" if layer.is_empty else layer.digest


def _build(policy: Policy, layer: PolicyLayer) -> Policy:
    return policy if layer.is_empty else build_first(policy, layer)


def _rules_of(policy: Policy, layer: PolicyLayer) -> tuple[str, ...]:
    return tuple(rule.rule_id for rule in policy.ruleset.rules if rule.source.startswith(layer.place + "/"))


def _preview(
    context: Context,
    layer: PolicyLayer,
    recorded: str | None,
    acceptance: Acceptance | None,
    past: list[tuple[Project, list[tuple[Run, tuple[Step, ...]]]]],
) -> OrganisationChange:
    shown = OrganisationChange(
        digest=_digest(layer),
        previous_digest=recorded,
        problem="",
        remedy="",
        rules=(),
        difference=describe_difference(acceptance.rules_text if acceptance else "", layer.rules_text),
        examples=0,
        findings=(),
        replayed=0,
        changes=(),
    )
    try:
        over = _build(context.policy, layer)
    except PolicyBroken as broken:
        return replace(shown, problem=broken.message, remedy=broken.remedy)
    # The files are others by now, but what their rules said was recorded.
    before = replace(
        layer, rules_text=acceptance.rules_text if acceptance else "", examples_text="", problem=""
    )
    changes: list[Replayed] = []
    replayed = 0
    for project, runs in past:
        candidate = _for_project(context, project, layer)
        if candidate is not None:
            count, found = replay(context, project, _for_project(context, project, before), candidate, runs)
            replayed, changes = replayed + count, [*changes, *found]
    return replace(
        shown,
        rules=_rules_of(over, layer),
        examples=0 if layer.is_empty else find_untested(over, layer)[0],
        findings=prove_policy(over),
        replayed=replayed,
        changes=tuple(changes),
    )


def _for_project(context: Context, project: Project, organisation: PolicyLayer) -> Policy | None:
    """Returns a project's policy with these rules of the organisation; None where its own stop starts."""
    layers = PolicyLayers(
        organisation=organisation,
        organisation_digest=_digest(organisation),
        project=read_project(Path(project.workspace_root)),
        accepted_digest=project.accepted_policy_digest,
    )
    try:
        return in_force(context.policy, layers)
    except PolicyBroken:
        return None
