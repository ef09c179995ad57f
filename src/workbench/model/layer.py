"""The policy files that an organisation or a repository adds to the shipped rules, and rules remembered.

Plain texts with the name of the place they came from. Reading them is the work of the rooms that read.
"""

from __future__ import annotations

from dataclasses import dataclass

from workbench.model.canonical import digest_of

POSTURES = ("careful", "standard", "trusting")
"""Strictest first: what a posture lets run unasked, each one after it does too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLayer:
    """One layer's files. `place` is the folder they lie in, as people are told; a file not there is "".

    `problem` says why the files could not be read; then nothing starts under this layer.
    """

    place: str
    rules_text: str = ""
    examples_text: str = ""
    settings_text: str = ""
    problem: str = ""
    rules_name: str = "policy.cedar"
    examples_name: str = "policy.examples.toml"

    @property
    def rules_file(self) -> str:
        """Where its rules lie, as people are told."""
        return f"{self.place}/{self.rules_name}"

    @property
    def examples_file(self) -> str:
        """Where its examples lie, as people are told."""
        return f"{self.place}/{self.examples_name}"

    @property
    def is_empty(self) -> bool:
        return not (self.rules_text or self.examples_text or self.settings_text or self.problem)

    @property
    def digest(self) -> str:
        """What an admin accepts: every byte of every file of the layer."""
        return digest_of(
            {"rules": self.rules_text, "examples": self.examples_text, "settings": self.settings_text}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RememberedRule:
    """A rule that lets one program and form run unasked in one project, until it expires.

    `cedar` is the whole rule; times are RFC 3339 in UTC. `from_run_id` is the run it was proposed from.
    """

    rule_id: str
    project_id: str
    program: str
    form: str
    cedar: str
    from_run_id: str
    created_by: str
    created_at: str
    expires_at: str
    revoked_at: str | None = None

    def is_in_force(self, now: str) -> bool:
        """Returns whether the rule counts at `now` (RFC 3339 in UTC, as the ledger writes it)."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyLayers:
    """All that lies over the shipped rules for one decision, read afresh right before it.

    The project's files are in force only with `accepted_digest`, which an admin gave; "" means that nobody
    did. `organisation_digest` is the one recorded for the organisation's files: "" where they were given up,
    None where none ever was recorded; then they are in force once they are sound. `workspace_root` is for a
    remedy's words. `remembered` holds no rule that expired or was revoked.
    """

    organisation: PolicyLayer = PolicyLayer(place="$WORKBENCH_HOME")
    project: PolicyLayer = PolicyLayer(place=".workbench")
    organisation_digest: str | None = None
    accepted_digest: str = ""
    workspace_root: str = "P"
    remembered: tuple[RememberedRule, ...] = ()
