"""What a benchmark says of its goal, and that the benchmarks can be asked for; no time is taken here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def figure(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    import bench.figure

    return bench.figure


@pytest.mark.parametrize(
    ("fields", "goal", "verdict"),
    [
        ({"value": 20, "reference": 5.0, "limit": 4, "limits_ratio": True}, "≤ 4×", "pass"),
        ({"value": 21, "reference": 5.0, "limit": 4, "limits_ratio": True}, "≤ 4×", "MISS"),
        ({"value": 1, "limit": 4, "limits_ratio": True}, "≤ 4×", "MISS"),
        ({"value": 200, "limit": 200, "is_floor": True}, "≥ 200 ms", "pass"),
        ({"value": 199, "limit": 200, "is_floor": True}, "≥ 200 ms", "MISS"),
        ({"value": 1, "limit": 1}, "≤ 1 ms", "pass"),
        ({"value": 1}, "reported", ""),
    ],
)
def test_a_figure_is_judged_by_its_goal(
    figure: ModuleType, fields: dict[str, float], goal: str, verdict: str
) -> None:
    made = figure.Figure(name="x", unit="ms", count=5, **fields)
    assert (made.goal, made.verdict) == (goal, verdict)


def test_a_percentile_is_a_value_that_was_measured(figure: ModuleType) -> None:
    values = [float(value) for value in range(1, 101)]
    assert [figure.percentile(values, share) for share in (0.01, 0.5, 0.95, 1)] == [1, 50, 95, 100]


def test_the_benchmarks_can_be_asked_for_in_part() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert all(word in done.stdout for word in ("--quick", "--json", "--only"))
