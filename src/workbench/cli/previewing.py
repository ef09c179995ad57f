"""The options and help of `workbench preview`; its body imports what it needs when it is called."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.named import check_id


def preview(
    run_id: Annotated[str, typer.Argument(help="The run's id.", callback=check_id)],
    again: Annotated[bool, typer.Option("--again", help="Try it anew, whatever is recorded.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")] = False,
) -> None:
    """Try a held command on a throw-away copy, without network, and show what it does there.

    A preview that was made before, of what the approval is still about, is shown and nothing runs.
    """
    from workbench.cli.preview import preview_run

    preview_run(run_id, again, json)
