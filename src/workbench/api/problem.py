"""Errors as RFC 9457 problem documents: what happened, the stable code, and what to do."""

from __future__ import annotations

import json

from workbench.model.errors import WorkbenchError


def render_problem(error: WorkbenchError) -> bytes:
    """Returns the problem document of an expected error."""
    return json.dumps(
        {
            "type": "about:blank",
            "title": error.code.replace("_", " "),
            "status": error.http_status,
            "detail": error.message,
            "code": error.code,
            "remedy": error.remedy,
        }
    ).encode()
