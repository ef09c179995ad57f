"""workbench search, project retention, hold and unhold."""

from __future__ import annotations

from typing import Any

from workbench.cli.client import connect
from workbench.cli.output import print_json, print_line
from workbench.cli.place import choose_project, find_project
from workbench.model.counted import render_count


def set_retention(repo: str | None, days: int | None, size_bytes: int | None, as_json: bool) -> None:
    """Changes what is given and prints what holds then."""
    client = connect()
    project = find_project(client, repo)
    if days is not None or size_bytes is not None:
        project = client.post(
            "/api/projects",
            {
                "path": project["workspace_root"],
                "retention_days": days,
                "retention_bytes": size_bytes,
            },
        )
    if as_json:
        print_json(project)
        return
    print_line(f"{project['name']}: {_describe(project)}")


def _describe(project: dict[str, Any]) -> str:
    limits = []
    if project["retention_days"] is not None:
        limits.append(f"for {render_count(project['retention_days'], 'day')} after their run's end")
    if project["retention_bytes"] is not None:
        limits.append(f"as long as newer ones hold less than {project['retention_bytes']} bytes")
    return f"transcripts are kept {' and '.join(limits)}" if limits else "transcripts are kept for ever"


def change_hold(run_id: str, word: str, reason: str, as_json: bool) -> None:
    """Holds a run or lifts its hold, and says which."""
    run = connect().post(f"/api/runs/{run_id}/{word}", {"reason": reason})
    if as_json:
        print_json(run)
    elif run["hold"]:
        print_line(f"{run_id} is held by {run['hold']['held_by']}: retention removes nothing of it")
    else:
        print_line(f"{run_id} is held no longer")


def search_transcripts(text: str, named: str | None, limit: int, as_json: bool) -> None:
    """Prints the newest lines that hold the text: run, line and words."""
    client = connect()
    project = find_project(client, None) if named is None else choose_project(client, named)
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(found) < limit:
        page, cursor = client.get_page(
            "/api/transcripts/search",
            project_id=project["project_id"],
            q=text,
            cursor=cursor,
            limit=min(500, limit - len(found)),
        )
        found += page
        if not as_json:
            for line in page:
                print_line(f"{line['run_id']}:{line['line']}: {line['text']}")
        if cursor is None:
            break
    if as_json:
        print_json(found)
    elif not found:
        print_line("no transcript of this project holds that")
