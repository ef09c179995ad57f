"""The one enforcement point of a start: nothing becomes running without what admitted it.

Append asks it about every move that starts something. A step starts only with an Admission of the gate for
exactly the command that the ledger holds for it; and where policy asked, only when an approved, unused and
timely approval of the same subject is spent in the same transaction. It makes no judgement of its own, and
trusts no caller: what it compares it has read in this transaction.
"""

from __future__ import annotations

from typing import Any

import msgspec
from sqlalchemy import Connection, select

from workbench.ledger import tables
from workbench.ledger.reads import find_editors, find_people, find_project, list_kill_records
from workbench.model.actor import Role
from workbench.model.admission import Admission
from workbench.model.approval import ApprovalDecision
from workbench.model.errors import Conflict, StartRefused
from workbench.model.plan import parse_plan
from workbench.model.verdict import Decision


class Starts:
    """What the moves of one append start and spend; `settle` ends it."""

    def __init__(self, connection: Connection, *, project_id: str, at: str) -> None:
        self._connection, self._project_id, self._at = connection, project_id, at
        self._plans: dict[str, str] = {}
        self._spent: dict[str, dict[str, Any]] = {}
        self._open_runs: set[str] = set()

    def begin_run(self, row: dict[str, Any]) -> None:
        """Notes a run that becomes running; a step of it must start in the same append."""
        self._plans[row["run_id"]] = row["plan"]
        self._open_runs.add(row["run_id"])

    def spend(self, row: dict[str, Any]) -> None:
        """Takes an approved approval; refused when its time is over, or its quorum is not there.

        Whoever voted and is no approver any more, by a token that was revoked or has ended, does not count;
        nor does the vote of who asked for or edited what starts, where the project asks for a second person.
        """
        approval_id = row["approval_id"]
        start_by = row["start_by"] or row["expires_at"]
        if self._at >= start_by:
            raise _refused(f"approval {approval_id} lapsed at {start_by}")
        decisions = [ApprovalDecision(**each) for each in msgspec.json.decode(row["decisions"])]
        authors = self._left_out(row)
        names = authors | {each.actor for each in decisions}
        people = find_people(self._connection, frozenset(names), self._at)
        approvers = {
            people.person_of(each.actor)
            for each in decisions
            if people.role_of(each, self._project_id) in (Role.APPROVER, Role.ADMIN)
        } - {people.person_of(name) for name in authors}
        is_unanimous = all(each.decision == "approve" for each in decisions)
        if not is_unanimous or len(approvers) < max(1, row["quorum"]):
            raise _refused(f"approval {approval_id} lacks its quorum of {row['quorum']}")
        self._spent[approval_id] = row

    def begin_step(self, row: dict[str, Any], admission: Admission | None) -> None:
        """Checks the start of one step; raises StartRefused with what it lacks.

        Raises Conflict where a kill was recorded since it was admitted: whoever looks again sees it.
        """
        self._require_no_kill(row)
        step_id, run_id = row["step_id"], row["run_id"]
        if admission is None or not admission.is_admitted:
            raise _refused(f"the start of step {step_id} has no admission")
        request = admission.request
        if (request.run_id, request.step_id) != (run_id, step_id):
            raise _refused(f"the admission is for step {request.step_id}, not for step {step_id}")
        plan = parse_plan(msgspec.json.decode(self._plan_of(run_id)))
        planned = [step.command for step in plan.steps if step.step_key == row["step_key"]]
        if planned != [request.command]:
            raise _refused(f"the admission is for another command than the one step {step_id} holds")
        judgement = admission.judgement
        is_asked = not (judgement.verdict.verdict is Decision.ALLOW and judgement.parsed_strictly)
        if judgement.verdict.verdict is Decision.DENY:
            raise _refused(f"policy denies the command of step {step_id}, which no approval lifts")
        if is_asked and admission.approval_id is None:
            raise _refused(f"policy asks about step {step_id}, and no approval comes with its start")
        if admission.approval_id is not None:
            self._claim(admission.approval_id, row, admission.subject_digest)
        self._open_runs.discard(run_id)

    def _require_no_kill(self, row: dict[str, Any]) -> None:
        scopes = {"all", f"project:{self._project_id}", f"connector:{row['connector']}"}
        for record in list_kill_records(self._connection):
            if record.engaged and record.scope in scopes:
                raise Conflict(
                    f"the kill switch is on since {record.changed_at}: {record.reason}",
                    remedy="nothing starts until it is released: workbench unkill",
                )

    def settle(self) -> None:
        """Ends the append: each spent approval let its step start, and each running run has one."""
        if self._spent:
            raise _refused(f"approval {next(iter(self._spent))} is spent without the start it is for")
        if self._open_runs:
            raise _refused(f"run {next(iter(self._open_runs))} starts without a step that starts")

    def _left_out(self, row: dict[str, Any]) -> set[str]:
        """Returns whose votes for this approval count for nothing: its authors', with four eyes on."""
        project = find_project(self._connection, self._project_id)
        if project is None or not project.forbid_self_approval:
            return set()
        return {
            row["requested_by"],
            *find_editors(self._connection, [row["step_id"]]).get(row["step_id"], ()),
        }

    def _claim(self, approval_id: str, row: dict[str, Any], subject_digest: str) -> None:
        approval = self._spent.pop(approval_id, None)
        if approval is None:
            raise _refused(f"approval {approval_id} is not spent with the start of step {row['step_id']}")
        if (approval["run_id"], approval["step_id"]) != (row["run_id"], row["step_id"]):
            raise _refused(f"approval {approval_id} is for another step than {row['step_id']}")
        if approval["subject_digest"] != subject_digest:
            raise _refused(f"what approval {approval_id} was given for is not what would start")

    def _plan_of(self, run_id: str) -> str:
        if run_id not in self._plans:
            runs = tables.execution_runs
            query = select(runs.c.plan).where(runs.c.run_id == run_id, runs.c.project_id == self._project_id)
            self._plans[run_id] = self._connection.execute(query).scalar_one()
        return self._plans[run_id]


def _refused(problem: str) -> StartRefused:
    return StartRefused(problem, remedy="look at the run again: what it waits for is said there")
