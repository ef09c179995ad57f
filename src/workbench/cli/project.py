"""workbench project add and list."""

from __future__ import annotations

from pathlib import Path

from workbench.cli.client import connect
from workbench.cli.output import print_json, print_line, print_table
from workbench.cli.toolchains import find_toolchains


def add_project(
    path: str,
    name: str | None,
    toolchains: list[str] | None,
    forbid_self_approval: bool | None,
    as_json: bool,
) -> None:
    """Adds or changes a project and prints it."""
    made = connect().post(
        "/api/projects",
        {
            "path": str(Path(path).expanduser().absolute()),
            "name": name,
            "toolchains": toolchains or find_toolchains(),
            "forbid_self_approval": forbid_self_approval,
        },
    )
    if as_json:
        print_json(made)
    else:
        print_line(f"{made['project_id']}  {made['name']}  {made['workspace_root']}")


def list_projects(as_json: bool) -> None:
    """Prints the projects, oldest first."""
    found = connect().get("/api/projects")
    if as_json:
        print_json(found)
    elif found:
        rows = [[p["project_id"], p["name"], p["workspace_root"]] for p in found]
        print_table(rows, ["PROJECT", "NAME", "WORKSPACE"])
    else:
        print_line("no projects yet; add one: workbench project add PATH")
