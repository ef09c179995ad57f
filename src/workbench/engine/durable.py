"""The only file that knows DBOS: keeps each open run driven, over crashes and restarts.

DBOS answers only "where to go on"; the ledger answers "what is true". One driver drives a run until it has
ended or is blocked, and ends then; a release starts another. A driver holds one of the process's places.

In a process that has the ledger for itself, a driver begins as soon as a place is free, and is recorded as a
workflow when it is not done soon: the ledger's open run is the durable intent, and whatever a crash leaves
without a record is found there by recover. Where several share the ledger, a run begins here when a place is
free and nobody waits for one; otherwise its driver goes on the queue of its pool, which all workers of the
pool take from, each as long as it has places and holds its lease. A workflow holds ids only, written as JSON,
and does nothing that drive could not do twice.

DBOS and what it brings cost a sixth of a start, so it is loaded when its tables hold something, or are to.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import logging
import os
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from sqlalchemy import Engine, create_engine, event

from workbench.engine.held_up import RETRY_SECONDS
from workbench.engine.pool import Pool, Waiting, queue_priority
from workbench.ledger.lease import Lease
from workbench.ledger.ledger import Ledger
from workbench.model.clock import NewId
from workbench.model.errors import LeaseLost, WorkbenchError
from workbench.model.place import USUAL, Place, RunPriority

if TYPE_CHECKING:
    from dbos import DBOSConfig

log = structlog.get_logger()

_VERSION: Final = "1"
"""Changes only when a workflow's own shape does, so that an upgrade finds the runs of the version before, and
workers of two versions share a queue."""
_UNFINISHED: Final = ["PENDING", "ENQUEUED", "DELAYED"]
_HEAD_START_SECONDS: Final = 0.005
"""How long who asked for a run stands back: what is rendered for him meanwhile would delay the start."""
_UNRECORDED_SECONDS: Final = 0.5
"""How long a driver goes without a record: most commands are done by then, and need none."""
_ENQUEUED_SECONDS: Final = 1.0
"""How long who asked for a run waits for it to be on the queue, while the database is slow to take it."""
_POLL_SECONDS: Final = 0.2
_PASS_ON_SECONDS: Final = 1.0
"""After how long a run is offered again whose workspace is not on the machine that took it."""
_QUEUE: Final = "pool:"

Drive = Callable[[str, str], Awaitable[None]]
HasGround = Callable[[str], Awaitable[bool]]
"""Says whether the workspace of this project is on this machine."""


class Shared:
    """What a process needs to share the work with others: the ledger's order, its lease, and its pool."""

    def __init__(self, *, ledger: Ledger, lease: Lease, pool: str, has_ground: HasGround) -> None:
        self.ledger, self.lease, self.pool, self.has_ground = ledger, lease, pool, has_ground
        self.is_draining = False


class Durable:
    """Starts and finds drivers. One a process; `launch` in the event loop that is to run them.

    `database_url` is the ledger's; on SQLite the engine's own tables lie in engine.db under `state_home`.
    `places` is how many runs it drives at once. `shared` is None for who has the ledger for himself.
    """

    def __init__(
        self,
        *,
        database_url: str,
        state_home: Path,
        new_id: NewId,
        places: int = 256,
        shared: Shared | None = None,
    ) -> None:
        self._database_url, self._state_home = database_url, state_home
        self._new_id, self._shared = new_id, shared
        self._pool = Pool(places)
        self._drive: Drive | None = None
        self._workflow: Any = None
        self._turn: Any = None
        self._is_closing = False
        self._begun: dict[str, asyncio.Task[None]] = {}
        self._recorders: set[asyncio.Task[None]] = set()
        self._recording = asyncio.Lock()
        self._is_launched = False
        self._unfinished: set[asyncio.Task[Any]] = set()
        self._queues: set[str] = set()
        self._queued_here: set[str] = set()
        self._freed = asyncio.Event()

    async def launch(self, drive: Drive) -> None:
        """Takes up the drivers that an earlier process of this id left behind; from now on it drives runs."""
        self._drive, self._is_closing = drive, False
        if self._shared is not None:
            self._launch_dbos()
            await self._know_queue(self._shared.pool)
        elif self._engine_file.exists():
            self._launch_dbos()

    @property
    def _engine_file(self) -> Path:
        return self._state_home / "engine.db"

    @property
    def _executor_id(self) -> str:
        return "local" if self._shared is None else self._shared.lease.worker_id

    def _launch_dbos(self) -> None:
        """Connects and migrates; in the event loop."""
        from dbos import DBOS

        self._is_launched = True
        logging.getLogger("dbos").setLevel(logging.WARNING)
        dbos = DBOS(config=self._config())

        # DBOS marks the function it registers, which a bound method does not allow.
        async def drive_run(project_id: str, run_id: str) -> None:
            await self._drive_run(project_id, run_id)

        async def take_turn(project_id: str, run_id: str, pool: str, priority: str, rank: int) -> None:
            await self._take_turn(project_id, run_id, Place(pool=pool, priority=RunPriority(priority)), rank)

        self._workflow = DBOS.workflow(name="drive_run")(drive_run)
        self._turn = DBOS.workflow(name="take_turn")(take_turn)
        if self._shared is not None:
            DBOS.listen_queues([_QUEUE + self._shared.pool])
        DBOS.launch()
        if self._shared is not None:
            self._limit(dbos._sys_db)

    def _limit(self, database: Any) -> None:
        """Has DBOS take from the queue what there are places for here. Its own limit is the queue's, the same
        for each worker, from the row that it reads again before each look; ours is put in the place of that,
        found anew whenever it is asked for."""
        from dbos import Queue

        room = self._room

        class Limited(Queue):
            _worker_concurrency = property(lambda _: room(), lambda _, _limit_of_all: None)

        read_queue = database.get_queue

        def get_queue(name: str, **given: Any) -> Any:
            queue = read_queue(name, **given)
            if queue is not None:
                queue.__class__ = Limited
            return queue

        database.get_queue = get_queue

    def _room(self) -> int:
        """Returns how many runs from the queue may be driven here, those that are already included."""
        assert self._shared is not None
        if self._is_closing or self._shared.is_draining or not self._shared.lease.is_held():
            return 0
        # What the queue gave counts there; the rest of the taken places is what begun here.
        direct = sum(1 for driver_id in self._begun if driver_id not in self._queued_here)
        return max(0, self._pool.places - direct)

    async def _know_queue(self, pool: str) -> None:
        if pool not in self._queues:
            from dbos import DBOS

            # Nothing is taken by who has not put his own limit in the place of this one.
            await DBOS.register_queue_async(
                _QUEUE + pool,
                worker_concurrency=0,
                polling_interval_sec=_POLL_SECONDS,
                on_conflict="always_update",
            )
            self._queues.add(pool)

    async def start(
        self, project_id: str, run_id: str, *, place: Place = USUAL, is_running: bool = False
    ) -> None:
        """Sees to it that the run, which is open in the ledger, is driven as soon as it is its turn, here or
        elsewhere, and is driven again after any restart.

        Returns within milliseconds, however long the run takes. `is_running` says that a step of it runs on
        this machine already: that is watched at once.
        """
        waiting = Waiting(
            driver_id=self._new_id(f"{run_id}."), project_id=project_id, run_id=run_id, place=place
        )
        if is_running:
            self._pool.take()
            await self._begin_here(waiting)
        elif self._shared is None:
            self._pool.wait(waiting)
            if (first := self._pool.take_next()) is not None:
                await self._begin_here(first)
        elif await self._is_my_turn(self._shared, waiting):
            self._pool.take()
            await self._begin_here(waiting)
        else:
            enqueuing = asyncio.get_running_loop().create_task(self._enqueue_surely(waiting))
            self._recorders.add(enqueuing)
            enqueuing.add_done_callback(self._recorders.discard)
            await asyncio.wait([enqueuing], timeout=_ENQUEUED_SECONDS)

    async def _enqueue_surely(self, waiting: Waiting) -> None:
        try:
            await self._enqueue(waiting)
        except Exception:
            # The run is queued in the ledger, where reap finds that nobody drives it.
            log.exception("driver not put on the queue", run_id=waiting.run_id)

    async def _is_my_turn(self, shared: Shared, waiting: Waiting) -> bool:
        """Says whether the run may begin here at once: nobody else waits for a place, and there is one."""
        if waiting.place.pool != shared.pool or shared.is_draining or not self._pool.free:
            return False
        depth = await shared.ledger.queue_depth(waiting.project_id, shared.pool)
        return depth.in_pool <= 1 and await shared.has_ground(waiting.project_id) and self._pool.free > 0

    async def _enqueue(self, waiting: Waiting, *, delay_seconds: float | None = None) -> None:
        assert self._shared is not None
        from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

        place = waiting.place
        rank = await self._shared.ledger.take_rank(place, waiting.project_id)
        await self._know_queue(place.pool)
        options = SetEnqueueOptions(priority=queue_priority(place, rank), delay_seconds=delay_seconds)
        with SetWorkflowID(waiting.driver_id), options:
            await DBOS.enqueue_workflow_async(
                _QUEUE + place.pool,
                self._turn,
                waiting.project_id,
                waiting.run_id,
                place.pool,
                place.priority.value,
                rank,
            )

    async def _begin_here(self, waiting: Waiting) -> None:
        """Begins to drive a run for which a place is taken."""
        task = self._begin(waiting.driver_id, waiting.project_id, waiting.run_id)
        task.add_done_callback(lambda _: self._give_back())
        if self._shared is None:
            recorder = asyncio.get_running_loop().create_task(
                self._record(waiting.driver_id, waiting.project_id, waiting.run_id, task)
            )
            self._recorders.add(recorder)
            recorder.add_done_callback(self._recorders.discard)
        await asyncio.wait([task], timeout=_HEAD_START_SECONDS)

    def _give_back(self) -> None:
        self._free_place()
        if self._is_closing or (waiting := self._pool.take_next()) is None:
            return
        beginning = asyncio.get_running_loop().create_task(self._begin_here(waiting))
        self._recorders.add(beginning)
        beginning.add_done_callback(self._recorders.discard)

    def _free_place(self) -> None:
        self._pool.give_back()
        self._freed.set()
        self._freed = asyncio.Event()

    async def driven_runs(self) -> set[str]:
        """Returns the runs that this process drives, has waiting, or has an unfinished driver's record of."""
        driver_ids = {*self._begun, *(waiting.driver_id for waiting in self._pool.waiting)}
        if self._is_launched:
            from dbos import DBOS

            found = await DBOS.list_workflows_async(
                status=_UNFINISHED, executor_id=self._executor_id, load_input=False, load_output=False
            )
            driver_ids |= {workflow.workflow_id for workflow in found}
        return {driver_id.partition(".")[0] for driver_id in driver_ids}

    async def awaited_runs(self) -> set[str]:
        """Returns the runs that a driver of any worker is recorded for, or that are driven here."""
        from dbos import DBOS

        found = await DBOS.list_workflows_async(
            status=_UNFINISHED, queues_only=True, load_input=False, load_output=False
        )
        driver_ids = {*self._begun, *(workflow.workflow_id for workflow in found)}
        return {driver_id.partition(".")[0] for driver_id in driver_ids}

    async def move_on(self, live: frozenset[str]) -> None:
        """Puts drivers back on their queues that were taken by workers which are not among the live ones."""
        from dbos import DBOS

        pending = await DBOS.list_workflows_async(
            status="PENDING", queues_only=True, load_input=False, load_output=False
        )
        gone = {workflow.executor_id for workflow in pending} - live - {None}
        if gone:
            await asyncio.to_thread(DBOS._recover_pending_workflows, sorted(str(name) for name in gone))

    async def close(self) -> None:
        """Stops driving; the runs go on in their sandboxes, and are driven again after the next launch."""
        self._is_closing = True
        while stopped := [*self._recorders, *self._begun.values()]:
            for task in stopped:
                task.cancel()
            await asyncio.gather(*stopped, return_exceptions=True)
        if not self._is_launched:
            return
        self._is_launched = False
        self._queues.clear()
        from dbos import DBOS

        if self._shared is not None and self._shared.lease.is_held():
            # What the queue gave and was not done goes back on it; what runs here is watched by nobody else.
            await asyncio.to_thread(DBOS._recover_pending_workflows, [self._executor_id])
        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # Only now can nothing be recorded of them any more. Left to the garbage collector, each would try to.
        for task in self._unfinished:
            task.cancel()
        await asyncio.gather(*self._unfinished, return_exceptions=True)
        self._unfinished.clear()
        # DBOS made its own pool the loop's default and has now shut it down; who closes after us needs one.
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(thread_name_prefix="closing"))

    def _begin(self, driver_id: str, project_id: str, run_id: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(self._drive_until_done(project_id, run_id))
        self._begun[driver_id] = task
        task.add_done_callback(lambda _: self._begun.pop(driver_id, None))
        return task

    async def _record(self, driver_id: str, project_id: str, run_id: str, task: asyncio.Task[None]) -> None:
        """Records a driver that is not done soon, one at a time, so that a thousand do not come at once."""
        await asyncio.wait([task], timeout=_UNRECORDED_SECONDS)
        async with self._recording:
            if task.done():
                return
            try:
                # In a thread: whoever is served meanwhile must not wait for it.
                dbos = await asyncio.to_thread(importlib.import_module, "dbos")
                if not self._is_launched:
                    self._launch_dbos()
                with dbos.SetWorkflowID(driver_id):
                    await dbos.DBOS.start_workflow_async(self._workflow, project_id, run_id)
            except Exception:
                # It is driven all the same, and after a restart recover finds its run in the ledger.
                log.exception("driver not recorded", run_id=run_id)

    async def _drive_run(self, project_id: str, run_id: str) -> None:
        """Is the workflow: joins the driver that it records, or drives after a restart."""
        from dbos import DBOS

        if not self._is_closing:
            driver_id = DBOS.workflow_id or self._new_id(f"{run_id}.")
            task = self._begun.get(driver_id)
            if task is None:
                self._pool.take()
                task = self._begin(driver_id, project_id, run_id)
                task.add_done_callback(lambda _: self._give_back())
            await asyncio.wait([task])
        if self._is_closing:
            # Never returns, so that the driver stays unfinished and is taken up at the next launch.
            if (current := asyncio.current_task()) is not None:
                self._unfinished.add(current)
            await asyncio.get_running_loop().create_future()

    async def _take_turn(self, project_id: str, run_id: str, place: Place, rank: int) -> None:
        """Is the queue's workflow: drives a run whose turn has come, or passes it on."""
        from dbos import DBOS

        assert self._shared is not None
        driver_id = DBOS.workflow_id or self._new_id(f"{run_id}.")
        if not self._is_closing:
            if await self._shared.has_ground(project_id):
                while not self._pool.free:
                    # Another one began here directly, just when the queue gave this one.
                    await self._freed.wait()
                self._pool.take()
                self._queued_here.add(driver_id)
                try:
                    await self._shared.ledger.reach_rank(place, rank)
                except WorkbenchError as error:
                    log.warning("order of the queue not noted", run_id=run_id, problem=error.message)
                task = self._begun.get(driver_id) or self._begin(driver_id, project_id, run_id)
                try:
                    await asyncio.wait([task])
                finally:
                    self._queued_here.discard(driver_id)
                    self._free_place()
            else:
                onward = Waiting(
                    driver_id=self._new_id(f"{run_id}."), project_id=project_id, run_id=run_id, place=place
                )
                await self._enqueue(onward, delay_seconds=_PASS_ON_SECONDS)
                return
        if self._is_closing or not self._shared.lease.is_held():
            # Never returns, so that it is put back on its queue when this worker is known to be gone.
            if (current := asyncio.current_task()) is not None:
                self._unfinished.add(current)
            await asyncio.get_running_loop().create_future()

    async def _drive_until_done(self, project_id: str, run_id: str) -> None:
        assert self._drive is not None
        for attempt in range(1_000_000):
            try:
                await self._drive(project_id, run_id)
                return
            except LeaseLost as error:
                # Who has the writing now sees to the run.
                log.warning("driver stops", run_id=run_id, problem=error.message)
                return
            except WorkbenchError as error:
                # The ledger or a connector cannot be used just now; the run waits for it, and says so.
                log.warning("driver waits", run_id=run_id, problem=error.message, remedy=error.remedy)
            except Exception:
                log.exception("driver failed", run_id=run_id)
            await asyncio.sleep(RETRY_SECONDS[min(attempt, len(RETRY_SECONDS) - 1)])

    def _config(self) -> DBOSConfig:
        config: DBOSConfig = {
            "name": "workbench",
            "application_version": _VERSION,
            "executor_id": self._executor_id,
            "serializer": _json_serializer(),
            "log_level": "WARNING",
            "notification_listener_polling_interval_sec": 0.5,
        }
        if self._database_url.startswith("sqlite"):
            path = self._engine_file
            config["system_database_url"] = f"sqlite:///{path}"
            config["system_database_engine"] = _open_sqlite(path)
        else:
            config["system_database_url"] = self._database_url
        return config


def _json_serializer() -> Any:
    """Returns what keeps workflow inputs as JSON: whoever writes the database must not thereby run code."""
    from dbos import Serializer

    class JsonText(Serializer):
        def serialize(self, data: Any) -> str:
            return json.dumps(data, default=str)

        def deserialize(self, serialized_data: str) -> Any:
            return json.loads(serialized_data)

        def name(self) -> str:
            return "workbench_json"

    return JsonText()


def _open_sqlite(path: Path) -> Engine:
    # Made before SQLite does, so that nobody else can read it, nor its -wal and -shm, which copy its mode.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 15, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = "IMMEDIATE"
        # NORMAL may lose the last commits with the power; recover starts those drivers again.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "busy_timeout=30000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    return engine
