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
