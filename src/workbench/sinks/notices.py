"""Words the events that people are told of outside the page, with a link to where they can act.

Pure. A notice holds no secret and no whole command: masked first, then made visible and inert, then cut to
a line. The only link in it is the workbench's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from workbench.gate import render_visible
from workbench.model.event import Event
from workbench.model.project import Project
from workbench.model.run import Run
from workbench.model.statuses import BlockedBy

Mask = Callable[[str], str]
"""Returns a text without the secrets of the project at hand."""

_LONGEST: Final = 160
_DECIDED: Final = {
    "approval:approved": "Approved",
    "approval:denied": "Denied",
    "approval:expired": "Nobody decided in time",
    "approval:lapsed": "Approved, but not started in time",
}
TOLD: Final = frozenset({"approval:requested", "run:failed", "run:blocked", *_DECIDED})
"""The tags of the events that somebody may be told of."""


_INERT: Final = re.compile(r":(?=//)|](?=[(\[:])|<(?=[^\s<=])|(?<!\w)@(?=\w)|(?i:\bwww)(?=\.)")
"""After what a space goes, so that no service makes a link, a picture, a mention or a tag of foreign text:
where a person decides is asked with one link, and that is ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    title: str
    body: str


def render_notice(event: Event, run: Run, project: Project, *, url: str, mask: Mask) -> Notice | None:
    """Returns what is told about an event of a run, or None when nobody needs to be told.

    `url` is the workbench's own address.
    """
    command = _line(run.plan.steps[0].command.source_text, mask)
    name = _line(project.name, mask)
    run_url = f"{url}/p/{project.project_id}/runs/{run.run_id}"
    payload = event.payload
    if event.tag == "approval:requested":
        # What was asked about then: an edit since has a notice of its own. Older events do not say it.
        asked = _line(payload["command"], mask) if "command" in payload else command
        editors = payload.get("editors") or [name for name in (payload.get("edited_by"),) if name]
        by = f", changed by {_line(', '.join(editors), mask)}" if editors else ""
        return Notice(
            title=f"Approval needed, {payload['risk_level']} risk: {name}",
            body=f"{_line(run.requested_by, mask)} asks to run{by}: {asked}\n"
            f"Until {payload['expires_at']}. Decide: {url}/approvals/{payload['approval_id']}",
        )
    if event.tag in _DECIDED:
        decision = payload["decision"]
        by = "" if event.actor == "engine" else f" by {_line(event.actor, mask)}"
        return Notice(
            title=f"{_DECIDED[event.tag]}{by}: {name}",
            body=f"{command}\n{_line(decision['reason'], mask)}\n{run_url}",
        )
    if event.tag == "run:failed":
        return Notice(
            title=f"Run failed: {name}", body=f"{command}\n{_line(payload.get('reason'), mask)}\n{run_url}"
        )
    if event.tag == "run:blocked" and payload.get("blocked_by") != BlockedBy.APPROVAL:
        return Notice(
            title=f"Run held: {name}", body=f"{command}\n{_line(payload.get('reason'), mask)}\n{run_url}"
        )
    return None


def _line(text: object, mask: Mask) -> str:
    """Returns foreign text as one safe line: masked, control and bidi characters shown, inert, cut."""
    shown = _INERT.sub(r"\g<0> ", " ".join(render_visible(mask(str(text or ""))).split()))
    return shown if len(shown) <= _LONGEST else shown[:_LONGEST] + " …"
