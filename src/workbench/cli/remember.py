"""workbench policy remember, remembered and forget: be asked no more about one program and form."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from workbench.cli.client import connect
from workbench.cli.output import print_json, print_line, print_note, print_table
from workbench.cli.place import find_project
from workbench.model.counted import render_count

_FLAGS: Final = re.compile(r"(\[[^\]]*\])\.containsAll\(context\.flags\)")


def remember_run(run_id: str, days: int, *, accept: bool, as_json: bool) -> None:
    """Prints the rules proposed from a run and what they would have covered; with `accept`, records them."""
    path = "/api/policy/remembered" if accept else "/api/policy/proposals"
    shown: dict[str, Any] = connect().post(path, {"run_id": run_id, "days": days})
    if as_json:
        print_json(shown)
        return
    for rule in shown["rules"]:
        print_line(rule["cedar"])
        print_line(f"until {rule['expires_at']}" + (f", as {rule['rule_id']}" if accept else ""))
    print_line(f"of the last {render_count(shown['looked_at'], 'run')} it covers {len(shown['covered'])}:")
    for run in shown["covered"]:
        print_line(f"  {run['run_id']}  $ {run['command']}")
    if not accept:
        print_note("nothing was changed; an admin records it with --accept")


def list_remembered(repo: str | None, as_json: bool, *, in_force_only: bool) -> None:
    """Prints the remembered rules of the project here."""
    client = connect()
    project = find_project(client, repo)
    found = [
        rule
        for rule in client.get("/api/policy/remembered", project_id=project["project_id"])
        if rule["is_in_force"] or not in_force_only
    ]
    if as_json:
        print_json(found)
    elif found:
        rows = [
            [
                rule["rule_id"],
                _words_of(rule),
                "in force" if rule["is_in_force"] else "over",
                rule["expires_at"],
                rule["created_by"],
            ]
            for rule in found
        ]
        print_table(rows, ["RULE", "PROGRAM, FORM AND FLAGS", "", "UNTIL", "BY"])
    else:
        print_line("nothing is remembered here")


def forget_rule(rule_id: str, repo: str | None) -> None:
    """Revokes a remembered rule of the project here."""
    client = connect()
    project = find_project(client, repo)
    client.call("DELETE", f"/api/policy/remembered/{rule_id}", query={"project_id": project["project_id"]})
    rules = client.get("/api/policy/remembered", project_id=project["project_id"])
    forgotten = next(rule for rule in rules if rule["rule_id"] == rule_id)
    same = [rule for rule in rules if rule["is_in_force"] and rule["cedar"] == forgotten["cedar"]]
    if not same:
        print_line(f"{rule_id} is forgotten; its commands are asked about again")
        return
    print_line(f"{rule_id} is forgotten, but its commands are still not asked about:")
    for rule in same:
        print_line(f"  {rule['rule_id']} says the same until {rule['expires_at']}")


def _words_of(rule: dict[str, Any]) -> str:
    """Returns program, form and flags: a rule covers no flag that it does not name."""
    listed = _FLAGS.search(rule["cedar"])
    flags = json.loads(listed[1]) if listed else []
    return " ".join(word for word in (rule["program"], rule["form"], *flags) if word)
