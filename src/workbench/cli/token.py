"""workbench token: access for other people and programs."""

from __future__ import annotations

from typing import Any

from workbench.app.clock import SystemClock
from workbench.cli.client import connect
from workbench.cli.moment import read_deadline
from workbench.cli.output import print_json, print_line, print_note, print_table
from workbench.cli.place import choose_project_id
from workbench.model.clock import render_time


def create_token(
    name: str, person: str | None, role: str, project: str | None, expires: str | None, as_json: bool
) -> None:
    """Makes a token and prints it, once."""
    expires_at = read_deadline(expires)
    client = connect()
    body = {
        "name": name,
        "person": person,
        "role": role,
        "project_id": choose_project_id(client, project),
        "expires_at": expires_at,
    }
    made = client.post("/api/tokens", body)
    if as_json:
        print_json(made)
    else:
        print_line(made["token"])
        until = f", until {expires_at}" if expires_at else ""
        print_note(
            f"{made['token_id']} ({made['role']} for {made['person']}{until}); it will not be shown again"
        )


def list_tokens(as_json: bool) -> None:
    """Prints tokens and sessions without their values."""
    found = connect().get("/api/tokens")
    if as_json:
        print_json(found)
    else:
        now = render_time(SystemClock().now())
        rows = [
            [
                t["token_id"],
                t["kind"],
                t["role"],
                _state(t, now),
                t["expires_at"] or "",
                t["actor"],
                t["person"],
            ]
            for t in found
        ]
        print_table(rows, ["TOKEN", "KIND", "ROLE", "STATE", "EXPIRES", "ACTOR", "PERSON"])


def _state(token: dict[str, Any], now: str) -> str:
    if token["revoked_at"]:
        return "revoked"
    return "expired" if token["expires_at"] and token["expires_at"] <= now else "valid"


def revoke_token(token_id: str) -> None:
    """Ends a token."""
    connect().call("DELETE", f"/api/tokens/{token_id}")
    print_line(f"{token_id} is revoked")
