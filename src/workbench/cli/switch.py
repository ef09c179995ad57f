"""workbench switch: each phase's flag, who set it for whom and until when, and which source says what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from workbench.cli.client import connect
from workbench.cli.moment import read_deadline
from workbench.cli.output import print_json, print_line, print_note, print_table
from workbench.cli.place import choose_project_id


def list_switches(project: str | None, as_json: bool) -> None:
    """Prints each phase's switch: what counts now and by whose word, for whom it was set, and why."""
    client = connect()
    found = client.get("/api/switches", project_id=choose_project_id(client, project))
    if as_json:
        print_json(found)
        return
    rows = [
        [
            switch["name"],
            switch["effective_state"],
            switch["state"],
            switch["project_id"] or ("all projects" if switch["changed_by"] else ""),
            _span(switch),
            " ".join(switch["people"]),
            ", ".join(f"{each['source']}: {each['state'] or 'no answer'}" for each in switch["sources"]),
            switch["changed_by"],
            switch["changed_at"],
            switch["reason"],
        ]
        for switch in found
    ]
    print_table(rows, ["SWITCH", "NOW", "SET", "SCOPE", "SPAN", "PEOPLE", "SOURCES", "BY", "WHEN", "REASON"])
    for switch in found:
        for each in switch["sources"]:
            if each["problem"]:
                print_note(
                    f"{switch['name']} counts as off; flag source: {each['source']}: {each['problem']}"
                )


def set_switch(
    name: str,
    state: str,
    reason: str,
    project: str | None,
    *,
    people: Sequence[str],
    since: str | None,
    until: str | None,
    override: bool,
) -> None:
    """Sets one switch, and says which entry gates were overridden for it."""
    since, until = read_deadline(since), read_deadline(until)
    client = connect()
    body = {
        "name": name,
        "state": state,
        "reason": reason,
        "project_id": choose_project_id(client, project),
        "since": since,
        "until": until,
        "people": list(people),
        "override": override,
    }
    after = client.call("PUT", "/api/switches", body=body)
    span = _span(after)
    print_line(f"{after['name']} is {after['state']}" + (f" {span}" if span else ""))
    for gate in after["overridden"]:
        print_note(f"overridden: {gate['gate_id']} ({gate['state'].replace('_', ' ')}): {gate['evidence']}")


def _span(switch: dict[str, Any]) -> str:
    parts = [
        f"{word} {switch[field]}" for word, field in (("from", "since"), ("until", "until")) if switch[field]
    ]
    return " ".join(parts)
