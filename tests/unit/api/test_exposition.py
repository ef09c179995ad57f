"""The text that Prometheus reads."""

from __future__ import annotations

from workbench.api.exposition import render_exposition
from workbench.ledger.reads import Counts
from workbench.model.statuses import RunStatus


def test_every_status_has_a_sample_open_ones_and_ended_ones_apart() -> None:
    counts = Counts(runs={status: place for place, status in enumerate(RunStatus)}, events=41)
    lines = render_exposition(counts, version="1.2").splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert samples == [
        'workbench_build_info{version="1.2"} 1',
        'workbench_open_runs{status="queued"} 0',
        'workbench_open_runs{status="running"} 1',
        'workbench_open_runs{status="blocked"} 2',
        'workbench_runs_total{status="succeeded"} 3',
        'workbench_runs_total{status="failed"} 4',
        'workbench_runs_total{status="canceled"} 5',
        "workbench_events_total 41",
    ]


def test_every_metric_has_its_help_and_type_before_it_and_the_text_ends_with_a_line_end() -> None:
    text = render_exposition(Counts(runs=dict.fromkeys(RunStatus, 0), events=0), version='a"b\\c')
    assert text.endswith("\n")
    assert 'version="a\\"b\\\\c"' in text
    for name in ("workbench_build_info", "workbench_open_runs", "workbench_runs_total"):
        assert text.index(f"# HELP {name} ") < text.index(f"# TYPE {name} ") < text.index(f"\n{name}")
