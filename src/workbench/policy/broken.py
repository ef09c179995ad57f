"""The errors of policy data: it cannot be used, so nothing can be judged and nothing starts."""

from __future__ import annotations

from workbench.model.errors import WorkbenchError


class PolicyBroken(WorkbenchError):
    """Policy data cannot be used; nothing may be judged, so nothing starts."""

    code = "policy_broken"
    http_status = 503


class PolicyChanged(PolicyBroken):
    """A project's policy files are not the ones that an admin accepted; nothing starts there."""

    code = "policy_changed"
    http_status = 409


def broken_at(place: str, problem: str) -> PolicyBroken:
    """Returns the error for a place in a policy file (FILE:LINE) and what is wrong there."""
    return PolicyBroken(
        f"{place}: {problem}",
        remedy=f"correct {place}; until then nothing can be judged, so nothing starts",
    )
