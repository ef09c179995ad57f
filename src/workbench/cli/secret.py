"""workbench secret: values come in by stdin or a prompt, and never go out."""

from __future__ import annotations

import getpass
import sys

from workbench.cli.client import connect
from workbench.cli.output import print_json, print_line, print_table


def set_secret(name: str, project: str) -> None:
    """Sets a secret from stdin, or from a prompt that does not echo."""
    if sys.stdin.isatty():
        value = getpass.getpass(f"value of {name}: ")
    else:
        value = sys.stdin.read().removesuffix("\n")
    made = connect().post("/api/secrets", {"project_id": project, "name": name, "value": value})
    print_line(f"{made['name']} is set, version {made['version']}")


def list_secrets(project: str, as_json: bool) -> None:
    """Prints names, versions and ages."""
    found = connect().get("/api/secrets", project_id=project)
    if as_json:
        print_json(found)
    else:
        rows = [[s["name"], str(s["version"]), s["created_by"], s["created_at"]] for s in found]
        print_table(rows, ["SECRET", "VERSION", "BY", "SET"])


def remove_secret(name: str, project: str) -> None:
    """Forgets a secret."""
    connect().call("DELETE", "/api/secrets", query={"project_id": project, "name": name})
    print_line(f"{name} is removed")
