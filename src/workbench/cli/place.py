"""Finds which project a command is about: --repo, or the git repository around the current folder."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.cli.identity import find_git_identity
from workbench.cli.output import print_note
from workbench.cli.toolchains import find_toolchains
from workbench.model.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    # What needs no server need not load what speaks to one.
    from workbench.cli.client import Client


def find_repository(repo: str | None) -> Path:
    """Returns the given folder, or the nearest one above the current folder that holds .git."""
    if repo is not None:
        path = Path(repo).expanduser()
        if not path.is_dir():
            raise InvalidInput(f"{repo} is not a folder", remedy="name the repository's folder with --repo")
        return path.resolve()
    try:
        here = Path.cwd()
    except OSError as error:
        raise InvalidInput(
            "the folder this command stands in is gone", remedy="change to one that is there: cd ~"
        ) from error
    for folder in (here, *here.parents):
        if (folder / ".git").exists():
            return folder.resolve()
    return here.resolve()


def find_project(client: Client, repo: str | None) -> dict[str, Any]:
    """Returns the project of the repository; a git repository that is none yet is added, and that is said."""
    if repo is not None and not os.path.isdir(os.path.expanduser(repo)):
        # What was recorded of a project outlives its folder.
        with contextlib.suppress(NotFound):
            return choose_project(client, repo)
    root = find_repository(repo)
    known = {project["workspace_root"]: project for project in client.get("/api/projects")}
    for folder in (root, *root.parents):
        if str(folder) in known:
            found: dict[str, Any] = known[str(folder)]
            return found
    if repo is None and not (root / ".git").exists():
        raise InvalidInput(
            f"{root} is no project and lies in no git repository",
            remedy="name one with --repo, or add it: workbench project add PATH",
        )
    return add(client, root)


def choose_project(client: Client, given: str) -> dict[str, Any]:
    """Returns the project that was named by its id, its name or its folder; raises when there is no one such.

    An id wins over a name, and a name over a folder.
    """
    return choose_among(client.get("/api/projects"), given)


def choose_among(projects: list[dict[str, Any]], given: str) -> dict[str, Any]:
    """Returns the one of these projects (project_id, name, workspace_root) that was named."""
    folder = os.path.realpath(os.path.expanduser(given)) if "\0" not in given else ""
    for field, value in (("project_id", given), ("name", given), ("workspace_root", folder)):
        found = [project for project in projects if project[field] == value]
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(project["project_id"] for project in found)
            raise InvalidInput(
                f"{len(found)} projects are named {given!r}", remedy=f"name one by its id: {ids}"
            )
    raise NotFound(
        f"there is no project {given!r}",
        remedy="name its id, its name or its folder; list them: workbench project list",
    )


def choose_project_id(client: Client, given: str | None) -> str | None:
    """Returns the id of the project that was named, or None when none was."""
    if given is None:
        return None
    found: str = choose_project(client, given)["project_id"]
    return found


def add(client: Client, root: Path) -> dict[str, Any]:
    """Makes a folder a project, with the toolchains found around here, and says both."""
    toolchains = find_toolchains()
    body: dict[str, Any] = {"path": str(root), "toolchains": toolchains}
    identity = find_git_identity()
    if identity:
        body["env_profile"] = {"name": "default", "variables": identity}
    added: dict[str, Any] = client.post("/api/projects", body)
    print_note(f"Added {root} as project {added['name']} ({added['project_id']}).")
    if toolchains:
        print_note(f"  its commands can see, read-only: {', '.join(toolchains)}")
    if identity:
        print_note(f"  its commits are by {identity['GIT_AUTHOR_NAME']} <{identity['GIT_AUTHOR_EMAIL']}>")
    return added


def working_directory(project: dict[str, Any]) -> str:
    """Returns the current folder when it lies in the project, else the project's root."""
    root, here = Path(project["workspace_root"]), Path(os.path.realpath(os.getcwd()))
    return str(here) if here.is_relative_to(root) else str(root)
