"""What to run next for a feature, with the evidence for it."""

from __future__ import annotations

from dataclasses import dataclass

from workbench.model.feature import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Runnable:
    """Whether the command can run here, and each reason when it cannot."""

    ok: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another command that would serve, why it would, and the lines that say so."""

    command: str
    connector: str
    why: str
    runnable: Runnable
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """One primary command and at most two alternatives.

    `confidence`, from 0 to 1, is how many of the `measured_runs` runs of its rule that ended here succeeded;
    None while there is none. It is never a constant.
    """

    feature_id: str
    rule_id: str
    rule_text: str
    command: str
    connector: str
    alternatives: tuple[Alternative, ...]
    evidence: tuple[Evidence, ...]
    confidence: float | None
    measured_runs: int
    runnable: Runnable
    would_change: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """The answer to "what next?": a recommendation, or None and the reason why nothing is to be run."""

    feature_id: str
    recommendation: Recommendation | None
    reason: str
    evidence: tuple[Evidence, ...] = ()
