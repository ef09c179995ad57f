"""workbench gates, metrics and connectors."""

from __future__ import annotations

from workbench.cli.client import connect
from workbench.cli.output import print_json, print_line, print_note, print_table
from workbench.cli.place import find_project
from workbench.model.errors import NotFound


def show_gates(repo: str | None, as_json: bool) -> None:
    """Prints each entry gate with its state and evidence."""
    client = connect()
    found = client.get("/api/gates", project_id=find_project(client, repo)["project_id"])
    if as_json:
        print_json(found)
    else:
        rows = [[g["phase"], g["state"], g["text"], g["evidence"]] for g in found]
        print_table(rows, ["PHASE", "STATE", "GATE", "EVIDENCE"])


def show_metrics(repo: str | None, as_json: bool) -> None:
    """Prints each number with its definition and denominator."""
    client = connect()
    found = client.get("/api/metrics", project_id=find_project(client, repo)["project_id"])
    if as_json:
        print_json(found)
        return
    rows = [
        [
            m["metric_id"],
            "no data" if m["value"] is None else f"{m['value']:.3g} {m['unit']}",
            m["target"],
            f"{m['numerator']}/{m['denominator']}",
            m["text"],
        ]
        for m in found
    ]
    print_table(rows, ["METRIC", "VALUE", "TARGET", "OF", "DEFINITION"])


def show_connectors(as_json: bool) -> None:
    """Prints the connectors and whether each is ready."""
    found = connect().get("/api/connectors")
    if as_json:
        print_json(found)
        return
    for connector in found:
        print_line(f"{connector['connector_id']}  {'ready' if connector['is_ready'] else 'NOT READY'}")
        for problem in connector["problems"]:
            print_line(f"  {problem['message']}. {problem['remedy']}")


def check_connector(connector_id: str, as_json: bool) -> int:
    """Prints what is wrong with one connector; 0 when it is ready."""
    found = {c["connector_id"]: c for c in connect().get("/api/connectors")}
    if connector_id not in found:
        raise NotFound(f"there is no connector {connector_id}", remedy=f"there are: {', '.join(found)}")
    if as_json:
        print_json(found[connector_id])
        return 0 if found[connector_id]["is_ready"] else 1
    for problem in found[connector_id]["problems"]:
        print_note(f"{problem['message']}. {problem['remedy']}")
    print_line("ready" if found[connector_id]["is_ready"] else "not ready")
    return 0 if found[connector_id]["is_ready"] else 1
