"""Who is behind an actor, and what role a vote still has: people are counted, not the tokens they hold.

An actor is a token's name (user:ann, token:bea-phone); a person may hold several. What a token's maker
said is what is known: a token that names its person is that person's, any other is the person of its own
name. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.model.actor import Actor, Role, person_named
from workbench.model.approval import Approval, ApprovalDecision
from workbench.model.clock import parse_time
from workbench.model.project import Project

_ORDER: Final = tuple(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One token or session, live or ended: who holds it, for which project (None: all), until when."""

    token_id: str
    actor: str
    person: str | None
    role: Role
    project_id: str | None
    expires_at: str | None
    revoked_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The tokens of everybody who matters to one approval, read in one moment, `now` (RFC 3339).

    Whoever holds no token here has no role: an unknown voter does not count.
    """

    holdings: tuple[Holding, ...] = ()
    now: str = ""

    def person_of(self, actor: str) -> str:
        """Returns who is behind an actor's name; one that no token gives a person is its own."""
        said = (holding.person for holding in self.holdings if holding.actor == actor and holding.person)
        return next(said, person_named(actor))

    def role_of(self, vote: ApprovalDecision, project_id: str) -> Role | None:
        """Returns what the voter may still do in the project by the token they voted with, or None.

        A vote from before tokens were noted counts by the best token that its actor still has.
        """
        held = [
            holding
            for holding in self.holdings
            if (holding.token_id == vote.token_id if vote.token_id else holding.actor == vote.actor)
            and holding.actor == vote.actor
            and holding.project_id in (None, project_id)
            and holding.revoked_at is None
            and not _has_ended(holding.expires_at, self.now)
        ]
        return max((holding.role for holding in held), key=_ORDER.index, default=None)


NOBODY: Final = People()


def names_in(approval: Approval | None, project: Project) -> frozenset[str]:
    """Returns every actor's name that says something about this approval: who asked, edited, voted, may."""
    named = {name for rule in project.approvers for name in rule.people}
    if approval is None:
        return frozenset(named)
    return frozenset(named | {*approval.authors} | {vote.actor for vote in approval.decisions})


def person_of(actor: Actor) -> str:
    """Returns the person who acts: what their token says, else the one of the actor's own name."""
    return actor.person or person_named(actor.name)


def _has_ended(moment: str | None, now: str) -> bool:
    if moment is None:
        return False
    try:
        return parse_time(now) >= parse_time(moment)
    except (TypeError, ValueError):
        return True
