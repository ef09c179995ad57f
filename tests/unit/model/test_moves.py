"""No sequence of moves reaches a state that the tables do not list, and every refusal explains itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.errors import IllegalMove
from workbench.model.moves import (
    APPROVAL_MOVES,
    NEW,
    RUN_MOVES,
    STEP_MOVES,
    ApprovalMove,
    RunMove,
    StepMove,
    next_approval_status,
    next_run_status,
    next_step_status,
)
from workbench.model.statuses import RUN_ENDED, ApprovalStatus, RunStatus, StepStatus

Table = Mapping[tuple[str, Any], StrEnum]
MACHINES: dict[str, tuple[Table, type[StrEnum], type[StrEnum], Callable[[str, Any], StrEnum]]] = {
    "run": (
        RUN_MOVES,
        RunMove,
        RunStatus,
        lambda state, move: next_run_status(state, move, run_id="x", actor="user:ann"),
    ),
    "step": (
        STEP_MOVES,
        StepMove,
        StepStatus,
        lambda state, move: next_step_status(state, move, step_id="x", actor="user:ann"),
    ),
    "approval": (
        APPROVAL_MOVES,
        ApprovalMove,
        ApprovalStatus,
        lambda state, move: next_approval_status(state, move, approval_id="x", actor="user:ann"),
    ),
}


@pytest.mark.parametrize("noun", MACHINES)
@given(data=st.data())
def test_no_sequence_of_moves_reaches_an_unlisted_state(noun: str, data: st.DataObject) -> None:
    table, moves, states, step = MACHINES[noun]
    state = NEW
    for move in data.draw(st.lists(st.sampled_from(list(moves)), max_size=30)):
        if (state, move) not in table:
            with pytest.raises(IllegalMove) as caught:
                step(state, move)
            error = caught.value
            assert (error.noun, error.state, error.move, error.actor) == (noun, state, move, "user:ann")
            continue
        reached = step(state, move)
        assert table[state, move] is reached
        assert reached in list(states)
        state = reached


@pytest.mark.parametrize("noun", MACHINES)
def test_every_state_can_be_reached_and_every_move_is_of_use(noun: str) -> None:
    table, moves, states, _ = MACHINES[noun]
    assert set(table.values()) == set(states)
    assert {move for _, move in table} == set(moves)
    assert {state for state, _ in table} <= {NEW, *states}


def test_what_has_ended_never_moves_again() -> None:
    assert {state for state, _ in RUN_MOVES} & set(RUN_ENDED) == set()
    final = {StepStatus.SUCCEEDED, StepStatus.CANCELED, StepStatus.SKIPPED}
    assert {state for state, _ in STEP_MOVES} & final == set()
    # What was approved may still lapse, or be void when its step starts without it or ends; nothing else.
    assert {state for state, _ in APPROVAL_MOVES} == {NEW, ApprovalStatus.PENDING, ApprovalStatus.APPROVED}
    assert {to for (state, _), to in APPROVAL_MOVES.items() if state is ApprovalStatus.APPROVED} == {
        ApprovalStatus.LAPSED,
        ApprovalStatus.WITHDRAWN,
    }


def test_running_is_entered_by_start_alone() -> None:
    assert [move for (_, move), to in RUN_MOVES.items() if to is RunStatus.RUNNING] == [RunMove.START]
    assert [move for (_, move), to in STEP_MOVES.items() if to is StepStatus.RUNNING] == [StepMove.START]
