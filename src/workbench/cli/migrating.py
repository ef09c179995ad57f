"""The options and help of `workbench migrate`; its body imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer


def migrate(
    to: Annotated[str, typer.Option(help="The empty database: postgresql://user@host/name.")],
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Move the ledger from SQLite to PostgreSQL, while no server runs; it is verified before it counts."""
    from workbench.cli.migrate import migrate as move

    move(to, json)
