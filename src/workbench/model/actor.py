"""Who asks, in which role, and by which way. Roles are ordered: each may do what those before it may."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


_ORDER = tuple(Role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """`name` is the authenticated actor, for example "user:ann"; `via` the way: page, cli, api, mcp,
    engine.

    `project_id` limits the actor to one project; None means all.
    """

    name: str
    role: Role
    via: str
    project_id: str | None = None

    def has(self, role: Role) -> bool:
        """Tells whether this actor may do what `role` may."""
        return _ORDER.index(self.role) >= _ORDER.index(role)
