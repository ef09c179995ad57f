"""A worker: one process that runs steps on its machine and shares the ledger with others."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WorkerState(StrEnum):
    """A draining one takes nothing new; a lost or left one writes nothing more under its name."""

    LIVE = "live"
    DRAINING = "draining"
    LOST = "lost"
    LEFT = "left"


WRITING = (WorkerState.LIVE, WorkerState.DRAINING)
"""The states in which a worker may still write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """`silent_seconds` is how long ago it was last seen, by the database's clock; `grounds` are the projects
    whose workspace is on its machine; `concurrency` is how many runs it drives at once. It is taken for lost
    once it is silent for `lease_seconds`."""

    worker_id: str
    pool: str
    host: str
    version: str
    concurrency: int
    lease_seconds: int
    grounds: tuple[str, ...]
    started_at: str
    seen_at: str
    state: WorkerState
    silent_seconds: float

    @property
    def is_overdue(self) -> bool:
        return self.silent_seconds >= self.lease_seconds
