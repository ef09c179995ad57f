"""The options and help of switches, the kill switch and resume; bodies import what they need when called."""

from __future__ import annotations

from typing import Annotated

import typer

from workbench.cli.named import check_id

_Reason = Annotated[str, typer.Option("--reason", help="Why; it is written into the audit log.")]
_Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
_Project = Annotated[str | None, typer.Option(help="Only this project: id, name or folder.")]
_Connector = Annotated[str | None, typer.Option(help="Only this connector.")]


def kill(
    reason: _Reason,
    project: _Project = None,
    connector: _Connector = None,
    stop_running: Annotated[bool, typer.Option("--stop-running", help="Cancel what runs too.")] = False,
) -> None:
    """Stop all starts, now."""
    from workbench.cli.control import set_kill

    set_kill(True, reason, project, connector, stop_running)


def unkill(reason: _Reason, project: _Project = None, connector: _Connector = None) -> None:
    """Release the kill switch. Nothing resumes by itself: workbench resume does, run by run."""
    from workbench.cli.control import set_kill

    set_kill(False, reason, project, connector, False)


def resume(
    run_id: Annotated[str, typer.Argument(help="The run's id.", callback=check_id)],
    reason: _Reason = "",
    json: _Json = False,
) -> None:
    """Let a run go on that a switch, the kill switch, the boundary or its connector held."""
    from workbench.cli.control import resume_run

    resume_run(run_id, reason, json)


def list_switches(
    project: Annotated[
        str | None, typer.Option(help="As this project sees them: id, name or folder.")
    ] = None,
    json: _Json = False,
) -> None:
    """List the switches: what counts now, for whom it was set, by whom and why, and which source says so."""
    from workbench.cli.switch import list_switches as show

    show(project, json)


def set_switch(
    name: str,
    state: str,
    reason: _Reason,
    project: Annotated[str | None, typer.Option(help="Only for this project: id, name or folder.")] = None,
    people: Annotated[
        list[str] | None,
        typer.Option(help="For whom a canary is on: an actor or a person. May come again."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="From then, off before: 30m, 12h, 7d, or RFC 3339.")
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Until then, then off: 30m, 12h, 7d, or RFC 3339.")
    ] = None,
    override: Annotated[
        bool, typer.Option("--override", help="Set it though an entry gate does not pass; recorded so.")
    ] = False,
) -> None:
    """Set a switch to on, off or canary; on and canary while the phase's entry gates pass."""
    from workbench.cli.switch import set_switch as put

    put(name, state, reason, project, people=people or (), since=since, until=until, override=override)
