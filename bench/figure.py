"""Holds one measured figure with its goal, and says whether it is met. It measures nothing itself."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`value` is a median (or the percentile its name says) of `count` measurements.

    `reference` is the plain tool's median in the same unit, measured in turn with ours. `limit` holds for the
    ratio to it when `limits_ratio`, else for the value; None only reports.
    """

    name: str
    value: float
    unit: str
    count: int
    reference_name: str = ""
    reference: float | None = None
    limit: float | None = None
    limits_ratio: bool = False
    is_floor: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours to the plain tool's, or None without one."""
        return None if not self.reference else self.value / self.reference

    @property
    def goal(self) -> str:
        """The goal as people read it."""
        if self.limit is None:
            return "reported"
        sign = "≥" if self.is_floor else "≤"
        return f"{sign} {self.limit:g}×" if self.limits_ratio else f"{sign} {self.limit:g} {self.unit}"

    @property
    def verdict(self) -> str:
        """pass, MISS, or nothing for a figure without a goal."""
        if self.limit is None:
            return ""
        found = self.ratio if self.limits_ratio else self.value
        if found is None:
            return "MISS"
        return "pass" if (found >= self.limit if self.is_floor else found <= self.limit) else "MISS"

    def render(self) -> dict[str, Any]:
        """Returns the figure as JSON values."""
        return {
            "name": self.name,
            "value": round(self.value, 3),
            "unit": self.unit,
            "count": self.count,
            "reference_name": self.reference_name,
            "reference": None if self.reference is None else round(self.reference, 3),
            "ratio": None if self.ratio is None else round(self.ratio, 2),
            "goal": self.goal,
            "verdict": self.verdict,
        }


def median(values: Sequence[float]) -> float:
    """Returns the middle value."""
    return statistics.median(values)


def percentile(values: Sequence[float], share: float) -> float:
    """Returns the smallest value that at least this share of all values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]
