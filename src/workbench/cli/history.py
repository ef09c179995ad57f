"""workbench runs, show and logs."""

from __future__ import annotations

import sys
from typing import Any, Final

from workbench.cli.client import connect
from workbench.cli.decide import describe_changes, describe_deciders
from workbench.cli.output import RISK_BARS, describe_rules, print_json, print_line, print_table, status_word
from workbench.cli.pages import list_all
from workbench.cli.place import find_project
from workbench.cli.preview import describe_previews
from workbench.cli.refusals import refused_names
from workbench.cli.run import end_notes, follow

_OPEN: Final = ("queued", "running", "blocked")


def list_runs(repo: str | None, feature: str | None, status: str | None, as_json: bool) -> None:
    """Prints all runs of the project here, newest first."""
    client = connect()
    project = find_project(client, repo)
    found = list(
        list_all(
            client,
            "/api/runs",
            key="run_id",
            project_id=project["project_id"],
            feature_id=feature,
            status=status,
        )
    )
    if as_json:
        print_json(found)
    elif found:
        rows = [
            [
                run["run_id"],
                status_word(run["status"]),
                "" if run["exit_code"] is None else str(run["exit_code"]),
                run["created_at"],
                run["command"].split("\n")[0] + _ending(run),
            ]
            for run in found
        ]
        print_table(rows, ["RUN", "STATUS", "EXIT", "ASKED", "COMMAND"])
        for run in found:
            if run["status"] in _OPEN:
                print_line(f"{run['run_id']}: {run['why']}")
    elif feature or status:
        print_line("no run is like that; all of them: workbench runs")
    else:
        print_line("no runs yet; start one: workbench run -- COMMAND")


def _ending(run: dict[str, Any]) -> str:
    """Returns who canceled a run, and whether it was an approver's no; nothing for any other run."""
    end = run["canceled"]
    if end is None:
        return ""
    line = end["reason"].strip().split("\n")[0]
    return f"  ({end['how']} by {end['by']}{f': {line}' if line else ''})"


def show_run(run_id: str, as_json: bool) -> None:
    """Prints one run whole."""
    run = connect().get(f"/api/runs/{run_id}")
    if as_json:
        print_json(run)
        return
    print_line(f"{run['run_id']}  {status_word(run['status'])}{_ending(run)}")
    print_line(f"  {run['why']}")
    for words in end_notes(run):
        print_line(f"  note: {words}")
    print_line(f"  $ {run['command']}")
    print_line(f"  in {run['cwd']} by {run['requested_by']} on {run['connector']} ({run['mode']})")
    if run["feature_id"]:
        print_line(f"  for {run['feature_id']} (rule {run['recommendation_rule_id'] or 'none'})")
    verdict = run["steps"][0]["verdict"]
    if verdict:
        print_line(
            f"  policy: {verdict['verdict']}, risk {RISK_BARS[verdict['risk_level']]} {verdict['risk_level']}"
        )
        for words in describe_rules(verdict["matched_rules"]):
            print_line(f"    {words}")
    for approval in run["approvals"]:
        print_line(f"  approval {approval['approval_id']}: {approval['status']}")
        for line in describe_changes(approval):
            print_line(f"    {line}")
        for line in describe_deciders(approval):
            print_line(f"    {line}")
        for line in describe_previews(approval):
            print_line(f"    {line}")
        for decision in approval["decisions"]:
            print_line(f"    {decision['decision']} by {decision['actor']}: {decision['reason']}")
    print_line(f"  network: {run['network']}")
    if run["hold"]:
        print_line(
            f"  held by {run['hold']['held_by']} since {run['hold']['held_at']}: {run['hold']['reason']}"
        )
    for event in run["events"]:
        told = _connection(event["payload"]) if event["tag"].startswith("network:") else ""
        print_line(f"  {event['seq']:>6}  {event['at']}  {event['tag']}  {event['actor']}{told}")
    for words in refused_names(run["run_id"], run["events"]).values():
        print_line(f"  {words}")


def _connection(told: dict[str, Any]) -> str:
    if "host" not in told:
        return "  " + ", ".join(
            f"{count} {decision}" for decision, count in sorted(told.items()) if decision != "via"
        )
    words = told["why"]
    if "sent_bytes" in told:
        size = f"{told['sent_bytes']} B out, {told['received_bytes']} B in, {told['duration_ms']} ms"
        words = ", ".join(word for word in (words, size) if word)
    number = f"  #{told['connection']}" if told.get("connection") else ""
    return f"{number}  {told['host']}:{told['port']}  {words}".rstrip()


def print_logs(run_id: str, *, form: str, follow: bool, search: str | None) -> None:
    """Prints a transcript, or follows it live."""
    client = connect()
    if follow:
        _follow(run_id)
        return
    if search is None:
        for data in client.stream(f"/api/runs/{run_id}/transcript", format=form):
            sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    left = b""
    number = 0
    for data in client.stream(f"/api/runs/{run_id}/transcript", format="text"):
        *lines, left = (left + data).split(b"\n")
        for line in lines:
            number += 1
            if search.casefold() in line.decode("utf-8", "replace").casefold():
                print_line(f"{number}: {line.decode('utf-8', 'replace')}")
    if left and search.casefold() in left.decode("utf-8", "replace").casefold():
        print_line(f"{number + 1}: {left.decode('utf-8', 'replace')}")


def _follow(run_id: str) -> None:
    client = connect()
    client.get(f"/api/runs/{run_id}")
    follow(client, run_id)
