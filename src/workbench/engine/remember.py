"""Remembers that a project is asked no more about one program and form, lists what is, and forgets it.

A rule is proposed from a run, shown with the runs that it would have covered, and recorded only as an
admin's audited act; it expires. What it can lift stands in the shipped rules.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from workbench.engine.context import Context
from workbench.gate import (
    Policy,
    Proposal,
    in_force,
    judge,
    propose,
    read_organisation,
    read_project,
    with_remembered,
)
from workbench.gate.names import ask_for_names
from workbench.ledger.move import ForgetRule, RememberRule
from workbench.model.actor import Actor
from workbench.model.clock import render_time
from workbench.model.command import Command
from workbench.model.errors import InvalidInput, NotAllowed
from workbench.model.layer import PolicyLayers, RememberedRule
from workbench.model.people import person_of
from workbench.model.project import Project
from workbench.model.run import Run
from workbench.model.verdict import Decision

MOST_DAYS: Final = 365
_RUNS_SHOWN: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CoveredRun:
    """A run of the past that was asked about, and would not have been."""

    run_id: str
    command: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What would be remembered. `looked_at` is the number of runs that `covered` was found among."""

    rules: tuple[RememberedRule, ...]
    covered: tuple[CoveredRun, ...]
    looked_at: int


async def preview_rules(context: Context, *, run_id: str, days: int, actor: Actor) -> Preview:
    """Returns the rules that would be remembered from a run, and which of the last 200 they cover.

    Raises NotRememberable where some question about the run's command would stay; writes nothing.
    """
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"{days} days", remedy=f"use 1 to {MOST_DAYS}")
    project_id = await context.ledger.project_of_run(run_id)
    project = await context.ledger.project(project_id)
    run = await context.ledger.for_project(project_id).run(run_id)
    page = await context.ledger.runs(project_id, limit=_RUNS_SHOWN)
    layers = await _layers(context, project)
    now = context.clock.now()
    created_at, expires_at = render_time(now), render_time(now + timedelta(days=days))
    proposals = await context.think(lambda: _propose(context, project, layers, run.plan.steps[0].command))
    rules = tuple(
        RememberedRule(
            rule_id=context.new_id("rem_"),
            project_id=project_id,
            program=proposal.program,
            form=proposal.form,
            cedar=proposal.cedar,
            from_run_id=run_id,
            created_by=actor.name,
            created_at=created_at,
            expires_at=expires_at,
        )
        for proposal in proposals
    )
    runs = [found for found, _ in page.runs]
    # Up to 200 commands are judged: not in the threads in which starts are.
    async with context.inspections.take(project.project_id):
        covered = await asyncio.to_thread(_find_covered, context, project, layers, rules, runs)
    return Preview(rules=rules, covered=covered, looked_at=len(runs))


async def is_own_run(context: Context, run: Run, actor: Actor) -> bool:
    """Returns whether the same person asked for the run or edited it, by whatever token."""
    approvals = await context.ledger.for_project(run.project_id).approvals(run_id=run.run_id)
    authors = frozenset([run.requested_by]).union(*(approval.authors for approval in approvals))
    people = await context.ledger.people(authors)
    return person_of(actor) in {people.person_of(name) for name in authors}


async def remember_rules(context: Context, *, run_id: str, days: int, actor: Actor) -> Preview:
    """Remembers what `preview_rules` shows, one event a rule, and returns it."""
    preview = await preview_rules(context, run_id=run_id, days=days, actor=actor)
    project_id = preview.rules[0].project_id
    project = await context.ledger.project(project_id)
    run = await context.ledger.for_project(project_id).run(run_id)
    if project.forbid_self_approval and await is_own_run(context, run, actor):
        raise NotAllowed(
            "the project asks for a second person; nobody is asked no more about their own request alone",
            remedy="let another admin remember it",
        )
    moves = [
        RememberRule(
            rule_id=rule.rule_id,
            program=rule.program,
            form=rule.form,
            cedar=rule.cedar,
            from_run_id=rule.from_run_id,
            expires_at=rule.expires_at,
        )
        for rule in preview.rules
    ]
    await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)
    return preview


async def forget_rule(context: Context, *, project_id: str, rule_id: str, actor: Actor) -> None:
    """Revokes a remembered rule; from now on its commands are asked about again."""
    await context.ledger.append(project_id, [ForgetRule(rule_id=rule_id)], actor=actor.name, via=actor.via)


async def _layers(context: Context, project: Project) -> PolicyLayers:
    now = render_time(context.clock.now())
    facts = await context.ledger.gate_facts(project.project_id)
    return PolicyLayers(
        organisation=read_organisation(context.home),
        organisation_digest=facts.organisation_digest,
        project=read_project(Path(project.workspace_root)),
        accepted_digest=project.accepted_policy_digest,
        workspace_root=project.workspace_root,
        remembered=tuple(rule for rule in facts.remembered if rule.is_in_force(now)),
    )


def _propose(
    context: Context, project: Project, layers: PolicyLayers, command: Command
) -> tuple[Proposal, ...]:
    return propose(
        in_force(context.policy, layers),
        command.source_text,
        cwd=command.cwd,
        workspace_root=project.workspace_root,
        surroundings=context.surroundings(project),
        connector=command.connector,
    )


def _find_covered(
    context: Context,
    project: Project,
    layers: PolicyLayers,
    rules: tuple[RememberedRule, ...],
    runs: list[Run],
) -> tuple[CoveredRun, ...]:
    before = in_force(context.policy, layers)
    after = with_remembered(before, (*layers.remembered, *rules))
    surroundings = context.surroundings(project)

    def is_allowed(run: Run, policy: Policy) -> bool:
        command = run.plan.steps[0].command
        judgement = judge(
            policy,
            command.source_text,
            cwd=command.cwd,
            workspace_root=project.workspace_root,
            surroundings=surroundings,
            connector=command.connector,
        )
        # Network names of the run's own are asked about whatever is remembered.
        return ask_for_names(judgement, command, project).verdict.verdict is Decision.ALLOW

    return tuple(
        CoveredRun(run_id=run.run_id, command=run.plan.steps[0].command.source_text)
        for run in runs
        if not is_allowed(run, before) and is_allowed(run, after)
    )
