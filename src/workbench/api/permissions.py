"""One table: which role each method and path needs. What is not in it is refused.

A test reads the application's routes and fails when one is missing here, or stands here without a route.
"""

from __future__ import annotations

import re
from typing import Final

from workbench.model.actor import Role

_V, _O, _P, _A = Role.VIEWER, Role.OPERATOR, Role.APPROVER, Role.ADMIN

PERMISSIONS: Final[dict[tuple[str, str], Role]] = {
    ("GET", "/api/openapi.json"): _V,
    ("GET", "/api/me"): _V,
    ("GET", "/api/status"): _V,
    ("GET", "/api/projects"): _V,
    ("POST", "/api/projects"): _A,
    ("GET", "/api/features"): _V,
    ("GET", "/api/features/{feature_id}"): _V,
    ("GET", "/api/discovery"): _V,
    ("GET", "/api/documents"): _V,
    ("GET", "/api/recommendations"): _V,
    ("POST", "/api/policy/check"): _V,
    ("GET", "/api/policy"): _V,
    ("POST", "/api/policy/explain"): _V,
    ("POST", "/api/policy/preview"): _O,
    ("POST", "/api/policy/accept"): _A,
    ("POST", "/api/policy/organisation/preview"): _A,
    ("POST", "/api/policy/organisation/accept"): _A,
    ("POST", "/api/policy/proposals"): _O,
    ("GET", "/api/policy/remembered"): _V,
    ("POST", "/api/policy/remembered"): _A,
    ("DELETE", "/api/policy/remembered/{rule_id}"): _A,
    ("POST", "/api/review"): _V,
    ("GET", "/api/runs"): _V,
    ("POST", "/api/runs"): _O,
    ("GET", "/api/runs/{run_id}"): _V,
    ("POST", "/api/runs/{run_id}/cancel"): _O,
    ("POST", "/api/runs/{run_id}/retry"): _O,
    ("POST", "/api/runs/{run_id}/resume"): _O,
    ("POST", "/api/runs/{run_id}/refresh"): _O,
    ("POST", "/api/runs/{run_id}/preview"): _O,
    ("GET", "/api/runs/{run_id}/events"): _V,
    ("WEBSOCKET", "/api/runs/{run_id}/terminal"): _V,
    ("GET", "/api/runs/{run_id}/transcript"): _V,
    ("GET", "/api/runs/{run_id}/extent"): _V,
    ("GET", "/api/transcripts/search"): _V,
    ("POST", "/api/runs/{run_id}/hold"): _A,
    ("POST", "/api/runs/{run_id}/unhold"): _A,
    ("GET", "/api/approvals"): _V,
    ("GET", "/api/approvals/{approval_id}"): _V,
    ("POST", "/api/approvals/{approval_id}/approve"): _P,
    ("POST", "/api/approvals/{approval_id}/deny"): _P,
    ("POST", "/api/approvals/{approval_id}/edit-check"): _P,
    ("POST", "/api/approvals/{approval_id}/approve-edited"): _P,
    ("GET", "/api/artifacts/{artifact_id}"): _V,
    ("GET", "/api/previews/{artifact_id}"): _V,
    ("GET", "/api/connectors"): _V,
    ("GET", "/api/switches"): _V,
    ("PUT", "/api/switches"): _A,
    ("GET", "/api/kill"): _V,
    ("POST", "/api/kill"): _O,
    ("GET", "/api/secrets"): _O,
    ("POST", "/api/secrets"): _A,
    ("DELETE", "/api/secrets"): _A,
    ("GET", "/api/gates"): _V,
    ("GET", "/api/metrics"): _V,
    ("GET", "/api/audit/verify"): _V,
    ("GET", "/api/events"): _V,
    ("GET", "/api/tokens"): _A,
    ("POST", "/api/tokens"): _A,
    ("DELETE", "/api/tokens/{token_id}"): _A,
    ("POST", "/api/links"): _V,
    ("POST", "/api/down"): _A,
    ("GET", "/metrics"): _V,
}


def _pattern(template: str) -> re.Pattern[str]:
    # A feature's id may hold slashes; every other id is one word.
    with_ids = template.replace("{feature_id}", ".+")
    return re.compile(re.sub(r"\{\w+\}", "[^/]+", with_ids) + r"\Z")


_PATTERNS: Final = [(method, _pattern(path), role) for (method, path), role in PERMISSIONS.items()]


def is_guarded(path: str) -> bool:
    """Tells whether a path needs a token: all of the API, and the one page of the table outside it."""
    return path.startswith("/api/") or path == "/metrics"


def methods_for(path: str) -> tuple[str, ...]:
    """Returns the HTTP methods that the table knows for a path."""
    found = (method for method, pattern, _ in _PATTERNS if pattern.match(path))
    return tuple(method for method in found if method != "WEBSOCKET")


def permission_for(method: str, path: str) -> Role | None:
    """Returns the role that a request needs, or None when there is no such route. HEAD counts as GET."""
    method = "GET" if method == "HEAD" else method
    for known, pattern, role in _PATTERNS:
        if known == method and pattern.match(path):
            return role
    return None
