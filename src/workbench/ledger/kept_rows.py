"""Applies the moves that say what of a run's bytes stays and what goes."""

from __future__ import annotations

from typing import Any

from workbench.ledger import move as m
from workbench.ledger import tables
from workbench.ledger.row_writer import Change, RowWriter
from workbench.model.errors import Conflict, NotFound
from workbench.model.statuses import RUN_ENDED, RunStatus


class KeptRows(RowWriter):
    """Their writers; each method applies the move it is named after."""

    def remove_artifact(self, move: m.RemoveArtifact) -> Change:
        row = self._read(tables.execution_artifacts, "artifact", move.artifact_id, None)
        run = self._read(tables.execution_runs, "run", row["run_id"], None)
        if row["removed_at"] is not None:
            raise Conflict(
                f"artifact {move.artifact_id} was removed before, on {row['removed_at']}",
                remedy="there is nothing left to remove",
            )
        if RunStatus(run["status"]) not in RUN_ENDED:
            raise Conflict(
                f"run {row['run_id']} has not ended", remedy="cancel it, or wait until it has ended"
            )
        hold = self._find_hold(row["run_id"])
        if hold is not None and hold["lifted_at"] is None:
            raise Conflict(
                f"run {row['run_id']} is held: {hold['reason']}",
                remedy=f"lift the hold first: workbench unhold {row['run_id']} --reason WHY",
            )
        row["removed_at"], row["removed_reason"] = self._at, move.reason
        payload = {
            "artifact_id": move.artifact_id,
            "kind": row["kind"],
            "digest": row["digest"],
            "size_bytes": row["size_bytes"],
            "reason": move.reason,
        }
        return self._update(
            tables.execution_artifacts,
            row,
            "artifact:removed",
            payload,
            run_id=row["run_id"],
            step_id=row["step_id"],
            versioned=False,
        )

    def hold_run(self, move: m.HoldRun) -> Change:
        self._read(tables.execution_runs, "run", move.run_id, None)
        row = {
            "run_id": move.run_id,
            "project_id": self._project_id,
            "reason": move.reason,
            "held_by": self._actor,
            "held_at": self._at,
            "lifted_at": None,
        }
        return self._put_hold(row, "run:hold_placed", move.reason)

    def lift_hold(self, move: m.LiftHold) -> Change:
        row = self._find_hold(move.run_id)
        if row is None or row["lifted_at"] is not None:
            raise NotFound(f"run {move.run_id} is not held", remedy="there is no hold to lift")
        return self._put_hold({**row, "lifted_at": self._at}, "run:hold_lifted", move.reason)

    def _find_hold(self, run_id: str) -> dict[str, Any] | None:
        return self._find(tables.run_holds, {"run_id": run_id, "project_id": self._project_id})

    def _put_hold(self, row: dict[str, Any], tag: str, reason: str) -> Change:
        if self._find_hold(str(row["run_id"])) is None:
            return self._insert(tables.run_holds, row, tag, {"reason": reason}, run_id=str(row["run_id"]))
        return self._update(
            tables.run_holds, row, tag, {"reason": reason}, run_id=str(row["run_id"]), versioned=False
        )
