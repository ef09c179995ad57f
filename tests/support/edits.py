"""An edit as an approver gives it: looked at first, then approved as it was shown."""

from __future__ import annotations

from typing import Any

import httpx


def approve_edit(client: httpx.Client, approval_id: str, *, reason: str, **edit: Any) -> httpx.Response:
    """Posts the edit to be looked at, then its approval, and returns the answer to that."""
    path = f"/api/approvals/{approval_id}"
    seen = client.post(f"{path}/edit-check", json=edit)
    assert seen.is_success, seen.text
    body = {**edit, "reason": reason, "edited_digest": seen.json()["subject_digest"]}
    return client.post(f"{path}/approve-edited", json=body)
