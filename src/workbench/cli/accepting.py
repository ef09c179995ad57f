"""The options and help of `workbench policy accept`; its body imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer


def accept(
    last: Annotated[
        int, typer.Option(min=1, max=200, help="How many runs of each project are judged anew.")
    ] = 50,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show it, and accept nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Put the organisation's policy that lies in the home in force, after every check of it."""
    from workbench.cli.organisation import accept_organisation_policy

    accept_organisation_policy(last, is_dry=dry_run, as_json=json)
