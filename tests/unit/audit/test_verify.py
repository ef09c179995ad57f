"""Whatever is changed in a stored chain is found; an untouched one always holds."""

from __future__ import annotations

import dataclasses
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from workbench.audit.leaf import FIRST_PREVIOUS, leaf_hash
from workbench.audit.verify import ChainHead, StoredEvent, verify_chain
from workbench.model.canonical import render_canonical


def make_chain(texts: list[str]) -> tuple[list[StoredEvent], ChainHead | None]:
    rows: list[StoredEvent] = []
    previous = FIRST_PREVIOUS
    for seq, text in enumerate(texts, start=1):
        columns: dict[str, str | int | None] = {"seq": seq, "actor": "user:ann", "run_id": None}
        body = render_canonical({**columns, "payload": {"text": text}, "previous_hash": previous})
        previous = leaf_hash(body)
        rows.append(StoredEvent(seq=seq, body=body, leaf_hash=previous, columns=columns))
    return rows, ChainHead(seq=len(rows), leaf_hash=previous) if rows else None


CHAINS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), min_size=1, max_size=12)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), max_size=12))
def test_an_untouched_chain_holds(texts: list[str]) -> None:
    rows, head = make_chain(texts)
    finding = verify_chain(rows, head)
    assert (finding.ok, finding.events, finding.problem) == (True, len(texts), None)


def mutate(rows: list[StoredEvent], head: ChainHead | None, data: st.DataObject) -> tuple[Any, Any]:
    """One change that somebody with the database but without foresight could make."""
    at = data.draw(st.integers(0, len(rows) - 1))
    row = rows[at]
    kind = data.draw(
        st.sampled_from(["body", "hash", "column", "delete", "double", "swap", "head", "no head"])
    )
    match kind:
        case "body":
            where = data.draw(st.integers(0, len(row.body) - 1))
            bit = data.draw(st.integers(0, 7))
            body = bytearray(row.body)
            body[where] ^= 1 << bit
            rows[at] = dataclasses.replace(row, body=bytes(body))
        case "hash":
            rows[at] = dataclasses.replace(row, leaf_hash=leaf_hash(row.body + b" "))
        case "column":
            rows[at] = dataclasses.replace(row, columns={**row.columns, "actor": "user:mallory"})
        case "delete":
            del rows[at]
        case "double":
            rows.insert(at, row)
        case "swap":
            rows.append(rows.pop(at)) if at != len(rows) - 1 else rows.pop()
        case "head":
            assert head is not None
            head = ChainHead(seq=head.seq + data.draw(st.sampled_from([-1, 1])), leaf_hash=head.leaf_hash)
        case _:
            head = None
    return rows, head


@given(CHAINS, st.data())
def test_any_one_change_is_found(texts: list[str], data: st.DataObject) -> None:
    rows, head = mutate(*make_chain(texts), data)
    finding = verify_chain(rows, head)
    assert finding.ok is False
    assert finding.problem
    assert finding.first_bad is not None


@given(CHAINS, st.data())
def test_an_event_edited_together_with_its_own_hash_is_found_by_the_next_or_the_head(
    texts: list[str], data: st.DataObject
) -> None:
    rows, head = make_chain(texts)
    at = data.draw(st.integers(0, len(rows) - 1))
    body = rows[at].body.replace(b"user:ann", b"user:eve")
    columns = {**rows[at].columns, "actor": "user:eve"}
    rows[at] = StoredEvent(seq=rows[at].seq, body=body, leaf_hash=leaf_hash(body), columns=columns)
    assert verify_chain(rows, head).ok is False


def test_rows_that_are_no_events_are_named_not_crashed_on() -> None:
    for body in (b"", b"{", b"[]", b"null", b"\xff", b'{"seq": "1"}', b"[" * 10_000):
        row = StoredEvent(seq=1, body=body, leaf_hash=leaf_hash(body), columns={})
        finding = verify_chain([row], ChainHead(seq=1, leaf_hash=row.leaf_hash))
        assert (finding.ok, finding.first_bad) == (False, 1)
