"""The verbs that change something: cancel, retry, approve, deny, kill, switches."""

from __future__ import annotations

from workbench.app.home import find_server, load_config, set_kill_file
from workbench.cli.client import connect
from workbench.cli.output import RISK_BARS, print_json, print_line, print_note, print_table, status_word
from workbench.cli.place import find_project


def cancel_run(run_id: str, reason: str) -> None:
    """Asks for the run's end and says what stands now."""
    run = connect().post(f"/api/runs/{run_id}/cancel", {"reason": reason})
    print_line(f"{run['run_id']}  {status_word(run['status'])}  {run['why']}")


def retry_run(run_id: str, acknowledge: bool, as_json: bool) -> None:
    """Starts a new run of the same command."""
    run = connect().post(f"/api/runs/{run_id}/retry", {"acknowledge": acknowledge})
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
    """Prints the inbox of the project here."""
    client = connect()
    project = find_project(client, repo)
    found = client.get(
        "/api/approvals", project_id=project["project_id"], status="pending" if pending_only else None
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
        print_line(
            f"  in {approval['cwd']}, asked by {approval['requested_by']}, until {approval['expires_at']}"
        )
        for rule in approval["matched_rules"]:
            print_line(f"  {rule['source']} {rule['rule_id']}: {rule['text']}")
        if approval["notice"]:
            print_line(f"  {approval['notice']}")


def decide(approval_id: str, decision: str, reason: str, as_json: bool) -> None:
    """Approves or denies; says so when it is one's own request."""
    client = connect()
    before = client.get(f"/api/approvals/{approval_id}")
    if before["notice"]:
        print_note(before["notice"])
    # What was read is what is decided on: if it changes in between, the server refuses.
    body = {"reason": reason, "subject_digest": before["subject_digest"]}
    after = client.post(f"/api/approvals/{approval_id}/{decision}", body)
    if as_json:
        print_json(after)
    else:
        print_line(f"{after['approval_id']}  {after['status']}  run {after['run_id']}")


def set_kill(
    engaged: bool, reason: str, project: str | None, connector: str | None, stop_running: bool
) -> None:
    """Engages or releases the kill switch; with no server running, by the file that needs none.

    A server is never started for it: starting one could start what was queued.
    """
    config = load_config()
    if find_server(config) is None and project is None and connector is None:
        set_kill_file(config, reason if engaged else None)
        print_line(f"no server runs; the file {config.home / 'KILL'} is " + ("set" if engaged else "removed"))
        return
    if not engaged and project is None and connector is None:
        set_kill_file(config, None)
    body = {
        "engaged": engaged,
        "reason": reason,
        "project_id": project,
        "connector": connector,
        "stop_running": stop_running,
    }
    after = connect().post("/api/kill", body)
    if after["engaged"]:
        print_line(f"kill switch ON for {after['scope']}: {after['reason']}")
    else:
        print_line("kill switch off; nothing was resumed: retry what you want to go on")


def list_switches(project: str | None, as_json: bool) -> None:
    """Prints each phase's switch."""
    found = connect().get("/api/switches", project_id=project)
    if as_json:
        print_json(found)
    else:
        rows = [[s["name"], s["state"], s["changed_by"], s["reason"]] for s in found]
        print_table(rows, ["SWITCH", "STATE", "BY", "REASON"])


def set_switch(name: str, state: str, reason: str, project: str | None, until: str | None) -> None:
    """Sets one switch."""
    body = {"name": name, "state": state, "reason": reason, "project_id": project, "until": until}
    after = connect().call("PUT", "/api/switches", body=body)
    print_line(f"{after['name']} is {after['state']}")
