"""Which switch covers what, and that an unknown one opens nothing."""

from __future__ import annotations

import pytest

from workbench.gate.switches import find_switch_problem, switch_for
from workbench.model.admission import SwitchAnswer, SwitchState


@pytest.mark.parametrize(
    ("connector", "is_plan", "name"),
    [
        ("local", False, "execution.local"),
        ("ssh", False, "execution.connectors"),
        ("claude-agent-sdk", False, "execution.connectors"),
        ("local", True, "execution.orchestration"),
    ],
)
def test_a_connector_has_its_switch(connector: str, is_plan: bool, name: str) -> None:
    assert switch_for(connector, is_plan=is_plan) == name


@pytest.mark.parametrize("name", ["execution.local", "", "anything"])
def test_the_switch_of_another_connector_opens_nothing(name: str) -> None:
    problem = find_switch_problem(
        connector="ssh",
        switch_name=name,
        answers=(SwitchAnswer(source="ledger", state=SwitchState.ON, is_member=True),),
    )
    assert problem is not None
    assert "does not cover" in problem
