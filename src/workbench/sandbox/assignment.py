"""Puts together what a shim is told: the one document that starts a step.

Pure: facts come from workspace.py and host.py, the argument list from profile.py. Masks and environment
are in it, so it goes over a memory file and is never written to disk.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.model.network import PROXY_PORT
from workbench.model.statuses import TerminalMode
from workbench.sandbox.host import HostFacts
from workbench.sandbox.profile import (
    ARGUMENTS_FD,
    BARRIER_FD,
    INNER_UID,
    PROXY_ENVIRONMENT,
    SECCOMP_FD,
    STATUS_FD,
    Profile,
    build_argv,
    source_of,
)
from workbench.sandbox.step_folder import NETWORK
from workbench.sandbox.workspace import WorkspaceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Supervision:
    """How one step is watched over. Times in seconds, sizes in bytes or cells.

    With `is_traced` every program that it starts is written down, where the kernel lets us. `lease` is the
    file of the lease that the step ends with, and the worker that holds it.
    """

    folder: str
    placeholder_folder: str
    masks: tuple[bytes, ...]
    max_output_bytes: int
    rows: int
    columns: int
    timeout_seconds: int | None
    idle_timeout_seconds: int | None
    is_traced: bool = False
    lease: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """What a step may reach, and what its proxy must know. `hint` is the command that asks for one name more;
    `server_file` says where the workbench itself answers, which is never reached."""

    places: tuple[tuple[str, int], ...]
    hint: str
    server_file: str


def build_profile(
    *,
    host: HostFacts,
    workspace: WorkspaceFacts,
    cwd: str,
    environment: Mapping[str, str],
    mode: TerminalMode,
    toolchains: Sequence[str],
    empty_file: str,
    has_network: bool = False,
    shown_at: str | None = None,
) -> Profile:
    """Returns the profile that the facts call for; `shown_at` is the path that a copy takes the place of."""
    root = shown_at or workspace.root
    names = [name for name, _ in workspace.protected if name not in workspace.held]
    names += workspace.startup
    return Profile(
        workspace_root=root,
        source_root=None if shown_at is None else workspace.root,
        cwd=cwd,
        environment=environment,
        mode=mode,
        toolchains=tuple(toolchains),
        git_folder=None if workspace.git_folder is None else f"{root}/.git",
        held=tuple(f"{root}/{name}" for name in workspace.held),
        read_only=tuple(f"{root}/{name}" for name in names),
        ownerless=host.ownerless,
        by_name=host.by_name,
        hidden_files=host.hidden_files,
        hidden_folders=host.hidden_folders,
        links=host.links,
        folders=host.folders,
        empty_file=empty_file,
        inner_uid=INNER_UID if host.is_root else None,
        extra=PROXY_ENVIRONMENT if has_network else {},
    )


def build_assignment(
    profile: Profile,
    argv: Sequence[str],
    *,
    seccomp: bytes,
    workspace: WorkspaceFacts,
    supervision: Supervision,
    network: Network | None = None,
) -> dict[str, Any]:
    """Returns the document.

    `bound` are the workspace's paths, each inside and outside, whose identity is checked after mounting.
    """
    git = () if profile.git_folder is None else (profile.git_folder,)
    bound = (profile.workspace_root, *git, *profile.held, *profile.read_only)
    return {
        "folder": supervision.folder,
        "placeholder_folder": supervision.placeholder_folder,
        "workspace_root": workspace.root,
        "protected": [list(entry) for entry in workspace.protected],
        "kept": [path[len(profile.workspace_root) + 1 :] for path in (*profile.held, *profile.read_only)],
        "watched": list(workspace.watched),
        "read_only": [source_of(profile, path) for path in profile.read_only],
        "bound": [[path, source_of(profile, path)] for path in bound],
        "ownerless": list(profile.ownerless),
        "by_name": render_by_name(profile),
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
        "is_traced": supervision.is_traced,
        "lease": None
        if supervision.lease is None
        else {"file": supervision.lease[0], "worker_id": supervision.lease[1]},
        "network": None if network is None else _render_network(network, supervision.folder),
    }


def render_by_name(found: HostFacts | Profile) -> dict[str, list[str]]:
    """Returns what is hidden by name, and the folders it was looked for in, as JSON values."""
    return {"folders": list(found.by_name), "hidden": [*found.hidden_files, "", *found.hidden_folders]}


def _render_network(network: Network, folder: str) -> dict[str, Any]:
    return {
        "places": [list(place) for place in network.places],
        "port": PROXY_PORT,
        "journal": f"{folder}/{NETWORK}",
        "hint": network.hint,
        "server_file": network.server_file,
    }
