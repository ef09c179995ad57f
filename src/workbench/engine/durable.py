"""The only file that knows DBOS: keeps each open run driven, over crashes and restarts.

DBOS answers only "where to go on"; the ledger answers "what is true". One driver drives a run until it has
ended or is blocked, and ends then; a release starts another. It begins at once, and is recorded as a
workflow when it is not done soon: the ledger's open run is the durable intent, and whatever a crash leaves
without a record is found there by recover. A workflow holds ids only, written as JSON, and does nothing
that drive could not do twice.

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
from workbench.model.clock import NewId
from workbench.model.errors import WorkbenchError

if TYPE_CHECKING:
    from dbos import DBOSConfig

log = structlog.get_logger()

_VERSION: Final = "1"
"""Changes only when a workflow's own shape does, so that an upgrade finds the runs of the version before."""
_UNFINISHED: Final = ["PENDING", "ENQUEUED", "DELAYED"]
_HEAD_START_SECONDS: Final = 0.005
"""How long who asked for a run stands back: what is rendered for him meanwhile would delay the start."""
_UNRECORDED_SECONDS: Final = 0.5
"""How long a driver goes without a record: most commands are done by then, and need none."""

Drive = Callable[[str, str], Awaitable[None]]


class Durable:
    """Starts and finds drivers. One a process; `launch` in the event loop that is to run them.

    `database_url` is the ledger's; on SQLite the engine's own tables lie in engine.db under `state_home`.
    """

    def __init__(self, *, database_url: str, state_home: Path, executor_id: str, new_id: NewId) -> None:
        self._database_url, self._state_home = database_url, state_home
        self._executor_id, self._new_id = executor_id, new_id
        self._drive: Drive | None = None
        self._workflow: Any = None
        self._is_closing = False
        self._begun: dict[str, asyncio.Task[None]] = {}
        self._recorders: set[asyncio.Task[None]] = set()
        self._recording = asyncio.Lock()
        self._is_launched = False
        self._unfinished: set[asyncio.Task[Any]] = set()

    def launch(self, drive: Drive) -> None:
        """Takes up the drivers that an earlier process of this id left behind; from now on it drives runs."""
        self._drive = drive
        if not self._database_url.startswith("sqlite") or self._engine_file.exists():
            self._launch_dbos()

    @property
    def _engine_file(self) -> Path:
        return self._state_home / "engine.db"

    def _launch_dbos(self) -> None:
        """Connects and migrates; in the event loop."""
        from dbos import DBOS

        self._is_launched = True
        logging.getLogger("dbos").setLevel(logging.WARNING)
        DBOS(config=self._config())

        # DBOS marks the function it registers, which a bound method does not allow.
        async def drive_run(project_id: str, run_id: str) -> None:
            await self._drive_run(project_id, run_id)

        self._workflow = DBOS.workflow(name="drive_run")(drive_run)
        DBOS.launch()

    async def start(self, project_id: str, run_id: str) -> None:
        """Begins to drive the run, which is open in the ledger; it is driven again after any restart.

        Returns within milliseconds, however long the run takes.
        """
        driver_id = self._new_id(f"{run_id}.")
        task = self._begin(driver_id, project_id, run_id)
        recorder = asyncio.get_running_loop().create_task(self._record(driver_id, project_id, run_id, task))
        self._recorders.add(recorder)
        recorder.add_done_callback(self._recorders.discard)
        await asyncio.wait([task], timeout=_HEAD_START_SECONDS)

    async def driven_runs(self) -> set[str]:
        """Returns the runs that this process drives, or for which an unfinished driver of it is recorded."""
        driver_ids = set(self._begun)
        if self._is_launched:
            from dbos import DBOS

            found = await DBOS.list_workflows_async(
                status=_UNFINISHED, executor_id=self._executor_id, load_output=False
            )
            driver_ids |= {workflow.workflow_id for workflow in found}
        return {driver_id.partition(".")[0] for driver_id in driver_ids}

    async def close(self) -> None:
        """Stops driving; the runs go on in their sandboxes, and are driven again after the next launch."""
        self._is_closing = True
        stopped = [*self._recorders, *self._begun.values()]
        for task in stopped:
            task.cancel()
        await asyncio.gather(*stopped, return_exceptions=True)
        if not self._is_launched:
            return
        from dbos import DBOS

        await asyncio.to_thread(DBOS.destroy, destroy_registry=True)
        # Only now can nothing be recorded of them any more. Left to the garbage collector, each would try to.
        for task in self._unfinished:
            task.cancel()
        await asyncio.gather(*self._unfinished, return_exceptions=True)
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
            task = self._begun.get(driver_id) or self._begin(driver_id, project_id, run_id)
            await asyncio.wait([task])
        if self._is_closing:
            # Never returns, so that the driver stays unfinished and is taken up at the next launch.
            if (current := asyncio.current_task()) is not None:
                self._unfinished.add(current)
            await asyncio.get_running_loop().create_future()

    async def _drive_until_done(self, project_id: str, run_id: str) -> None:
        assert self._drive is not None
        for attempt in range(1_000_000):
            try:
                await self._drive(project_id, run_id)
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
            "notification_listener_polling_interval_sec": 0.25,
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
