"""Puts a project's own policy files in force: read, checked, proved, and their digest recorded.

Accepting is an admin's audited act. What changes in the files afterwards stops starts until it is accepted
too; the gate sees to that, not this file.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from workbench.engine.context import Context
from workbench.engine.look import ORGANISATION
from workbench.gate import (
    Policy,
    describe_untested,
    find_posture_note,
    in_force,
    read_organisation,
    read_project,
    with_project,
)
from workbench.ledger.ledger import HOUSE
from workbench.ledger.move import Note, PutProject
from workbench.model.actor import Actor
from workbench.model.errors import Conflict, InvalidInput, NotFound
from workbench.model.layer import PolicyLayers
from workbench.model.project import Project


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedPolicy:
    """What is in force from now on. `rules` are the ids of the project's own rules.

    `note` says what of the files is not in force all the same, or is "".
    """

    project_id: str
    digest: str
    posture: str
    rules: tuple[str, ...]
    note: str = ""


def policy_state(project: Project) -> str:
    """Returns what there is of a project's own policy: none, not_accepted, accepted or changed.

    A policy that is changed after it was accepted, or gone, stops every start in its project.
    """
    layer = read_project(Path(project.workspace_root))
    if not project.accepted_policy_digest:
        return "none" if layer.is_empty else "not_accepted"
    is_same = not layer.problem and not layer.is_empty and layer.digest == project.accepted_policy_digest
    return "accepted" if is_same else "changed"


def policy_note(policy: Policy, project: Project) -> str:
    """Returns what of a project's accepted policy is not in force under the server's `policy`, or ""."""
    if policy_state(project) != "accepted":
        return ""
    return find_posture_note(read_project(Path(project.workspace_root)), policy.posture)


async def accept_policy(
    context: Context, *, project_id: str, actor: Actor, seen_digest: str | None = None
) -> AcceptedPolicy:
    """Accepts the policy files that lie in the project's workspace now, or that there are none any more.

    With `seen_digest`, only the files of that digest ("" for none), and Conflict when others lie there now.
    Raises PolicyBroken, with file, line and problem, for files that could not be in force, and for rules
    that break an invariant; InvalidInput for a rule that could go without an example failing; NotFound where
    there is nothing to accept or give up.
    """
    project = await context.ledger.project(project_id)
    layer = read_project(Path(project.workspace_root))
    if layer.problem:
        raise InvalidInput(layer.problem, remedy="make it a plain file of text and accept it again")
    if seen_digest not in (None, "" if layer.is_empty else layer.digest):
        raise Conflict(
            "the project's policy files were changed after you looked at them",
            remedy="look at what they change now, and accept that",
        )
    if layer.is_empty and not project.accepted_policy_digest:
        raise NotFound(
            f"{project.workspace_root} carries no policy", remedy="write one: .workbench/policy.cedar"
        )
    organisation = PolicyLayers(
        organisation=read_organisation(context.home),
        organisation_digest=await context.ledger.layer_digest(ORGANISATION),
    )
    policy = await context.think(lambda: with_project(in_force(context.policy, organisation), layer))
    if untested := await context.think(lambda: describe_untested(policy, layer)):
        raise InvalidInput(untested[0], remedy=untested[1], code="policy_untested")
    accepted = AcceptedPolicy(
        project_id=project_id,
        digest="" if layer.is_empty else layer.digest,
        posture=policy.posture,
        rules=tuple(
            rule.rule_id for rule in policy.ruleset.rules if rule.source.startswith(layer.place + "/")
        ),
        note=find_posture_note(layer, context.policy.posture),
    )
    await context.ledger.append(
        HOUSE,
        [
            PutProject(project=replace(project, accepted_policy_digest=accepted.digest), seen=project),
            Note(
                tag="policy:accepted",
                payload={
                    "project_id": project_id,
                    "digest": accepted.digest,
                    "posture": accepted.posture,
                    "rules": list(accepted.rules),
                    "rules_text": layer.rules_text,
                },
            ),
        ],
        actor=actor.name,
        via=actor.via,
    )
    return accepted
