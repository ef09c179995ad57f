"""What somebody asks to run, and the digest that binds an approval to exactly that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Protocol

from workbench.model.canonical import digest_of
from workbench.model.project import Project
from workbench.model.statuses import TerminalMode
from workbench.model.verdict import Judgement


class Surroundings(Protocol):
    """What policy must know of the machine, asked through this port so that policy itself does no IO."""

    def program_path(self, name: str) -> str | None:
        """Returns the absolute path that `name` has on the sandbox's PATH, or None."""

    def real_path(self, path: str) -> str:
        """Returns the absolute path with symlinks and `..` resolved, as far as it exists."""

    def read_text(self, path: str) -> str | None:
        """Returns the text of a small workspace file that a command names (a script), or None."""

    def list_folder(self, path: str) -> tuple[str, ...] | None:
        """Returns the sorted names in a workspace folder, () when it is not there, None when not known."""

    def scan_folder(self, path: str) -> tuple[tuple[str, str], ...] | None:
        """Returns the names in a workspace folder with their kinds, `file`, `folder` or `link`, sorted.

        () when it is no folder, None when not known. No symlink below the folder is followed.
        """

    def tracked_files(self, top: str) -> tuple[str, ...] | None:
        """Returns the paths that git tracks in the repository with this top folder; None when not known."""

    def committed_files(self, top: str, revision: str) -> tuple[str, ...] | None:
        """Returns the paths of the files in the commits that `revision` (a branch, an id, `A..B`) names in
        the repository with this top folder, none for a word that names nothing; None when not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A request to run something: shell text as it was given, where, and under what scope."""

    source_text: str
    cwd: str
    env_profile: str = "default"
    connector: str = "local"
    tool_scope: tuple[str, ...] = ()
    mode: TerminalMode = TerminalMode.PTY
    timeout_seconds: int | None = None
    idle_timeout_seconds: int | None = None
    rows: int = 24
    columns: int = 80
    allow_hosts: tuple[str, ...] = ()
    """Network names for this command alone, beyond the project's; see model.network for the spelling."""


def subject_digest(
    command: Command, project: Project, *, sandbox_profile: str, policy_digest: str, judgement: Judgement
) -> str:
    """Returns the digest an approval is bound to.

    It covers the exact command bytes, working directory, environment profile with its variables and secret
    names, connector, tool scope, terminal mode, time limits, what the sandbox shows (its profile, the
    project's toolchains and network names), the policy digest, and what was judged: the verdict, the calls it
    rests on, and the text of each script and settings file that was read. Change any and a new approval is
    needed.
    The terminal's size is no part of it.
    """
    profiles = [profile for profile in project.env_profiles if profile.name == command.env_profile]
    return digest_of(
        {
            "source_text": command.source_text,
            "cwd": command.cwd,
            "env_profile": command.env_profile,
            "connector": command.connector,
            "tool_scope": list(command.tool_scope),
            "mode": command.mode.value,
            "timeout_seconds": command.timeout_seconds,
            "idle_timeout_seconds": command.idle_timeout_seconds,
            "environment": [
                {"variables": dict(profile.variables), "secrets": sorted(profile.secrets)}
                for profile in profiles
            ],
            "sandbox_profile": sandbox_profile,
            "toolchains": sorted(project.toolchains),
            "network_allowlist": sorted({*project.network_allowlist, *command.allow_hosts}),
            "policy_digest": policy_digest,
            "judged": _judged_digest(judgement),
        }
    )


def _judged_digest(judgement: Judgement) -> str:
    verdict = judgement.verdict
    calls = [
        [call.program, call.argv, call.cwd, call.reads, call.writes, call.network, call.effects, call.source]
        for call in judgement.commands
    ]
    judged = [verdict.verdict, verdict.risk_level, verdict.reason_codes, judgement.argv, calls]
    # File names need not be UTF-8; escaped, any text has one spelling.
    spelled = json.dumps([*judged, judgement.texts_digest], ensure_ascii=True, separators=(",", ":"))
    return "sha256:" + hashlib.sha256(spelled.encode()).hexdigest()
