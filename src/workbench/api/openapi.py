"""Completes the OpenAPI document with what holds for every route: problems as errors, and the bearer token.

It adds to what the routes declare, and changes none of it.
"""

from __future__ import annotations

from typing import Any, Final

from fastapi import FastAPI

from workbench.api.wire import Problem

_METHODS: Final = frozenset({"get", "put", "post", "delete", "patch"})
_PROBLEM: Final = {
    "description": "An RFC 9457 problem document: what happened, a stable code, and what to do.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
_SCHEMES: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "A token that `workbench token create` made. The page sends its session's cookie.",
    }
}


def complete(api: FastAPI) -> None:
    """Makes `api` describe itself with the problem document, the security scheme and no other error shape."""
    plain = api.openapi

    def described() -> dict[str, Any]:
        if api.openapi_schema is None:
            _add_to_every_route(plain())
        return api.openapi_schema or {}

    api.openapi = described  # type: ignore[method-assign]


def _add_to_every_route(document: dict[str, Any]) -> None:
    parts = document.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    # The framework's own words for a refused body; ours are problems too.
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = Problem.model_json_schema()
    parts["securitySchemes"] = _SCHEMES
    document["security"] = [{"bearer": []}]
    for operations in document["paths"].values():
        for method, operation in operations.items():
            if method in _METHODS:
                operation["responses"].pop("422", None)
                operation["responses"]["default"] = _PROBLEM
