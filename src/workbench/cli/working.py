"""The command line's words about many machines: the worker itself, and where a run waits for its turn."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.model.place import DEFAULT_POOL

Pool = Annotated[str, typer.Option("--pool", help="The pool of workers that runs it.")]
Priority = Annotated[str, typer.Option("--priority", help="low, normal or high: what goes first.")]


def worker(
    pool: Annotated[str, typer.Option("--pool", help="The pool whose runs it takes.")] = DEFAULT_POOL,
    concurrency: Annotated[
        int | None,
        typer.Option(
            min=1, max=100_000, help="How many runs it drives at once; default: twice the processors."
        ),
    ] = None,
) -> None:
    """Be one more machine on the PostgreSQL that the server uses. Ends with Ctrl-C or SIGTERM.

    It has a WORKBENCH_HOME of its own, and runs the projects whose folder it has at the same path.
    """
    from workbench.cli.worker import work_here

    work_here(pool=pool, concurrency=concurrency)
