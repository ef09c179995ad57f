"""What waits for its turn, and whose turn it is: counts of queued runs, and the ranks of a pool's projects.

Ranks are those of start-time fair queueing (Goyal, Vin and Cheng 1996) with runs of equal weight: a project's
next run comes after its last one, and never before what the pool has reached by now. They are no state: lost,
the order is first come, first served.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, func, select
from sqlalchemy.dialects.postgresql import insert

from workbench.ledger.rows import parse_run, parse_step
from workbench.ledger.tables import execution_runs, execution_steps, pool_ranks
from workbench.model.place import USUAL, Place
from workbench.model.run import Run, Step
from workbench.model.statuses import RunStatus, StepStatus

_REACHED: Final = ""
"""The project whose rank is what the pool has reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueDepth:
    """How many runs wait for their turn: in all, of one project, and in one pool."""

    total: int
    of_project: int
    in_pool: int


# Built once: it is asked before each run is taken, and putting it together takes longer than its answer.
_RUNS: Final = execution_runs.c
_COUNT_QUEUED: Final = select(
    func.count().label("total"),
    func.count().filter(_RUNS.project_id == bindparam("project")).label("of_project"),
    func.count().filter(func.coalesce(_RUNS.pool, USUAL.pool) == bindparam("pool")).label("in_pool"),
).where(_RUNS.status == RunStatus.QUEUED.value)


def count_queued(connection: Connection, project_id: str, pool: str) -> QueueDepth:
    """Counts the runs that wait for their turn."""
    found = connection.execute(_COUNT_QUEUED, {"project": project_id, "pool": pool}).one()
    return QueueDepth(total=found.total, of_project=found.of_project, in_pool=found.in_pool)


def take_rank(connection: Connection, place: Place, project_id: str) -> int:
    """Returns the rank of the project's next run, and notes it."""
    ranks = pool_ranks.c
    key = {"pool": place.pool, "priority": place.priority.value}
    reached = connection.execute(
        select(ranks.rank).where(
            ranks.pool == place.pool, ranks.priority == place.priority.value, ranks.project_id == _REACHED
        )
    ).scalar()
    begin = reached or 0
    new = insert(pool_ranks).values(**key, project_id=project_id, rank=begin + 1)
    put = new.on_conflict_do_update(
        index_elements=["pool", "priority", "project_id"],
        set_={"rank": func.greatest(ranks.rank, begin) + 1},
    )
    return int(connection.execute(put.returning(ranks.rank)).scalar_one())


def reach_rank(connection: Connection, place: Place, rank: int) -> None:
    """Notes that the run of this rank has got its turn."""
    new = insert(pool_ranks).values(
        pool=place.pool, priority=place.priority.value, project_id=_REACHED, rank=rank - 1
    )
    connection.execute(
        new.on_conflict_do_update(
            index_elements=["pool", "priority", "project_id"],
            set_={"rank": func.greatest(pool_ranks.c.rank, new.excluded.rank)},
        )
    )


def list_running_steps(connection: Connection) -> list[tuple[Run, Step]]:
    """Lists what the ledger has for running, with its run, oldest first."""
    steps = connection.execute(
        select(execution_steps)
        .where(execution_steps.c.status == StepStatus.RUNNING.value)
        .order_by(execution_steps.c.step_id)
    ).mappings()
    return _with_runs(connection, [parse_step(dict(row)) for row in steps])


def list_to_cancel(connection: Connection, worker_id: str) -> list[tuple[Run, Step]]:
    """Lists the steps that this worker runs and whose runs somebody wants to end."""
    steps, runs = execution_steps, execution_runs
    found = connection.execute(
        select(steps)
        .join(runs, runs.c.run_id == steps.c.run_id)
        .where(
            steps.c.status == StepStatus.RUNNING.value,
            steps.c.worker_id == worker_id,
            runs.c.cancel_requested_at.is_not(None),
        )
    ).mappings()
    return _with_runs(connection, [parse_step(dict(row)) for row in found])


def _with_runs(connection: Connection, steps: list[Step]) -> list[tuple[Run, Step]]:
    runs = _find_runs(connection, {step.run_id for step in steps})
    return [(runs[step.run_id], step) for step in steps]


def _find_runs(connection: Connection, run_ids: Collection[str]) -> dict[str, Run]:
    if not run_ids:
        return {}
    found = connection.execute(
        select(execution_runs).where(execution_runs.c.run_id.in_(list(run_ids)))
    ).mappings()
    return {row["run_id"]: parse_run(dict(row)) for row in found}
