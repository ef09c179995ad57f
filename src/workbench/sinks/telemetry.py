"""Sends traces and metrics to an OpenTelemetry collector (OTLP over HTTP); tails the ledger, writes nothing.

The ledger is the queue, as it is for notices: how far each chain was sent is kept in a file, so that a span
is delivered at least once, after a restart and after a collector that was away too. A span that is sent twice
is the same span: its name follows from the run's. No run waits for a collector.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult

from workbench.ledger.ledger import Ledger
from workbench.ledger.reads import Counts
from workbench.model.errors import LedgerUnavailable, WorkbenchError
from workbench.model.event import Event
from workbench.model.statuses import RUN_ENDED
from workbench.sinks.places import read_places, write_places
from workbench.sinks.spans import RUN_ENDS, STEP_ENDS, run_span, seconds_of, step_span
from workbench.sinks.threads import in_thread

log = structlog.get_logger()

RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
_LOOK_SECONDS: Final = 1.0
_EXPORT_SECONDS: Final = 10.0
_METRICS_MILLISECONDS: Final = 15_000
_BATCH: Final = 200
_MOST_EVENTS: Final = 2_000
_KEY: Final = "otlp"
_TRIES: Final = 3
"""After so many a collector that answers is taken to refuse, and not to be away, and an event of which no
span can be made is given up."""


class Telemetry:
    """One sender. `endpoint` is the collector's base address, such as http://127.0.0.1:4318."""

    def __init__(
        self,
        ledger: Ledger,
        endpoint: str,
        *,
        version: str,
        instance: str,
        cursor_file: Path,
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        metrics_milliseconds: int = _METRICS_MILLISECONDS,
    ) -> None:
        # The libraries say each failed attempt on their own; it is said once, below.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        base = endpoint.rstrip("/")
        self._ledger, self._file, self._retry_seconds = ledger, cursor_file, retry_seconds
        self._resource = Resource.create(
            {"service.name": "workbench", "service.version": version, "service.instance.id": instance}
        )
        self._spans = OTLPSpanExporter(endpoint=f"{base}/v1/traces", timeout=_EXPORT_SECONDS)
        reader = PeriodicExportingMetricReader(
            OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=_EXPORT_SECONDS),
            export_interval_millis=metrics_milliseconds,
        )
        self._meters = MeterProvider([reader], resource=self._resource, shutdown_on_exit=False)
        self._counts: Counts | None = None
        self._places: dict[str, int] = {}
        self._failed: dict[str, tuple[int, int]] = {}
        self._problem = ""
        meter = self._meters.get_meter("workbench")
        self._durations = meter.create_histogram("workbench.step.duration", unit="s")
        self._waits = meter.create_histogram("workbench.run.wait", unit="s")
        self._given_up = meter.create_counter("workbench.telemetry.given_up")
        meter.create_observable_gauge("workbench.open_runs", [self._observe_open])
        meter.create_observable_counter("workbench.runs", [self._observe_ended])
        meter.create_observable_counter("workbench.events", [self._observe_events])

    async def begin(self) -> None:
        """Keeps from where on the collector is told, before anything happens that it must be told of."""
        self._places = read_places(self._file).get(_KEY) or await self._heads()
        self._save()

    async def run(self) -> None:
        """Sends without end, after `begin`; cancel it to stop."""
        while True:
            try:
                self._counts = await self._ledger.counts()
                is_idle = not await self._send_next()
            except WorkbenchError as error:
                log.warning("telemetry waits", problem=error.message)
                is_idle = True
            except Exception:
                log.exception("telemetry failed")
                is_idle = True
            if is_idle:
                await self._ledger.wait_change(_LOOK_SECONDS)

    def close(self) -> None:
        """Ends the exporters, without waiting for a collector that does not answer."""
        threading.Thread(target=self._shut_down, name="telemetry-close", daemon=True).start()

    def _shut_down(self) -> None:
        self._spans.shutdown()  # type: ignore[no-untyped-call]
        self._meters.shutdown(timeout_millis=1_000)

    async def _heads(self) -> dict[str, int]:
        # A collector that is new is told of what is to come, not of all that ever was.
        return {
            project.project_id: (await self._ledger.counts(project.project_id)).events
            for project in await self._ledger.projects()
        }

    async def _send_next(self) -> bool:
        """Brings each chain one batch further; False when there was nothing new."""
        is_anything = False
        for project in await self._ledger.projects():
            reads = self._ledger.for_project(project.project_id)
            events = await reads.events(after=self._places.get(project.project_id, 0), limit=_BATCH)
            spans: list[ReadableSpan] = []
            read = 0
            for event in events:
                try:
                    spans += await self._spans_of(event)
                except LedgerUnavailable:
                    raise
                except Exception:
                    if not self._may_pass(event):
                        break
                read += 1
            if not read:
                continue
            is_anything = True
            if spans:
                await self._deliver(spans)
            self._places[project.project_id] = events[read - 1].seq
            self._save()
        return is_anything

    def _may_pass(self, event: Event) -> bool:
        """Counts that no span could be made of an event; True once it is given up, so that others follow."""
        seq, tries = self._failed.get(event.project_id, (event.seq, 0))
        tries = tries + 1 if seq == event.seq else 1
        self._failed[event.project_id] = (event.seq, tries)
        if tries < _TRIES:
            log.exception("telemetry failed", seq=event.seq, tag=event.tag)
            return False
        del self._failed[event.project_id]
        self._given_up.add(1, {"kind": "event"})
        log.exception("event given up", seq=event.seq, tag=event.tag, run_id=event.run_id)
        return True

    async def _spans_of(self, event: Event) -> list[ReadableSpan]:
        if event.run_id is None or event.tag not in STEP_ENDS | RUN_ENDS:
            return []
        reads = self._ledger.for_project(event.project_id)
        run = await reads.run(event.run_id)
        events = await reads.events(run_id=event.run_id, limit=_MOST_EVENTS)
        if event.tag in STEP_ENDS:
            span = step_span(run, event, events, self._resource)
            if span is None:
                return []
            self._durations.record(seconds_of(span), {"status": event.tag.partition(":")[2]})
            return [span]
        span = run_span(run, event, events, self._resource)
        waited = (span.attributes or {}).get("workbench.run.waited_seconds")
        if isinstance(waited, float):
            self._waits.record(waited)
        return [span]

    async def _deliver(self, spans: list[ReadableSpan]) -> None:
        """Returns once the collector has taken the spans; tries until then, ever more slowly.

        One that is there and refuses some of them must not keep back all others: those it goes on refusing,
        while it takes what is empty, are given up, and logged.
        """
        attempt = 0
        while await self._export(spans) is not SpanExportResult.SUCCESS:
            if attempt >= _TRIES and await self._export([]) is SpanExportResult.SUCCESS:
                for span in spans:
                    if await self._export([span]) is not SpanExportResult.SUCCESS:
                        self._given_up.add(1, {"kind": "span"})
                        log.error("span given up", span=span.name, **dict(span.attributes or {}))
                break
            self._tell("the collector does not take spans; they are kept and tried again")
            await asyncio.sleep(self._retry_seconds[min(attempt, len(self._retry_seconds) - 1)])
            attempt += 1
        self._tell("")

    def _tell(self, problem: str) -> None:
        if problem and problem != self._problem:
            log.warning("telemetry not delivered", problem=problem)
        if problem != self._problem:
            self._problem = problem
            self._save()

    def _save(self) -> None:
        write_places(self._file, {_KEY: self._places}, {_KEY: self._problem})

    def _export(self, spans: list[ReadableSpan]) -> asyncio.Future[SpanExportResult]:
        return in_thread(lambda: self._spans.export(spans), name="telemetry")

    def _observe_open(self, options: CallbackOptions) -> list[Observation]:
        return self._observe_runs(is_ended=False)

    def _observe_ended(self, options: CallbackOptions) -> list[Observation]:
        return self._observe_runs(is_ended=True)

    def _observe_runs(self, *, is_ended: bool) -> list[Observation]:
        counted = {} if self._counts is None else self._counts.runs
        return [
            Observation(number, {"status": status.value})
            for status, number in counted.items()
            if (status in RUN_ENDED) is is_ended
        ]

    def _observe_events(self, options: CallbackOptions) -> list[Observation]:
        return [] if self._counts is None else [Observation(self._counts.events)]
