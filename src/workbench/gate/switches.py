"""Says which switch covers which connector, and whether its state lets a start through.

off stops everybody, canary lets named members through, on lets all through. What it does not know stops.
It stores nothing; the ledger holds the states.
"""

from __future__ import annotations

from workbench.model.admission import SwitchState

LOCAL = "execution.local"
CONNECTORS = "execution.connectors"
ORCHESTRATION = "execution.orchestration"


def switch_for(connector: str, *, is_plan: bool = False) -> str:
    """Returns the name of the switch that covers a step: by its connector, or the plan it belongs to."""
    if is_plan:
        return ORCHESTRATION
    return LOCAL if connector == "local" else CONNECTORS


def find_switch_problem(
    *, connector: str, switch_name: str, state: SwitchState | None, is_canary_member: bool
) -> str | None:
    """Returns why the switch stops a start, or None when it lets it through.

    A switch that does not cover the connector counts as off, so that a wrong look-up opens nothing.
    """
    if switch_name not in (switch_for(connector), ORCHESTRATION):
        return f"the switch {switch_name!r} does not cover connector {connector!r}"
    match state:
        case SwitchState.ON:
            return None
        case SwitchState.CANARY:
            return None if is_canary_member else f"{switch_name} is on for its canary members alone"
        case SwitchState.OFF:
            return f"{switch_name} is off"
        case _:
            return f"the state of {switch_name} is not known ({state!r})"
