"""Runs commands through the real local connector, for every test that judges by what really happened."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from workbench.connectors.contract import DispatchRequest, Ended, ExternalRef, PreviewTerms, Snapshot
from workbench.connectors.local import SANDBOX_PROFILE, LocalConnector, LocalLimits
from workbench.connectors.registry import Surrounds
from workbench.model.admission import Admission, AdmissionRequest
from workbench.model.command import Command, Surroundings
from workbench.model.project import Project
from workbench.model.statuses import BlockedBy, TerminalMode
from workbench.model.verdict import Decision, Judgement, RiskLevel, Verdict
from workbench.sandbox.replica import hide_nothing

BARE_BASH = ("/bin/bash", "--norc", "--noprofile", "-p", "-c")
_COUNTER = itertools.count(1)


class StillClock:
    """A Clock that does not move."""

    def now(self) -> datetime:
        return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a step left: its end, its bytes as one log, and by stream."""

    ref: ExternalRef
    last: Snapshot
    ended: Ended
    data: bytes
    streams: Mapping[str, bytes]

    @property
    def text(self) -> str:
        return self.data.decode("utf-8", "replace").replace("\r\n", "\n")


def make_request(
    workspace: Path,
    script: str,
    *,
    argv: tuple[str, ...] | None = None,
    run_id: str = "run_1",
    step_id: str | None = None,
    mode: TerminalMode = TerminalMode.PIPE,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    masks: tuple[bytes, ...] = (),
    timeout_seconds: int | None = None,
    idle_timeout_seconds: int | None = None,
    toolchains: tuple[str, ...] = (),
    blocked_by: BlockedBy | None = None,
    network: tuple[str, ...] = (),
    is_preview: bool = False,
) -> DispatchRequest:
    """A request whose admission is made here: what policy would say is no part of these tests."""
    step = step_id or f"step_{next(_COUNTER)}"
    words = argv or (*BARE_BASH, script)
    verdict = Verdict(
        verdict=Decision.ALLOW,
        risk_level=RiskLevel.LOW,
        reason_codes=(),
        matched_rules=(),
        policy_digest="sha256:0",
    )
    command = Command(source_text=script, cwd=str(cwd or workspace), mode=mode)
    asked = AdmissionRequest(
        run_id=run_id,
        step_id=step,
        command=command,
        sandbox_profile=SANDBOX_PROFILE,
        is_preview=is_preview,
    )
    admission = Admission(
        request=asked,
        is_admitted=blocked_by is None,
        blocked_by=blocked_by,
        reason="" if blocked_by is None else "it is blocked",
        judgement=Judgement(verdict=verdict, argv=words),
        subject_digest=f"sha256:{script}",
        argv=words,
        approval_id=None,
    )
    project = Project(
        project_id="project_1",
        name="one",
        workspace_root=str(workspace),
        toolchains=toolchains,
        network_allowlist=network,
    )
    return DispatchRequest(
        admission=admission,
        project=project,
        run_id=run_id,
        step_id=step,
        attempt=1,
        environment=environment or {},
        masks=masks,
        mode=mode,
        timeout_seconds=timeout_seconds,
        idle_timeout_seconds=idle_timeout_seconds,
    )


async def nobody_stops() -> str | None:
    return None


def terms_of(
    *,
    stop: Callable[[], Awaitable[str | None]] = nobody_stops,
    hides: Callable[[str], bool] = hide_nothing,
    omits_history: bool = False,
    check: Callable[[Surroundings], Awaitable[None]] | None = None,
) -> PreviewTerms:
    """What a preview keeps to in a test that is about something else."""

    async def take(copied: Surroundings) -> None:
        return None

    return PreviewTerms(hides=hides, omits_history=omits_history, check=check or take, stop=stop)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A started connector, its state and one workspace; `network` is the list that its steps have."""

    home: Path
    workspace: Path
    connector: LocalConnector
    network: tuple[str, ...] = ()

    async def run(self, script: str, **options: object) -> Outcome:
        """Runs a script to its end."""
        options.setdefault("network", self.network)
        request = make_request(self.workspace, script, **options)  # type: ignore[arg-type]
        return await self.finish(await self.connector.dispatch(request))

    async def finish(self, ref: ExternalRef) -> Outcome:
        """Follows a step to its end."""
        return await finish(self.connector, ref)


async def finish(connector: LocalConnector, ref: ExternalRef) -> Outcome:
    """Follows a step to its end."""
    data, lost = b"", 0
    streams: dict[str, bytes] = {}
    async for chunk in connector.logs(ref, offset=0, follow=True):
        assert chunk.offset == len(data) + lost
        data += chunk.data
        lost += chunk.lost_bytes
        streams[chunk.stream] = streams.get(chunk.stream, b"") + chunk.data
    *_, last = [snapshot async for snapshot in connector.observe(ref)]
    assert last.ended is not None
    return Outcome(ref=ref, last=last, ended=last.ended, data=data, streams=streams)


@asynccontextmanager
async def open_ground(
    tmp_path: Path, *, limits: LocalLimits | None = None, network: tuple[str, ...] = ()
) -> AsyncIterator[Ground]:
    """A connector on a fresh state home; whatever still runs at the end is canceled."""
    folder = tmp_path.resolve()
    (folder / "workspace").mkdir(exist_ok=True)
    async with open_connector(folder / "home", limits=limits) as connector:
        yield Ground(
            home=folder / "home", workspace=folder / "workspace", connector=connector, network=network
        )


@asynccontextmanager
async def open_connector(home: Path, *, limits: LocalLimits | None = None) -> AsyncIterator[LocalConnector]:
    """A started connector; whatever still runs under its home at the end is canceled."""
    connector = LocalConnector(state_home=home, clock=StillClock(), limits=limits)
    await connector.start()
    try:
        yield connector
    finally:
        left = await connector.reconcile(())
        for ref in left.orphans:
            await connector.cancel(ref, reason="the test is over", deadline_seconds=3)
        await connector.close()


def processes_with(mark: str) -> list[int]:
    """The processes of this machine whose command line holds the mark."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                line = Path(f"/proc/{name}/cmdline").read_bytes()
            except OSError:
                continue
            if mark.encode() in line:
                found.append(int(name))
    return found


def build_local(surrounds: Surrounds) -> LocalConnector:
    """What a package would offer under the entry point group."""
    return LocalConnector(state_home=surrounds.state_home, clock=surrounds.clock)
