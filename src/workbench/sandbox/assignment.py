"""Puts together what a shim is told: the one document that starts a step.

Pure: facts come from workspace.py and host.py, the argument list from profile.py. Masks and environment
are in it, so it goes over a memory file and is never written to disk.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.model.statuses import TerminalMode
from workbench.sandbox.host import HostFacts
from workbench.sandbox.profile import (
    ARGUMENTS_FD,
    BARRIER_FD,
    INNER_UID,
    SECCOMP_FD,
    STATUS_FD,
    Profile,
    build_argv,
)
from workbench.sandbox.workspace import WorkspaceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """How one step is watched over. Times in seconds, sizes in bytes or cells."""

    folder: str
    placeholder_folder: str
    masks: tuple[bytes, ...]
    max_output_bytes: int
    rows: int
    columns: int
    timeout_seconds: int | None
    idle_timeout_seconds: int | None


def build_profile(
    *,
    host: HostFacts,
    workspace: WorkspaceFacts,
    cwd: str,
    environment: Mapping[str, str],
    mode: TerminalMode,
    toolchains: Sequence[str],
    empty_file: str,
) -> Profile:
    """Returns the profile that the facts call for."""
    names = [name for name, _ in workspace.protected if name not in workspace.held]
    names += workspace.startup
    return Profile(
        workspace_root=workspace.root,
        cwd=cwd,
        environment=environment,
        mode=mode,
        toolchains=tuple(toolchains),
        git_folder=workspace.git_folder,
        held=tuple(f"{workspace.root}/{name}" for name in workspace.held),
        read_only=tuple(f"{workspace.root}/{name}" for name in names),
        hidden_files=host.hidden_files,
        hidden_folders=host.hidden_folders,
        links=host.links,
        folders=host.folders,
        empty_file=empty_file,
        inner_uid=INNER_UID if host.is_root else None,
    )


def build_assignment(
    profile: Profile,
    argv: Sequence[str],
    *,
    seccomp: bytes,
    workspace: WorkspaceFacts,
    supervision: Supervision,
) -> dict[str, Any]:
    """Returns the document; `bound` are the workspace paths whose identity is checked after mounting."""
    git = () if profile.git_folder is None else (profile.git_folder,)
    return {
        "folder": supervision.folder,
        "placeholder_folder": supervision.placeholder_folder,
        "workspace_root": workspace.root,
        "protected": [list(entry) for entry in workspace.protected],
        "bound": [workspace.root, *git, *profile.held, *profile.read_only],
        "argv": list(build_argv(profile, argv)),
        "seccomp": base64.b64encode(seccomp).decode(),
        "seccomp_fd": SECCOMP_FD,
        "status_fd": STATUS_FD,
        "barrier_fd": BARRIER_FD,
        "arguments_fd": ARGUMENTS_FD,
        "mode": profile.mode.value,
        "masks": [base64.b64encode(mask).decode() for mask in supervision.masks],
        "max_output_bytes": supervision.max_output_bytes,
        "rows": supervision.rows,
        "columns": supervision.columns,
        "timeout_seconds": supervision.timeout_seconds,
        "idle_timeout_seconds": supervision.idle_timeout_seconds,
    }
