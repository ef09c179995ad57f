"""Says in plain words what is wrong with a request that does not have its shape.

The framework's error names a place and a rule; a person needs the field's name and what it takes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from workbench.api.problem import MethodNotAllowed
from workbench.model.errors import InvalidInput, NotFound, WorkbenchError

_PLACES: Final = frozenset({"body", "query", "path", "header", "cookie"})
_CODES: Final = {405: MethodNotAllowed.code}
_SEE: Final = "see /api/openapi.json"
LOOK: Final = "see /api/openapi.json, or the command's --help"


def explain_http_error(status: int, detail: str) -> WorkbenchError:
    """Returns what the framework itself refused as one of ours, by its status.

    It answers 400 only to a body that it could not read: too deeply nested, too long, or no text.
    """
    if status == 404:
        return NotFound("there is nothing at this address", remedy=_SEE)
    if status in (400, 422):
        return InvalidInput(
            "the body cannot be read as JSON",
            remedy="send one JSON object of at most 1 MiB that is not deeply nested",
        )
    error = WorkbenchError(f"the request was refused: {detail}", remedy=_SEE, code=_CODES.get(status))
    error.http_status = status
    return error


def explain_refusal(error: Mapping[str, Any]) -> InvalidInput:
    """Returns the first error of a request's validation as one of ours."""
    place = [str(part) for part in error["loc"]]
    field = ".".join(place[1:] if place and place[0] in _PLACES else place)
    kind = str(error["type"])
    limits = error.get("ctx", {})
    if kind in ("enum", "literal_error"):
        words = re.findall(r"'([^']*)'", str(limits.get("expected", "")))
        return InvalidInput(
            f"{field}: {str(error.get('input'))[:80]!r} is not among its values",
            remedy=f"use one of: {', '.join(words)}",
        )
    if kind == "json_invalid":
        return InvalidInput("the body is not valid JSON", remedy="send one JSON object")
    if kind == "missing":
        return InvalidInput(f"{field or 'the body'} is missing", remedy=f"give it; {LOOK}")
    if kind == "extra_forbidden":
        return InvalidInput(f"{field}: there is no such field", remedy=f"leave it out; {LOOK}")
    if kind == "string_too_short" and limits.get("min_length") == 1:
        return InvalidInput(f"{field} is empty", remedy=f"give {field} some text")
    if kind == "string_pattern_mismatch":
        return InvalidInput(
            f"{field}: {str(error.get('input'))[:80]!r} does not have the right form",
            remedy=f"write it as the pattern {limits.get('pattern')} asks",
        )
    words_of = str(error["msg"])
    return InvalidInput(
        f"{field or 'the body'}: {words_of[:1].lower()}{words_of[1:]}",
        remedy=f"correct {field or 'it'}; {LOOK}",
    )
