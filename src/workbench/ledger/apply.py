"""Applies one move to one row, as the state tables allow, and says what the event must record.

Only append calls it. Every UPDATE names the version it read, so that two writers cannot both win.
"""

from __future__ import annotations

from typing import Any, assert_never

import msgspec
from sqlalchemy import Connection

from workbench.ledger import move as m
from workbench.ledger import tables
from workbench.ledger.house_rows import HouseRows
from workbench.ledger.kept_rows import KeptRows
from workbench.ledger.reads import find_editors
from workbench.ledger.row_writer import Change
from workbench.ledger.rows import render_changes, render_json
from workbench.ledger.starts import Starts
from workbench.ledger.tags import APPROVAL_TAGS, RUN_TAGS, STEP_TAGS
from workbench.ledger.worker_rows import join_worker, leave_worker, lose_worker
from workbench.model.errors import IllegalMove
from workbench.model.moves import (
    NEW,
    ApprovalMove,
    StepMove,
    next_approval_status,
    next_run_status,
    next_step_status,
)
from workbench.model.place import USUAL, Place
from workbench.model.plan import render_plan
from workbench.model.statuses import (
    RUN_ENDED,
    STEP_ENDED,
    ApprovalStatus,
    RunStatus,
    StepStatus,
    SyncStatus,
)


def apply_move(
    connection: Connection, *, project_id: str, actor: str, at: str, move: m.Move, starts: Starts
) -> Change:
    """Writes the one row that `move` changes and returns the Change; raises when the move is not legal.

    `starts` looks after what the moves of one append start.
    """
    rows = _Rows(connection, project_id, actor, at, starts)
    match move:
        case m.CreateRun():
            return rows.create_run(move)
        case m.MoveRun():
            return rows.move_run(move)
        case m.EditRun():
            return rows.edit_run(move)
        case m.RequestCancel():
            return rows.request_cancel(move)
        case m.CreateStep():
            return rows.create_step(move)
        case m.MoveStep():
            return rows.move_step(move)
        case m.EditStep():
            return rows.edit_step(move)
        case m.ObserveStep():
            return rows.observe_step(move)
        case m.CreateApproval():
            return rows.create_approval(move)
        case m.MoveApproval():
            return rows.move_approval(move)
        case m.UseApproval():
            return rows.use_approval(move)
        case m.AddArtifact():
            return rows.add_artifact(move)
        case m.RemoveArtifact():
            return rows.remove_artifact(move)
        case m.HoldRun():
            return rows.hold_run(move)
        case m.LiftHold():
            return rows.lift_hold(move)
        case m.PutProject():
            return rows.put_project(move)
        case m.PutLayer():
            return rows.put_layer(move)
        case m.SetSwitch():
            return rows.set_switch(move)
        case m.SetKill():
            return rows.set_kill(move)
        case m.PutToken():
            return rows.put_token(move)
        case m.RevokeToken():
            return rows.revoke_token(move)
        case m.RememberRule():
            return rows.remember_rule(move)
        case m.ForgetRule():
            return rows.forget_rule(move)
        case m.JoinWorker():
            return join_worker(connection, move)
        case m.LeaveWorker():
            return leave_worker(connection, move)
        case m.LoseWorker():
            return lose_worker(connection, move)
        case m.Note():
            return Change(tag=move.tag, payload=move.payload, run_id=move.run_id, step_id=move.step_id)
        case _:
            assert_never(move)


class _Rows(HouseRows, KeptRows):
    """The writers of a run's rows, and of the house's."""

    def __init__(self, connection: Connection, project_id: str, actor: str, at: str, starts: Starts) -> None:
        super().__init__(connection, project_id, actor, at)
        self._starts = starts

    def create_run(self, move: m.CreateRun) -> Change:
        status = next_run_status(NEW, move.move, run_id=move.run_id, actor=self._actor)
        row = {
            "run_id": move.run_id,
            "project_id": self._project_id,
            "feature_id": move.feature_id,
            "recommendation_rule_id": move.recommendation_rule_id,
            "plan": render_json(render_plan(move.plan)),
            "status": status.value,
            "blocked_by": _word(move.blocked_by),
            "requested_by": move.requested_by,
            "cancel_requested_at": None,
            "retry_of_run_id": move.retry_of_run_id,
            "idempotency_key": move.idempotency_key,
            "created_at": self._at,
            "started_at": None,
            "ended_at": None,
            "version": 1,
            **_render_place(move.place),
        }
        payload = {
            **move.note,
            "status": row["status"],
            "blocked_by": row["blocked_by"],
            "plan_digest": move.plan.plan_digest,
            "plan": render_plan(move.plan),
            "feature_id": move.feature_id,
            "recommendation_rule_id": move.recommendation_rule_id,
            "retry_of_run_id": move.retry_of_run_id,
        }
        return self._insert(tables.execution_runs, row, RUN_TAGS[move.move], payload, run_id=move.run_id)

    def move_run(self, move: m.MoveRun) -> Change:
        row = self._read(tables.execution_runs, "run", move.run_id, move.version)
        status = next_run_status(row["status"], move.move, run_id=move.run_id, actor=self._actor)
        row["status"], row["blocked_by"] = status.value, _word(move.blocked_by)
        if status is RunStatus.RUNNING:
            self._starts.begin_run(row)
            row["started_at"] = row["started_at"] or self._at
        if status in RUN_ENDED:
            row["ended_at"] = self._at
        payload = {**move.note, "status": row["status"], "blocked_by": row["blocked_by"]}
        return self._update(tables.execution_runs, row, RUN_TAGS[move.move], payload, run_id=move.run_id)

    def edit_run(self, move: m.EditRun) -> Change:
        row = self._read(tables.execution_runs, "run", move.run_id, move.version)
        self._require_held("run", move.run_id, row)
        row["plan"] = render_json(render_plan(move.plan))
        payload = {
            **move.note,
            "status": row["status"],
            "blocked_by": row["blocked_by"],
            "plan_digest": move.plan.plan_digest,
            "plan": render_plan(move.plan),
        }
        return self._update(tables.execution_runs, row, "run:edited", payload, run_id=move.run_id)

    def request_cancel(self, move: m.RequestCancel) -> Change:
        row = self._read(tables.execution_runs, "run", move.run_id, None)
        if RunStatus(row["status"]) in RUN_ENDED:
            raise IllegalMove(
                noun="run", object_id=move.run_id, state=row["status"], move="cancel", actor=self._actor
            )
        row["cancel_requested_at"] = row["cancel_requested_at"] or self._at
        payload = {"status": row["status"], "blocked_by": row["blocked_by"], "reason": move.reason}
        return self._update(tables.execution_runs, row, "run:cancel_requested", payload, run_id=move.run_id)

    def create_step(self, move: m.CreateStep) -> Change:
        status = next_step_status(NEW, StepMove.PLAN, step_id=move.step_id, actor=self._actor)
        row = {
            "step_id": move.step_id,
            "run_id": move.run_id,
            "project_id": self._project_id,
            "step_key": move.step_key,
            "kind": move.kind.value,
            "connector": move.connector,
            "external_run_id": None,
            "provider_status_raw": None,
            "sync_status": SyncStatus.IN_SYNC.value,
            "last_reconciled_at": None,
            "status": status.value,
            "blocked_by": None,
            "attempt": 1,
            "verdict": None if move.verdict is None else render_json(move.verdict),
            "subject_digest": move.subject_digest,
            "exit_code": None,
            "failure_reason": None,
            "resume_token": None,
            "started_at": None,
            "ended_at": None,
            "version": 1,
            "worker_id": None,
        }
        payload = {
            "status": row["status"],
            "step_key": move.step_key,
            "verdict": move.verdict,
            "subject_digest": move.subject_digest,
        }
        return self._insert(
            tables.execution_steps,
            row,
            STEP_TAGS[StepMove.PLAN],
            payload,
            run_id=move.run_id,
            step_id=move.step_id,
        )

    def move_step(self, move: m.MoveStep) -> Change:
        row = self._read(tables.execution_steps, "step", move.step_id, move.version)
        status = next_step_status(row["status"], move.move, step_id=move.step_id, actor=self._actor)
        row["status"], row["blocked_by"] = status.value, _word(move.blocked_by)
        if status is StepStatus.RUNNING:
            self._starts.begin_step(row, move.admission)
            row["started_at"] = self._at
        if status in STEP_ENDED:
            row["ended_at"] = self._at
        if move.move is StepMove.INTERRUPT:
            row["attempt"] += 1
            row["external_run_id"] = row["worker_id"] = None
        given = {
            "worker_id": move.worker_id,
            "external_run_id": move.external_run_id,
            "provider_status_raw": move.provider_status_raw,
            "exit_code": move.exit_code,
            "failure_reason": move.failure_reason,
            "subject_digest": move.subject_digest,
            "verdict": None if move.verdict is None else render_json(move.verdict),
        }
        row.update({name: value for name, value in given.items() if value is not None})
        payload = {
            **move.note,
            "status": row["status"],
            "blocked_by": row["blocked_by"],
            "attempt": row["attempt"],
            "external_run_id": row["external_run_id"],
            "exit_code": row["exit_code"],
            "failure_reason": row["failure_reason"],
            "subject_digest": row["subject_digest"],
        }
        if move.worker_id is not None:
            payload["worker_id"] = move.worker_id
        if move.verdict is not None:
            payload["verdict"] = move.verdict
        return self._update(
            tables.execution_steps,
            row,
            STEP_TAGS[move.move],
            payload,
            run_id=row["run_id"],
            step_id=move.step_id,
        )

    def edit_step(self, move: m.EditStep) -> Change:
        row = self._read(tables.execution_steps, "step", move.step_id, move.version)
        self._require_held("step", move.step_id, row)
        row["verdict"], row["subject_digest"] = render_json(move.verdict), move.subject_digest
        payload = {
            "status": row["status"],
            "blocked_by": row["blocked_by"],
            "subject_digest": move.subject_digest,
            "verdict": move.verdict,
        }
        return self._update(
            tables.execution_steps, row, "step:edited", payload, run_id=row["run_id"], step_id=move.step_id
        )

    def observe_step(self, move: m.ObserveStep) -> Change:
        row = self._read(tables.execution_steps, "step", move.step_id, None)
        row["sync_status"], row["last_reconciled_at"] = move.sync_status.value, self._at
        if move.provider_status_raw is not None:
            row["provider_status_raw"] = move.provider_status_raw
        if move.external_run_id is not None:
            row["external_run_id"] = move.external_run_id
        payload = {
            "status": row["status"],
            "sync_status": row["sync_status"],
            "provider_status_raw": row["provider_status_raw"],
            "external_run_id": row["external_run_id"],
        }
        return self._update(
            tables.execution_steps,
            row,
            "step:observed",
            payload,
            run_id=row["run_id"],
            step_id=move.step_id,
        )

    def create_approval(self, move: m.CreateApproval) -> Change:
        status = next_approval_status(
            NEW, ApprovalMove.REQUEST, approval_id=move.approval_id, actor=self._actor
        )
        row = {
            "approval_id": move.approval_id,
            "project_id": self._project_id,
            "run_id": move.run_id,
            "step_id": move.step_id,
            "status": status.value,
            "subject_digest": move.subject_digest,
            "risk_level": move.risk_level.value,
            "quorum": move.quorum,
            "requested_by": move.requested_by,
            "decisions": "[]",
            "created_at": self._at,
            "expires_at": move.expires_at,
            "is_used": 0,
            "version": 1,
            "start_by": None,
            "edited_by": move.edited_by,
            "changes": render_changes(move.changes),
        }
        earlier = find_editors(self._connection, [move.step_id]).get(move.step_id, ())
        payload = {
            **move.note,
            "approval_id": move.approval_id,
            "status": row["status"],
            "subject_digest": move.subject_digest,
            "risk_level": row["risk_level"],
            "quorum": move.quorum,
            "expires_at": move.expires_at,
            "requested_by": move.requested_by,
            "edited_by": move.edited_by,
            "editors": list(dict.fromkeys((*earlier, *([move.edited_by] if move.edited_by else ())))),
        }
        return self._insert(
            tables.execution_approvals,
            row,
            APPROVAL_TAGS[ApprovalMove.REQUEST],
            payload,
            run_id=move.run_id,
            step_id=move.step_id,
        )

    def move_approval(self, move: m.MoveApproval) -> Change:
        row = self._read(tables.execution_approvals, "approval", move.approval_id, move.version)
        if move.move is not None:
            row["status"] = next_approval_status(
                row["status"], move.move, approval_id=move.approval_id, actor=self._actor
            ).value
            tag = APPROVAL_TAGS[move.move]
            if move.move is ApprovalMove.APPROVE:
                row["start_by"] = move.start_by
            if move.move in (ApprovalMove.LAPSE, ApprovalMove.WITHDRAW) and row["is_used"]:
                raise IllegalMove(
                    noun="approval",
                    object_id=move.approval_id,
                    state="used",
                    move=move.move,
                    actor=self._actor,
                )
        else:
            if row["status"] != ApprovalStatus.PENDING:
                raise IllegalMove(
                    noun="approval",
                    object_id=move.approval_id,
                    state=row["status"],
                    move=move.decision,
                    actor=self._actor,
                )
            tag = "approval:voted"
        decided = {
            "actor": self._actor,
            "decision": move.decision,
            "reason": move.reason,
            "at": self._at,
            **({} if move.token_id is None else {"token_id": move.token_id}),
        }
        row["decisions"] = _with_item(row["decisions"], decided)
        payload = {
            "approval_id": move.approval_id,
            "status": row["status"],
            "subject_digest": row["subject_digest"],
            "start_by": row["start_by"],
            "decision": decided,
        }
        return self._update(
            tables.execution_approvals, row, tag, payload, run_id=row["run_id"], step_id=row["step_id"]
        )

    def use_approval(self, move: m.UseApproval) -> Change:
        row = self._read(tables.execution_approvals, "approval", move.approval_id, None)
        if row["status"] != ApprovalStatus.APPROVED or row["is_used"]:
            state = "used" if row["is_used"] else row["status"]
            raise IllegalMove(
                noun="approval", object_id=move.approval_id, state=state, move="use", actor=self._actor
            )
        self._starts.spend(row)
        row["is_used"] = 1
        payload = {
            "approval_id": move.approval_id,
            "status": row["status"],
            "subject_digest": row["subject_digest"],
        }
        return self._update(
            tables.execution_approvals,
            row,
            "approval:used",
            payload,
            run_id=row["run_id"],
            step_id=row["step_id"],
        )

    def add_artifact(self, move: m.AddArtifact) -> Change:
        a = move.artifact
        row = {
            "artifact_id": a.artifact_id,
            "project_id": self._project_id,
            "run_id": a.run_id,
            "step_id": a.step_id,
            "kind": a.kind.value,
            "media_type": a.media_type,
            "uri": a.uri,
            "digest": a.digest,
            "size_bytes": a.size_bytes,
            "truncated": int(a.truncated),
            "links": render_json(list(a.links)),
            "removed_at": None,
            "removed_reason": None,
        }
        payload = {
            "artifact_id": a.artifact_id,
            "kind": row["kind"],
            "digest": a.digest,
            "size_bytes": a.size_bytes,
            "truncated": a.truncated,
        }
        return self._insert(
            tables.execution_artifacts,
            row,
            "artifact:recorded",
            payload,
            run_id=a.run_id,
            step_id=a.step_id,
        )


def _render_place(place: Place) -> dict[str, str | None]:
    """Returns the two columns: empty for the place of most runs, whose rows are digested without them."""
    return {
        "pool": None if place.pool == USUAL.pool else place.pool,
        "priority": None if place.priority is USUAL.priority else place.priority.value,
    }


def _word(value: str | None) -> str | None:
    return None if value is None else str(value)


def _with_item(json_list: str, item: dict[str, Any]) -> str:
    return render_json([*msgspec.json.decode(json_list), item])
