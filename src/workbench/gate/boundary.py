"""Checks that a step stays in its project: the workspace is a fit one, and the working folder lies in it.

Paths are compared by component, with symlinks resolved: /ws is no prefix of /ws-evil. It confines nothing;
the sandbox does.
"""

from __future__ import annotations

from workbench.model.command import Surroundings
from workbench.model.project import Project

_NEVER_A_WORKSPACE = frozenset(
    [
        "/",
        "/bin",
        "/boot",
        "/dev",
        "/etc",
        "/home",
        "/lib",
        "/lib64",
        "/media",
        "/mnt",
        "/opt",
        "/proc",
        "/root",
        "/run",
        "/sbin",
        "/srv",
        "/sys",
        "/tmp",  # noqa: S108  Named to be refused, not used.
        "/usr",
        "/usr/local",
        "/var",
        "/var/tmp",  # noqa: S108  Named to be refused, not used.
        "/Users",
    ]
)
_INSIDE_THE_SYSTEM = (
    "/proc",
    "/sys",
    "/dev",
    "/etc",
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib64",
    "/boot",
    "/run",
)


def is_within(path: str, root: str) -> bool:
    """Returns whether `path` is `root` or below it; both absolute and normal, compared by component."""
    return path == root or path.startswith(root.rstrip("/") + "/")


def find_boundary_problem(
    project: Project, *, cwd: str, env_profile: str, surroundings: Surroundings
) -> str | None:
    """Returns why a step would leave its project's boundary, or None."""
    root = surroundings.real_path(project.workspace_root) if project.workspace_root else ""
    if not root.startswith("/"):
        return f"the workspace {project.workspace_root!r} is not an absolute path"
    if root in _NEVER_A_WORKSPACE or any(is_within(root, folder) for folder in _INSIDE_THE_SYSTEM):
        return f"the workspace is {root}, which belongs to the system"
    if root != project.workspace_root:
        return f"the workspace {project.workspace_root} now leads to {root}"
    if not cwd.startswith("/") or "\x00" in cwd:
        return f"the working directory {cwd!r} is not an absolute path"
    resolved = surroundings.real_path(cwd)
    if not is_within(resolved, root):
        return f"the working directory {cwd} lies outside the workspace {root}"
    if env_profile not in {profile.name for profile in project.env_profiles}:
        return f"the project has no environment profile {env_profile!r}"
    return None
