"""A project: one workspace on disk and the limits that go with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.model.actor import Role
from workbench.model.verdict import RiskLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvProfile:
    """A named environment for commands: plain variables, and the names of secrets released at step start."""

    name: str
    variables: Mapping[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ApproverRule:
    """Who may approve at one risk level: those who hold `role`, and the people who are named.

    With people and no role, the people alone.
    """

    risk_level: RiskLevel
    role: Role | None = None
    people: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """`workspace_root` is absolute and resolved. `forbid_self_approval` turns four eyes on.

    `approval_quorum` is how many different people must approve; None leaves it to the server's setting. A
    risk level without a rule among `approvers` is for everybody who holds the approver's role.
    Transcripts of runs that ended more than `retention_days` ago are removed, and the oldest of those that
    hold more than `retention_bytes` together; None keeps them.
    `accepted_policy_digest` is of the policy files in the repository that an admin accepted; "" means none.
    """

    project_id: str
    name: str
    workspace_root: str
    default_connector: str = "local"
    env_profiles: tuple[EnvProfile, ...] = (EnvProfile(name="default"),)
    network_allowlist: tuple[str, ...] = ()
    forbid_self_approval: bool = False
    toolchains: tuple[str, ...] = ()
    approval_quorum: int | None = None
    approvers: tuple[ApproverRule, ...] = ()
    retention_days: int | None = None
    retention_bytes: int | None = None
    created_at: str = ""
    accepted_policy_digest: str = ""
