"""The program's success metrics, each with its definition, its denominator, and the query behind it."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.engine.context import Context
from workbench.model.clock import parse_time
from workbench.model.run import Run, Step
from workbench.model.statuses import BlockedBy, RunStatus

_PAGE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """`value` is None while the denominator is 0: nothing is claimed that was not measured."""

    metric_id: str
    text: str
    value: float | None
    unit: str
    target: str
    numerator: int
    denominator: int


async def compute_metrics(context: Context, project_id: str) -> list[Metric]:
    """Reads all runs of the project and returns its numbers."""
    runs = await read_all_runs(context, project_id)
    finding = await context.ledger.verify(project_id)
    recommended = [run for run, _ in runs if run.recommendation_rule_id is not None]
    waits = sorted(
        (parse_time(run.started_at) - parse_time(run.created_at)).total_seconds()
        for run in recommended
        if run.started_at is not None
    )
    failed = [(run, steps) for run, steps in runs if run.status is RunStatus.FAILED]
    by_policy = [1 for run, steps in failed if _is_policy_failure(run, steps)]
    denied = [1 for run, _ in runs if run.blocked_by is BlockedBy.POLICY]
    return [
        _share(
            "in_app_share",
            "Runs started from a recommendation, of all runs linked to a feature or started from one",
            ">= 70 %",
            len(recommended),
            sum(1 for run, _ in runs if run.feature_id is not None or run.recommendation_rule_id),
        ),
        Metric(
            metric_id="recommendation_to_start",
            text="Median time from the request of a recommended command to its start",
            value=statistics.median(waits) if waits else None,
            unit="seconds",
            target="< 30 s",
            numerator=len(waits),
            denominator=len(recommended),
        ),
        _share(
            "failed_by_policy",
            "Failed runs whose cause was policy or permission, of all failed runs",
            "< 5 %",
            len(by_policy),
            len(failed),
        ),
        _share(
            "policy_denied",
            "Runs that policy denied, of all runs",
            "< 5 %",
            len(denied),
            len(runs),
        ),
        Metric(
            metric_id="audit_gaps",
            text="Breaks that the verification of the audit log finds",
            value=0.0 if finding.ok else 1.0,
            unit="breaks",
            target="0",
            numerator=0 if finding.ok else 1,
            denominator=finding.events,
        ),
    ]


async def read_all_runs(context: Context, project_id: str) -> Sequence[tuple[Run, tuple[Step, ...]]]:
    """Returns every run of the project with its steps, newest first."""
    found: list[tuple[Run, tuple[Step, ...]]] = []
    before: str | None = None
    while True:
        page = await context.ledger.for_project(project_id).runs(before=before, limit=_PAGE)
        found.extend(page.runs)
        if page.next_before is None:
            return found
        before = page.next_before


def _share(metric_id: str, text: str, target: str, numerator: int, denominator: int) -> Metric:
    return Metric(
        metric_id=metric_id,
        text=text,
        value=numerator / denominator if denominator else None,
        unit="share",
        target=target,
        numerator=numerator,
        denominator=denominator,
    )


def _is_policy_failure(run: Run, steps: tuple[Step, ...]) -> bool:
    return run.blocked_by is BlockedBy.POLICY or any(step.blocked_by is BlockedBy.POLICY for step in steps)
