"""workbench project add, accept-policy and list."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from workbench.cli.client import connect
from workbench.cli.output import RISK_BARS, print_json, print_line, print_table
from workbench.cli.place import choose_project, find_project
from workbench.cli.toolchains import find_toolchains
from workbench.model.counted import render_count
from workbench.model.errors import InvalidInput


def add_project(
    path: str,
    name: str | None,
    toolchains: list[str] | None,
    network: list[str] | None,
    forbid_self_approval: bool | None,
    quorum: int | None,
    approvers: list[str],
    as_json: bool,
) -> None:
    """Adds or changes a project and prints it."""
    client = connect()
    folder = str(Path(path).expanduser().resolve())
    known = {project["workspace_root"]: project for project in client.get("/api/projects")}
    is_known = folder in known
    made = client.post(
        "/api/projects",
        {
            "path": folder,
            "name": name,
            "toolchains": toolchains or (None if is_known else find_toolchains()),
            "forbid_self_approval": forbid_self_approval,
            "network_allowlist": network,
            "approval_quorum": quorum,
            "approvers": _merge(known.get(folder, {}).get("approvers", []), approvers) if approvers else None,
        },
    )
    if as_json:
        print_json(made)
    else:
        print_line(f"{made['project_id']}  {made['name']}  {made['workspace_root']}")
        for line in _describe_approving(made):
            print_line(f"  {line}")


def _merge(rules: list[dict[str, Any]], given: list[str]) -> list[dict[str, Any]]:
    """Returns the rules with those of the risk levels that are given replaced by what is given."""
    wanted: dict[str, dict[str, Any]] = {}
    for text in given:
        risk, equals, who = text.partition("=")
        if not equals or risk not in RISK_BARS or not who:
            raise InvalidInput(
                f"{text!r} is not RISK=WHO",
                remedy="write low, medium or high, then a role or a name: --approver high=admin",
            )
        rule = wanted.setdefault(risk, {"risk_level": risk, "role": None, "people": []})
        if who in ("approver", "admin"):
            rule["role"] = who
        else:
            rule["people"].append(who)
    return [*(rule for rule in rules if rule["risk_level"] not in wanted), *wanted.values()]


def _describe_approving(project: dict[str, Any]) -> list[str]:
    lines = []
    if project["approval_quorum"] is not None:
        lines.append(f"approvals needed: {project['approval_quorum']}")
    if project["forbid_self_approval"]:
        lines.append("nobody approves their own request, or what they changed in one")
    for rule in project["approvers"]:
        who = [*([rule["role"]] if rule["role"] else []), *rule["people"]]
        lines.append(f"a {rule['risk_level']} risk is approved by {' or '.join(who)}")
    return lines


def set_env_profile(
    name: str, variables: list[str], secrets: list[str], repo: str | None, as_json: bool
) -> None:
    """Replaces one environment profile of the project here; values are not shown again."""
    pairs = {}
    for given in variables:
        key, equals, value = given.partition("=")
        if not equals:
            raise InvalidInput(f"{given!r} is not NAME=VALUE", remedy="write --variable NAME=VALUE")
        pairs[key] = value
    client = connect()
    made = client.post(
        "/api/projects",
        {
            "path": find_project(client, repo)["workspace_root"],
            "env_profile": {"name": name, "variables": pairs, "secrets": secrets},
        },
    )
    if as_json:
        print_json(made)
    for profile in [] if as_json else made["env_profiles"]:
        names = ", ".join([*profile["variable_names"], *(f"{s} (secret)" for s in profile["secret_names"])])
        print_line(f"{profile['name']}: {names or 'empty'}")


def list_projects(as_json: bool) -> None:
    """Prints the projects, oldest first."""
    found = connect().get("/api/projects")
    if as_json:
        print_json(found)
    elif found:
        rows = [
            [
                p["project_id"],
                p["name"],
                p["policy"].replace("_", " "),
                p["workspace_root"] + ("" if os.path.isdir(p["workspace_root"]) else "  (not there)"),
            ]
            for p in found
        ]
        print_table(rows, ["PROJECT", "NAME", "OWN POLICY", "WORKSPACE"])
        for project in found:
            if project["policy_note"]:
                print_line(f"{project['name']}: {project['policy_note']}")
    else:
        print_line("no projects yet; add one: workbench project add PATH")


def accept_project_policy(named: str, as_json: bool) -> None:
    """Accepts the project's policy files as they are now, or that there are none any more."""
    client = connect()
    accepted = client.post("/api/policy/accept", {"project_id": choose_project(client, named)["project_id"]})
    if as_json:
        print_json(accepted)
    elif accepted["digest"]:
        words = render_count(len(accepted["rules"]), "rule")
        print_line(f"in force: {words} of its own, posture {accepted['posture']}")
        print_line(f"  {accepted['digest']}")
        if accepted["note"]:
            print_line(f"  {accepted['note']}")
    else:
        print_line(f"the project has no policy of its own any more; posture {accepted['posture']}")
