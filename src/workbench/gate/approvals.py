"""Says what an approval is good for: who may decide it, when it is reached, when it has lapsed.

Pure functions over the model's types. A time-out is never consent, and an approval holds once, for one
subject digest. It writes nothing and asks nobody.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.model.actor import Actor, Role
from workbench.model.approval import Approval, ApprovalDecision
from workbench.model.clock import parse_time
from workbench.model.people import NOBODY, People, person_of
from workbench.model.project import ApproverRule, Project
from workbench.model.reason import is_said
from workbench.model.statuses import ApprovalStatus
from workbench.model.verdict import RiskLevel
from workbench.policy import Policy, may_approve

APPROVE = "approve"
DENY = "deny"
AGENTS = "mcp"
"""The way in that is for agents alone; who comes by it says so, and may less for it, never more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """Whether an actor may decide, why not and what to do, and whether it would be their own request."""

    is_allowed: bool
    reason: str
    is_self_approval: bool = False
    remedy: str = "ask another approver of this project"


def is_expired(approval: Approval, now: str) -> bool:
    """Returns whether nobody may decide it any more at `now` (RFC 3339); an unreadable time counts so."""
    return _has_passed(approval.expires_at, now)


def has_lapsed(approval: Approval, now: str) -> bool:
    """Returns whether an approved approval lets nothing start any more at `now` (RFC 3339).

    One that was approved before there was a time to start by holds until it would have expired.
    """
    return _has_passed(approval.start_by or approval.expires_at, now)


def is_quorum_reached(decisions: tuple[ApprovalDecision, ...], quorum: int, people: People = NOBODY) -> bool:
    """Returns whether enough different people approved and nobody denied; a quorum below 1 counts as 1."""
    if any(decision.decision != APPROVE for decision in decisions):
        return False
    return count_people(decisions, people) >= max(1, quorum)


def count_people(decisions: tuple[ApprovalDecision, ...], people: People = NOBODY) -> int:
    """Returns how many people gave these decisions; two tokens of one person are one."""
    return len({people.person_of(decision.actor) for decision in decisions})


def standing_votes(
    approval: Approval, project: Project, people: People, policy: Policy | None = None
) -> tuple[ApprovalDecision, ...]:
    """Returns the decisions that count under rules and roles as they are now; a denial always does.

    An approval falls when its giver could not give it any more: their token was revoked or has ended, its
    role is too low, they are not among the people named, the project asks for a second person and they are
    an author of it, or the policy says no.
    """
    return tuple(
        vote
        for vote in approval.decisions
        if vote.decision != APPROVE or _still_stands(vote, approval, project, people, policy)
    )


def _still_stands(
    vote: ApprovalDecision, approval: Approval, project: Project, people: People, policy: Policy | None
) -> bool:
    role = people.role_of(vote, project.project_id)
    if role is None:
        return False
    voter = Actor(name=vote.actor, role=role, via="", person=people.person_of(vote.actor))
    is_own = _is_author(voter, approval, people)
    if not voter.has(Role.APPROVER) or (is_own and project.forbid_self_approval):
        return False
    if _find_role_problem(approval.risk_level, voter, project, people):
        return False
    return policy is None or _ask_policy(policy, voter, approval, project, is_own=is_own)[0]


def needed_quorum(approval: Approval, project: Project) -> int:
    """Returns how many must approve now: as many as were asked for, or more where the project says so."""
    return max(1, approval.quorum, project.approval_quorum or 1)


def needs_reason(risk_level: RiskLevel, decision: str) -> bool:
    """Returns whether a decision must say why: every denial, and every approval of a high risk."""
    return decision != APPROVE or risk_level is RiskLevel.HIGH


def may_decide(
    approval: Approval,
    *,
    actor: Actor,
    decision: str,
    reason: str,
    project: Project,
    now: str,
    people: People = NOBODY,
    policy: Policy | None = None,
) -> Permission:
    """Returns whether `actor` may give this decision now, under the policy in force.

    Who asked for it and everybody who edited it are its authors. Approving what one is an author of is
    allowed and marked, unless the project forbids it; denying it always is. It is one's own when the same
    person asked or edited, by whatever token. Nobody decides twice, unless their first vote does not count
    any more, and a denial needs no more than the role. An agent never approves what it or the person it acts
    for is an author of, whatever the project says: asked and approved in one breath, nobody has looked.
    The policy has the last word on an approval, and can only say no to what the rest lets through; without
    one, the answer is for showing alone.
    """
    is_own = _is_author(actor, approval, people)
    approves_own = is_own and decision == APPROVE
    if decision not in (APPROVE, DENY):
        return _no(f"{decision!r} is neither {APPROVE} nor {DENY}")
    if not actor.name:
        return _no("the decision has no actor")
    if not actor.has(Role.APPROVER):
        return _no(f"{actor.name} is {actor.role.value}; deciding needs {Role.APPROVER.value}")
    if approval.project_id != project.project_id or actor.project_id not in (None, project.project_id):
        return _no("the approval belongs to another project")
    if approval.status is not ApprovalStatus.PENDING:
        return _no(f"the approval is {approval.status.value} already")
    if is_expired(approval, now):
        return _no(f"the approval expired at {approval.expires_at}")
    votes = standing_votes(approval, project, people)
    if same := next((vote for vote in votes if people.person_of(vote.actor) == person_of(actor)), None):
        return _no(f"{same.actor} has decided already" + _as_the_same(actor.name, same.actor))
    if approves_own and project.forbid_self_approval:
        return Permission(
            is_allowed=False,
            reason=_second_person(approval, actor, project, people),
            is_self_approval=True,
        )
    if approves_own and actor.via == AGENTS:
        return Permission(
            is_allowed=False,
            reason="an agent approves nothing that it, or the person it acts for, asked for or changed; that "
            f"person decides it themselves, on the page or by workbench approve {approval.approval_id}",
            is_self_approval=True,
            remedy=f"decide it on the page, or by workbench approve {approval.approval_id} --reason WHY",
        )
    if decision == APPROVE and (problem := _find_role_problem(approval.risk_level, actor, project, people)):
        return _no(problem)
    if decision == APPROVE and policy is not None:
        is_allowed, words = _ask_policy(policy, actor, approval, project, is_own=is_own)
        if not is_allowed:
            return _no(words)
    if needs_reason(approval.risk_level, decision) and not is_said(reason):
        return _no("a denial needs a reason" if decision == DENY else "a high-risk decision needs a reason")
    return Permission(
        is_allowed=True,
        reason="you are approving your own request" if approves_own else "",
        is_self_approval=approves_own,
    )


def may_see_guarded(
    approval: Approval, *, actor: Actor, project: Project, people: People, policy: Policy
) -> str:
    """Returns "" for an actor who may see what this approval guards, else who may and why they may not.

    It is whoever may approve it, or might have: that it is decided or expired by now, or that they have voted
    already, takes nothing from that.
    """
    is_own = _is_author(actor, approval, people)
    why = None
    if not actor.has(Role.APPROVER) or actor.project_id not in (None, approval.project_id):
        why = f"{actor.name} is {actor.role.value}"
    elif is_own and project.forbid_self_approval:
        why = "the project asks for a second person, and this is your own request"
    elif is_own and actor.via == AGENTS:
        why = "an agent approves nothing that it, or the person it acts for, asked for or changed"
    elif problem := _find_role_problem(approval.risk_level, actor, project, people):
        why = problem
    else:
        is_allowed, words = _ask_policy(policy, actor, approval, project, is_own=is_own)
        why = None if is_allowed else words
    if why is None:
        return ""
    return (
        "The command reads secrets: what it wrote, printed and started is shown to who may approve it, "
        f"{describe_approvers(project, approval.risk_level)}; {why.rstrip('.')}."
    )


def describe_approvers(project: Project, risk_level: RiskLevel) -> str:
    """Returns in words who may approve at this risk level by the project's rules alone."""
    rule = rule_for(project, risk_level)
    words = [f"anybody who is {rule.role.value}"] if rule.role is not None else []
    return " or ".join([*words, *rule.people]) or "nobody"


def may_release(
    approval: Approval | None,
    *,
    project_id: str,
    run_id: str,
    step_id: str,
    subject_digest: str,
    now: str,
    project: Project,
    people: People,
    policy: Policy | None = None,
) -> tuple[bool, str]:
    """Returns whether this approval lets exactly this step start, and why not in words.

    What project and policy ask of approvers, and what role these have, is as it is now, not as it was at the
    decision.
    """
    if approval is None:
        return False, "an approval is needed"
    if (approval.project_id, approval.run_id, approval.step_id) != (project_id, run_id, step_id):
        return False, f"approval {approval.approval_id} is for another step"
    if approval.status is not ApprovalStatus.APPROVED:
        return (
            False,
            f"approval {approval.approval_id} is {getattr(approval.status, 'value', approval.status)}",
        )
    if approval.subject_digest != subject_digest:
        return False, f"what approval {approval.approval_id} was given for has changed since"
    if approval.is_used:
        return False, f"approval {approval.approval_id} has been used already"
    if has_lapsed(approval, now):
        return False, (
            f"approval {approval.approval_id} lapsed: nothing had started by "
            f"{approval.start_by or approval.expires_at}"
        )
    votes = standing_votes(approval, project, people, policy)
    quorum = needed_quorum(approval, project)
    if not is_quorum_reached(votes, quorum, people):
        fallen = len(approval.decisions) - len(votes)
        words = f": {fallen} of its votes no longer count{'s' if fallen == 1 else ''}" if fallen else ""
        return False, f"approval {approval.approval_id} lacks its quorum of {quorum}{words}"
    return True, ""


def _no(reason: str) -> Permission:
    return Permission(is_allowed=False, reason=reason)


def _has_passed(moment: str, now: str) -> bool:
    try:
        return parse_time(now) >= parse_time(moment)
    except (TypeError, ValueError):
        return True


def rule_for(project: Project, risk_level: RiskLevel) -> ApproverRule:
    """Returns the project's rule for a risk level; without one, whoever holds the approver's role."""
    for rule in project.approvers:
        if rule.risk_level is risk_level:
            return rule
    return ApproverRule(risk_level=risk_level, role=Role.APPROVER)


def _is_author(actor: Actor, approval: Approval, people: People) -> bool:
    if actor.name in approval.authors:
        return True
    return person_of(actor) in {people.person_of(name) for name in approval.authors}


def _second_person(approval: Approval, actor: Actor, project: Project, people: People) -> str:
    """Returns why an author approves nothing here, who may, and what to do where nobody else is there."""
    own = next(
        name for name in approval.authors if name == actor.name or people.person_of(name) == person_of(actor)
    )
    did = "request" if own == approval.requested_by else "change"
    return (
        f"the project asks for a second person; nobody approves their own {did}"
        f"{_as_the_same(actor.name, own)}. May approve it: "
        f"{describe_approvers(project, approval.risk_level)}, but not {_listed(approval.authors)}. "
        "Where nobody else is there, deny it and ask anew"
    )


def _listed(names: tuple[str, ...]) -> str:
    return " or ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _as_the_same(name: str, other: str) -> str:
    return "" if name == other else f" ({name} and {other} are one person)"


def _ask_policy(
    policy: Policy, actor: Actor, approval: Approval, project: Project, *, is_own: bool
) -> tuple[bool, str]:
    return may_approve(
        policy.ruleset,
        role=actor.role.value,
        risk=approval.risk_level.value,
        is_own_request=is_own,
        has_four_eyes=project.forbid_self_approval,
    )


def _find_role_problem(risk_level: RiskLevel, actor: Actor, project: Project, people: People) -> str | None:
    rule = rule_for(project, risk_level)
    is_named = person_of(actor) in {people.person_of(name) for name in rule.people}
    if is_named or (rule.role is not None and actor.has(rule.role)):
        return None
    return (
        f"in this project a {risk_level.value} risk is approved by {describe_approvers(project, risk_level)}"
    )
