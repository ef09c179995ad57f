"""The JSON shapes of a project's policy: its layers, its rules, what a change would do, a verdict's trace.

The shapes of a verdict and of remembered rules are in wire.py; the rules there hold here too.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from workbench.api.wire import Wire


class PolicyLayerOut(Wire):
    """One layer. `problem` is what is wrong with it, with place and line, and stops every start; or empty.

    `note` says what of it is not in force though the layer is, or is empty. `moves` holds accept where this
    actor may accept the organisation's files as they lie there now; the project's moves are PolicyOut's.
    `accepted_by` and `accepted_at` are of the project's files that an admin accepted.
    """

    name: Literal["shipped", "organisation", "project"]
    place: str
    state: Literal["none", "in_force", "not_accepted", "changed", "broken"]
    problem: str
    remedy: str
    note: str
    accepted_by: str | None
    accepted_at: str | None
    rule_ids: list[str]
    moves: list[str]


class PolicyRuleOut(Wire):
    """One rule in force. `verdict` is what it leads to, null for a rule about who may approve."""

    rule_id: str
    layer: Literal["shipped", "organisation", "project"]
    verdict: Literal["allow", "requires_approval", "deny"] | None
    risk_level: Literal["low", "medium", "high"]
    reason_code: str
    text: str
    source: str
    cedar: str


class PolicyOut(Wire):
    """Where a project's policy stands. With a `problem` nothing starts; `rules` are of the sound layers.

    `digest` is of the project's own files as they lie there now; `moves` are among preview and accept.
    """

    project_id: str
    posture: str
    posture_from: str
    policy_digest: str
    problem: str
    remedy: str
    layers: list[PolicyLayerOut]
    rules: list[PolicyRuleOut]
    digest: str
    moves: list[str]


class PolicyPreviewIn(Wire):
    project_id: str = Field(max_length=100)
    last: int = Field(default=50, ge=1, le=200)


class FindingOut(Wire):
    """An invariant; `counter_example` says in words for which facts it falls, empty when it is proved."""

    name: str
    text: str
    is_proved: bool
    counter_example: list[str]


class ReplayedOut(Wire):
    """A recorded verdict that would be another one. `by_policy` is false where the machine makes the
    difference, and null where that cannot be told."""

    run_id: str
    command: str
    recorded: str
    now: str | None
    changed: str
    by_policy: bool | None
    reason_codes: list[str]
    rule_ids: list[str]


class PolicyPreviewOut(Wire):
    """What accepting the files of `digest` would change; with a `problem` they would be refused."""

    digest: str
    problem: str
    remedy: str
    posture: str
    added: list[str]
    removed: list[str]
    difference: list[str]
    findings: list[FindingOut]
    replayed: int
    changes: list[ReplayedOut]
    moves: list[str]


class OrganisationPreviewIn(Wire):
    last: int = Field(default=50, ge=1, le=200)


class OrganisationPreviewOut(Wire):
    """What accepting the organisation's files of `digest` would change; with a `problem` they are refused.

    `previous_digest` is the one in force now, null where none ever was; `digest` is empty for no files.
    `difference` are lines of a diff of the rules; `moves` holds accept where exactly these can be accepted.
    """

    digest: str
    previous_digest: str | None
    problem: str
    remedy: str
    rules: list[str]
    difference: list[str]
    examples: int
    findings: list[FindingOut]
    replayed: int
    changes: list[ReplayedOut]
    moves: list[str]


class AcceptOrganisationIn(Wire):
    """`digest` is of the files that were looked at; null accepts what lies there now."""

    digest: str | None = Field(default=None, max_length=100)


class AcceptedOrganisationOut(Wire):
    """What is in force from now on for every project: the digest of the files, empty for none."""

    digest: str
    previous_digest: str | None
    rules: list[str]


class ExplainIn(Wire):
    project_id: str = Field(max_length=100)
    command: str = Field(min_length=1, max_length=2000)
    cwd: str = Field(default="", max_length=4096)
    env_profile: str = Field(default="default", max_length=200)
    connector: str = Field(default="local", max_length=200)


class CauseOut(Wire):
    """A rule that spoke, and the facts it names that hold here."""

    rule_id: str
    source: str
    text: str
    verdict: Literal["allow", "requires_approval", "deny"] | None
    because: list[str]


class WouldChangeOut(Wire):
    """The milder verdict that would be, without these facts and with those."""

    verdict: Literal["allow", "requires_approval", "deny"]
    without: list[str]
    having: list[str]


class TracePartOut(Wire):
    """One call, or with `program` null the text as a whole; `notes` say why a text is not strict."""

    program: str | None
    argv: list[str]
    cwd: str | None
    facts: list[str]
    notes: list[str]
    verdict: Literal["allow", "requires_approval", "deny"]
    error: str
    rules: list[CauseOut]
    changes: list[WouldChangeOut]
    may_be_remembered: bool


class TraceOut(Wire):
    """A verdict taken apart into its sub-commands, in the order in which they stand."""

    verdict: Literal["allow", "requires_approval", "deny"]
    risk_level: Literal["low", "medium", "high"]
    reason_codes: list[str]
    policy_digest: str
    parts: list[TracePartOut]
