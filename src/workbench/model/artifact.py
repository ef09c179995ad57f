"""Something a step left behind; its bytes lie in a file or an object store, never in the database."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ArtifactKind(StrEnum):
    TRANSCRIPT = "transcript"
    FILE = "file"
    PATCH = "patch"
    REPORT = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """`removed_at` and `removed_reason` tell of one whose bytes were removed on purpose; the rest stays."""

    artifact_id: str
    project_id: str
    run_id: str
    step_id: str
    kind: ArtifactKind
    media_type: str
    uri: str
    digest: str
    size_bytes: int
    truncated: bool
    links: tuple[str, ...] = ()
    removed_at: str | None = None
    removed_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """Keeps all that a run left from retention, until it is lifted."""

    run_id: str
    reason: str
    held_by: str
    held_at: str
