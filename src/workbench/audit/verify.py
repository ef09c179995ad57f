"""Checks a chain of stored events, offline, and names the first bad position.

It needs the stored rows and nothing else; it never trusts a column that the body does not confirm. What
it cannot see without an outside anchor: a chain rewritten whole, head included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from workbench.audit.leaf import FIRST_PREVIOUS, leaf_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """One row as it lies in the database. `columns` are the copies kept beside the body for look-ups."""

    seq: int
    body: bytes
    leaf_hash: str
    columns: Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainHead:
    """Where the ledger says a chain ends."""

    seq: int
    leaf_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The outcome for one chain: `first_bad` is the sequence number of the first event that does not hold."""

    ok: bool
    events: int
    first_bad: int | None = None
    problem: str | None = None


def verify_chain(rows: Iterable[StoredEvent], head: ChainHead | None) -> Finding:
    """Walks `rows` in sequence order and returns the first break, or an ok finding.

    Found are: an edited body or column, a missing, doubled or reordered row, a row beyond or short of the
    head. A chain with rows but no head, or a head but no rows, is broken too.
    """
    expected, previous, count = 1, FIRST_PREVIOUS, 0
    for row in rows:
        problem = _problem_of(row, expected, previous)
        if problem is not None:
            return Finding(ok=False, events=count, first_bad=min(row.seq, expected), problem=problem)
        expected, previous, count = expected + 1, row.leaf_hash, count + 1
    if head is None:
        if count:
            return Finding(ok=False, events=count, first_bad=count, problem="the chain has no head record")
        return Finding(ok=True, events=0)
    if (head.seq, head.leaf_hash) != (count, previous if count else FIRST_PREVIOUS):
        return Finding(
            ok=False,
            events=count,
            first_bad=min(count, head.seq) + 1 if head.seq != count else count,
            problem=f"the head says the chain ends at event {head.seq}, but the rows end at {count}"
            if head.seq != count
            else f"the head names another hash for event {count}",
        )
    return Finding(ok=True, events=count)


def _problem_of(row: StoredEvent, expected: int, previous: str) -> str | None:
    if row.seq != expected:
        return f"event {expected} is missing or out of order: event {row.seq} stands in its place"
    if leaf_hash(row.body) != row.leaf_hash:
        return f"the stored bytes of event {row.seq} do not match its hash"
    try:
        body = json.loads(row.body)
    except (ValueError, RecursionError):
        return f"the stored bytes of event {row.seq} are not JSON"
    if not isinstance(body, dict) or body.get("seq") != row.seq:
        return f"event {row.seq} names another position inside its body"
    if body.get("previous_hash") != previous:
        return f"event {row.seq} does not follow from event {row.seq - 1}"
    for name, value in row.columns.items():
        if body.get(name) != value:
            return f"column {name} of event {row.seq} differs from its hashed body"
    return None
