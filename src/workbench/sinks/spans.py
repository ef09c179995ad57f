"""Makes spans of a run's events: a run is a trace, each attempt of a step a span in it.

They hold ids, statuses, sizes and times, and nothing of a command, its output or a reason that somebody gave:
a collector is no place for secrets. Pure, but for OpenTelemetry's own classes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from workbench.model.clock import parse_time
from workbench.model.event import Event
from workbench.model.run import Run
from workbench.model.trace import span_of, trace_of

STEP_ENDS: Final = frozenset({"step:succeeded", "step:failed", "step:canceled", "step:interrupted"})
RUN_ENDS: Final = frozenset({"run:succeeded", "run:failed", "run:canceled"})
_STEP_FACTS: Final = ("exit_code", "end_reason", "signal", "processes_left", "output_bytes", "dropped_bytes")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def step_span(run: Run, end: Event, events: Iterable[Event], resource: Resource) -> ReadableSpan | None:
    """Returns the span of the attempt that this event ends; None when it never started."""
    if end.step_id is None:
        return None
    attempt = int(end.payload.get("attempt") or 1)
    own = [event for event in events if event.step_id == end.step_id and event.seq <= end.seq]
    starts = [event for event in own if event.tag == "step:started"]
    if not starts:
        return None
    status = str(end.payload.get("status") or end.tag.partition(":")[2])
    facts = {name: end.payload.get(name) for name in _STEP_FACTS}
    return ReadableSpan(
        name=f"step {_key_of(own)}",
        context=_context(run.run_id, span_of(end.step_id, attempt)),
        parent=_context(run.run_id, span_of(run.run_id)),
        resource=resource,
        attributes=_attributes(
            {
                "workbench.run.id": run.run_id,
                "workbench.step.id": end.step_id,
                "workbench.step.attempt": attempt,
                "workbench.step.status": status,
                **{f"workbench.step.{name}": value for name, value in facts.items()},
            }
        ),
        events=_span_events(event for event in own if event.seq > starts[-1].seq and event is not end),
        kind=SpanKind.INTERNAL,
        instrumentation_scope=_SCOPE,
        status=_status(status),
        start_time=_nanoseconds(starts[-1].at),
        end_time=_nanoseconds(end.at),
    )


def run_span(run: Run, end: Event, events: Iterable[Event], resource: Resource) -> ReadableSpan:
    """Returns the root span of a run that this event ends; what happened to it is an event of the span."""
    own = [event for event in events if event.seq <= end.seq]
    started = next((event for event in own if event.tag == "run:started"), None)
    waited = None if started is None else _seconds(own[0].at, started.at)
    return ReadableSpan(
        name="run",
        context=_context(run.run_id, span_of(run.run_id)),
        parent=None,
        resource=resource,
        attributes=_attributes(
            {
                "workbench.run.id": run.run_id,
                "workbench.project.id": run.project_id,
                "workbench.run.status": run.status.value,
                "workbench.run.waited_seconds": waited,
                "workbench.feature.id": run.feature_id,
                "workbench.recommendation.rule_id": run.recommendation_rule_id,
            }
        ),
        events=_span_events(event for event in own if event.step_id is None and event is not end),
        kind=SpanKind.SERVER,
        instrumentation_scope=_SCOPE,
        status=_status(run.status.value),
        start_time=_nanoseconds(own[0].at),
        end_time=_nanoseconds(end.at),
    )


def seconds_of(span: ReadableSpan) -> float:
    """Returns how long a span took."""
    return ((span.end_time or 0) - (span.start_time or 0)) / 1e9


def _key_of(events: list[Event]) -> str:
    named = (str(event.payload["step_key"]) for event in events if event.payload.get("step_key"))
    return next(named, "command")


def _span_events(events: Iterable[Event]) -> list[SpanEvent]:
    return [
        SpanEvent(
            name=event.tag,
            attributes={"workbench.seq": event.seq, "workbench.actor": event.actor},
            timestamp=_nanoseconds(event.at),
        )
        for event in events
    ]


def _context(run_id: str, span: int) -> SpanContext:
    return SpanContext(
        trace_id=trace_of(run_id), span_id=span, is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED)
    )


def _attributes(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None and value != ""}


def _status(status: str) -> Status:
    return Status(StatusCode.OK if status == "succeeded" else StatusCode.ERROR, description=None)


def _nanoseconds(at: str) -> int:
    since = parse_time(at) - _EPOCH
    return ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _seconds(one: str, other: str) -> float:
    return (parse_time(other) - parse_time(one)).total_seconds()


_SCOPE: Final = InstrumentationScope("workbench")
