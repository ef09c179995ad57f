"""Names who can decide what is held: roles, people by name, how many, and who is left out.

Only for people to read: whether somebody may decide is for approvals.may_decide, and this says the same of
everybody at once. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from workbench.gate.approvals import APPROVE, count_people, needed_quorum, rule_for, standing_votes
from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval
from workbench.model.people import People
from workbench.model.project import Project
from workbench.model.verdict import RiskLevel
from workbench.policy import Policy, may_approve

DECIDING: Final = tuple(role for role in Role if Actor(name="", role=role, via="").has(Role.APPROVER))
"""The roles that decide at all, lowest first; each of them may deny."""

Answers = dict[tuple[Role, RiskLevel, bool, bool], tuple[bool, str]]
"""What one policy says of a role, a risk, one's own request, and a project that asks for a second person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciders:
    """Who may approve one pending approval, under the project's rules and the policy in force.

    Whoever holds one of `roles` may, and those named in `people` who hold one of `people_roles`. `given` of
    `quorum` different people have. `left_out` are its authors, the requester first, where they may not
    approve it; else empty. `closed` says why nobody may approve it now, or is "".
    """

    roles: tuple[Role, ...]
    people: tuple[str, ...]
    people_roles: tuple[Role, ...]
    quorum: int
    given: int
    left_out: tuple[str, ...]
    closed: str


def find_deciders(
    approval: Approval,
    project: Project,
    people: People,
    policy: Policy | None,
    *,
    broken: str = "",
    known: Answers | None = None,
) -> Deciders:
    """Returns who may approve this now, whether or not they have voted already.

    Without a policy nobody may, and `broken` says why there is none. `known` keeps what this policy was asked
    already, for the next approval of a list.
    """
    heard: Answers = {} if known is None else known
    rule = rule_for(project, approval.risk_level)

    def ask(role: Role, *, is_own: bool) -> tuple[bool, str]:
        if policy is None:
            return False, broken
        asked = (role, approval.risk_level, is_own, project.forbid_self_approval)
        if asked not in heard:
            heard[asked] = may_approve(
                policy.ruleset,
                role=role.value,
                risk=approval.risk_level.value,
                is_own_request=is_own,
                has_four_eyes=project.forbid_self_approval,
            )
        return heard[asked]

    answers = {role: ask(role, is_own=False) for role in DECIDING}
    let_in = tuple(role for role, (is_allowed, _) in answers.items() if is_allowed)
    roles = tuple(
        role for role in let_in if rule.role is not None and Actor(name="", role=role, via="").has(rule.role)
    )
    named = rule.people if let_in else ()
    is_own_closed = project.forbid_self_approval or not any(ask(role, is_own=True)[0] for role in let_in)
    votes = standing_votes(approval, project, people)
    return Deciders(
        roles=roles,
        people=named,
        people_roles=let_in if named else (),
        quorum=needed_quorum(approval, project),
        given=count_people(tuple(vote for vote in votes if vote.decision == APPROVE), people),
        left_out=approval.authors if is_own_closed else (),
        closed="" if roles or named else _why_closed(answers),
    )


def describe_deciders(found: Deciders, approval: Approval) -> str:
    """Returns that in sentences, and who may deny."""
    denied = f"May be denied by whoever is {_either(DECIDING)}."
    if found.closed:
        return f"Nobody may approve it: {found.closed.rstrip('.')}. {denied}"
    if found.roles == DECIDING and found.quorum == 1 and not found.people and not found.left_out:
        return f"May be approved or denied by whoever is {_either(DECIDING)}."
    may = []
    if found.roles:
        may.append(f"whoever is {_either(found.roles)}")
    if found.people:
        # The role goes without saying where it is the least that anybody needs to decide.
        needed = "" if found.people_roles == DECIDING else f" with the role {_either(found.people_roles)}"
        may.append(_either(found.people) + needed)
    words = f"May be approved by {', or by '.join(may)}"
    if found.quorum > 1:
        words += f"; {found.quorum} different people must, {found.given} {_have(found.given)}"
    if found.left_out:
        asked, *changed = found.left_out
        words += f"; not by {asked}, who asked for it"
        words += f", or {_either(changed)}, who changed it" if changed else ""
    return f"{words}. {denied}"


def name_deciders(found: Deciders) -> str:
    """Returns whom one waits for, as it follows "waiting for approval by"."""
    if found.closed:
        return f"nobody, as things are: {found.closed.rstrip('.')}"
    words = [f"whoever is {_either(found.roles)}"] if found.roles else []
    words += [_either(found.people)] if found.people else []
    line = ", or by ".join(words)
    if found.left_out:
        line += f", but not {_either(found.left_out)}"
    if found.quorum > 1:
        line += f"; {found.quorum} different people must, {found.given} {_have(found.given)}"
    return line


def _why_closed(answers: Mapping[Role, tuple[bool, str]]) -> str:
    """Returns the policy's words, or that the roles it lets in are not the project's."""
    refusals = [words for is_allowed, words in answers.values() if not is_allowed]
    return refusals[-1] if refusals else "the project names nobody"


def _either(words: Sequence[str]) -> str:
    return " or ".join((", ".join(words[:-1]), words[-1])) if len(words) > 1 else words[0]


def _have(count: int) -> str:
    return "has" if count == 1 else "have"
