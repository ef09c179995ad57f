"""What is removed stays recorded, what is held stays, and limits count what may go, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from support.clock import ToldClock
from workbench.ledger.database import open_engine
from workbench.ledger.ledger import Ledger
from workbench.ledger.move import (
    AddArtifact,
    CreateRun,
    CreateStep,
    HoldRun,
    LiftHold,
    Move,
    MoveRun,
    MoveStep,
    RemoveArtifact,
)
from workbench.model.artifact import Artifact, ArtifactKind
from workbench.model.command import Command
from workbench.model.errors import Conflict, NotFound
from workbench.model.moves import RunMove, StepMove
from workbench.model.plan import StepKind, single_command


async def put(ledger: Ledger, moves: list[Move], project: str = "prj_1") -> None:
    await ledger.append(project, moves, actor="user:ann", via="cli")


async def add(ledger: Ledger, name: str, size: int, *, ends: bool = True, project: str = "prj_1") -> None:
    """A run with a transcript of so many bytes, which ends at once unless it is not to."""
    run_id, step_id = f"run_{name}", f"stp_{name}"
    artifact = Artifact(
        artifact_id=f"art_{name}",
        project_id=project,
        run_id=run_id,
        step_id=step_id,
        kind=ArtifactKind.TRANSCRIPT,
        media_type="application/octet-stream",
        uri=f"{run_id}/{step_id}.1#transcript",
        digest=f"sha256:{name}",
        size_bytes=size,
        truncated=False,
    )
    plan = single_command(Command(source_text="true", cwd="/"))
    begun: list[Move] = [
        CreateRun(run_id=run_id, move=RunMove.ADMIT, plan=plan, requested_by="user:ann"),
        CreateStep(
            step_id=step_id, run_id=run_id, step_key="command", kind=StepKind.COMMAND, connector="local"
        ),
        AddArtifact(artifact=artifact),
    ]
    await put(ledger, begun, project)
    if ends:
        ended: list[Move] = [
            MoveStep(step_id=step_id, move=StepMove.CANCEL),
            MoveRun(run_id=run_id, move=RunMove.CANCEL),
        ]
        await put(ledger, ended, project)


async def past(
    ledger: Ledger, *, before: str | None = None, most: int | None = None
) -> list[tuple[str, bool]]:
    found = await ledger.for_project("prj_1").transcripts_past_limits(
        ended_before=before, most_bytes=most, limit=50
    )
    return [(artifact.artifact_id.removeprefix("art_"), is_old) for artifact, is_old in found]


async def test_what_is_past_a_limit_is_listed_oldest_first_without_what_is_held_or_goes_on(
    ledger: Ledger, clock: ToldClock
) -> None:
    for name in ("a", "b", "c"):
        await add(ledger, name, 10)
        clock.advance(10)
    await add(ledger, "going", 1000, ends=False)
    await add(ledger, "other", 1000, project="prj_2")
    now = ledger.now()
    assert await past(ledger, before=now) == [("a", True), ("b", True), ("c", True)]
    assert await past(ledger, most=20) == [("a", False)]
    assert await past(ledger, most=30) == []
    assert await past(ledger, most=0) == [("a", False), ("b", False), ("c", False)]
    await put(ledger, [HoldRun(run_id="run_b", reason="case")])
    assert await past(ledger, most=10) == [("a", False)]
    await put(ledger, [RemoveArtifact(artifact_id="art_a", reason="retention")])
    assert await past(ledger, before=now) == [("c", True)]
    assert [each.artifact_id for each in await ledger.transcripts()] == [
        "art_b",
        "art_c",
        "art_going",
        "art_other",
    ]
    assert [each.artifact_id for each in await ledger.transcripts_after("art_c")] == [
        "art_going",
        "art_other",
    ]
    (removed,) = await ledger.removed_artifacts()
    assert (removed.artifact_id, removed.digest, removed.size_bytes) == ("art_a", "sha256:a", 10)
    assert removed.removed_reason == "retention"
    assert (await ledger.verify()).ok


async def test_a_removal_is_refused_of_what_is_held_goes_on_or_is_another_projects(
    database_url: str, ledger: Ledger
) -> None:
    await add(ledger, "held", 1)
    await add(ledger, "going", 1, ends=False)
    await put(ledger, [HoldRun(run_id="run_held", reason="case 17")])
    with pytest.raises(Conflict, match="case 17"):
        await put(ledger, [RemoveArtifact(artifact_id="art_held", reason="retention")])
    with pytest.raises(Conflict, match="has not ended"):
        await put(ledger, [RemoveArtifact(artifact_id="art_going", reason="retention")])
    for move in (
        RemoveArtifact(artifact_id="art_held", reason="retention"),
        HoldRun(run_id="run_held", reason="mine"),
        LiftHold(run_id="run_held", reason="mine"),
    ):
        with pytest.raises(NotFound):
            await put(ledger, [move], "prj_2")
    await put(ledger, [LiftHold(run_id="run_held", reason="settled")])
    with pytest.raises(NotFound):
        await put(ledger, [LiftHold(run_id="run_held", reason="again")])
    await put(ledger, [RemoveArtifact(artifact_id="art_held", reason="retention")])
    with pytest.raises(Conflict, match="was removed before"):
        await put(ledger, [RemoveArtifact(artifact_id="art_held", reason="retention")])
    assert (await ledger.verify()).ok
    # Who lifts a hold, or makes a removal, beside the ledger is found.
    engine = open_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE run_holds SET lifted_at = NULL"))
    engine.dispose()
    assert not (await ledger.verify()).ok
