"""Turns the model's nouns into plain JSON values, in the shapes that interface.md fixes."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from workbench.model.feature import Feature, TaskStatus

_PLAIN: Final = frozenset({str, int, float, bool, type(None)})


def to_plain(value: Any) -> Any:
    """Returns dataclasses as objects, tuples as lists, enums as their words, and the rest as it is."""
    # Most values are plain already, and asking a type is the cheapest question.
    if type(value) in _PLAIN:
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    return value


def feature_fields(feature: Feature) -> dict[str, Any]:
    """Returns a feature as `workbench features --json` prints it: tasks are counted."""
    states = [task.status for task in feature.tasks]
    return {
        "feature_id": feature.feature_id,
        "slug": feature.slug,
        "title": feature.title,
        "format": feature.format,
        "declared_status": feature.declared_status,
        "inferred_status": feature.inferred_status.value,
        "drift": to_plain(feature.drift),
        "phases": to_plain(feature.phases),
        "tasks": {
            "total": len(states),
            "done": states.count(TaskStatus.DONE),
            "open": states.count(TaskStatus.OPEN) + states.count(TaskStatus.IN_PROGRESS),
            "blocked": states.count(TaskStatus.BLOCKED),
        },
        "documents": [{"path": document.path, "role": document.role.value} for document in feature.documents],
        "depends_on": list(feature.depends_on),
    }
