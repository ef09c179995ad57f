"""Runs steps on this machine, each in the kernel sandbox under a shim of its own.

Only what an Admission admits is started, at most once for an idempotency key: the step folder is made
exclusively, and whoever cannot prove a start gives the step up for ever (it is then lost, never run twice).
It keeps no state beside the step folders, so a new process adopts what an old one started.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import functools
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workbench.connectors import connections, dispatches, own_place, preview, transcripts
from workbench.connectors.contract import (
    ArtifactFound,
    CancelOutcome,
    Capabilities,
    Connection,
    DispatchRequest,
    Ended,
    ExternalRef,
    LogChunk,
    NativeState,
    PreviewFound,
    PreviewTerms,
    Problem,
    Reconciliation,
    Snapshot,
)
from workbench.connectors.local_logs import LocalLogs
from workbench.connectors.preparations import Preparations
from workbench.model.clock import Clock, render_time
from workbench.model.errors import (
    BoundaryViolation,
    Conflict,
    InvalidInput,
    NotFound,
    SandboxUnavailable,
)
from workbench.model.network import parse_entries
from workbench.model.project import Project
from workbench.model.statuses import TerminalMode
from workbench.sandbox import assignment, probe, seccomp, step_folder, tether
from workbench.sandbox.census import read_boot_id
from workbench.sandbox.host import Host, open_host
from workbench.sandbox.leftover import end_leftovers
from workbench.sandbox.lookup import ProjectSurroundings
from workbench.sandbox.pieces import Piece, read_pieces
from workbench.sandbox.probe import Finding
from workbench.sandbox.profile import PROFILE_NAME, is_within
from workbench.sandbox.traces import find_repositories
from workbench.sandbox.watch import SHIM_PATIENCE_SECONDS, Watch
from workbench.sandbox.workspace import check_toolchain, check_workspace, looking_at, survey_workspace
from workbench.sandbox.zygote import NOT_STARTED, PATIENCE_SECONDS, Zygote

if TYPE_CHECKING:
    from workbench.connectors.archive import Archive

_CHUNK_BYTES = 256 * 1024
_ANSWER_SHARE = 0.6
_SERVER_FILE = "server.json"
"""In which app/serve.py says where the server answers."""

SANDBOX_PROFILE = PROFILE_NAME
"""The word for this sandbox in every subject digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLimits:
    """What one step may take. `max_output_bytes` are kept, half of them from the end, the rest is counted;
    `cancel_grace_seconds` lie between asking a command to end and killing it; after
    `start_patience_seconds` without an answer the process that starts steps is replaced; a supervisor that is
    silent for `shim_patience_seconds` past its step's time limit, and for as long again when asked, is ended
    with the step."""

    max_output_bytes: int = 1024**3
    cancel_grace_seconds: float = 2.0
    start_patience_seconds: float = PATIENCE_SECONDS
    shim_patience_seconds: float = SHIM_PATIENCE_SECONDS


def surroundings_of(workspace_root: str, toolchains: Sequence[str] = ()) -> ProjectSurroundings:
    """Returns what policy may ask about the machine for a folder, project or not."""
    return ProjectSurroundings(workspace_root=workspace_root, toolchains=tuple(toolchains))


class LocalConnector(LocalLogs):
    """The connector of this machine. Use `start` before the first dispatch; `close` leaves runs alive."""

    capabilities = Capabilities(
        cancel="confirmed",
        approvals="none",
        on_rejection="never_started",
        logs="live",
        push="live",
        is_interactive=True,
        list_runs=True,
        idempotent_create=True,
    )

    def __init__(
        self,
        *,
        state_home: Path,
        clock: Clock,
        limits: LocalLimits | None = None,
        archive: Archive | None = None,
    ) -> None:
        self._home = state_home.resolve()
        super().__init__(self._home / "runs", archive)
        self._clock = clock
        self._limits = limits or LocalLimits()
        self._own = self._home / "sandbox"
        self._zygote = Zygote(
            log_path=self._own / "zygote.log",
            scratch=self._own / "rehearsal",
            patience_seconds=self._limits.start_patience_seconds,
            records=self._own,
        )
        self._watches: dict[str, Watch] = {}
        self._prepared = Preparations(self._zygote, self._assign, self._is_current)
        self._trying = asyncio.Lock()
        self._host: Host | None = None
        self._filter = b""
        self._lease: tuple[str, str] | None = None

    # -- the life of the connector -------------------------------------------------------------------

    async def start(self) -> None:
        """Makes the folders, reads the machine and starts the zygote. Raises SandboxUnavailable."""
        for folder in (self._home, self._runs, self._own, self._own / "placeholders"):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (self._own / "empty").touch(mode=0o444)
        machine = seccomp.machine_of_host()
        if machine is None:
            raise SandboxUnavailable(
                "there is no system call filter for this processor", remedy="use an x86-64 or arm64 machine"
            )
        self._filter = seccomp.build_filter(machine)
        await preview.sweep(self._home / "previews")
        self._host = await asyncio.to_thread(open_host)
        self._zygote.nobody = self._host.nobody
        # Where private names must be looked for, the first look takes long.
        await asyncio.gather(
            asyncio.to_thread(self._host.survey),
            asyncio.to_thread(end_leftovers, self._own),
            self._zygote.start(),
        )

    async def close(self) -> None:
        """Stops the zygote and stops following; what runs goes on and can be adopted."""
        self._prepared.close()
        await asyncio.gather(*(watch.close() for watch in self._watches.values()))
        self._watches.clear()
        await self._zygote.close()
        if self._host is not None:
            self._host.close()

    def hold_lease(self, worker_id: str, until: float) -> None:
        """Lets the steps of this worker go on until then, in the boot clock's seconds; for any thread.

        Steps that are started from now on end when it is not renewed.
        """
        path = str(self._home / tether.FILE)
        tether.write_lease(path, worker_id, until)
        self._lease = (path, worker_id)

    async def end_untied(self) -> int:
        """Ends every step here whose lease is over and returns how many live nevertheless.

        Each is told to look; a shim that does not answer is killed, and its step with it.
        """
        there = await asyncio.to_thread(self._list_folders)
        refs = [
            ExternalRef(connector_id=self.connector_id, external_run_id=name)
            for name, is_live in there.items()
            if is_live
        ]
        return sum(await asyncio.gather(*(self._end_untied(ref) for ref in refs)))

    async def _end_untied(self, ref: ExternalRef) -> bool:
        watch = await self._known(ref)
        if watch.ended is None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._limits.cancel_grace_seconds):
                    await watch.send({"op": "lease"})
            if not await watch.wait_end(self._limits.cancel_grace_seconds + 1.0):
                watch.kill_shim()
                await watch.wait_end(self._limits.cancel_grace_seconds)
        return watch.ended is None

    def has_rebooted(self) -> bool:
        """Says whether the machine went down since `note_boot`: some of its disk may have gone with it."""
        try:
            return (self._own / "boot").read_text() != read_boot_id()
        except OSError:
            return False

    def note_boot(self) -> None:
        """Writes down which boot of the machine this is, durably; raises OSError."""
        with contextlib.suppress(OSError):
            if (self._own / "boot").read_text() == read_boot_id():
                return
        part = self._own / "boot.part"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(read_boot_id())
            file.flush()
            os.fsync(file.fileno())
        part.rename(self._own / "boot")

    @property
    def zygote_pid(self) -> int | None:
        """The process id of the zygote, for status displays."""
        return self._zygote.pid

    async def run_probe(self) -> tuple[Finding, ...]:
        """Tests the sandbox by effect, in about 0.1 s. Raises SandboxUnavailable if none can be built."""
        return await asyncio.to_thread(
            probe.run_probe, self._known_host(), self._filter, str(self._own / "empty")
        )

    async def doctor(self) -> Sequence[Problem]:
        """Returns what is wrong with the sandbox on this machine, each with its remedy."""
        return await self.validate_config()

    async def validate_config(self) -> Sequence[Problem]:
        """Returns what keeps steps from running here; empty means ready."""
        try:
            findings = await self.run_probe()
        except SandboxUnavailable as error:
            return (Problem(code=error.code, message=error.message, remedy=error.remedy),)
        return tuple(
            Problem(code=f"sandbox_{finding.name}", message=finding.detail, remedy=finding.remedy)
            for finding in findings
            if not finding.is_ok
        )

    def check_workspace(self, path: str) -> str:
        """Returns the resolved path of a folder that may be a workspace; else raises BoundaryViolation."""
        return check_workspace(path, state_home=str(self._home))

    def check_names(self, texts: Sequence[str]) -> None:
        """Raises InvalidInput for a network name or address that is the workbench's or this machine's own."""
        own_place.check_names(texts, server_file=str(self._home / _SERVER_FILE))

    def surroundings(self, project: Project) -> ProjectSurroundings:
        """Returns what policy may ask about the machine for this project."""
        return ProjectSurroundings(
            workspace_root=project.workspace_root, toolchains=self._toolchains(project)
        )

    # -- start ---------------------------------------------------------------------------------------

    async def dispatch(self, request: DispatchRequest) -> ExternalRef:
        """Starts exactly `admission.argv`; returns once a shim has taken the step on.

        A second dispatch of the same key and subject returns the same reference and starts nothing, even
        when the first one never came to start. Raises NotAllowed for what was not admitted, Conflict for
        another subject under the same key, BoundaryViolation, and SandboxUnavailable.
        """
        dispatches.refuse_unadmitted(request)
        ref = self.ref_for(request.run_id, request.step_id, request.attempt)
        folder = self._folder(ref)
        name = ref.external_run_id
        # Said before the folder exists: whoever looks meanwhile must not take it for one given up.
        self._starting.add(name)
        try:
            if folder.exists():
                dispatches.refuse_other_subject(folder, request)
                return ref
            ready = await self._prepared.take(name, request, folder)
            with contextlib.closing(ready):
                if not await asyncio.to_thread(dispatches.make_folder, folder, request, self._clock):
                    return ref
                await self._zygote.spawn(ready.facts, held=ready.held)
        except SandboxUnavailable as error:
            if error.code == NOT_STARTED or dispatches.give_up(folder):
                raise
            # The answer got lost, but a shim has the step: it is started.
        finally:
            self._starting.discard(name)
        self._watch(ref).start()
        return ref

    async def prepare(self, request: DispatchRequest) -> None:
        """Has the step's sandbox built beforehand, with the command held in it; returns once it is asked for.

        A dispatch of the same request soon after lets it go; otherwise it is taken down again and leaves
        nothing. Raises NotAllowed for what was not admitted.
        """
        dispatches.refuse_unadmitted(request)
        ref = self.ref_for(request.run_id, request.step_id, request.attempt)
        await self._prepared.prepare(ref.external_run_id, request, self._folder(ref))

    def ref_for(self, run_id: str, step_id: str, attempt: int) -> ExternalRef:
        """Returns the reference a dispatch will have, so that it can be stored before it."""
        return ExternalRef(connector_id=self.connector_id, external_run_id=f"{run_id}/{step_id}.{attempt}")

    def _assign(self, request: DispatchRequest, folder: Path) -> dict[str, Any]:
        """Looks at the workspace and returns the shim's assignment."""
        root, cwd = self._check_place(request)
        placeholders = str(self._own / "placeholders")
        with looking_at(root):
            repositories = find_repositories(root, state_folder=placeholders)
        workspace = survey_workspace(root, repositories)
        network = self._network_of(request)
        toolchains = self._toolchains(request.project)
        profile = assignment.build_profile(
            host=self._known_host().survey(toolchains=toolchains, workspace_root=root),
            workspace=workspace,
            cwd=cwd,
            environment=request.environment,
            mode=request.mode,
            toolchains=toolchains,
            empty_file=str(self._own / "empty"),
            has_network=network is not None,
        )
        supervision = assignment.Supervision(
            folder=str(folder),
            placeholder_folder=placeholders,
            masks=request.masks,
            max_output_bytes=self._limits.max_output_bytes,
            rows=request.rows,
            columns=request.columns,
            timeout_seconds=request.timeout_seconds,
            idle_timeout_seconds=request.idle_timeout_seconds,
            lease=self._lease,
        )
        return assignment.build_assignment(
            profile,
            request.admission.argv,
            seccomp=self._filter,
            workspace=workspace,
            supervision=supervision,
            network=network,
        )

    def _is_current(self, request: DispatchRequest, facts: Mapping[str, Any]) -> bool:
        """Says whether what a sandbox hides by name is still what there is to hide."""
        found = self._known_host().survey(
            toolchains=self._toolchains(request.project), workspace_root=facts["workspace_root"]
        )
        return bool(assignment.render_by_name(found) == facts["by_name"])

    async def preview(self, request: DispatchRequest, *, name: str, terms: PreviewTerms) -> PreviewFound:
        """Tries the command on a copy of its workspace, one preview at a time; raises as dispatch does."""
        dispatches.refuse_unadmitted(request, is_preview=True)
        means = preview.Means(
            folder=self._home / "previews",
            empty_file=str(self._own / "empty"),
            zygote=self._zygote,
            host=self._known_host(),
            seccomp=self._filter,
            toolchains=self._toolchains(request.project),
        )
        _, cwd = self._check_place(request)
        async with self._trying:
            return await preview.try_command(means, request, name=name, cwd=cwd, terms=terms)

    def preview_report(self, name: str) -> bytes:
        """Returns the report that a preview left."""
        return preview.read_report(self._home / "previews", name)

    def _check_place(self, request: DispatchRequest) -> tuple[str, str]:
        """Returns the resolved workspace and working directory; raises BoundaryViolation for what is none."""
        root = self.check_workspace(request.project.workspace_root)
        if root != request.project.workspace_root:
            raise BoundaryViolation(
                f"the workspace {request.project.workspace_root} now leads to {root}",
                remedy="add the project again under its real path",
            )
        with looking_at(root):
            cwd = os.path.realpath(request.admission.request.command.cwd)
        if not is_within(cwd, root) or not os.path.isdir(cwd):
            raise BoundaryViolation(
                f"the working directory {request.admission.request.command.cwd} is not a folder inside the "
                f"workspace {root}",
                remedy="choose a folder inside the workspace",
            )
        return root, cwd

    def _network_of(self, request: DispatchRequest) -> assignment.Network | None:
        """Returns what the step may reach: the project's list and what was approved for this run."""
        listed = (*request.project.network_allowlist, *request.admission.request.command.allow_hosts)
        places = {(entry.host, port) for entry in parse_entries(listed) for port in entry.ports}
        if not places:
            return None
        return assignment.Network(
            places=tuple(sorted(places)),
            hint=f"workbench retry {request.run_id} --acknowledge --allow-host",
            server_file=str(self._home / _SERVER_FILE),
        )

    # -- look ----------------------------------------------------------------------------------------

    async def observe(self, ref: ExternalRef) -> AsyncIterator[Snapshot]:
        """Yields a snapshot now and at each change of state; the last one is ended or lost."""
        watch = await self._known(ref)
        while True:
            phase = watch.phase
            if watch.is_lost:
                await connections.wait_written(watch.folder / step_folder.NETWORK)
            snapshot = self._describe(watch)
            yield snapshot
            if snapshot.state in (NativeState.ENDED, NativeState.LOST):
                return
            while watch.phase == phase and watch.ended is None:
                await watch.wait_change(size=watch.size, phase=phase)

    async def snapshot(self, ref: ExternalRef) -> Snapshot:
        """Returns where the step stands. What has no folder was never started, and is lost."""
        if ref.external_run_id in self._starting:
            return self._describe(self._watch(ref))
        return self._describe(await self._known(ref))

    def quiet_seconds(self, ref: ExternalRef) -> float:
        """Returns for how long the step has put nothing out, as far as it was followed from here."""
        watch = self._watches.get(ref.external_run_id)
        return 0.0 if watch is None or watch.ended is not None else watch.quiet_seconds()

    async def connections(self, ref: ExternalRef, *, after: int) -> AsyncIterator[tuple[Connection, ...]]:
        """Yields what the step's proxy writes down, in batches, until the step has ended."""
        watch = await self._known(ref)
        path = self._folder(ref) / step_folder.NETWORK
        async for batch in connections.follow_connections(watch, path, after=after):
            yield batch

    async def logs(self, ref: ExternalRef, *, offset: int, follow: bool) -> AsyncIterator[LogChunk]:
        """Yields output from `offset`, at most 256 KiB a piece; with `follow` until the step has ended.

        Whoever is so slow that what he had not read yet was dropped gets a piece that says so.
        """
        await self._bring_back(ref)
        watch = await self._known(ref)
        log = self._log(ref)
        last: Piece | None = None
        while True:
            ended, size = watch.ended, watch.size
            until = None if ended is None else step_folder.end_of(ended)
            read = functools.partial(
                read_pieces, log, offset=offset, limit_bytes=_CHUNK_BYTES, until=until, after=last
            )
            # This disk answers at once.
            found = await asyncio.to_thread(read) if log.is_far else read()
            for piece in found:
                last = piece
                yield LogChunk(
                    offset=piece.offset,
                    stream=piece.stream,
                    at_ms=piece.at_ms,
                    data=piece.data,
                    lost_bytes=piece.lost_bytes,
                )
                offset = piece.end
            if found:
                continue
            if ended is not None or not follow:
                return
            await watch.wait_change(size=max(offset, size), phase=watch.phase)

    async def artifacts(self, ref: ExternalRef) -> Sequence[ArtifactFound]:
        """Returns the transcript with its digest, once the step has ended."""
        watch = await self._known(ref)
        ended = watch.ended
        if ended is None:
            return ()
        self.expect_stored(ref)
        return (
            ArtifactFound(
                name="transcript",
                media_type="application/octet-stream",
                path=str(self._folder(ref) / step_folder.OUTPUT),
                size_bytes=int(ended["output_bytes"]),
                digest=str(ended["output_digest"]),
                truncated=int(ended["dropped_bytes"]) > 0,
            ),
        )

    async def reconcile(self, known: Sequence[ExternalRef]) -> Reconciliation:
        """Compares with the step folders; orphans are steps that live here and nobody asked about."""
        there = await asyncio.to_thread(self._list_folders)
        names = {ref.external_run_id for ref in known}
        live = [name for name, is_live in there.items() if is_live and name not in names]
        return Reconciliation(
            found=tuple(ref for ref in known if ref.external_run_id in there),
            missing=tuple(ref for ref in known if ref.external_run_id not in there),
            orphans=tuple(
                ExternalRef(connector_id=self.connector_id, external_run_id=name) for name in sorted(live)
            ),
        )

    # -- act -----------------------------------------------------------------------------------------

    async def answer(self, ref: ExternalRef, request_id: str, decision: str) -> None:
        """Always refuses: a local command asks nothing."""
        raise NotFound(
            f"{ref.external_run_id} asked no question {request_id}", remedy="there is nothing to do"
        )

    async def cancel(self, ref: ExternalRef, *, reason: str, deadline_seconds: float) -> CancelOutcome:
        """Ends the step: asked to, then killed, and a shim that does not answer with it.

        CONFIRMED means that /proc shows no process of the step any more.
        """
        watch = await self._known(ref)
        grace = min(self._limits.cancel_grace_seconds, deadline_seconds / 3)
        if watch.ended is None:
            # One that is stopped takes nothing any more once its socket is full of what was typed.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(grace + 0.5):
                    await watch.send({"op": "cancel", "reason": reason, "grace_seconds": grace})
            if not await watch.wait_end(max(deadline_seconds * _ANSWER_SHARE, grace + 0.5)):
                watch.kill_shim(canceled=reason)
                await watch.wait_end(max(0.5, deadline_seconds * (1 - _ANSWER_SHARE)))
        if watch.ended is not None and watch.ended["processes_left"] == 0:
            return CancelOutcome.CONFIRMED
        return CancelOutcome.REQUESTED

    async def write_input(self, ref: ExternalRef, data: bytes) -> None:
        """Types `data` into the terminal. Raises InvalidInput in pipe mode, Conflict after the end."""
        self._refuse_pipes(ref)
        await self._tell(ref, {"op": "input", "data": base64.b64encode(data).decode()})

    async def resize(self, ref: ExternalRef, *, rows: int, columns: int) -> None:
        """Sets the terminal's size. Raises InvalidInput (pipe mode, out of range) or Conflict (ended)."""
        self._refuse_pipes(ref)
        if not (0 < rows <= 1000 and 0 < columns <= 1000):
            raise InvalidInput(
                f"{rows} x {columns} is no terminal size", remedy="use 1 to 1000 rows and columns"
            )
        await self._tell(ref, {"op": "resize", "rows": rows, "columns": columns})

    # -- inside --------------------------------------------------------------------------------------

    def _known_host(self) -> Host:
        if self._host is None:
            raise SandboxUnavailable("the local connector was not started", remedy="start the server again")
        return self._host

    def _toolchains(self, project: Project) -> tuple[str, ...]:
        return tuple(check_toolchain(path, state_home=str(self._home)) for path in project.toolchains)

    def _watch(self, ref: ExternalRef) -> Watch:
        watch = self._watches.get(ref.external_run_id)
        if watch is None:
            watch = Watch(
                self._folder(ref),
                placeholder_folder=self._own / "placeholders",
                patience_seconds=self._limits.shim_patience_seconds,
            )
            self._watches[ref.external_run_id] = watch
        return watch

    async def _known(self, ref: ExternalRef) -> Watch:
        """Returns the step's watch once it knows how the step stands; ended ones are not kept."""
        watch = self._watch(ref)
        if ref.external_run_id not in self._starting:
            await watch.wait_known()
        if watch.ended is not None and self._watches.get(ref.external_run_id) is watch:
            del self._watches[ref.external_run_id]
        return watch

    def _describe(self, watch: Watch) -> Snapshot:
        now = render_time(self._clock.now())
        if watch.ended is None:
            state = NativeState.STARTING if watch.phase == "starting" else NativeState.RUNNING
            return Snapshot(native=watch.phase, state=state, reason="", observed_at=now)
        ended = _read_ended(watch.ended, watch.folder)
        state = NativeState.LOST if watch.is_lost else NativeState.ENDED
        return Snapshot(
            native=ended.end_reason, state=state, reason=ended.detail, observed_at=now, ended=ended
        )

    async def _tell(self, ref: ExternalRef, message: Mapping[str, Any]) -> None:
        watch = await self._known(ref)
        if watch.ended is not None or not await watch.send(message):
            raise Conflict(f"{ref.external_run_id} has ended", remedy="start a new run")

    def _refuse_pipes(self, ref: ExternalRef) -> None:
        request = transcripts.read_request(self._folder(ref), ref.external_run_id)
        if request["mode"] == TerminalMode.PIPE:
            raise InvalidInput(
                f"{ref.external_run_id} runs in pipe mode and has no terminal", remedy="run it in pty mode"
            )


def _read_ended(document: Mapping[str, Any], folder: Path) -> Ended:
    asked_for, more = connections.read_connections(folder / step_folder.NETWORK)
    return Ended(
        connections=asked_for,
        more_connections=more,
        exit_code=document["exit_code"],
        signal=document["signal"],
        end_reason=document["end_reason"],
        processes_left=document["processes_left"],
        output_bytes=document["output_bytes"],
        dropped_bytes=document["dropped_bytes"],
        end_offset=step_folder.end_of(document),
        output_digest=document["output_digest"],
        # A supervisor of an earlier version wrote none.
        index_digest=document.get("index_digest", ""),
        detail=document["detail"],
        notes=tuple(document.get("notes", ())),
    )
