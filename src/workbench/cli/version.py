"""workbench --version."""

from __future__ import annotations

from typing import Annotated

import typer


def _print_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        print(version("feature-execution-workbench"))
        raise typer.Exit


def say_version(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version, and end."),
    ] = False,
) -> None:
    """What stands before every subcommand: nothing but --version."""
