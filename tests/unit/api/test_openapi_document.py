"""What the OpenAPI document promises about every route."""

from __future__ import annotations

from typing import Any

import pytest

from workbench.api.application import create_api


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return create_api().openapi()


def test_every_error_is_a_problem_document_and_every_route_takes_the_token(document: dict[str, Any]) -> None:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            problem = operation["responses"]["default"]["content"]["application/problem+json"]
            assert problem == {"schema": {"$ref": "#/components/schemas/Problem"}}, (method, path)
            assert "422" not in operation["responses"]
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert set(document["components"]["schemas"]["Problem"]["required"]) >= {"detail", "code", "remedy"}
    (scheme,) = document["security"]
    assert document["components"]["securitySchemes"][next(iter(scheme))]["scheme"] == "bearer"


def test_what_is_not_json_says_what_it_is(document: dict[str, Any]) -> None:
    def kinds(path: str) -> set[str]:
        return set(document["paths"][path]["get"]["responses"]["200"]["content"])

    assert kinds("/api/runs/{run_id}/transcript") == {
        "application/octet-stream",
        "text/plain",
        "application/x-asciicast",
    }
    assert kinds("/api/artifacts/{artifact_id}") == {"application/octet-stream"}
    assert kinds("/metrics") == {"text/plain"}
