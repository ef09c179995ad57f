"""Says whose a new token is: one actor's name is one person, for good.

Otherwise votes that were given would change hands. It reads only.
"""

from __future__ import annotations

from sqlalchemy import Connection, select

from workbench.ledger import tables
from workbench.ledger.move import PutToken
from workbench.model.actor import person_named
from workbench.model.errors import Conflict


def find_person(connection: Connection, move: PutToken) -> str:
    """Returns who holds the token: whom it names, else who its name is known to be, else the name itself.

    Raises Conflict where the name is known to be somebody else.
    """
    tokens = tables.access_tokens
    query = select(tokens.c.person).where(tokens.c.actor == move.token_actor, tokens.c.person.is_not(None))
    known: str | None = connection.execute(query.limit(1)).scalar()
    wanted = None if move.person is None else person_named(move.person)
    if known is not None and wanted not in (None, known):
        raise Conflict(
            f"{move.token_actor} is {known}, and cannot be {wanted} too",
            remedy="give the token another name: --name NAME",
        )
    return known or wanted or person_named(move.token_actor)
