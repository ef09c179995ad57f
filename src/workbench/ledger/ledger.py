"""The ledger as the rest of the house sees it: append, reads by project, and a tail of events.

Only `append` writes. Reads go through `for_project`, so that no query can reach across projects by
mistake; the few questions about all projects are named for what they are.
"""

from __future__ import annotations

import asyncio
import functools
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError, DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from workbench.ledger import check, kept, queue_rows, reads
from workbench.ledger.append import append as append_in_transaction
from workbench.ledger.database import open_engine, try_writing
from workbench.ledger.lease import Lease
from workbench.ledger.move import JoinWorker, Move
from workbench.ledger.queue_rows import QueueDepth
from workbench.ledger.reads import (
    AccessToken,
    ApprovalPage,
    Counts,
    GateFacts,
    KillRecord,
    RunPage,
    RunRecord,
)
from workbench.ledger.refused import RefusedWrites
from workbench.ledger.rows import SwitchRecord
from workbench.ledger.schema import upgrade_schema
from workbench.ledger.search import TranscriptSearch
from workbench.ledger.transfer import refuse_moved
from workbench.ledger.worker_rows import forget_workers, list_workers
from workbench.model.approval import Approval
from workbench.model.artifact import Artifact
from workbench.model.clock import Clock, render_time
from workbench.model.errors import Conflict, InvalidInput, LeaseLost, LedgerUnavailable, NotFound
from workbench.model.event import Event
from workbench.model.layer import RememberedRule
from workbench.model.people import People
from workbench.model.place import Place
from workbench.model.project import Project
from workbench.model.run import Run, Step
from workbench.model.worker import Worker

T = TypeVar("T")

HOUSE: Final = "_"
"""The chain of what belongs to no project: projects themselves, tokens, switches, the kill switch."""

# How often a tail looks for events that another process wrote; its own process wakes it at once.
_FOREIGN_POLL_SECONDS: Final = 0.25

_UNREACHED: Final = ("connection", "terminating", "the database system is", "server closed")
"""What PostgreSQL and its driver say when it is not there, or has left."""


class Ledger:
    """Async face of the one database. Close it when done; its threads hold connections."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._clock = clock
        self._engine: Engine = open_engine(url)
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._near: Connection | None = None
        self._near_free = threading.Lock()
        self._writers = ThreadPoolExecutor(1 if self._is_sqlite else 4, thread_name_prefix="ledger-write")
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="ledger-read")
        self._watchers: set[asyncio.Event] = set()
        self._is_closed = False
        self._refused = RefusedWrites(clock)
        self._lease: Lease | None = None
        self._writing: dict[object, tuple[str, float]] = {}

    @property
    def folder(self) -> Path | None:
        """The folder that holds the ledger's file, or None where a database server keeps it."""
        return Path(self._engine.url.database or "").parent if self._is_sqlite else None

    @property
    def is_shared(self) -> bool:
        """Whether other processes may write this ledger too, so that each needs a lease."""
        return not self._is_sqlite

    def fence(self, lease: Lease) -> None:
        """From now on appends only while this lease is held, and refuses the others with LeaseLost."""
        self._lease = lease

    def transcript_search(self, folder: Path) -> TranscriptSearch:
        """Returns the index of transcripts beside this ledger; on SQLite its files lie in `folder`."""
        return TranscriptSearch(self._engine, folder)

    async def open(self) -> None:
        """Connects and migrates; raises LedgerUnavailable when the database cannot be used."""
        await self._run(self._writers, self._migrate)

    async def check_writable(self) -> None:
        """Returns when the ledger could be written now; raises LedgerUnavailable, also while it is held."""
        await self._run(self._readers, functools.partial(try_writing, self._engine))

    async def close(self) -> None:
        self._is_closed = True
        for watcher in self._watchers:
            watcher.set()
        self._writers.shutdown(wait=True)
        self._readers.shutdown(wait=True)
        self._leave_near()
        self._engine.dispose()

    async def append(
        self, project_id: str, moves: Sequence[Move], *, actor: str, via: str, once: str | None = None
    ) -> list[Event]:
        """Applies `moves` in one transaction and returns their events, durable when this returns.

        Raises IllegalMove, StartRefused, Conflict or NotFound, LedgerUnavailable when nothing could be
        written, and LeaseLost, one of those, when this process may not write any more.
        """
        worker_id = None if self._lease is None else self._lease.require()
        return await self._append(project_id, moves, actor, via, once, worker_id)

    async def join(self, move: JoinWorker) -> list[Event]:
        """Appends what gives this process its place, before it has one; raises as append does."""
        return await self._append(HOUSE, [move], move.worker_id, "worker", None, None)

    async def _append(
        self,
        project_id: str,
        moves: Sequence[Move],
        actor: str,
        via: str,
        once: str | None,
        worker_id: str | None,
    ) -> list[Event]:
        def write() -> list[Event]:
            at = render_time(self._clock.now())
            with self._engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection:
                with connection.begin():
                    return append_in_transaction(
                        connection,
                        project_id=project_id,
                        actor=actor,
                        via=via,
                        at=at,
                        moves=moves,
                        once=once,
                        worker_id=worker_id,
                    )

        ticket = object()
        self._writing[ticket] = (project_id, self._clock.monotonic())
        try:
            events = await self._run(self._writers, write)
        except IntegrityError as error:
            raise Conflict(
                f"another writer recorded the same thing first: {error.orig}",
                remedy="look again; the first writer's outcome stands",
            ) from error
        except LeaseLost:
            if self._lease is not None:
                self._lease.end()
            raise
        except LedgerUnavailable as error:
            self._refused.tell(error)
            raise
        finally:
            del self._writing[ticket]
        for watcher in self._watchers:
            watcher.set()
        return events

    @property
    def refusals(self) -> int:
        """How many appends raised LedgerUnavailable: what became of such a one, nobody was told."""
        return self._refused.count

    def unanswered_seconds(self, project_id: str) -> float:
        """Returns for how long the oldest append to the project's chain has waited for its answer."""
        began = [since for chain, since in self._writing.values() if chain == project_id]
        return self._clock.monotonic() - min(began) if began else 0.0

    def for_project(self, project_id: str) -> ProjectLedger:
        """Returns the reads of one project."""
        return ProjectLedger(self, project_id)

    async def projects(self) -> list[Project]:
        return await self.read(reads.list_projects)

    async def project(self, project_id: str) -> Project:
        found = await self.read_few(reads.find_project, project_id)
        if found is None:
            raise _no_project(project_id)
        return found

    async def gate_facts(self, project_id: str, step_id: str | None = None) -> GateFacts:
        """Reads all that the gate decides on in one transaction; raises NotFound for an unknown project."""
        found = await self.read_few(reads.find_gate_facts, project_id, step_id, self.now())
        if found is None:
            raise _no_project(project_id)
        return found

    async def project_of_run(self, run_id: str) -> str:
        """Returns the project that a run belongs to; raises NotFound for an unknown run."""
        found = await self.read_few(reads.find_project_of_run, run_id)
        if found is None:
            raise NotFound(f"there is no run {run_id}", remedy="list the runs: workbench runs")
        return found

    async def project_of_approval(self, approval_id: str) -> str:
        """Returns the project that an approval belongs to; raises NotFound for an unknown one."""
        found = await self.read(reads.find_project_of_approval, approval_id)
        if found is None:
            raise NotFound(
                f"there is no approval {approval_id}", remedy="list what waits: workbench approvals"
            )
        return found

    async def project_of_artifact(self, artifact_id: str) -> Artifact:
        found = await self.read(reads.find_artifact, artifact_id)
        if found is None:
            raise NotFound(f"there is no artifact {artifact_id}", remedy="a run lists its artifacts")
        return found

    async def transcripts(self) -> list[Artifact]:
        """Lists what is recorded of the transcripts of all projects' ended steps, oldest first; none of those
        that were removed on purpose. It reads a ledger of an earlier schema too."""
        return await self.read(kept.list_transcripts)

    async def transcripts_after(self, artifact_id: str) -> list[Artifact]:
        """Lists those of them that come after an artifact; "" stands before all."""
        return await self.read(kept.list_transcripts_after, artifact_id)

    async def removed_artifacts(self) -> list[Artifact]:
        """Lists what was removed on purpose, of all projects."""
        return await self.read(kept.list_removed)

    async def index_digests(self) -> dict[str, str]:
        """Returns what was recorded of the transcripts' indexes, by external run id; older ends have none."""
        return await self.read(reads.list_index_digests)

    async def open_runs(self) -> list[Run]:
        """Lists the queued, running and blocked runs of all projects, oldest first."""
        return await self.read(reads.list_open_runs)

    async def queue_depth(self, project_id: str, pool: str) -> QueueDepth:
        """Counts what waits for its turn: in all, of a project, and in a pool."""
        return await self.read_few(queue_rows.count_queued, project_id, pool)

    async def take_rank(self, place: Place, project_id: str) -> int:
        """Returns where in a shared ledger's pool the project's next run comes; the lower the sooner."""
        return await self._run(self._writers, lambda: self._read(queue_rows.take_rank, place, project_id))

    async def reach_rank(self, place: Place, rank: int) -> None:
        """Notes that a run of this rank has got its turn."""
        await self._run(self._writers, lambda: self._read(queue_rows.reach_rank, place, rank))

    async def running_steps(self) -> list[tuple[Run, Step]]:
        """Lists what is recorded as running in all projects, with its run."""
        return await self.read(queue_rows.list_running_steps)

    async def steps_to_cancel(self, worker_id: str) -> list[tuple[Run, Step]]:
        """Lists the running steps of a worker whose runs somebody wants to end."""
        return await self.read(queue_rows.list_to_cancel, worker_id)

    async def workers(self) -> list[Worker]:
        """Lists who shares this ledger now, and who is lost with steps that are recorded as running."""
        return await self.read(list_workers)

    async def forget_workers(self) -> None:
        """Forgets the workers that went long ago; what they did stays in the events."""
        await self._run(self._writers, lambda: self._read(forget_workers))

    async def pending_approvals(self) -> list[Approval]:
        """Lists the pending approvals of all projects, oldest first."""
        return await self.read(reads.list_pending_approvals)

    async def overdue_starts(self, now: str) -> list[Approval]:
        """Lists the approvals of all projects that were given, and whose start did not come in time."""
        return await self.read(reads.list_overdue_starts, now)

    async def runs(
        self,
        project_id: str | None,
        *,
        status: str | None = None,
        feature_id: str | None = None,
        text: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> RunPage:
        """Lists runs of one project, or of all, newest first; `before` is a run id, exclusive."""
        return await self.read(reads.list_runs, project_id, status, feature_id, text, before, limit)

    async def approvals_of(self, run_ids: Sequence[str]) -> dict[str, tuple[Approval, ...]]:
        """Returns the approvals of these runs, by run, oldest first."""
        return await self.read(reads.list_approvals_of, run_ids)

    async def approvals(
        self, project_id: str | None, *, status: str | None = None, after: str | None = None, limit: int = 100
    ) -> ApprovalPage:
        """Lists approvals of one project, or of all, riskiest first and then newest first.

        `after` is an approval id, exclusive; raises InvalidInput when it names none.
        """
        found = await self.read(reads.page_approvals, project_id, status, after, limit)
        if found is None:
            raise InvalidInput(
                f"the cursor {after!r} names no approval of this list",
                remedy="use the value of X-Next-Cursor, or leave the cursor out",
            )
        return found

    async def counts(self, project_id: str | None = None) -> Counts:
        """Counts the runs by status and the events, of one project or of all."""
        return await self.read(reads.count_all, project_id)

    async def switches(self) -> list[SwitchRecord]:
        return await self.read(reads.list_switches)

    async def layer_digest(self, layer: str) -> str | None:
        """Returns the digest recorded for a policy layer of the whole workbench; None where none ever was."""
        return await self.read_few(reads.find_layer_digest, layer)

    async def kill_records(self) -> list[KillRecord]:
        return await self.read_few(reads.list_kill_records)

    async def access_tokens(self) -> list[AccessToken]:
        return await self.read(reads.list_tokens)

    async def people(self, names: frozenset[str]) -> People:
        """Returns who is behind actors of these names, and what they may do now."""
        return await self.read_few(reads.find_people, names, self.now())

    async def find_token(self, token_sha256: str) -> AccessToken | None:
        return await self.read_few(reads.find_token, token_sha256)

    async def verify(self, project_id: str | None = None) -> check.LedgerFinding:
        """Checks the chain of one project, or of all, and the state rows against their events."""
        return await self.read(check.verify_ledger, project_id)

    async def tail(
        self, project_id: str, *, after: int, run_id: str | None = None
    ) -> AsyncGenerator[Event, None]:
        """Yields the events after sequence number `after`, in order, none lost or doubled, without end."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            while True:
                watcher.clear()
                batch = await self.read(reads.list_events, project_id, after, run_id, 500)
                for event in batch:
                    after = event.seq
                    yield event
                if not batch:
                    try:
                        await asyncio.wait_for(
                            watcher.wait(), None if self._is_sqlite else _FOREIGN_POLL_SECONDS
                        )
                    except TimeoutError:
                        continue
        finally:
            self._watchers.discard(watcher)

    def now(self) -> str:
        """Returns the time by the ledger's clock, RFC 3339."""
        return render_time(self._clock.now())

    async def wait_change(self, seconds: float) -> None:
        """Returns when something is appended here, and after so many seconds at the latest."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            async with asyncio.timeout(seconds):
                await watcher.wait()
        except TimeoutError:
            return
        finally:
            self._watchers.discard(watcher)

    async def read(self, query: Callable[..., T], *args: Any) -> T:
        """Runs one read in a reader thread, in a transaction of its own: what it sees is one moment."""

        return await self._run(self._readers, lambda: self._read(query, *args))

    async def read_few(self, query: Callable[..., T], *args: Any) -> T:
        """Runs a read that finds a few rows by their keys.

        SQLite answers it in a tenth of a millisecond and makes no reader wait for a writer, so it is asked
        here and now: under load a hop to a thread and back takes ten times as long.
        """
        if not self._is_sqlite:
            return await self.read(query, *args)
        if self._is_closed:
            raise _closed()
        try:
            return self._read_near(query, *args)
        except DatabaseError as error:
            # A connection that has met an error is not asked again.
            self._leave_near()
            raise _unavailable(str(error.orig)) from error

    def _read_near(self, query: Callable[..., T], *args: Any) -> T:
        """Reads in this thread by a connection that is kept: fetching one took a third of such a read.

        While another thread's loop reads by it, this one fetches a connection of its own.
        """
        if not self._near_free.acquire(blocking=False):
            return self._read(query, *args)
        try:
            if self._near is None:
                self._near = self._engine.connect()
            with self._near.begin():
                return query(self._near, *args)
        finally:
            self._near_free.release()

    def _leave_near(self) -> None:
        with self._near_free:
            near, self._near = self._near, None
            if near is not None:
                near.close()

    def _read(self, query: Callable[..., T], *args: Any) -> T:
        with self._engine.connect() as connection, connection.begin():
            return query(connection, *args)

    def _migrate(self) -> None:
        # The durable engine brings it later, in a thread of its own. It changes how SQLAlchemy reads values,
        # and a statement that is made just then fails.
        import sqlalchemy.orm  # noqa: F401

        if self._is_sqlite:
            refuse_moved(Path(self._engine.url.database or ""))
        with self._engine.connect().execution_options(begin="BEGIN IMMEDIATE") as connection:
            with connection.begin():
                upgrade_schema(connection)

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, work)
        except IntegrityError:
            raise
        except DBAPIError as error:
            raise _unavailable(str(error.orig)) from error
        except PoolTimeout as error:
            raise _unavailable("the database does not answer: every connection to it waits") from error
        except RuntimeError as error:
            if "shutdown" in str(error):
                raise _closed() from error
            raise


class ProjectLedger:
    """Reads within one project. An id of another project is not found here."""

    def __init__(self, ledger: Ledger, project_id: str) -> None:
        self._ledger, self.project_id = ledger, project_id

    async def run(self, run_id: str) -> Run:
        found = await self._ledger.read_few(reads.find_run, self.project_id, run_id)
        if found is None:
            raise _no_run(run_id)
        return found

    async def steps(self, run_id: str) -> list[Step]:
        return await self._ledger.read(reads.list_steps, self.project_id, run_id)

    async def run_with_steps(self, run_id: str) -> tuple[Run, list[Step]]:
        """Reads a run and its steps in one transaction."""
        found = await self._ledger.read_few(reads.find_run_with_steps, self.project_id, run_id)
        if found is None:
            raise _no_run(run_id)
        return found

    async def run_moment(self, run_id: str) -> tuple[Run, list[Step], int]:
        """Reads a run and its steps, at least as new as the event whose sequence number comes with them."""
        found = await self._ledger.read_few(reads.find_run_moment, self.project_id, run_id)
        if found is None:
            raise _no_run(run_id)
        return found

    async def run_with_project(self, run_id: str) -> tuple[Project, Run, list[Step]]:
        """Reads a run, its steps and its project in one transaction."""
        found = await self._ledger.read_few(reads.find_run_with_project, self.project_id, run_id)
        if found is None:
            raise _no_run(run_id)
        return found

    async def run_record(self, run_id: str) -> RunRecord:
        """Reads a run with everything that belongs to it in one transaction."""
        found = await self._ledger.read_few(
            reads.find_run_record, self.project_id, run_id, self._ledger.now()
        )
        if found is None:
            raise _no_run(run_id)
        return found

    async def run_by_idempotency_key(self, key: str) -> Run | None:
        return await self._ledger.read_few(reads.find_run_by_key, self.project_id, key)

    async def runs(
        self,
        *,
        status: str | None = None,
        feature_id: str | None = None,
        text: str | None = None,
        before: str | None = None,
        limit: int = 100,
    ) -> RunPage:
        """Lists runs with their steps, newest first; `before` is a run id, exclusive."""
        return await self._ledger.read(
            reads.list_runs, self.project_id, status, feature_id, text, before, limit
        )

    async def approvals(self, *, run_id: str | None = None, status: str | None = None) -> list[Approval]:
        return await self._ledger.read(reads.list_approvals, self.project_id, run_id, status)

    async def approval(self, approval_id: str) -> Approval:
        found = await self._ledger.read(reads.find_approval, self.project_id, approval_id)
        if found is None:
            raise NotFound(
                f"there is no approval {approval_id} in this project",
                remedy="list what waits: workbench approvals",
            )
        return found

    async def newest_approval(self, step_id: str) -> Approval | None:
        return await self._ledger.read(reads.find_newest_approval, self.project_id, step_id)

    async def artifacts(self, run_id: str) -> list[Artifact]:
        return await self._ledger.read(reads.list_artifacts, self.project_id, run_id)

    async def transcripts_past_limits(
        self, *, ended_before: str | None, most_bytes: int | None, limit: int
    ) -> list[tuple[Artifact, bool]]:
        """Lists the transcripts that are to go, the oldest first, and whether for age; held ones not."""
        return await self._ledger.read(
            kept.list_past_limits, self.project_id, ended_before, most_bytes, limit
        )

    async def events(self, *, after: int = 0, run_id: str | None = None, limit: int = 500) -> list[Event]:
        return await self._ledger.read(reads.list_events, self.project_id, after, run_id, limit)

    async def tagged_events(self, run_id: str, tag: str) -> list[Event]:
        """Lists all events of one kind of a run, oldest first."""
        return await self._ledger.read(reads.list_tagged_events, self.project_id, run_id, tag)

    async def remembered_rules(self) -> list[RememberedRule]:
        """Lists the project's remembered rules, expired and revoked ones too, oldest first."""
        return await self._ledger.read(reads.list_remembered_rules, self.project_id)

    async def rule_outcomes(self) -> dict[str, tuple[int, int]]:
        """Returns, a recommendation rule, how many runs of its advice ended and how many succeeded."""
        return await self._ledger.read(reads.count_rule_outcomes, self.project_id)


def _no_project(project_id: str) -> NotFound:
    return NotFound(
        f"there is no project {project_id}", remedy="list them: workbench project list, or add one"
    )


def _no_run(run_id: str) -> NotFound:
    return NotFound(f"there is no run {run_id} in this project", remedy="list the runs: workbench runs")


def _closed() -> LedgerUnavailable:
    return LedgerUnavailable("the ledger is closed", remedy="start the server again")


def _unavailable(words: str) -> LedgerUnavailable:
    if any(sign in words for sign in _UNREACHED):
        return LedgerUnavailable(
            f"the database cannot be reached: {words.strip().splitlines()[0].rstrip('.')}",
            remedy="see that PostgreSQL runs where WORKBENCH_DATABASE_URL leads; what was recorded is kept",
        )
    if "disk is full" in words or "disk I/O" in words:
        remedy = "free space on the disk that holds WORKBENCH_HOME; what was written before is kept"
    elif "readonly" in words or "read-only" in words:
        remedy = "make WORKBENCH_HOME writable for this user"
    elif "locked" in words:
        remedy = "another process holds the ledger; stop it, or wait and try again"
    elif "not a database" in words or "malformed" in words:
        remedy = "the file is damaged: restore it from a back-up"
    else:
        remedy = "look at the database named by WORKBENCH_DATABASE_URL, or at WORKBENCH_HOME"
    return LedgerUnavailable(f"the ledger cannot be used: {words}", remedy=remedy)
