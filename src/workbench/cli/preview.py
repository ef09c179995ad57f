"""workbench preview: what a held command does to a copy of the workspace, before anybody approves it."""

from __future__ import annotations

from typing import Any, Final

from workbench.cli.client import connect
from workbench.cli.output import print_json, print_line
from workbench.model.counted import render_count

_MARKS: Final = (("created", "+"), ("changed", "~"), ("deleted", "-"))


def preview_run(run_id: str, as_json: bool) -> None:
    """Has the command tried on a copy and prints what it did there."""
    found = connect().post(f"/api/runs/{run_id}/preview", {})
    if as_json:
        print_json(found)
        return
    for line in render_preview(found):
        print_line(line)


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
    lines.append(f"  {describe_processes(found)}")
    lines += [f"    {line}" for line in found["process_names"]]
    lines += found["diff"].splitlines()
    if found["is_cut"]:
        lines.append("  the rest is not shown")
    if found["output_tail"]:
        lines += ["its output ended:", *(f"  {line}" for line in found["output_tail"].splitlines())]
    return [*lines, f"on a copy, without network and secrets; recorded as {found['artifact_id']}"]
