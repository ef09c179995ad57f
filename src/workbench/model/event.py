"""A record in the ledger. Events are never changed; a Move is the input, an Event the record of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """`tag` is subject:object:verb-like, for example "run:queued" or "approval:granted".

    `seq` counts from 1 without a gap inside a project. `leaf_hash` and `previous_hash` are hex SHA-256.
    """

    seq: int
    project_id: str
    run_id: str | None
    step_id: str | None
    tag: str
    actor: str
    at: str
    payload: dict[str, Any]
    leaf_hash: str
    previous_hash: str
