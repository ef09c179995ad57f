"""A step stays in its project."""

from __future__ import annotations

import posixpath

import pytest

from workbench.gate.boundary import find_boundary_problem, is_within
from workbench.model.project import Project
from workbench.policy.load import ExampleSurroundings


class Linked(ExampleSurroundings):
    def real_path(self, path: str) -> str:
        normal = posixpath.normpath(path)
        for link, target in (("/srv/ws/out", "/etc"), ("/srv/link", "/srv/ws")):
            if is_within(normal, link):
                return target + normal[len(link) :]
        return normal


def problem(cwd: str = "/srv/ws", root: str = "/srv/ws", profile: str = "default") -> str | None:
    project = Project(project_id="prj_1", name="p", workspace_root=root)
    return find_boundary_problem(project, cwd=cwd, env_profile=profile, surroundings=Linked())


@pytest.mark.parametrize("cwd", ["/srv/ws", "/srv/ws/", "/srv/ws/a/b", "/srv/ws/a/../b", "/srv/link/a"])
def test_a_folder_in_the_workspace_is_fine(cwd: str) -> None:
    assert problem(cwd) is None


@pytest.mark.parametrize(
    "cwd", ["/srv/ws-evil", "/srv", "/", "", "a", "/srv/ws/..", "/srv/ws/out", "/srv/ws/out/x", "/srv/ws\x00"]
)
def test_a_folder_elsewhere_is_a_problem(cwd: str) -> None:
    assert problem(cwd) is not None
