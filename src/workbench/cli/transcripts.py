"""The options and help of what keeps and finds transcripts; each body imports what it needs when called."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.named import check_id

Ref = Annotated[str, typer.Argument(help="The run's id.", callback=check_id)]
Reason = Annotated[str, typer.Option("--reason", help="Why; it is written into the audit log.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]


def add_retention(project: typer.Typer) -> None:
    """Adds `workbench project retention`."""

    @project.command("retention")
    def retention(
        days: Annotated[
            int | None,
            typer.Option(
                min=0, max=36_500, help="Keep transcripts so long after their run's end; 0: for ever."
            ),
        ] = None,
        size_bytes: Annotated[
            int | None,
            typer.Option("--bytes", min=0, max=2**50, help="Keep so many bytes of the newest; 0: all."),
        ] = None,
        repo: Annotated[
            str | None, typer.Option("--repo", help="The repository; default: the one around here.")
        ] = None,
        json: Json = False,
    ) -> None:
        """Say how long this project's transcripts are kept; without an option, show it."""
        from workbench.cli.keeping import set_retention

        set_retention(repo, days, size_bytes, json)


def add_transcripts(root: typer.Typer) -> None:
    """Adds `workbench attach`, `search`, `hold` and `unhold`."""

    @root.command()
    def attach(run_id: Ref) -> None:
        """Type into a running command's terminal. Ctrl-] leaves it, and it goes on."""
        import sys

        from workbench.cli.attach import attach_run

        sys.exit(attach_run(run_id))

    @root.command()
    def search(
        text: Annotated[str, typer.Argument(help="A part of a line; case is ignored.")],
        project: Annotated[
            str | None, typer.Option("--project", help="The project: its id, name or folder.")
        ] = None,
        limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many lines at most.")] = 100,
        json: Json = False,
    ) -> None:
        """Find a text in all transcripts of a project whose runs have ended, newest first."""
        from workbench.cli.keeping import search_transcripts

        search_transcripts(text, project, limit, json)

    @root.command()
    def hold(run_id: Ref, reason: Reason = "", json: Json = False) -> None:
        """Keep what a run left from retention."""
        from workbench.cli.keeping import change_hold

        change_hold(run_id, "hold", reason, json)

    @root.command()
    def unhold(run_id: Ref, reason: Reason = "", json: Json = False) -> None:
        """Let retention have the run again."""
        from workbench.cli.keeping import change_hold

        change_hold(run_id, "unhold", reason, json)
