"""Names a run's trace and a step's span, from their ids alone: whoever knows the run knows its trace.

The spelling is W3C Trace Context, version 00. The names are digests and tell nothing of the ids.
"""

from __future__ import annotations

import hashlib

TRACE_PARENT = "TRACEPARENT"
"""The variable that programs take their trace from (OpenTelemetry's environment carrier)."""


def trace_of(run_id: str) -> int:
    """Returns the trace of a run, 128 bits, never zero."""
    return int.from_bytes(hashlib.sha256(f"trace {run_id}".encode()).digest()[:16], "big") or 1


def span_of(name: str, attempt: int = 0) -> int:
    """Returns the span of a run (attempt 0) or of one attempt of a step, 64 bits, never zero."""
    return int.from_bytes(hashlib.sha256(f"span {name} {attempt}".encode()).digest()[:8], "big") or 1


def trace_parent(run_id: str, step_id: str, attempt: int) -> str:
    """Returns what a step's own spans hang below: its trace and its span, sampled."""
    return f"00-{trace_of(run_id):032x}-{span_of(step_id, attempt):016x}-01"
