"""The engine in this process, over a real ledger and the real gate, with a connector that runs nothing.

For tests of order and chance: the clock is told, the driver goes when it is called, and every dispatch is
kept, so that what would have run can be counted.
"""

from __future__ import annotations

import functools
import itertools
import posixpath
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from support.clock import ToldClock
from workbench.connectors.contract import (
    WHOLE,
    ArtifactFound,
    CancelOutcome,
    Capabilities,
    DispatchRequest,
    Ended,
    Extent,
    ExternalRef,
    LogChunk,
    NativeState,
    Problem,
    Reconciliation,
    Snapshot,
    Span,
)
from workbench.engine.context import ENGINE, Context, Limits
from workbench.engine.drive import drive
from workbench.engine.switch import set_switch
from workbench.gate import admit, load_policy
from workbench.gate.switches import LOCAL
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import PutProject, PutToken, RevokeToken
from workbench.model.actor import Role
from workbench.model.admission import SwitchState
from workbench.model.clock import render_time
from workbench.model.command import Surroundings
from workbench.model.errors import StartRefused
from workbench.model.place import USUAL, Place
from workbench.model.project import Project
from workbench.program.gates import compute_gates
from workbench.secrets.vault import Vault

_ENDED = Ended(
    exit_code=0,
    signal=None,
    end_reason="exited",
    processes_left=0,
    output_bytes=0,
    dropped_bytes=0,
    output_digest="sha256:0",
)


class PlainMachine:
    """A machine on which every program is in /usr/bin, and no symlink and no file is anywhere."""

    def program_path(self, name: str) -> str | None:
        return f"/usr/bin/{name}"

    def real_path(self, path: str) -> str:
        return posixpath.normpath(path)

    def read_text(self, path: str) -> str | None:
        return None

    def list_folder(self, path: str) -> tuple[str, ...] | None:
        return ()

    def scan_folder(self, path: str) -> tuple[tuple[str, str], ...] | None:
        return ()

    def tracked_files(self, top: str) -> tuple[str, ...] | None:
        return ()

    def committed_files(self, top: str, revision: str) -> tuple[str, ...] | None:
        return ()


class Notebook:
    """A connector that notes what it is told to start, and says that it ended well."""

    connector_id = "local"
    capabilities = Capabilities(cancel="proof", approvals="none", on_rejection="", logs="none", push="none")

    def __init__(self) -> None:
        self.dispatched: list[DispatchRequest] = []

    async def validate_config(self) -> Sequence[Problem]:
        return ()

    def ref_for(self, run_id: str, step_id: str, attempt: int) -> ExternalRef | None:
        return ExternalRef(connector_id="local", external_run_id=f"{step_id}.{attempt}")

    async def prepare(self, request: DispatchRequest) -> None:
        return None

    async def dispatch(self, request: DispatchRequest) -> ExternalRef:
        self.dispatched.append(request)
        return ExternalRef(connector_id="local", external_run_id=request.idempotency_key)

    async def observe(self, ref: ExternalRef) -> AsyncIterator[Snapshot]:
        yield await self.snapshot(ref)

    async def snapshot(self, ref: ExternalRef) -> Snapshot:
        return Snapshot(
            native="exited", state=NativeState.ENDED, reason="exited", observed_at="", ended=_ENDED
        )

    async def answer(self, ref: ExternalRef, request_id: str, decision: str) -> None:
        raise NotImplementedError

    async def cancel(self, ref: ExternalRef, *, reason: str, deadline_seconds: float) -> CancelOutcome:
        return CancelOutcome.CONFIRMED

    async def logs(self, ref: ExternalRef, *, offset: int, follow: bool) -> AsyncIterator[LogChunk]:
        nothing: tuple[LogChunk, ...] = ()
        for chunk in nothing:
            yield chunk

    def transcript(self, ref: ExternalRef, form: str, span: Span = WHOLE) -> Iterator[bytes]:
        return iter(())

    def extent(self, ref: ExternalRef) -> Extent:
        return Extent(end_offset=0, duration_ms=0)

    async def write_input(self, ref: ExternalRef, data: bytes) -> None:
        raise NotImplementedError

    async def resize(self, ref: ExternalRef, *, rows: int, columns: int) -> None:
        raise NotImplementedError

    async def artifacts(self, ref: ExternalRef) -> Sequence[ArtifactFound]:
        return ()

    async def reconcile(self, known: Sequence[ExternalRef]) -> Reconciliation:
        return Reconciliation()


class Waiting:
    """A starter that only notes what is to be driven; `House.drive` does it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.places: list[Place] = []

    async def start(
        self, project_id: str, run_id: str, *, place: Place = USUAL, is_running: bool = False
    ) -> None:
        self.asked.append((project_id, run_id))
        self.places.append(place)

    async def driven_runs(self) -> set[str]:
        return set()


class House:
    """One project in a ledger of its own, and the engine's context around it."""

    def __init__(self, context: Context, project: Project, clock: ToldClock) -> None:
        self.context, self.project, self.clock = context, project, clock
        connector, starter = context.connectors["local"], context.starter
        assert isinstance(connector, Notebook)
        assert isinstance(starter, Waiting)
        self.connector, self.starter = connector, starter

    @property
    def now(self) -> str:
        return render_time(self.clock.now())

    async def drive(self) -> None:
        """Drives everything that was asked to be driven, as often as it was asked."""
        while self.starter.asked:
            project_id, run_id = self.starter.asked.pop(0)
            try:
                await drive(self.context, project_id, run_id)
            except StartRefused as error:
                raise AssertionError(f"gate and ledger disagree: {error.message}") from error

    async def give_token(self, name: str, role: Role, *, person: str | None = None) -> str:
        """Gives an actor a token, without which their votes count for nothing; returns its id."""
        token_id = self.context.new_id("tok_")
        move = PutToken(
            token_id=token_id,
            token_sha256=token_id,
            kind="token",
            token_actor=name,
            role=role.value,
            person=person,
        )
        await self.context.ledger.append(HOUSE, [move], actor="user:ann", via="cli")
        return token_id

    async def revoke(self, token_id: str) -> None:
        """Ends a token."""
        await self.context.ledger.append(HOUSE, [RevokeToken(token_id=token_id)], actor="user:ann", via="cli")

    async def put(self, project: Project) -> None:
        """Gives the project these settings."""
        await self.context.ledger.append(HOUSE, [PutProject(project=project)], actor="user:ann", via="cli")
        self.project = await self.context.ledger.project(project.project_id)


@asynccontextmanager
async def open_engine_house(
    url: str,
    folder: Path,
    *,
    limits: Limits | None = None,
    connector: Notebook | None = None,
    clock: ToldClock | None = None,
) -> AsyncIterator[House]:
    """A fresh house on this database, with local execution switched on."""
    clock = clock or ToldClock()
    folder = folder.resolve()
    (folder / "ws").mkdir(parents=True, exist_ok=True)
    counter = itertools.count(1)
    ledger = Ledger(url, clock)
    await ledger.open()

    def surroundings(_project: Project) -> Surroundings:
        return PlainMachine()

    context = Context(
        ledger=ledger,
        connectors={"local": connector or Notebook()},
        admit=functools.partial(admit, policy=_policy()),
        policy=_policy(),
        surroundings=surroundings,
        check_workspace=str,
        check_names=lambda _: None,
        sandbox_profile="hardened",
        vault=Vault(folder / "vault", clock),
        clock=clock,
        new_id=lambda prefix: f"{prefix}{next(counter):08d}",
        home=folder,
        kill_file=folder / "KILL",
        feature_cache=folder / "cache",
        limits=limits or Limits(),
        search=ledger.transcript_search(folder / "search"),
        starter=Waiting(),
        entry_gates=lambda project_id: compute_gates(context, project_id),
    )
    project = Project(project_id="prj_1", name="one", workspace_root=str(folder / "ws"))
    try:
        house = House(context, project, clock)
        await house.put(project)
        for name, role in (("user:ann", Role.ADMIN), ("user:bob", Role.APPROVER), ("user:cy", Role.ADMIN)):
            await house.give_token(name, role)
        await set_switch(
            context, name=LOCAL, state=SwitchState.ON, actor=ENGINE, reason="a test", is_override=True
        )
        yield house
    finally:
        await ledger.close()


_policy = functools.cache(load_policy)
