"""workbench preview: what a held command does to a copy of the workspace, before anybody approves it."""

from __future__ import annotations

from typing import Any, Final

from workbench.api.recorded import find_recorded
from workbench.cli.client import connect
from workbench.cli.output import print_json, print_line, print_note
from workbench.model.counted import render_count

_MARKS: Final = (("created", "+"), ("changed", "~"), ("deleted", "-"))
_WITHOUT_HISTORY: Final = (
    "without git's history, as the command is not understood: what it does with git it could not do here"
)


def preview_run(run_id: str, is_again: bool, as_json: bool) -> None:
    """Prints what the command did on a copy: as it was recorded, or tried now where that is asked for or
    there is no preview of what the approval is about."""
    client = connect()
    recorded = None if is_again else find_recorded(client.get(f"/api/runs/{run_id}"))
    if recorded is None:
        found = client.post(f"/api/runs/{run_id}/preview", {})
    else:
        found = client.get(f"/api/previews/{recorded}")
    if as_json:
        print_json(found)
        return
    for line in render_preview(found):
        print_line(line)
    if recorded is not None:
        print_note(f"that is what was recorded; to try it anew: workbench preview {run_id} --again")


def describe_previews(approval: dict[str, Any]) -> list[str]:
    """Returns a line for each preview that was made for an approval, the newest first."""
    return [
        f"preview {each['artifact_id']} by {each['by']} at {each['at']}: {_sum_up(each)}"
        + (
            f"; shown by: workbench preview {approval['run_id']}"
            if each["is_current"]
            else "; of something else than what is asked about"
        )
        for each in approval["previews"]
    ]


def _sum_up(found: dict[str, Any]) -> str:
    counts = found["counts"]
    return (
        f"{found['end_reason']}, exit status {found['exit_code']}; "
        f"{counts['created']} created, {counts['changed']} changed, {counts['deleted']} deleted"
    )


def describe_processes(found: dict[str, Any]) -> str:
    """Returns in words how many processes there were, and whether the names that follow are all."""
    started, names = found["processes_started"], found["process_names"]
    words = (
        render_count(started, "process", "processes and threads")
        if found["is_count_exact"]
        else f"at least {render_count(started, 'process', 'processes')}"
    )
    if found["is_every_process_named"]:
        return f"{words}; {render_count(len(names), 'command line')} in all:"
    if found["withheld"]:
        return words
    if not names:
        return f"{words}; none lived long enough to be seen"
    return f"{words}; {render_count(len(names), 'command line was', 'command lines were')} seen, not all:"


def _name_emptied(found: dict[str, Any]) -> str:
    more = found["emptied_files"] - len(found["emptied"])
    return ", ".join([*found["emptied"], *([f"{more} more"] if more else [])])


def render_preview(found: dict[str, Any]) -> list[str]:
    """Returns the lines that show a preview to a person."""
    counts = found["counts"]
    lines = [
        f"{found['end_reason']}, exit status {found['exit_code']}, {found['duration_ms']} ms; "
        f"{counts['created']} created, {counts['changed']} changed, {counts['deleted']} deleted"
        + (f", {found['git_files']} of git's own files" if found["git_files"] else "")
    ]
    if found["outdated"]:
        lines.append(f"  {found['outdated']}")
    if found["withheld"]:
        lines.append(f"  {found['withheld']}")
    if found["detail"]:
        lines.append(f"  {found['detail']}")
    for kind, mark in _MARKS:
        lines += [f"  {mark} {path}" for path in found[kind]]
        if not found["withheld"] and counts[kind] > len(found[kind]):
            lines.append(f"  {mark} … {counts[kind] - len(found[kind])} more")
    lines += [f"  no text: {path}" for path in found["binary"]]
    lines += [f"  too long to show: {path}" for path in found["unshown"]]
    if found["emptied_files"]:
        lines.append(f"  empty in the copy, as secrets lie there by their name: {_name_emptied(found)}")
    if found["is_history_omitted"]:
        lines.append(f"  {_WITHOUT_HISTORY}")
    lines.append(f"  {describe_processes(found)}")
    lines += [f"    {line}" for line in found["process_names"]]
    lines += found["diff"].splitlines()
    if found["is_cut"]:
        lines.append("  the rest is not shown")
    if found["output_tail"]:
        lines += ["its output ended:", *(f"  {line}" for line in found["output_tail"].splitlines())]
    by = f"for {found['by']}, {found['at']}"
    return [*lines, f"on a copy, without network and secrets; recorded as {found['artifact_id']} {by}"]
