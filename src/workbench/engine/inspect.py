"""Shows the policy of a project to people: its layers and rules, what a change would do, how a verdict comes.

It reads afresh, writes nothing and decides nothing; what is in force is for the gate to say.
"""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from workbench.engine.context import Context
from workbench.engine.look import read_policy
from workbench.engine.submit import review
from workbench.gate import Policy, describe_untested, in_force, judge, read_organisation, read_project
from workbench.gate.names import ask_for_names
from workbench.gate.standing import (
    Finding,
    PolicyBroken,
    Standing,
    Trace,
    describe_standing,
    explain,
    prove_policy,
    with_unaccepted,
)
from workbench.ledger.ledger import HOUSE
from workbench.model.actor import Actor
from workbench.model.clock import render_time
from workbench.model.command import Command
from workbench.model.counted import render_count
from workbench.model.event import Event
from workbench.model.layer import PolicyLayers
from workbench.model.project import Project
from workbench.model.run import Run, Step
from workbench.model.verdict import Verdict

MOST_REPLAYED: Final = 200
_PAGE: Final = 500
_MOST_LINES: Final = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """Who accepted what is in force of a project's files, and when; rules and posture as they were then."""

    actor: str
    at: str
    rules_text: str
    posture: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyView:
    """`digest` is of the project's files as they lie there now, "" for none."""

    project: Project
    standing: Standing
    digest: str
    acceptance: Acceptance | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A recorded verdict that would be another one; `now` and `by_policy` are None where nobody can tell."""

    run_id: str
    command: str
    recorded: str
    now: str | None
    changed: Verdict
    by_policy: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What accepting the project's files of this `digest` would mean; with a `problem` they are refused.

    `difference` are lines of a unified diff of the rules, from what was accepted to what lies there.
    """

    digest: str
    problem: str
    remedy: str
    posture: str
    added: tuple[str, ...]
    removed: tuple[str, ...]
    difference: tuple[str, ...]
    findings: tuple[Finding, ...]
    replayed: int
    changes: tuple[Replayed, ...]


async def inspect_policy(context: Context, *, project_id: str) -> PolicyView:
    """Returns where the policy of a project stands now; a broken layer is told, not raised."""
    project, layers = await _layers(context, project_id)
    standing = await asyncio.to_thread(describe_standing, context.policy, layers)
    return PolicyView(
        project=project,
        standing=standing,
        digest="" if layers.project.is_empty else layers.project.digest,
        acceptance=await _find_acceptance(context, project) if project.accepted_policy_digest else None,
    )


async def preview_policy(context: Context, *, project_id: str, last: int) -> Change:
    """Returns what it would change to accept the project's files as they lie there now.

    The last `last` runs' verdicts are judged anew; at most 200. Raises TooBusy.
    """
    project, layers = await _layers(context, project_id)
    acceptance = await _find_acceptance(context, project) if project.accepted_policy_digest else None
    page = await context.ledger.runs(project_id, limit=min(last, MOST_REPLAYED))
    async with context.inspections.take(project_id):
        return await asyncio.to_thread(_preview, context, project, layers, acceptance, list(page.runs))


async def explain_command(context: Context, *, project_id: str, command: Command, actor: Actor) -> Trace:
    """Returns the trace of the verdict on a command; raises what keeps it from being judged, and TooBusy."""
    async with context.inspections.take(project_id):
        seen = await review(context, project_id=project_id, command=command, actor=actor)
        policy = await read_policy(context, project_id)
        return await asyncio.to_thread(
            explain,
            policy,
            seen.command.source_text,
            cwd=seen.command.cwd,
            workspace_root=seen.project.workspace_root,
            surroundings=context.surroundings(seen.project),
            connector=seen.command.connector,
        )


async def _layers(context: Context, project_id: str) -> tuple[Project, PolicyLayers]:
    facts = await context.ledger.gate_facts(project_id)
    now = render_time(context.clock.now())
    project = facts.project
    return project, PolicyLayers(
        organisation=read_organisation(context.home),
        organisation_digest=facts.organisation_digest,
        project=read_project(Path(project.workspace_root)),
        accepted_digest=project.accepted_policy_digest,
        remembered=tuple(rule for rule in facts.remembered if rule.is_in_force(now)),
    )


async def find_acceptance(context: Context, accepts: Callable[[Event], bool]) -> Acceptance | None:
    """Returns what the newest event says by which some files were accepted, or None."""
    house = context.ledger.for_project(HOUSE)
    place = (await context.ledger.counts(HOUSE)).events
    while place > 0:
        place = max(0, place - _PAGE)
        for event in reversed(await house.events(after=place, limit=_PAGE)):
            if accepts(event):
                return Acceptance(
                    actor=event.actor,
                    at=event.at,
                    rules_text=str(event.payload.get("rules_text", "")),
                    posture=str(event.payload.get("posture", "")),
                )
    return None


async def _find_acceptance(context: Context, project: Project) -> Acceptance | None:
    """Returns the event by which the project's files in force were accepted."""
    return await find_acceptance(context, lambda event: _accepts(event, project))


def _accepts(event: Event, project: Project) -> bool:
    payload = event.payload
    return (
        event.tag == "policy:accepted"
        and payload.get("project_id") == project.project_id
        and payload.get("digest") == project.accepted_policy_digest
    )


def _preview(
    context: Context,
    project: Project,
    layers: PolicyLayers,
    acceptance: Acceptance | None,
    runs: list[tuple[Run, tuple[Step, ...]]],
) -> Change:
    problem = remedy = ""
    candidate: Policy | None = None
    try:
        candidate = with_unaccepted(context.policy, layers)
    except PolicyBroken as broken:
        problem, remedy = broken.message, broken.remedy
    if candidate is not None and (untested := describe_untested(candidate, layers.project)):
        problem, remedy = untested
    current = _accepted(context, layers, acceptance)
    shown = candidate or current or context.policy
    before = describe_standing(context.policy, layers).rules if current is None else current.ruleset.rules
    after = before if candidate is None else candidate.ruleset.rules
    texts_before, texts_after = ({rule.rule_id: rule.cedar for rule in rules} for rules in (before, after))
    replayed, changes = (0, []) if candidate is None else replay(context, project, current, candidate, runs)
    return Change(
        digest="" if layers.project.is_empty else layers.project.digest,
        problem=problem,
        remedy=remedy,
        posture=shown.posture,
        added=tuple(name for name in texts_after if texts_after[name] != texts_before.get(name)),
        removed=tuple(name for name in texts_before if name not in texts_after),
        difference=describe_difference(
            "" if acceptance is None else acceptance.rules_text, layers.project.rules_text
        ),
        findings=() if candidate is None else prove_policy(candidate),
        replayed=replayed,
        changes=tuple(changes),
    )


def replay(
    context: Context,
    project: Project,
    current: Policy | None,
    candidate: Policy,
    runs: list[tuple[Run, tuple[Step, ...]]],
) -> tuple[int, list[Replayed]]:
    """Returns how many recorded verdicts were judged anew, and those that `candidate` makes another one."""
    changes: list[Replayed] = []
    replayed = 0
    for run, steps in runs:
        commands = {planned.step_key: planned.command for planned in run.plan.steps}
        for step in steps:
            command = commands.get(step.step_key)
            if step.verdict is None or command is None:
                continue
            replayed += 1
            recorded = str(step.verdict["verdict"])
            then = _judge(context, project, candidate, command)
            now = None if current is None else _judge(context, project, current, command)
            if then.verdict.value == recorded and (now is None or now.verdict is then.verdict):
                continue
            changes.append(
                Replayed(
                    run_id=run.run_id,
                    command=command.source_text,
                    recorded=recorded,
                    now=None if now is None else now.verdict.value,
                    changed=then,
                    by_policy=None if now is None else now.verdict is not then.verdict,
                )
            )
    return replayed, changes


def _accepted(context: Context, layers: PolicyLayers, acceptance: Acceptance | None) -> Policy | None:
    """Returns the policy as it was accepted, or as it is where nothing was; None where it cannot be had."""
    if acceptance is not None:
        # The files are others by now, but what they said of rules and posture was recorded.
        said = f'posture = "{acceptance.posture}"\n' if acceptance.posture else ""
        project = replace(
            layers.project,
            rules_text=acceptance.rules_text,
            settings_text=said,
            examples_text="",
            problem="",
        )
        layers = replace(layers, project=project, accepted_digest=project.digest)
    try:
        return in_force(context.policy, layers)
    except PolicyBroken:
        return None


def _judge(context: Context, project: Project, policy: Policy, command: Command) -> Verdict:
    judgement = judge(
        policy,
        command.source_text,
        cwd=command.cwd,
        workspace_root=project.workspace_root,
        surroundings=context.surroundings(project),
        env_profile=command.env_profile,
        connector=command.connector,
    )
    return ask_for_names(judgement, command, project).verdict


def describe_difference(before: str, after: str) -> tuple[str, ...]:
    """Returns the lines of a unified diff of two texts of rules, without file names, and cut when long."""
    # The first two lines of a unified diff name files; there are none here.
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm=""))[2:]
    more = len(lines) - _MOST_LINES
    return (*lines[:_MOST_LINES], *((f"… {render_count(more, 'more line')}",) if more > 0 else ()))
