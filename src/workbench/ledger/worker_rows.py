"""The rows of the workers that share a PostgreSQL: who lives by the database's clock, and who may write.

A heartbeat is liveness, no state: it is written outside the chain, and nothing but `seen_at` and `grounds`
changes by it. Coming, going and being lost are moves. The three locks fit together: a write holds its
worker's key (FOR KEY SHARE) to its commit, a heartbeat disturbs none of those, and losing a worker (FOR
UPDATE) waits for all of them; whoever writes later finds that its place is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec
from sqlalchemy import (
    TIMESTAMP,
    Connection,
    Interval,
    Text,
    bindparam,
    cast,
    delete,
    func,
    or_,
    select,
    update,
)

from workbench.ledger import move as m
from workbench.ledger.row_writer import Change
from workbench.ledger.rows import render_json
from workbench.ledger.tables import execution_steps, workers
from workbench.model.errors import Conflict, LeaseLost
from workbench.model.statuses import StepStatus
from workbench.model.worker import WRITING, Worker, WorkerState

_FORM: Final = 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'
_KEPT: Final = timedelta(days=7)
_NOW: Final = func.to_char(func.timezone("UTC", func.clock_timestamp()), _FORM, type_=Text)
_SILENT: Final = func.extract(
    "epoch", func.clock_timestamp() - cast(workers.c.seen_at, TIMESTAMP(timezone=True))
).label("silent")
_IS_IT: Final = workers.c.worker_id == bindparam("who")
_IS_WRITING: Final = workers.c.state.in_([state.value for state in WRITING])

_GUARD: Final = select(workers.c.state).where(_IS_IT).with_for_update(read=True, key_share=True)
_FIND: Final = select(workers.c.state, workers.c.lease_seconds, _SILENT).where(_IS_IT).with_for_update()
_MOVE: Final = update(workers).where(_IS_IT)
_BEAT: Final = update(workers).where(_IS_IT, _IS_WRITING).values(seen_at=_NOW, grounds=bindparam("on_ground"))
_LIST: Final = (
    select(workers, _SILENT)
    .where(
        or_(
            _IS_WRITING,
            workers.c.worker_id.in_(
                select(execution_steps.c.worker_id).where(
                    execution_steps.c.status == StepStatus.RUNNING.value
                )
            ),
        )
    )
    .order_by(workers.c.worker_id)
)

_FORGET: Final = delete(workers).where(
    ~_IS_WRITING,
    workers.c.seen_at
    < func.to_char(func.timezone("UTC", func.clock_timestamp() - cast(_KEPT, Interval)), _FORM, type_=Text),
    workers.c.worker_id.not_in(
        select(execution_steps.c.worker_id).where(
            execution_steps.c.status == StepStatus.RUNNING.value, execution_steps.c.worker_id.is_not(None)
        )
    ),
)


def require_writing(connection: Connection, worker_id: str) -> None:
    """Returns when the worker may write, which it then may until the commit; raises LeaseLost otherwise."""
    state = connection.execute(_GUARD, {"who": worker_id}).scalar()
    if state not in WRITING:
        raise lease_lost(worker_id)


def lease_lost(worker_id: str) -> LeaseLost:
    """Returns the error of a worker whose place is gone."""
    return LeaseLost(
        f"worker {worker_id} was not heard of for too long, so the others took it for gone",
        remedy="nothing is to be done: it ends what it ran, and joins again under a new name by itself",
    )


def beat(connection: Connection, worker_id: str, grounds: Sequence[str]) -> bool:
    """Says that the worker lives; False when its place is gone."""
    given = {"who": worker_id, "on_ground": render_json(list(grounds))}
    return connection.execute(_BEAT, given).rowcount == 1


def list_workers(connection: Connection) -> list[Worker]:
    """Lists who may write, and whose steps the ledger has for running, by id."""
    if connection.dialect.name != "postgresql":
        return []
    return [_parse(row) for row in connection.execute(_LIST).mappings()]


def join_worker(connection: Connection, move: m.JoinWorker) -> Change:
    """Makes or takes up the worker's place."""
    found = connection.execute(_FIND, {"who": move.worker_id}).first()
    if found is not None and found.state not in WRITING:
        raise Conflict(f"worker {move.worker_id} is {found.state}", remedy="join under a new id")
    given = {
        "pool": move.pool,
        "host": move.host,
        "version": move.version,
        "concurrency": move.concurrency,
        "lease_seconds": move.lease_seconds,
    }
    fresh = {**given, "started_at": _NOW, "seen_at": _NOW, "state": WorkerState.LIVE.value}
    if found is None:
        named = {"worker_id": move.worker_id, "grounds": "[]"}
        connection.execute(workers.insert().values(**named, **fresh))
    else:
        connection.execute(_MOVE.values(**fresh), {"who": move.worker_id})
    return Change(
        tag="worker:joined", payload={"worker_id": move.worker_id, **given, "is_back": found is not None}
    )


def leave_worker(connection: Connection, move: m.LeaveWorker) -> Change:
    """Has the worker take nothing new, or ends its place."""
    require_writing(connection, move.worker_id)
    state = WorkerState.LEFT if move.is_over else WorkerState.DRAINING
    connection.execute(_MOVE.values(state=state.value), {"who": move.worker_id})
    tag = "worker:left" if move.is_over else "worker:draining"
    return Change(tag=tag, payload={"worker_id": move.worker_id})


def lose_worker(connection: Connection, move: m.LoseWorker) -> Change:
    """Takes the writing from a worker; its writes under way are waited for, and later ones are refused."""
    found = connection.execute(_FIND, {"who": move.worker_id}).first()
    if found is None or found.state not in WRITING:
        raise Conflict(f"worker {move.worker_id} is not there any more", remedy="nothing is to be done")
    if not move.is_known and found.silent < found.lease_seconds:
        raise Conflict(f"worker {move.worker_id} was seen meanwhile", remedy="nothing is to be done")
    connection.execute(_MOVE.values(state=WorkerState.LOST.value), {"who": move.worker_id})
    return Change(
        tag="worker:lost", payload={"worker_id": move.worker_id, "silent_seconds": round(found.silent)}
    )


def forget_workers(connection: Connection) -> None:
    """Removes who went long ago and has nothing that is recorded as running."""
    connection.execute(_FORGET)


def _parse(row: Any) -> Worker:
    given = {name: value for name, value in row.items() if name not in ("grounds", "state", "silent")}
    return Worker(
        **given,
        grounds=tuple(msgspec.json.decode(row["grounds"])),
        state=WorkerState(row["state"]),
        silent_seconds=float(row["silent"]),
    )
