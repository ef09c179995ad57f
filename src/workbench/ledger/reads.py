"""The questions the ledger answers, one function each, over an open transaction."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Integer, Select, Table, and_, bindparam, case, func, or_, select
from sqlalchemy.exc import DatabaseError

from workbench.ledger import tables as t
from workbench.ledger.ends import find_ends
from workbench.ledger.kept import find_hold
from workbench.ledger.rows import (
    SwitchRecord,
    parse_approval,
    parse_artifact,
    parse_event,
    parse_project,
    parse_remembered_rule,
    parse_run,
    parse_step,
    parse_switch,
)
from workbench.ledger.tags import PREVIEW_RECORDED, STEP_TAGS
from workbench.model.actor import Role
from workbench.model.approval import Approval
from workbench.model.artifact import Artifact, Hold
from workbench.model.event import Event
from workbench.model.layer import RememberedRule
from workbench.model.moves import StepMove
from workbench.model.people import Holding, People, names_in
from workbench.model.project import Project
from workbench.model.run import Run, RunEnd, Step
from workbench.model.statuses import ApprovalStatus, RunStatus, StepStatus
from workbench.model.verdict import RiskLevel

_STEP_END_TAGS: Final = tuple(STEP_TAGS[move] for move in (StepMove.SUCCEED, StepMove.FAIL, StepMove.CANCEL))


@dataclass(frozen=True, slots=True, kw_only=True)
class KillRecord:
    scope: str
    engaged: bool
    reason: str
    changed_by: str
    changed_at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFacts:
    """What the gate decides on, of one moment. `kill_records` is None when they could not be read.

    `organisation_digest` is of the organisation's policy that was recorded last; None where none ever was.
    """

    project: Project
    switches: list[SwitchRecord]
    approval: Approval | None
    kill_records: list[KillRecord] | None
    remembered: list[RememberedRule]
    people: People
    organisation_digest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """All that belongs to one run, of one moment; `events` are the first of them, `previews` all of these."""

    project: Project
    run: Run
    steps: list[Step]
    approvals: list[Approval]
    people: People
    artifacts: list[Artifact]
    events: list[Event]
    previews: list[Event]
    end: RunEnd | None
    hold: Hold | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    token_id: str
    token_sha256: str
    kind: str
    actor: str
    role: str
    project_id: str | None
    created_at: str
    expires_at: str | None
    revoked_at: str | None
    person: str | None = None
    made_with: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPage:
    """`next_before` is the cursor of the next page, or None at the end; `ends` tells of the canceled ones."""

    runs: tuple[tuple[Run, tuple[Step, ...]], ...]
    ends: Mapping[str, RunEnd]
    next_before: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalPage:
    """`next_after` is the cursor of the next page, or None at the end."""

    approvals: tuple[Approval, ...]
    next_after: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many runs stand where, by status (every status is named), and how many events there are."""

    runs: dict[RunStatus, int]
    events: int


def list_projects(connection: Connection) -> list[Project]:
    return [
        parse_project(row) for row in _all(connection, select(t.projects).order_by(t.projects.c.created_at))
    ]


def find_project(connection: Connection, project_id: str) -> Project | None:
    row = _first(connection, _select(t.projects, "project_id"), project_id=project_id)
    return None if row is None else parse_project(row)


def find_project_of_run(connection: Connection, run_id: str) -> str | None:
    return _project_of(connection, t.execution_runs, "run_id", run_id)


def find_project_of_approval(connection: Connection, approval_id: str) -> str | None:
    return _project_of(connection, t.execution_approvals, "approval_id", approval_id)


def find_artifact(connection: Connection, artifact_id: str) -> Artifact | None:
    row = _first(
        connection, select(t.execution_artifacts).where(t.execution_artifacts.c.artifact_id == artifact_id)
    )
    return None if row is None else parse_artifact(row)


def find_run(connection: Connection, project_id: str, run_id: str) -> Run | None:
    query = _select(t.execution_runs, "run_id", "project_id")
    row = _first(connection, query, run_id=run_id, project_id=project_id)
    return None if row is None else parse_run(row)


def find_run_with_steps(
    connection: Connection, project_id: str, run_id: str
) -> tuple[Run, list[Step]] | None:
    run = find_run(connection, project_id, run_id)
    return None if run is None else (run, list_steps(connection, project_id, run_id))


def find_run_moment(
    connection: Connection, project_id: str, run_id: str
) -> tuple[Run, list[Step], int] | None:
    """Returns a run and its steps, at least as new as the event whose sequence number comes with them."""
    # The event first: on PostgreSQL each statement sees what was committed before it.
    newest = _first(connection, _NEWEST_OF_RUN, run_id=run_id)
    found = find_run_with_steps(connection, project_id, run_id)
    return None if found is None else (*found, 0 if newest is None else newest["seq"] or 0)


def find_run_with_project(
    connection: Connection, project_id: str, run_id: str
) -> tuple[Project, Run, list[Step]] | None:
    found, project = find_run_with_steps(connection, project_id, run_id), find_project(connection, project_id)
    return None if found is None or project is None else (project, *found)


def find_run_record(connection: Connection, project_id: str, run_id: str, now: str) -> RunRecord | None:
    found = find_run_with_project(connection, project_id, run_id)
    if found is None:
        return None
    project, run, steps = found
    asked = _all(connection, _APPROVALS_OF_RUN, project_id=project_id, run_id=run_id)
    approvals = _parse_approvals(connection, asked)
    names = frozenset[str]().union(*(names_in(approval, project) for approval in approvals))
    return RunRecord(
        project=project,
        run=run,
        steps=steps,
        approvals=approvals,
        people=find_people(connection, names, now),
        artifacts=list_artifacts(connection, project_id, run_id),
        events=list_events(connection, project_id, 0, run_id, 500),
        previews=list_tagged_events(connection, project_id, run_id, PREVIEW_RECORDED) if approvals else [],
        end=find_ends(connection, [run_id] if run.status is RunStatus.CANCELED else []).get(run_id),
        hold=find_hold(connection, project_id, run_id),
    )


def find_gate_facts(
    connection: Connection, project_id: str, step_id: str | None, now: str
) -> GateFacts | None:
    project = find_project(connection, project_id)
    if project is None:
        return None
    switches = list_switches(connection)
    approval = None if step_id is None else find_newest_approval(connection, project_id, step_id)
    remembered = list_remembered_rules(connection, project_id)
    people = find_people(connection, names_in(approval, project), now)
    organisation = find_layer_digest(connection, "organisation")
    try:
        # Last, because a failed query ends the transaction it is in.
        kill_records = list_kill_records(connection)
    except DatabaseError:
        kill_records = None
    return GateFacts(
        project=project,
        switches=switches,
        approval=approval,
        kill_records=kill_records,
        remembered=remembered,
        people=people,
        organisation_digest=organisation,
    )


def find_layer_digest(connection: Connection, layer: str) -> str | None:
    """Returns the digest recorded for a policy layer, "" for one given up, None where none ever was."""
    row = _first(connection, _select(t.policy_layers, "layer"), layer=layer)
    return None if row is None else str(row["digest"])


def find_people(connection: Connection, names: frozenset[str], now: str) -> People:
    """Returns the tokens of the actors of these names, as they are at `now`; it asks nothing for none."""
    if not names:
        return People(now=now)
    rows = _all(connection, _SELECT_HOLDINGS, names=sorted(names))
    return People(now=now, holdings=tuple(Holding(**{**row, "role": Role(row["role"])}) for row in rows))


def find_run_by_key(connection: Connection, project_id: str, key: str) -> Run | None:
    query = _select(t.execution_runs, "idempotency_key", "project_id")
    row = _first(connection, query, idempotency_key=key, project_id=project_id)
    return None if row is None else parse_run(row)


def list_steps(connection: Connection, project_id: str, run_id: str) -> list[Step]:
    query = _select(t.execution_steps, "run_id", "project_id", order_by=("step_id",))
    return [parse_step(row) for row in _all(connection, query, run_id=run_id, project_id=project_id)]


def list_runs(
    connection: Connection,
    project_id: str | None,
    status: str | None,
    feature_id: str | None,
    text: str | None,
    before: str | None,
    limit: int,
) -> RunPage:
    runs, steps = t.execution_runs, t.execution_steps
    query = select(runs)
    if project_id is not None:
        query = query.where(runs.c.project_id == project_id)
    if status is not None:
        query = query.where(runs.c.status == status)
    if feature_id is not None:
        query = query.where(runs.c.feature_id == feature_id)
    if text:
        query = query.where(runs.c.plan.icontains(text, autoescape=True))
    if before is not None:
        query = query.where(runs.c.run_id < before)
    rows = _all(connection, query.order_by(runs.c.run_id.desc()).limit(limit + 1))
    found = [parse_run(row) for row in rows[:limit]]
    by_run: dict[str, list[Step]] = {run.run_id: [] for run in found}
    if found:
        step_rows = _all(
            connection, select(steps).where(steps.c.run_id.in_(list(by_run))).order_by(steps.c.step_id)
        )
        for row in step_rows:
            by_run[row["run_id"]].append(parse_step(row))
    return RunPage(
        runs=tuple((run, tuple(by_run[run.run_id])) for run in found),
        ends=find_ends(connection, [run.run_id for run in found if run.status is RunStatus.CANCELED]),
        next_before=found[-1].run_id if len(rows) > limit else None,
    )


def list_open_runs(connection: Connection) -> list[Run]:
    runs = t.execution_runs
    states = [RunStatus.QUEUED.value, RunStatus.RUNNING.value, RunStatus.BLOCKED.value]
    return [
        parse_run(row)
        for row in _all(connection, select(runs).where(runs.c.status.in_(states)).order_by(runs.c.run_id))
    ]


def list_approvals(
    connection: Connection, project_id: str, run_id: str | None, status: str | None
) -> list[Approval]:
    approvals = t.execution_approvals
    query = select(approvals).where(approvals.c.project_id == project_id)
    if run_id is not None:
        query = query.where(approvals.c.run_id == run_id)
    if status is not None:
        query = query.where(approvals.c.status == status)
    rows = _all(connection, query.order_by(approvals.c.approval_id.desc()).limit(500))
    return _parse_approvals(connection, rows)


def list_approvals_of(connection: Connection, run_ids: Sequence[str]) -> dict[str, tuple[Approval, ...]]:
    """Lists the approvals of these runs, by run, oldest first."""
    approvals = t.execution_approvals
    query = select(approvals).where(approvals.c.run_id.in_(run_ids)).order_by(approvals.c.approval_id)
    found: dict[str, tuple[Approval, ...]] = {}
    for approval in _parse_approvals(connection, _all(connection, query)):
        found[approval.run_id] = (*found.get(approval.run_id, ()), approval)
    return found


def page_approvals(
    connection: Connection, project_id: str | None, status: str | None, after: str | None, limit: int
) -> ApprovalPage | None:
    """Lists approvals riskiest first and then newest first; None when `after` names no approval."""
    approvals = t.execution_approvals
    rank = case({level.value: place for place, level in enumerate(RiskLevel)}, value=approvals.c.risk_level)
    query = select(approvals)
    if project_id is not None:
        query = query.where(approvals.c.project_id == project_id)
    if after is not None:
        # Found without regard to the status: what was the last of a page may have been decided since.
        last = _first(connection, query.where(approvals.c.approval_id == after))
        if last is None:
            return None
        place = list(RiskLevel).index(RiskLevel(last["risk_level"]))
        query = query.where(or_(rank < place, and_(rank == place, approvals.c.approval_id < after)))
    if status is not None:
        query = query.where(approvals.c.status == status)
    rows = _all(connection, query.order_by(rank.desc(), approvals.c.approval_id.desc()).limit(limit + 1))
    found = tuple(_parse_approvals(connection, rows[:limit]))
    return ApprovalPage(approvals=found, next_after=found[-1].approval_id if len(rows) > limit else None)


def count_all(connection: Connection, project_id: str | None) -> Counts:
    """Counts the runs and events of one project, or of everything."""
    runs, heads = t.execution_runs, t.event_heads
    by_status = select(runs.c.status, func.count().label("runs")).group_by(runs.c.status)
    # A chain's numbers have no gaps, so its head says how many events it holds.
    events = select(func.coalesce(func.sum(heads.c.seq), 0).label("events"))
    if project_id is not None:
        by_status = by_status.where(runs.c.project_id == project_id)
        events = events.where(heads.c.project_id == project_id)
    found = {row["status"]: int(row["runs"]) for row in _all(connection, by_status)}
    return Counts(
        runs={status: found.get(status.value, 0) for status in RunStatus},
        events=int(_all(connection, events)[0]["events"]),
    )


def list_pending_approvals(connection: Connection) -> list[Approval]:
    approvals = t.execution_approvals
    query = select(approvals).where(approvals.c.status == ApprovalStatus.PENDING.value)
    return _parse_approvals(connection, _all(connection, query.order_by(approvals.c.approval_id)))


def list_overdue_starts(connection: Connection, now: str) -> list[Approval]:
    """Lists what was approved, never used, and should have started before `now`, oldest first.

    Only a step that is still to start can come too late: what started without it, or ended, is no lapse.
    """
    approvals, steps = t.execution_approvals, t.execution_steps
    query = (
        select(approvals)
        .join(steps, steps.c.step_id == approvals.c.step_id)
        .where(
            approvals.c.status == ApprovalStatus.APPROVED.value,
            approvals.c.is_used == 0,
            func.coalesce(approvals.c.start_by, approvals.c.expires_at) <= now,
            steps.c.status.in_([StepStatus.QUEUED.value, StepStatus.BLOCKED.value]),
        )
    )
    return _parse_approvals(connection, _all(connection, query.order_by(approvals.c.approval_id)))


def find_approval(connection: Connection, project_id: str, approval_id: str) -> Approval | None:
    query = _select(t.execution_approvals, "approval_id", "project_id")
    rows = _all(connection, query, approval_id=approval_id, project_id=project_id)
    return next(iter(_parse_approvals(connection, rows)), None)


def find_newest_approval(connection: Connection, project_id: str, step_id: str) -> Approval | None:
    query = _select(t.execution_approvals, "step_id", "project_id", order_by=("approval_id",))
    rows = _all(connection, query, step_id=step_id, project_id=project_id)
    return _parse_approvals(connection, rows[-1:])[0] if rows else None


def find_editors(connection: Connection, step_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Returns who changed what a step is to do, the first first, of each step that somebody did."""
    editors: dict[str, tuple[str, ...]] = {}
    for start in range(0, len(step_ids), _MOST_STEPS):
        for row in _all(connection, _SELECT_EDITORS, steps=step_ids[start : start + _MOST_STEPS]):
            editors[row["step_id"]] = (*editors.get(row["step_id"], ()), row["edited_by"])
    return editors


def _parse_approvals(connection: Connection, rows: list[dict[str, Any]]) -> list[Approval]:
    # An edit, a lapse and a changed file each make a new row: who edited is known by all of the step's.
    editors = find_editors(connection, list({row["step_id"]: None for row in rows}))
    return [
        replace(parse_approval(row), editors=tuple(dict.fromkeys(editors.get(row["step_id"], ()))))
        for row in rows
    ]


def list_artifacts(connection: Connection, project_id: str, run_id: str) -> list[Artifact]:
    query = _select(t.execution_artifacts, "run_id", "project_id", order_by=("artifact_id",))
    return [parse_artifact(row) for row in _all(connection, query, run_id=run_id, project_id=project_id)]


def list_index_digests(connection: Connection) -> dict[str, str]:
    events = t.execution_events
    query = select(events.c.body).where(events.c.tag.in_(_STEP_END_TAGS))
    ends = [msgspec.json.decode(body)["payload"] for body in connection.execute(query).scalars()]
    return {end["external_run_id"]: end["index_digest"] for end in ends if end.get("index_digest")}


def list_events(
    connection: Connection, project_id: str, after: int, run_id: str | None, limit: int
) -> list[Event]:
    query = _select_events(run_id is not None)
    values = {"project_id": project_id, "after": after, "run_id": run_id, "most": limit}
    if run_id is None:
        del values["run_id"]
    return [parse_event(row) for row in _all(connection, query, **values)]


def list_tagged_events(connection: Connection, project_id: str, run_id: str, tag: str) -> list[Event]:
    query = _select(t.execution_events, "project_id", "run_id", "tag", order_by=("seq",))
    values = {"project_id": project_id, "run_id": run_id, "tag": tag}
    return [parse_event(row) for row in _all(connection, query, **values)]


def count_rule_outcomes(connection: Connection, project_id: str) -> dict[str, tuple[int, int]]:
    runs = t.execution_runs
    ended = [RunStatus.SUCCEEDED.value, RunStatus.FAILED.value]
    query = (
        select(
            runs.c.recommendation_rule_id.label("rule_id"),
            func.count().label("ended"),
            func.sum(case((runs.c.status == RunStatus.SUCCEEDED.value, 1), else_=0)).label("succeeded"),
        )
        .where(
            runs.c.project_id == project_id,
            runs.c.recommendation_rule_id.is_not(None),
            runs.c.status.in_(ended),
        )
        .group_by(runs.c.recommendation_rule_id)
    )
    return {row["rule_id"]: (int(row["ended"]), int(row["succeeded"])) for row in _all(connection, query)}


def list_switches(connection: Connection) -> list[SwitchRecord]:
    return [
        parse_switch(row) for row in _all(connection, _select(t.switches, order_by=("name", "project_id")))
    ]


def list_kill_records(connection: Connection) -> list[KillRecord]:
    return [
        KillRecord(
            scope=row["scope"],
            engaged=bool(row["engaged"]),
            reason=row["reason"],
            changed_by=row["changed_by"],
            changed_at=row["changed_at"],
        )
        for row in _all(connection, _select(t.kill_records, order_by=("scope",)))
    ]


def list_remembered_rules(connection: Connection, project_id: str) -> list[RememberedRule]:
    query = _select(t.remembered_rules, "project_id", order_by=("rule_id",))
    return [parse_remembered_rule(row) for row in _all(connection, query, project_id=project_id)]


def list_tokens(connection: Connection) -> list[AccessToken]:
    tokens = t.access_tokens
    return [AccessToken(**row) for row in _all(connection, select(tokens).order_by(tokens.c.created_at))]


def find_token(connection: Connection, token_sha256: str) -> AccessToken | None:
    row = _first(connection, _select(t.access_tokens, "token_sha256"), token_sha256=token_sha256)
    return None if row is None else AccessToken(**row)


def _project_of(connection: Connection, table: Table, column: str, key: str) -> str | None:
    row = _first(connection, _select(table, column), **{column: key})
    return None if row is None else str(row["project_id"])


_NEWEST_OF_RUN: Final = select(func.max(t.execution_events.c.seq).label("seq")).where(
    t.execution_events.c.run_id == bindparam("run_id")
)

# By the run's steps, of which there is an index.
_APPROVALS_OF_RUN: Final = (
    select(t.execution_approvals)
    .where(
        t.execution_approvals.c.project_id == bindparam("project_id"),
        t.execution_approvals.c.step_id.in_(
            select(t.execution_steps.c.step_id).where(t.execution_steps.c.run_id == bindparam("run_id"))
        ),
    )
    .order_by(t.execution_approvals.c.approval_id.desc())
    .limit(500)
)

_SELECT_HOLDINGS: Final = (
    select(
        *(
            t.access_tokens.c[name]
            for name in ("token_id", "actor", "person", "role", "project_id", "expires_at", "revoked_at")
        )
    )
    .where(t.access_tokens.c.actor.in_(bindparam("names", expanding=True)))
    .order_by(t.access_tokens.c.created_at, t.access_tokens.c.token_id)
)


# What a database takes as values of one question is limited.
_MOST_STEPS: Final = 500
_SELECT_EDITORS: Final = (
    select(t.execution_approvals.c.step_id, t.execution_approvals.c.edited_by)
    .where(
        t.execution_approvals.c.step_id.in_(bindparam("steps", expanding=True)),
        t.execution_approvals.c.edited_by.is_not(None),
    )
    .order_by(t.execution_approvals.c.approval_id)
)


# Built once each: putting a query together takes longer than SQLite takes to answer it.
@functools.cache
def _select(table: Table, *names: str, order_by: tuple[str, ...] = ()) -> Select[Any]:
    """Returns the query for the rows whose columns `names` are what the parameters of these names say."""
    query = select(table).where(*(table.c[name] == bindparam(name) for name in names))
    return query.order_by(*(table.c[name] for name in order_by))


@functools.cache
def _select_events(is_one_run: bool) -> Select[Any]:
    events = t.execution_events
    query = select(events).where(
        events.c.project_id == bindparam("project_id"), events.c.seq > bindparam("after")
    )
    if is_one_run:
        query = query.where(events.c.run_id == bindparam("run_id"))
    return query.order_by(events.c.seq).limit(bindparam("most", type_=Integer))


def _all(connection: Connection, query: Select[Any], **values: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query, values).mappings()]


def _first(connection: Connection, query: Select[Any], **values: Any) -> dict[str, Any] | None:
    """Returns the first row; the queries that come here find one at most."""
    row = connection.execute(query, values).mappings().first()
    return None if row is None else dict(row)
