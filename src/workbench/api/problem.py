"""Errors as RFC 9457 problem documents: what happened, the stable code, and what to do."""

from __future__ import annotations

import json

from workbench.model.errors import AskedAnew, WorkbenchError


class MethodNotAllowed(WorkbenchError):
    """The address is known, but not for this method."""

    code = "method_not_allowed"
    http_status = 405

    def __init__(self, method: str, path: str, allowed: tuple[str, ...]) -> None:
        super().__init__(f"{method} is not for {path}", remedy=f"use {' or '.join(allowed)}")
        self.allowed = allowed


def render_problem(error: WorkbenchError) -> bytes:
    """Returns the problem document of an expected error; one that names a new approval says its id apart."""
    more = {"approval_id": error.approval_id} if isinstance(error, AskedAnew) else {}
    return json.dumps(
        {
            "type": "about:blank",
            "title": error.code.replace("_", " "),
            "status": error.http_status,
            "detail": error.message,
            "code": error.code,
            "remedy": error.remedy,
            **more,
        }
    ).encode()
