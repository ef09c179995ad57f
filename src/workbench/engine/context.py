"""What every engine verb is handed: the rooms it may use, chosen by app and by nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar

from workbench.connectors.contract import Connector, Problem
from workbench.engine.attend import Keyboards
from workbench.engine.flags import Flags
from workbench.engine.held_up import HeldUp
from workbench.engine.turns import Turns
from workbench.engine.viewer import FarTerminals
from workbench.gate import Policy
from workbench.ledger.lease import Lease
from workbench.ledger.ledger import Ledger
from workbench.ledger.search import TranscriptSearch
from workbench.model.actor import Actor, Role
from workbench.model.admission import Admission, AdmissionRequest, GateSnapshot
from workbench.model.clock import Clock, NewId
from workbench.model.command import Surroundings
from workbench.model.entry_gate import EntryGate
from workbench.model.place import USUAL, Place
from workbench.model.project import Project
from workbench.secrets.vault import Vault

Answer = TypeVar("Answer")
ENGINE = Actor(name="engine", role=Role.ADMIN, via="engine")


class Admit(Protocol):
    """gate.admit with the policy in force already bound."""

    def __call__(
        self, request: AdmissionRequest, snapshot: GateSnapshot, *, surroundings: Surroundings
    ) -> Admission: ...


class Starter(Protocol):
    """The durable engine, as far as the verbs know it."""

    async def start(
        self, project_id: str, run_id: str, *, place: Place = USUAL, is_running: bool = False
    ) -> None:
        """Sees to it that the run is driven when it is its turn, and after any restart; at once when a step
        of it runs on this machine already."""

    async def driven_runs(self) -> set[str]:
        """Returns the runs that the durable engine is already driving."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Times in seconds. `quorum` is how many approvals a held step needs where its project does not say.

    An approval that nobody decides expires; one that is given, but whose start does not come, lapses.
    `max_queued` runs may wait for their turn, half of them of one project; more are not taken.
    """

    default_timeout_seconds: int = 3600
    approval_expiry_seconds: int = 24 * 3600
    execution_expiry_seconds: int = 15 * 60
    cancel_deadline_seconds: float = 5.0
    quorum: int = 1
    max_queued: int = 10_000


@dataclass(slots=True, kw_only=True)
class Storing:
    """How the last look at what is to be moved to the object store came out.

    `waiting` are external run ids; `problem` and `remedy` say why they wait, "" while nothing is wrong.
    `has_leftovers` tells that bytes which the ledger calls removed could not be removed yet.
    """

    url: str = ""
    waiting: frozenset[str] = frozenset()
    problem: str = ""
    remedy: str = ""
    has_leftovers: bool = True


def _open_thinking() -> ThreadPoolExecutor:
    # Two, and not the loop's own threads: hard questions keep others waiting for a verdict, and nobody else.
    return ThreadPoolExecutor(max_workers=2, thread_name_prefix="judging")


def _preview_turns() -> Turns:
    # One at a time, each of up to a minute: who comes last of a full queue waits a quarter of an hour.
    return Turns("previews", at_once=1, most=16, most_each=8)


def _review_turns() -> Turns:
    # One of the two threads that judge stays free for what is to start, however many only ask.
    return Turns("questions about a command", at_once=1, most=128, most_each=64)


def _inspection_turns() -> Turns:
    # A trace is up to a second of work, what a change of policy would do up to a minute.
    return Turns("traces and looks at a changed policy", at_once=2, most=16, most_each=8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """`policy` is the shipped one; what lies over it is read afresh for each decision. `try_policy`
    returns once its own examples have come out right, and raises when they did not: no decision before that.

    `check_names` raises InvalidInput for network names that would lead to the workbench itself.

    `lease` is this process's leave to write, where several share the ledger; None for who has it for himself.

    `far` leads to the terminals of steps that others run who share the ledger.

    `traces` tells that steps are told the trace they belong to.

    `flags` are asked afresh at each decision. `entry_gates` computes those of a project, by its id.

    `kill_file` stops everything while it exists, with server and database down too.

    `not_ready` names what keeps a connector from starting anything: found when the server started, and
    looked for again at each start that it stops.
    `thinking` are the threads in which commands are understood, so that the event loop serves meanwhile.
    `held_up` holds, by run id, what a driver waits for that cannot go on just now, such as a full disk.
    `unrecorded_cancels` holds, by run id, who asked for an end, and why, that the ledger could not take: what
    runs was told at once, and the request is recorded before the end is.
    `storing` tells how ended steps' transcripts come into the archive.
    `keyboards` says who may type into which run's terminal.
    `retention_wanted` asks for a look at what is past a project's limits now, because these have changed.
    `previews`, `inspections` and `reviews` bound what people may ask for beside starts, however often.
    `unsound_layers` says what is wrong with an organisation's first policy, so that it is looked for once.
    `dispatching` holds, by external run id, the steps whose start is recorded but not yet handed over:
    whoever looks for one of them waits for it, instead of finding that it is not there.
    """

    ledger: Ledger
    connectors: Mapping[str, Connector]
    admit: Admit
    policy: Policy
    surroundings: Callable[[Project], Surroundings]
    check_workspace: Callable[[str], str]
    check_names: Callable[[Sequence[str]], None]
    sandbox_profile: str
    vault: Vault
    clock: Clock
    new_id: NewId
    home: Path
    kill_file: Path
    feature_cache: Path
    limits: Limits
    search: TranscriptSearch
    starter: Starter
    lease: Lease | None = None
    far: FarTerminals | None = None
    traces: bool = False
    try_policy: Callable[[], Awaitable[None]] | None = None
    flags: Flags = field(default_factory=Flags)
    entry_gates: Callable[[str], Awaitable[Sequence[EntryGate]]] | None = None
    run_locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    not_ready: dict[str, tuple[Problem, ...]] = field(default_factory=dict)
    held_up: dict[str, HeldUp] = field(default_factory=dict)
    unrecorded_cancels: dict[str, tuple[Actor, str]] = field(default_factory=dict)
    dispatching: dict[str, asyncio.Event] = field(default_factory=dict)
    unsound_layers: dict[str, str] = field(default_factory=dict)
    retention_wanted: asyncio.Event = field(default_factory=asyncio.Event)
    storing: Storing = field(default_factory=Storing)
    keyboards: Keyboards = field(default_factory=Keyboards)
    background: set[asyncio.Task[None]] = field(default_factory=set)
    thinking: ThreadPoolExecutor = field(default_factory=_open_thinking)
    previews: Turns = field(default_factory=_preview_turns)
    inspections: Turns = field(default_factory=_inspection_turns)
    reviews: Turns = field(default_factory=_review_turns)

    async def ask(self, request: AdmissionRequest, snapshot: GateSnapshot) -> Admission:
        """Returns what the gate says; understanding the command, which reads files, keeps no loop busy."""
        surroundings = self.surroundings(snapshot.project)
        return await self.think(lambda: self.admit(request, snapshot, surroundings=surroundings))

    async def think(self, work: Callable[[], Answer]) -> Answer:
        """Returns the answer of pure work that takes long, found beside the event loop, few at a time."""
        return await asyncio.get_running_loop().run_in_executor(self.thinking, work)

    def worker_id(self) -> str | None:
        """Returns under which id this process starts steps; raises LeaseLost when it may start none."""
        return None if self.lease is None else self.lease.require()

    async def wait_dispatched(self, external_run_id: str) -> None:
        """Returns once the step is in its connector's hands, or at once when it is not on the way there."""
        event = self.dispatching.get(external_run_id)
        if event is not None:
            await event.wait()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs `work` beside the request that asked for it, and keeps hold of it until it is done."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)
