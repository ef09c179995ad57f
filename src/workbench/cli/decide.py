"""workbench approve and deny: one decision about exactly what was shown.

What was read is what is decided on: if it changes in between, the server refuses.
"""

from __future__ import annotations

from typing import Any, Final

from workbench.cli.client import Client, connect
from workbench.cli.output import RISK_BARS, describe_rules, print_json, print_line, print_note
from workbench.model.errors import InvalidInput
from workbench.model.reason import is_said

_NOTHING: Final = "none"
"""What a difference says where there was, or is, nothing; a blank reads as if something were cut."""


def decide(approval_id: str, decision: str, reason: str, as_json: bool) -> None:
    """Approves or denies; says before it approves when it is one's own request."""
    client = connect()
    if approval_id.startswith("run_"):
        _refuse_run(client, approval_id, decision)
    before = client.get(f"/api/approvals/{approval_id}")
    # Asked of whoever types; the page and the API ask where policy does: high risk, and every denial.
    if before["status"] == "pending" and not is_said(reason):
        raise InvalidInput(
            "an approval needs a reason" if decision == "approve" else "a denial needs a reason",
            remedy=f"give one: workbench {decision} {approval_id} --reason WHY",
        )
    if decision == "approve" and before["notice"]:
        print_note(before["notice"])
    body = {"reason": reason, "subject_digest": before["subject_digest"]}
    _say(client.post(f"/api/approvals/{approval_id}/{decision}", body), as_json)


def _refuse_run(client: Client, run_id: str, decision: str) -> None:
    """Raises InvalidInput that names what is to be decided about a run: the approval is what was shown."""
    run = client.get(f"/api/runs/{run_id}")
    waiting = [each["approval_id"] for each in run["approvals"] if each["status"] == "pending"]
    ways = " or ".join(f"workbench {decision} {approval_id} --reason WHY" for approval_id in waiting)
    raise InvalidInput(
        f"{run_id} is a run; what is decided is an approval",
        remedy=f"look at it (workbench show {run_id}), then decide: {ways}"
        if ways
        else f"nothing of it waits for a decision; see why: workbench show {run_id}",
    )


def approve_edited(
    approval_id: str, wanted: dict[str, Any], more_hosts: list[str], reason: str, as_json: bool
) -> None:
    """Shows what the edit comes to and, given a reason, approves exactly that.

    `more_hosts` come to the names that the run already asks for.
    """
    client = connect()
    before = client.get(f"/api/approvals/{approval_id}")
    if more_hosts:
        wanted = {**wanted, "allow_hosts": list(dict.fromkeys([*before["allow_hosts"], *more_hosts]))}
    seen = client.post(f"/api/approvals/{approval_id}/edit-check", wanted)
    for change in seen["changes"]:
        print_note(f"{change['field']}: {change['before'] or _NOTHING}")
        print_note(f"{' ' * max(0, len(change['field']) - 3)}now: {change['after'] or _NOTHING}")
    risk = seen["risk_level"]
    moved = "" if risk == seen["risk_before"] else f", it was {seen['risk_before']}"
    # Without a rule for it, somebody else than policy says no.
    who = "policy" if seen["matched_rules"] or not seen["refusal"] else "verdict"
    print_note(f"{who}: {seen['verdict']}, risk {RISK_BARS[risk]} {risk}{moved}")
    for words in describe_rules(seen["matched_rules"]):
        print_note(f"  {words}")
    if seen["refusal"]:
        raise InvalidInput(
            f"the edited command cannot be approved: {seen['refusal']}",
            remedy="edit it differently, approve it as it is, or deny it",
        )
    if not is_said(reason):
        raise InvalidInput(
            "an edit needs a reason: it changes what somebody else asked for",
            remedy="nothing was decided; say why: add --reason WHY",
        )
    body = {
        **wanted,
        "reason": reason,
        "subject_digest": before["subject_digest"],
        "edited_digest": seen["subject_digest"],
    }
    _say(client.post(f"/api/approvals/{approval_id}/approve-edited", body), as_json)


def describe_changes(approval: dict[str, Any]) -> list[str]:
    """Returns who changed what in a request, a line each; nothing when it is as it was asked for.

    What changed by itself, so that the request was put anew, is told likewise.
    """
    by = approval["edited_by"]
    return [
        f"{f'{by} changed the' if by else 'asked anew, for this changed:'} {change['field']}: "
        f"{change['before'] or _NOTHING} -> {change['after'] or _NOTHING}"
        for change in approval["changes"]
    ]


def describe_deciders(approval: dict[str, Any]) -> list[str]:
    """Returns who may decide what is held, and whether whoever asks may and why not, a line each."""
    deciders = approval["deciders"]
    if deciders is None:
        return []
    return [deciders["text"], " ".join(filter(None, (approval["notice"], deciders["you"])))]


def _say(after: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(after)
        return
    print_line(f"{after['approval_id']}  {after['status']}  run {after['run_id']}")
    if after["status"] in ("pending", "approved") and after["notice"]:
        print_note(after["notice"])
    if after["status"] == "withdrawn":
        # Nobody's vote was needed in the end, and why is what was recorded.
        print_note(after["decisions"][-1]["reason"])
