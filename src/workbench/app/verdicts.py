"""Which policy is in force for a repository, and what was decided there; needs no server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from workbench.app.clock import SystemClock
from workbench.app.home import load_config
from workbench.app.trials import load_tried
from workbench.engine.look import ORGANISATION
from workbench.gate import (
    Policy,
    describe_unrecorded,
    find_untested,
    in_force,
    judge,
    read_file_layer,
    read_organisation,
    read_project,
    with_organisation,
    with_project,
    with_remembered,
)
from workbench.gate.names import ask_for_names
from workbench.model.clock import render_time
from workbench.model.command import Command, Surroundings
from workbench.model.errors import LedgerUnavailable
from workbench.model.layer import PolicyLayers, RememberedRule
from workbench.model.project import Project
from workbench.model.verdict import Judgement

if TYPE_CHECKING:
    from workbench.ledger.ledger import Ledger

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a command would be judged; `cwd` and `root` are absolute."""

    root: str
    cwd: str
    surroundings: Surroundings


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedVerdict:
    """A verdict as the ledger keeps it, with what it was about; the project is as it is now."""

    run_id: str
    command: Command
    project: Project
    verdict: str


def place_offline(repo: Path, cwd: str | None) -> Place:
    """Returns where a command given in `cwd` of the repository would be judged."""
    from workbench.connectors.local import surroundings_of

    root = str(repo)
    return Place(
        root=root,
        cwd=os.path.normpath(os.path.join(root, cwd)) if cwd else root,
        surroundings=surroundings_of(root),
    )


def policy_offline(repo: Path, *, with_unaccepted: bool = False) -> Policy:
    """Returns the policy in force for a repository: posture, organisation, project and remembered rules.

    Raises PolicyBroken or PolicyChanged where nothing could start either. `with_unaccepted` takes the
    project's files as they are, as if they had been accepted.
    """
    layers = _layers_of(repo)
    if with_unaccepted:
        accepted = "" if layers.project.is_empty else layers.project.digest
        layers = replace(layers, accepted_digest=accepted)
    return in_force(load_tried(load_config(for_reading=True).policy_posture), layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnExamples:
    """A layer's own examples: how many there are, and its rules that no example would miss."""

    place: str
    tried: int
    without: tuple[str, ...]


def own_examples_offline(repo: Path, policy: Policy) -> list[OwnExamples]:
    """Returns the examples of the organisation's and the project's files here; raises PolicyBroken.

    `policy` is the one that these files are in.
    """
    layers = _layers_of(repo)
    return [
        OwnExamples(place=layer.place, tried=tried, without=tuple(rule.rule_id for rule in untested))
        for layer in (layers.organisation, layers.project)
        if layer.rules_text or layer.examples_text
        for tried, untested in [find_untested(policy, layer)]
    ]


def find_unaccepted(repo: Path) -> str | None:
    """Returns what to tell people about policy files in the repository that are not in force, if any are."""
    layer = read_project(repo)
    project = project_at(os.path.realpath(repo))
    if layer.is_empty or (project is not None and project.accepted_policy_digest):
        return None
    return (
        f"{layer.place} holds a policy that nobody has accepted, so it is not in force; "
        f"an admin accepts it: workbench project accept-policy {repo}"
    )


def find_unrecorded() -> str | None:
    """Returns what to tell people about organisation's files that are not the ones recorded, if so."""

    async def read(ledger: Ledger) -> str | None:
        try:
            return await ledger.layer_digest(ORGANISATION)
        except LedgerUnavailable:
            # A ledger that no server has brought up to date yet has none.
            return None

    layer, recorded = read_organisation(load_config(for_reading=True).home), _read_ledger(read)
    if recorded is None or recorded == ("" if layer.is_empty else layer.digest):
        return None
    return (
        f"{describe_unrecorded(layer, recorded)}; it is judged here as it lies, but nothing starts: "
        "an admin accepts it: workbench policy accept"
    )


def candidate_offline(repo: Path, file: Path, *, must_prove: bool = True) -> Policy:
    """Returns the policy as it would be with a changed file in the place of the one in force.

    The repository's own `.workbench/policy.cedar` stands in the project's place, any other file in the
    organisation's. Raises PolicyBroken; a broken invariant is no error without `must_prove`.
    """
    layers = _layers_of(repo)
    base = load_tried(load_config(for_reading=True).policy_posture)
    if file.resolve() == (repo / ".workbench" / "policy.cedar").resolve():
        policy = with_organisation(base, layers.organisation)
        policy = with_project(policy, layers.project)
    else:
        policy = with_organisation(base, read_file_layer(file), must_prove=must_prove)
        none = PolicyLayers()
        policy = in_force(
            policy,
            replace(layers, organisation=none.organisation, organisation_digest=None, remembered=()),
        )
    return with_remembered(policy, layers.remembered)


def judge_with(policy: Policy, repo: Path, record: RecordedVerdict) -> Judgement:
    """Returns what a policy says of a recorded command on this machine as it is now."""
    command = record.command
    place = place_offline(repo, command.cwd)
    judgement = judge(
        policy,
        command.source_text,
        cwd=place.cwd,
        workspace_root=place.root,
        surroundings=place.surroundings,
        env_profile=command.env_profile,
        connector=command.connector,
    )
    return ask_for_names(judgement, command, record.project)


def recorded_verdicts(repo: Path, last: int) -> list[RecordedVerdict]:
    """Returns the last verdicts that the ledger of this home keeps for a repository, newest first."""
    project = project_at(os.path.realpath(repo))
    if project is None:
        return []

    async def read(ledger: Ledger) -> list[RecordedVerdict]:
        page = await ledger.runs(project.project_id, limit=last)
        found = []
        for run, steps in page.runs:
            commands = {step.step_key: step.command for step in run.plan.steps}
            for step in steps:
                command = commands.get(step.step_key)
                if step.verdict is not None and command is not None:
                    found.append(
                        RecordedVerdict(
                            run_id=run.run_id,
                            command=command,
                            project=project,
                            verdict=step.verdict["verdict"],
                        )
                    )
        return found[:last]

    return _read_ledger(read) or []


def project_at(root: str) -> Project | None:
    """Returns the project that this home's ledger knows for a workspace, if it knows one."""

    async def read(ledger: Ledger) -> Project | None:
        return next((p for p in await ledger.projects() if p.workspace_root == root), None)

    return _read_ledger(read)


def outcomes_at(root: str) -> dict[str, tuple[int, int]]:
    """Returns (ended, succeeded) by recommendation rule of a workspace's runs in this ledger."""

    async def read(ledger: Ledger) -> dict[str, tuple[int, int]]:
        found = next((p for p in await ledger.projects() if p.workspace_root == root), None)
        return await ledger.for_project(found.project_id).rule_outcomes() if found else {}

    return _read_ledger(read) or {}


def _layers_of(repo: Path) -> PolicyLayers:
    project = project_at(os.path.realpath(repo))
    organisation = read_organisation(load_config(for_reading=True).home)
    return PolicyLayers(
        organisation=organisation,
        # As it lies there: whether it is the one recorded stops starts, and is told as a note here.
        organisation_digest=""
        if organisation.is_empty
        else None
        if organisation.problem
        else organisation.digest,
        project=read_project(repo),
        accepted_digest=project.accepted_policy_digest if project else "",
        workspace_root=str(repo),
        remembered=_remembered_in(project.project_id) if project else (),
    )


def _remembered_in(project_id: str) -> tuple[RememberedRule, ...]:
    now = render_time(SystemClock().now())

    async def read(ledger: Ledger) -> tuple[RememberedRule, ...]:
        try:
            rules = await ledger.for_project(project_id).remembered_rules()
        except LedgerUnavailable:
            # A ledger that no server has brought up to date yet has none; without them more is asked.
            return ()
        return tuple(rule for rule in rules if rule.is_in_force(now))

    return _read_ledger(read) or ()


def _read_ledger(read: Callable[[Ledger], Coroutine[object, object, T]]) -> T | None:
    """Reads from this home's ledger; None when there is none yet."""
    url = load_config(for_reading=True).ledger_url
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).is_file():
        return None
    from workbench.ledger.ledger import Ledger

    async def opened() -> T:
        ledger = Ledger(url, SystemClock())
        try:
            return await read(ledger)
        finally:
            await ledger.close()

    return asyncio.run(opened())
