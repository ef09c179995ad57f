"""The verbs that change something: cancel, retry, kill; and the inbox."""

from __future__ import annotations

import time
from typing import Final

from workbench.app.home import Settings, find_server, load_config, set_kill_file
from workbench.app.offline import set_kill_offline
from workbench.cli.client import Client, RemoteProblem, connect
from workbench.cli.decide import describe_changes, describe_deciders
from workbench.cli.output import (
    RISK_BARS,
    describe_rules,
    print_json,
    print_line,
    print_note,
    status_word,
)
from workbench.cli.pages import list_all
from workbench.cli.place import choose_among, choose_project_id, find_project
from workbench.cli.preview import describe_previews
from workbench.model.counted import render_count
from workbench.model.errors import LedgerUnavailable, ServerUnavailable

_ENDED: Final = ("succeeded", "failed", "canceled")
_PROOF_SECONDS: Final = 6.0
"""A cancel escalates to SIGKILL within 5 s; the proof follows it."""


def cancel_run(run_id: str, reason: str) -> None:
    """Asks for the run's end, waits a little for the proof that nothing is left, and says what stands."""
    client = connect()
    run = client.post(f"/api/runs/{run_id}/cancel", {"reason": reason})
    deadline = time.monotonic() + _PROOF_SECONDS
    while run["status"] not in _ENDED and time.monotonic() < deadline:
        time.sleep(0.1)
        run = client.get(f"/api/runs/{run_id}")
    print_line(f"{run['run_id']}  {status_word(run['status'])}  {run['why']}")
    if run["status"] not in _ENDED:
        print_note(f"its end is not proved yet; look again: workbench show {run_id}")


def retry_run(run_id: str, acknowledge: bool, allow_hosts: list[str], as_json: bool) -> None:
    """Starts a new run of the same command."""
    body = {"acknowledge": acknowledge, "allow_hosts": allow_hosts}
    run = connect().post(f"/api/runs/{run_id}/retry", body)
    if as_json:
        print_json(run)
    else:
        print_line(f"{run['run_id']}  {status_word(run['status'])}  {run['why']}")


def resume_run(run_id: str, reason: str, as_json: bool) -> None:
    """Lets a held run go on, and says where it stands then."""
    run = connect().post(f"/api/runs/{run_id}/resume", {"reason": reason})
    if as_json:
        print_json(run)
    else:
        print_line(f"{run['run_id']}  {status_word(run['status'])}  {run['why']}")


def refresh_run(run_id: str, as_json: bool) -> None:
    """Asks the connector and prints where the run stands."""
    run = connect().post(f"/api/runs/{run_id}/refresh", {})
    if as_json:
        print_json(run)
    else:
        print_line(f"{run['run_id']}  {status_word(run['status'])}  {run['why']}")


def list_approvals(repo: str | None, as_json: bool, *, pending_only: bool) -> None:
    """Prints the inbox of the project here, all pages of it."""
    client = connect()
    project = find_project(client, repo)
    found = list(
        list_all(
            client,
            "/api/approvals",
            key="approval_id",
            project_id=project["project_id"],
            status="pending" if pending_only else None,
        )
    )
    if as_json:
        print_json(found)
        return
    if not found:
        print_line("nothing waits for a decision")
    for approval in found:
        risk = approval["risk_level"]
        print_line(f"{approval['approval_id']}  {approval['status']}  risk {RISK_BARS[risk]} {risk}")
        print_line(f"  $ {approval['command_visible']}")
        print_line(f"  network: {approval['network']}")
        print_line(
            f"  in {approval['cwd']}, asked by {approval['requested_by']}, until {approval['expires_at']}"
        )
        for line in describe_changes(approval):
            print_line(f"  {line}")
        for words in describe_rules(approval["matched_rules"]):
            print_line(f"  {words}")
        for line in describe_deciders(approval):
            print_line(f"  {line}")
        for line in describe_previews(approval):
            print_line(f"  {line}")


def set_kill(
    engaged: bool, reason: str, project: str | None, connector: str | None, stop_running: bool
) -> None:
    """Engages or releases the kill switch; with no server running, in the ledger or by the file.

    No server is started for it, as that could start what was queued, but for `stop_running`: what a server
    left running is ended by the next one, once the record keeps it from starting more.
    """
    config = load_config(for_stopping=True)
    is_running = find_server(config) is not None
    is_all = project is None and connector is None
    if not is_running and is_all:
        if engaged:
            print_line("no server runs; " + _set_file(config, reason))
        else:
            set_kill_file(config, None)
            print_line(f"no server runs; the file {config.home / 'KILL'} is removed")
        return
    if not is_running:
        scope = set_kill_offline(
            config,
            engaged=engaged,
            reason=reason,
            choose=lambda projects: choose_among(projects, project)["project_id"] if project else None,
            connector=connector,
        )
        if not engaged:
            print_line(f"no server runs; the kill switch is off for {scope}; nothing was resumed")
            return
        print_line(f"no server runs; kill switch ON for {scope}: {reason}")
        if not stop_running:
            return
    if not engaged and is_all:
        set_kill_file(config, None)
    client = connect(start=not is_running)
    body = {
        "engaged": engaged,
        "reason": reason,
        "project_id": choose_project_id(client, project),
        "connector": connector,
        "stop_running": stop_running,
    }
    try:
        after = client.post("/api/kill", body)
    except (RemoteProblem, ServerUnavailable) as error:
        # One who was refused stays so; one who was not served stops everything all the same.
        if not (engaged and is_all) or error.http_status < 500:
            raise
        print_line(f"kill switch ON for all: {_set_file(config, reason)}")
        print_note(f"the ledger has no record of it yet: {error.message}")
        if stop_running:
            _stop_again(client, body)
        return
    if not engaged and after["engaged"]:
        print_note(f"the kill switch for {after['scope']} is still on: {after['reason']}")
    elif after["engaged"]:
        print_line(f"kill switch ON for {after['scope']}: {after['reason']}")
    else:
        print_line("kill switch off; nothing was resumed: workbench resume RUN, for each that is to go on")
    if engaged and stop_running:
        _tell_ends(client, after["stopping"])


def _tell_ends(client: Client, run_ids: list[str]) -> None:
    """Waits a little for the proof that nothing of these runs is left, and says what stands."""
    deadline = time.monotonic() + _PROOF_SECONDS
    left = list(run_ids)
    while left:
        left = [each for each in left if client.get(f"/api/runs/{each}")["status"] not in _ENDED]
        if left and time.monotonic() > deadline:
            break
        if left:
            time.sleep(0.1)
    ended = render_count(len(run_ids) - len(left), "run")
    print_line(f"{ended} ended, with proof that no process is left" if run_ids else "nothing ran")
    if left:
        print_note(f"their end is not proved yet: {', '.join(left)}; look again: workbench show RUN")


def _stop_again(client: Client, body: dict[str, object]) -> None:
    """Asks once more to end what runs, for what started before the kill file was there."""
    try:
        client.post("/api/kill", body)
    except RemoteProblem as error:
        if error.code != LedgerUnavailable.code:
            raise
        print_note(error.message)


def _set_file(config: Settings, reason: str) -> str:
    """Sets the kill file, which the server obeys without a record, and returns what stands."""
    path = config.home / "KILL"
    if set_kill_file(config, reason):
        return f"the file {path} is set"
    return f"the file {path} is set, without its reason: its disk has no room for one"
