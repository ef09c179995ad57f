"""Decides whether a preview's copy may hold what version control keeps of earlier versions.

Files of secrets are empty in the copy, and git keeps each version of them: what a command does that is not
understood may be to show those. Reasons are known one by one here; any other, an organisation's own too, is
taken for "not understood".
"""

from __future__ import annotations

from typing import Final

from workbench.model.verdict import Judgement

_GUARDED: Final = "reads_secret"
_UNDERSTOOD: Final = frozenset(
    {
        *("destructive", "rewrites_history", "changes_configuration", "publishes", "network", "unpacks"),
        *("writes_outside", "writes_startup", "writes_temporary", "workspace_writes", "processes"),
    }
)
"""Why a command is asked about of which each part is known."""


def may_read_history(judgement: Judgement) -> bool:
    """Returns whether the command is understood, or what it shows is for those alone who may approve it."""
    reasons = set(judgement.verdict.reason_codes)
    return _GUARDED in reasons or (judgement.parsed_strictly and bool(reasons) and reasons <= _UNDERSTOOD)
