"""What every connector does, in one protocol; states and events are the same for all of them.

A connector never starts anything without an Admission, never invents a status (the engine moves the
ledger), and reports what it saw verbatim. The end of a stream is never terminal: only `snapshot` or an
explicit `Ended` event is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from workbench.model.admission import Admission
from workbench.model.command import Surroundings
from workbench.model.project import Project
from workbench.model.statuses import SyncStatus, TerminalMode


class NativeState(StrEnum):
    """Where an external run stands, in the words all connectors share."""

    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"
    UNKNOWN = "unknown"


class CancelOutcome(StrEnum):
    REQUESTED = "requested"
    CONFIRMED = "confirmed"
    UNSUPPORTED = "unsupported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """Capabilities have values, so that a caller can tell what a button will really do."""

    cancel: str
    approvals: str
    on_rejection: str
    logs: str
    push: str
    is_interactive: bool = False
    follow_up: bool = False
    resume: bool = False
    fork: bool = False
    load_history: bool = False
    usage: bool = False
    cost: bool = False
    list_runs: bool = False
    idempotent_create: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that keeps a connector from working, and the exact remedy."""

    code: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DispatchRequest:
    """All that a connector needs to start one step. `environment` is the complete environment of the step;
    `masks` are byte strings that must reach neither disk nor wire. Sizes in cells, times in seconds."""

    admission: Admission
    project: Project
    run_id: str
    step_id: str
    attempt: int
    environment: Mapping[str, str]
    masks: tuple[bytes, ...] = ()
    mode: TerminalMode = TerminalMode.PTY
    rows: int = 24
    columns: int = 80
    timeout_seconds: int | None = None
    idle_timeout_seconds: int | None = None

    @property
    def idempotency_key(self) -> str:
        return f"{self.step_id}.{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalRef:
    """Names one external run for ever: `external_run_id` is stored before anything is awaited."""

    connector_id: str
    external_run_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """What became of one connection that a step asked for. `decision`: allowed (it is open), ended (so is no
    more), refused or failed; `protocol`: connect, http, socks5 or forward; `at` is RFC 3339.

    `connection` counts within one attempt of the step; an allowed one and its end have the same. 0 is one of
    an older proxy, which told of an allowed one when it ended.
    """

    connection: int
    host: str
    port: int
    address: str
    protocol: str
    decision: str
    why: str
    sent_bytes: int
    received_bytes: int
    duration_ms: int
    at: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The proven end of an external run.

    `end_reason`: exited, signaled, timed_out, idle_timed_out, canceled, lost, failed_to_start, or
    never_started, which is the proof that the same command may be dispatched anew.
    `processes_left` is the count of processes of the step still alive after the end: 0 is the proof.
    `detail` says how it ended; `notes` are what whoever asked for it must know besides, such as why its
    output was cut, or what it left that other programs obey: a sentence each, also part of `detail`.
    `output_bytes` were kept, with `output_digest`, and `dropped_bytes` were not; `end_offset` is the place
    behind the last kept byte in all of the output. `index_digest` is that of the files with the output's
    times and streams, of a connector that keeps such files.
    `connections` are the first ones it asked for; `more_connections` counts the rest by decision.
    """

    exit_code: int | None
    signal: int | None
    end_reason: str
    processes_left: int
    output_bytes: int
    dropped_bytes: int
    output_digest: str
    end_offset: int = 0
    index_digest: str = ""
    detail: str = ""
    notes: tuple[str, ...] = ()
    connections: tuple[Connection, ...] = ()
    more_connections: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The only truth about an external run: its native words and the shared state."""

    native: str
    state: NativeState
    reason: str
    observed_at: str
    sync_status: SyncStatus = SyncStatus.IN_SYNC
    ended: Ended | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogChunk:
    """Output bytes at an offset of the whole output. `stream`: "terminal", "stdout" or "stderr";
    `at_ms`: milliseconds since the step started. Without data it says how many bytes from its offset on were
    not kept."""

    offset: int
    stream: str
    at_ms: int
    data: bytes
    lost_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of the output: offsets in all of it, `until` exclusive; milliseconds since the step's start,
    `until_ms` inclusive. None means to the end, or from the start. `lead_bytes` are given out before the
    place of `from_ms` too, for whoever must draw what is on the screen then."""

    offset: int = 0
    until: int | None = None
    from_ms: int | None = None
    until_ms: int | None = None
    lead_bytes: int = 0


WHOLE = Span()


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far an output goes: the place behind its last byte, and when that came, in milliseconds."""

    end_offset: int
    duration_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLog:
    """A log in the archive: the address of its folder, how many bytes of output it is, and their digest."""

    url: str
    size_bytes: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconciliation:
    found: tuple[ExternalRef, ...] = ()
    missing: tuple[ExternalRef, ...] = ()
    orphans: tuple[ExternalRef, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactFound:
    name: str
    media_type: str
    path: str
    size_bytes: int
    digest: str
    truncated: bool = False
    links: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewTerms:
    """What a preview keeps to. `hides` says of the absolute path of a file whether the copy must hold it
    empty, `omits_history` whether what version control keeps of earlier versions is left out. `check` is
    handed what policy may ask about the copy, before anything runs there, and raises when that is not what
    was admitted. `stop` is asked while it runs and says why it must end now, or None."""

    hides: Callable[[str], bool]
    omits_history: bool
    check: Callable[[Surroundings], Awaitable[None]]
    stop: Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewFound:
    """What a command did to a copy of its workspace; `digest` is the report's own, as it is stored."""

    name: str
    report: Mapping[str, Any]
    digest: str
    size_bytes: int


@runtime_checkable
class Networked(Protocol):
    """A connector that tells of a step's connections while the step runs."""

    def connections(self, ref: ExternalRef, *, after: int) -> AsyncIterator[tuple[Connection, ...]]:
        """Yields the connections after the first `after`, in batches, until the step has ended.

        They are those of `Ended.connections`, in the same order; some may be left for that.
        """


@runtime_checkable
class Quiet(Protocol):
    """A connector that knows how long a step has put nothing out."""

    def quiet_seconds(self, ref: ExternalRef) -> float:
        """Returns for how long this process has seen no output of a running step; 0.0 when it cannot tell."""


@runtime_checkable
class Previewer(Protocol):
    """A connector that can try a command on a throw-away copy, without network and secrets."""

    async def preview(self, request: DispatchRequest, *, name: str, terms: PreviewTerms) -> PreviewFound:
        """Tries what a preview's Admission admits; raises what `terms.check` does. `request.environment`
        holds no secret, `request.masks` are covered in all of the report."""

    def preview_report(self, name: str) -> bytes:
        """Returns the stored report; raises NotFound."""


@runtime_checkable
class Interactive(Protocol):
    """A connector that can tell that a run waits for somebody to type."""

    def input_wanted(self, ref: ExternalRef) -> str | None:
        """Returns since when it does, RFC 3339, or None; never for what is busy, sleeps or has ended."""


@runtime_checkable
class Keeper(Protocol):
    """A connector whose logs lie here, and can be moved to an object store and removed."""

    @property
    def archive_url(self) -> str:
        """Where ended steps' logs are moved to; "" means that they stay where they are."""

    async def unstored(self) -> Sequence[ExternalRef]:
        """Lists the ended steps whose log is still to be moved."""

    async def store(self, ref: ExternalRef) -> StoredLog | None:
        """Puts one into the archive, verified, and leaves it here; None while its step goes on. May be
        repeated. Raises ArchiveUnavailable."""

    async def release_output(self, ref: ExternalRef) -> None:
        """Removes from here what is stored there."""

    async def remove_output(self, ref: ExternalRef) -> None:
        """Removes the log of an ended step for good, wherever it lies. Raises ArchiveUnavailable."""


class Connector(Protocol):
    """A place where steps run. Every method may raise WorkbenchError; none blocks the event loop."""

    connector_id: str
    capabilities: Capabilities

    async def validate_config(self) -> Sequence[Problem]:
        """Checks versions, reach and permission, dry; an empty answer means ready."""

    def ref_for(self, run_id: str, step_id: str, attempt: int) -> ExternalRef | None:
        """Names the external run before it is dispatched, where we choose the name; else None."""

    async def prepare(self, request: DispatchRequest) -> None:
        """Readies what the same dispatch will need, while its start is still being recorded.

        Nothing of the command runs, nothing is left when no dispatch follows, and it may do nothing at all.
        """

    async def dispatch(self, request: DispatchRequest) -> ExternalRef:
        """Starts the step, at most once for an idempotency key; refuses what was not admitted."""

    def observe(self, ref: ExternalRef) -> AsyncIterator[Snapshot]:
        """Yields snapshots as the external run changes; the last one has state ended or lost."""

    async def snapshot(self, ref: ExternalRef) -> Snapshot:
        """Reads where the external run stands now."""

    async def answer(self, ref: ExternalRef, request_id: str, decision: str) -> None:
        """Answers a question the external run asked."""

    async def cancel(self, ref: ExternalRef, *, reason: str, deadline_seconds: float) -> CancelOutcome:
        """Asks for the end; CONFIRMED only when no process of it is left."""

    def logs(self, ref: ExternalRef, *, offset: int, follow: bool) -> AsyncIterator[LogChunk]:
        """Yields output from `offset`; with `follow`, goes on until the run has ended."""

    def transcript(self, ref: ExternalRef, form: str, span: Span = WHOLE) -> Iterator[bytes]:
        """Yields the output so far as "raw" bytes, as "text" without escapes, or as a recording: "asciicast"
        (v2) or "asciicast-v3". What lies before the span is not read.

        It reads files and may block: iterate it in a thread.
        """

    def extent(self, ref: ExternalRef) -> Extent:
        """Returns how far the output goes so far, without reading it. It may block."""

    async def write_input(self, ref: ExternalRef, data: bytes) -> None:
        """Types `data` into the run's terminal; refused when the connector is not interactive."""

    async def resize(self, ref: ExternalRef, *, rows: int, columns: int) -> None:
        """Tells the run's terminal its new size in cells."""

    async def artifacts(self, ref: ExternalRef) -> Sequence[ArtifactFound]:
        """Lists what the run left behind, the transcript first."""

    async def reconcile(self, known: Sequence[ExternalRef]) -> Reconciliation:
        """Compares what we know with what is there."""
