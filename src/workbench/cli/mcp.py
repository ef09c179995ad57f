"""workbench mcp: puts the agents' door on stdin and stdout, with a token of its own for this session.

The agent is an actor of its own (token:NAME) with its own role, never the owner, and acts for a person: what
it votes is that person's vote. The token holds for half a day and is renewed while the session lasts. It is
revoked at its end, unless it has approved something: a vote counts no more once its token is revoked. Nobody
has the token's text then.
"""

from __future__ import annotations

import contextlib
from datetime import timedelta
from importlib.metadata import version as version_of
from typing import Any, Final

from workbench.app.clock import SystemClock
from workbench.cli.client import Client, connect, reconnect
from workbench.cli.output import print_note
from workbench.cli.place import find_project
from workbench.model.clock import render_time
from workbench.model.errors import InvalidInput, ServerUnavailable, WorkbenchError

_TOKEN_HOURS: Final = 12
_AGENT: Final = "workbench-mcp"
_ROLES: Final = ("viewer", "operator", "approver")


def serve_mcp(repo: str | None, name: str, role: str, person: str | None) -> None:
    """Serves the tools for the project here until stdin ends."""
    if role not in _ROLES:
        raise InvalidInput(f"an agent is no {role!r}", remedy=f"use one of: {', '.join(_ROLES)}")
    owner = connect()
    project = find_project(owner, repo)
    # What asks or approves through an agent is the person who let it in, unless an admin says otherwise.
    acts_for = person or owner.get("/api/me")["person"]
    session = AgentSession(owner, project_id=project["project_id"], name=name, role=role, person=acts_for)
    # The package is heavy, and only this command needs it.
    from workbench.api.mcp import create_mcp

    door = create_mcp(
        session, project_id=project["project_id"], version=version_of("feature-execution-workbench")
    )
    print_note(f"Agents' door for project {project['name']}: token:{name} as {role}, for {acts_for}.")
    try:
        door.run("stdio")
    finally:
        session.close()


class AgentSession:
    """The HTTP API with the agent's own token; it outlives a restart of the server."""

    def __init__(self, owner: Client, *, project_id: str, name: str, role: str, person: str) -> None:
        self._owner, self._project_id, self._name, self._role = owner, project_id, name, role
        self._person = person
        self._token_id = ""
        self._has_approved = False
        self._agent = self._sign_in()

    def call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str | int | None] | None = None,
        body: dict[str, Any] | None = None,
    ) -> Any:
        """Returns the decoded answer; raises WorkbenchError with the server's own words."""
        answer = self._call(method, path, query=query, body=body)
        self._has_approved = self._has_approved or (method == "POST" and path.endswith("/approve"))
        return answer

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: dict[str, str | int | None] | None,
        body: dict[str, Any] | None,
    ) -> Any:
        try:
            return self._agent.call(method, path, query=query, body=body)
        except ServerUnavailable:
            # It was restarted, most likely, and answers at another port. What was sent is not sent again,
            # unless it only asks; and a server that somebody stopped is not started for it.
            self._owner = reconnect()
            self._agent = Client(self._owner.endpoint, self._agent.token, agent=_AGENT)
            if method != "GET":
                raise
        except WorkbenchError as error:
            if error.code != "not_authenticated":
                raise
            self._agent = self._sign_in()
        return self._agent.call(method, path, query=query, body=body)

    def text(self, path: str, query: dict[str, str | int | None]) -> str:
        """Returns an answer that is text."""
        return b"".join(self._agent.stream(path, **query)).decode("utf-8", "replace")

    def close(self) -> None:
        """Ends the token; one that approved, or whose server has gone by then, is left to its expiry."""
        if self._has_approved:
            return
        with contextlib.suppress(WorkbenchError):
            self._owner.call("DELETE", f"/api/tokens/{self._token_id}")

    def _sign_in(self) -> Client:
        expires_at = SystemClock().now() + timedelta(hours=_TOKEN_HOURS)
        made = self._owner.post(
            "/api/tokens",
            {
                "name": self._name,
                "person": self._person,
                "role": self._role,
                "project_id": self._project_id,
                "expires_at": render_time(expires_at),
            },
        )
        self._token_id = made["token_id"]
        return Client(self._owner.endpoint, made["token"], agent=_AGENT)
