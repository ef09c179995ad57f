"""workbench secret: values come in by stdin or a prompt, and never go out."""

from __future__ import annotations

import getpass
import sys

from workbench.cli.client import connect
from workbench.cli.output import print_json, print_line, print_table
from workbench.cli.place import choose_project_id


def set_secret(name: str, project: str) -> None:
    """Sets a secret from stdin, or from a prompt that does not echo."""
    client = connect()
    project_id = choose_project_id(client, project)
    if sys.stdin.isatty():
        value = getpass.getpass(f"value of {name}: ")
    else:
        value = sys.stdin.read().removesuffix("\n")
    body = {"project_id": project_id, "name": name, "value": value}
    made = client.post("/api/secrets", body)
    print_line(f"{made['name']} is set, version {made['version']}")


def list_secrets(project: str, as_json: bool) -> None:
    """Prints names, versions and ages."""
    client = connect()
    found = client.get("/api/secrets", project_id=choose_project_id(client, project))
    if as_json:
        print_json(found)
    else:
        rows = [[s["name"], str(s["version"]), s["created_by"], s["created_at"]] for s in found]
        print_table(rows, ["SECRET", "VERSION", "BY", "SET"])


def remove_secret(name: str, project: str) -> None:
    """Forgets a secret."""
    client = connect()
    client.call(
        "DELETE", "/api/secrets", query={"project_id": choose_project_id(client, project), "name": name}
    )
    print_line(f"{name} is removed")
