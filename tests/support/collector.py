"""A collector of OpenTelemetry: takes traces and metrics over HTTP, as the real ones do, and keeps them."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


class Collector:
    """`spans` by name and span id, in the order of arrival; `metrics` by name, the newest points."""

    def __init__(self) -> None:
        self.spans: list[Any] = []
        self.services: list[dict[str, str]] = []
        self.metrics: dict[str, Any] = {}
        self.changed = threading.Condition()
        self.refuses = False
        self.refused_run = ""
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_spans(self, number: int) -> list[Any]:
        """Returns the spans once there are so many."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.spans) >= number, timeout=60), self.spans
            return list(self.spans)

    def wait_metric(self, name: str) -> Any:
        """Returns the newest points of a metric once it has come."""
        with self.changed:
            assert self.changed.wait_for(lambda: name in self.metrics, timeout=60), list(self.metrics)
            return self.metrics[name]

    def take(self, path: str, body: bytes) -> bool:
        with self.changed:
            if self.refuses:
                self.changed.notify_all()
                return False
            if path == "/v1/traces":
                if self.refused_run and self.refused_run.encode() in body:
                    return False
                for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
                    self.services.append({a.key: a.value.string_value for a in resource.resource.attributes})
                    self.spans += [span for scope in resource.scope_spans for span in scope.spans]
            elif path == "/v1/metrics":
                for resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
                    for scope in resource.scope_metrics:
                        self.metrics |= {metric.name: metric for metric in scope.metrics}
            self.changed.notify_all()
        return True


@contextmanager
def collecting() -> Iterator[Collector]:
    """Serves a collector on a port of its own while it is open."""
    collector = Collector()

    class Intake(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            self.send_response(
                200 if collector.take(self.path, body) else 400 if collector.refused_run else 503
            )
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Intake)
    collector.port = server.server_port
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield collector
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


def facts_of(item: Any) -> dict[str, Any]:
    """Returns a span's attributes as plain values."""
    found = {}
    for attribute in item.attributes:
        kind = attribute.value.WhichOneof("value")
        found[attribute.key] = getattr(attribute.value, kind)
    return found
