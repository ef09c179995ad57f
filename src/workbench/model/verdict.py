"""What policy says about a command. Declaration order is severity: the strictest wins."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Decision(StrEnum):
    ALLOW = "allow"
    REQUIRES_APPROVAL = "requires_approval"
    DENY = "deny"


class RiskLevel(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Effect(StrEnum):
    """What running a program does to the world, as facts; policy speaks about these, never about text."""

    READS = "reads"
    WRITES = "writes"
    DELETES = "deletes"
    EXECUTES = "executes"
    NETWORK = "network"
    PRIVILEGE = "privilege"
    PUBLISHES = "publishes"
    IRREVERSIBLE = "irreversible"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedRule:
    """A rule that took part in a verdict, with its own words and where they stand (file:line).

    `verdict` is what it leads to by itself; the strictest decides. None: it only tells something.
    """

    rule_id: str
    text: str
    source: str = ""
    verdict: Decision | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandFacts:
    """One program call inside a command, as policy understood it. Paths are absolute where known.

    `source` is `path:line` of the script or recipe it stands in, empty for the command itself.
    """

    program: str
    argv: tuple[str, ...]
    cwd: str
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    network: bool = False
    effects: tuple[Effect, ...] = ()
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What policy decided. Same input, same bytes: reasons by name, `matched_rules` strictest first."""

    verdict: Decision
    risk_level: RiskLevel
    reason_codes: tuple[str, ...]
    matched_rules: tuple[MatchedRule, ...]
    policy_digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict, the facts it rests on, and the exact argv that would be executed.

    `argv` is the re-serialised form, every word quoted, when the command was understood strictly;
    otherwise the raw text under a bare bash, which never gets an allow. `texts_digest` stands for every file
    that was read to understand it (scripts, recipes, settings): another text, another digest.
    """

    verdict: Verdict
    commands: tuple[CommandFacts, ...] = field(default=())
    argv: tuple[str, ...] = ()
    parsed_strictly: bool = False
    texts_digest: str = ""
