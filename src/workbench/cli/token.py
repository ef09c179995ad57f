"""workbench token: access for other people and programs."""

from __future__ import annotations

from workbench.cli.client import connect
from workbench.cli.output import print_json, print_line, print_note, print_table


def create_token(name: str, role: str, project: str | None, expires: str | None, as_json: bool) -> None:
    """Makes a token and prints it, once."""
    body = {"name": name, "role": role, "project_id": project, "expires_at": expires}
    made = connect().post("/api/tokens", body)
    if as_json:
        print_json(made)
    else:
        print_line(made["token"])
        print_note(f"{made['token_id']} ({made['role']}); it will not be shown again")


def list_tokens(as_json: bool) -> None:
    """Prints tokens and sessions without their values."""
    found = connect().get("/api/tokens")
    if as_json:
        print_json(found)
    else:
        rows = [
            [t["token_id"], t["kind"], t["role"], "revoked" if t["revoked_at"] else "valid", t["actor"]]
            for t in found
        ]
        print_table(rows, ["TOKEN", "KIND", "ROLE", "STATE", "ACTOR"])


def revoke_token(token_id: str) -> None:
    """Ends a token."""
    connect().call("DELETE", f"/api/tokens/{token_id}")
    print_line(f"{token_id} is revoked")
