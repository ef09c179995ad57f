"""Who asks, in which role, and by which way. Roles are ordered: each may do what those before it may."""

from __future__ import annotations

import unicodedata
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

    `project_id` limits the actor to one project; None means all. `person` is who is behind it, as the token
    `token_id` says; None is the person of the actor's own name.
    """

    name: str
    role: Role
    via: str
    project_id: str | None = None
    person: str | None = None
    token_id: str | None = None

    def has(self, role: Role) -> bool:
        """Tells whether this actor may do what `role` may."""
        return _ORDER.index(self.role) >= _ORDER.index(role)


def person_named(name: str) -> str:
    """Returns the person that a name or an actor's name stands for: Bea, user:bea and token:bea are one.

    Case, spaces and signs that do not show make no second person.
    """
    signs = unicodedata.normalize("NFKC", name).casefold()
    shown = "".join(sign for sign in signs if unicodedata.category(sign)[0] not in "CZ")
    while (bare := shown.removeprefix("user:").removeprefix("token:")) != shown:
        shown = bare
    return shown or name
