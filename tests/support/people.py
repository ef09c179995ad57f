"""People as the ledger would find them: everybody named holds one token, named after them."""

from __future__ import annotations

from workbench.model.actor import Role
from workbench.model.people import Holding, People


def people(now: str = "", **roles: Role) -> People:
    """Returns people of these roles, by the name of their one actor."""
    return People(now=now, holdings=tuple(holding(name, role) for name, role in roles.items()))


def holding(
    actor: str,
    role: Role,
    *,
    person: str | None = None,
    project_id: str | None = None,
    expires_at: str | None = None,
    revoked_at: str | None = None,
    token_id: str = "",
) -> Holding:
    """Returns one token."""
    return Holding(
        token_id=token_id or f"tok_{actor}",
        actor=actor,
        person=person,
        role=role,
        project_id=project_id,
        expires_at=expires_at,
        revoked_at=revoked_at,
    )
