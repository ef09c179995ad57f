"""Picks the preview that is shown where none has to be made, out of a run as the HTTP API shows it."""

from __future__ import annotations

from typing import Any


def find_recorded(run: dict[str, Any]) -> str | None:
    """Returns the id of the newest preview of what waits for a decision; of any, where nothing waits.

    None where there is no preview of what its approval is about.
    """
    waiting = [each for each in run["approvals"] if each["status"] == "pending"]
    # Approvals come with the newest first, and so do the previews of each.
    previews = [each for approval in waiting or run["approvals"] for each in approval["previews"]]
    return next((each["artifact_id"] for each in previews if each["is_current"]), None)
