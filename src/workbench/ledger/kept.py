"""The questions about what is kept of ended runs: transcripts past a limit, removed ones, holds."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, inspect, select

from workbench.ledger import tables as t
from workbench.ledger.rows import parse_artifact
from workbench.model.artifact import Artifact, ArtifactKind, Hold
from workbench.model.statuses import RUN_ENDED

_ENDED = [status.value for status in RUN_ENDED]
_SELECT_HOLD = select(t.run_holds).where(
    t.run_holds.c.run_id == bindparam("run_id"),
    t.run_holds.c.project_id == bindparam("project_id"),
    t.run_holds.c.lifted_at.is_(None),
)


def list_transcripts(connection: Connection) -> list[Artifact]:
    """Lists the transcripts of all projects that are still there, oldest first, whatever the schema."""
    artifacts = t.execution_artifacts
    there = {column["name"] for column in inspect(connection).get_columns(artifacts.name)}
    query = select(*(column for column in artifacts.c if column.name in there)).where(
        artifacts.c.kind == ArtifactKind.TRANSCRIPT.value
    )
    if "removed_at" in there:
        query = query.where(artifacts.c.removed_at.is_(None))
    rows = connection.execute(query.order_by(artifacts.c.artifact_id)).mappings()
    return [parse_artifact(dict(row)) for row in rows]


def list_transcripts_after(connection: Connection, artifact_id: str) -> list[Artifact]:
    """Lists those of them that come after an artifact, oldest first."""
    artifacts = t.execution_artifacts
    query = select(artifacts).where(
        artifacts.c.kind == ArtifactKind.TRANSCRIPT.value,
        artifacts.c.removed_at.is_(None),
        artifacts.c.artifact_id > artifact_id,
    )
    rows = connection.execute(query.order_by(artifacts.c.artifact_id)).mappings()
    return [parse_artifact(dict(row)) for row in rows]


def list_removed(connection: Connection) -> list[Artifact]:
    """Lists what was removed on purpose, of all projects."""
    artifacts = t.execution_artifacts
    query = select(artifacts).where(artifacts.c.removed_at.is_not(None)).order_by(artifacts.c.artifact_id)
    return [parse_artifact(dict(row)) for row in connection.execute(query).mappings()]


def list_past_limits(
    connection: Connection, project_id: str, ended_before: str | None, most_bytes: int | None, limit: int
) -> list[tuple[Artifact, bool]]:
    """Lists the transcripts of a project that are to go, the oldest first, at most `limit`.

    With each comes whether its age is the reason, and not the bytes of all together. Held runs are left out,
    and their bytes count for nothing.
    """
    artifacts, runs, holds = t.execution_artifacts, t.execution_runs, t.run_holds
    query = (
        select(artifacts, runs.c.ended_at)
        .join(runs, runs.c.run_id == artifacts.c.run_id)
        .outerjoin(holds, (holds.c.run_id == runs.c.run_id) & holds.c.lifted_at.is_(None))
        .where(
            artifacts.c.project_id == project_id,
            artifacts.c.kind == ArtifactKind.TRANSCRIPT.value,
            artifacts.c.removed_at.is_(None),
            runs.c.status.in_(_ENDED),
            holds.c.run_id.is_(None),
        )
        .order_by(runs.c.ended_at.desc(), artifacts.c.artifact_id.desc())
    )
    if most_bytes is None:
        query = query.where(runs.c.ended_at < ended_before)
    found: list[tuple[Artifact, bool]] = []
    total = 0
    for row in connection.execute(query).mappings():
        total += row["size_bytes"]
        is_old = ended_before is not None and row["ended_at"] < ended_before
        if is_old or (most_bytes is not None and total > most_bytes):
            found.append((parse_artifact(dict(row)), is_old))
    return found[::-1][:limit]


def find_hold(connection: Connection, project_id: str, run_id: str) -> Hold | None:
    """Returns the hold that a run is under now."""
    row = connection.execute(_SELECT_HOLD, {"run_id": run_id, "project_id": project_id}).mappings().first()
    if row is None:
        return None
    return Hold(run_id=run_id, reason=row["reason"], held_by=row["held_by"], held_at=row["held_at"])
