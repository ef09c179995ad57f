"""Says which switch covers which connector, and whether its state lets a start through.

off stops everybody, canary lets named members through, on lets all through. What it does not know stops, and
of several sources of flags each must let the start through. It stores nothing; the ledger holds the states.
"""

from __future__ import annotations

from workbench.model.admission import SwitchAnswer, SwitchState

LOCAL = "execution.local"
CONNECTORS = "execution.connectors"
ORCHESTRATION = "execution.orchestration"
LEDGER = "ledger"
"""The source of flags that is always asked: the switches in the ledger."""


def switch_for(connector: str, *, is_plan: bool = False) -> str:
    """Returns the name of the switch that covers a step: by its connector, or the plan it belongs to."""
    if is_plan:
        return ORCHESTRATION
    return LOCAL if connector == "local" else CONNECTORS


def find_switch_problem(*, connector: str, switch_name: str, answers: tuple[SwitchAnswer, ...]) -> str | None:
    """Returns why the switch stops a start, or None when every source of flags lets it through.

    A switch that does not cover the connector counts as off, so that a wrong look-up opens nothing; so does
    one about which nobody says anything.
    """
    if switch_name not in (switch_for(connector), ORCHESTRATION):
        return f"the switch {switch_name!r} does not cover connector {connector!r}"
    if not answers:
        return f"nothing says whether {switch_name} is on"
    problems = (_find_problem(switch_name, answer) for answer in answers)
    return next((problem for problem in problems if problem is not None), None)


def _find_problem(switch_name: str, answer: SwitchAnswer) -> str | None:
    by = "" if answer.source == LEDGER else f" (flag source: {answer.source})"
    match answer.state:
        case SwitchState.ON:
            return None
        case SwitchState.CANARY:
            return None if answer.is_member else f"{switch_name} is on for its canary members alone{by}"
        case SwitchState.OFF:
            return f"{switch_name} is off{by}"
        case _:
            why = answer.problem or f"its state is not known ({answer.state!r})"
            return f"{switch_name} counts as off; flag source: {answer.source}: {why}"
