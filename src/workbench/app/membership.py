"""Makes this process one of those that share a PostgreSQL: its place, its lease, and what it owes the others.

A process has a place under an id that the home keeps, so that one that is started again within the lease
takes up what it ran. When the lease is lost, what runs here is ended, and it joins again under a new id.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import structlog

from workbench.app.home import Settings, write_private
from workbench.connectors.local import LocalConnector
from workbench.engine.context import Context
from workbench.engine.durable import Durable, Shared
from workbench.engine.heed import heed
from workbench.engine.reap import Reaper, lose
from workbench.engine.relay import Relay
from workbench.ledger.lease import Lease, boot_seconds
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import JoinWorker, LeaveWorker
from workbench.model.clock import NewId
from workbench.model.errors import Conflict, WorkbenchError

log = structlog.get_logger()

_FILE: Final = "worker.json"
_HEED_SECONDS: Final = 0.25
_MOST_BETWEEN_ROUNDS_SECONDS: Final = 2.0
_JOIN_AGAIN_SECONDS: Final = 1.0


class Membership:
    """`join` before anything else is written, `serve` once the engine is there, `leave` at the end."""

    def __init__(
        self,
        config: Settings,
        ledger: Ledger,
        local: LocalConnector,
        *,
        pool: str,
        places: int,
        version: str,
        new_id: NewId,
    ) -> None:
        self._config, self._ledger, self._local, self._new_id = config, ledger, local, new_id
        self._places, self._version = places, version
        self._tasks: list[asyncio.Task[None]] = []
        self._roots: dict[str, str] = {}
        self.lease = Lease(
            config.ledger_url, seconds=float(config.lease_seconds), on_renewed=local.hold_lease
        )
        self.relay = Relay(config.ledger_url, self.lease)
        self.shared = Shared(ledger=ledger, lease=self.lease, pool=pool, has_ground=self._has_ground)

    async def join(self) -> None:
        """Takes the place that this home had, or a new one; what a former one ran is ended then.

        Raises LedgerUnavailable.
        """
        former = self._read_id()
        if former is not None:
            with contextlib.suppress(Conflict):
                await self._join_as(former)
                return
        await self._join_as(self._new_id("wrk_"))
        if former is not None:
            await self._local.end_untied()

    async def _join_as(self, worker_id: str) -> None:
        asked_at = boot_seconds()
        await self._ledger.join(
            JoinWorker(
                worker_id=worker_id,
                pool=self.shared.pool,
                host=socket.gethostname(),
                version=self._version,
                concurrency=self._places,
                lease_seconds=self._config.lease_seconds,
            )
        )
        write_private(self._config.home / _FILE, json.dumps({"worker_id": worker_id, "boot_id": _boot_id()}))
        self.lease.begin(worker_id, asked_at=asked_at)
        log.info("worker joined", worker_id=worker_id, pool=self.shared.pool)

    def serve(self, context: Context, durable: Durable, begin: Callable[[], Awaitable[None]]) -> None:
        """Does what a worker owes the others until `leave`; `begin` has the engine drive runs again."""
        reaper = Reaper(context, durable)
        told: set[str] = set()
        between = min(self.lease.seconds / 10, _MOST_BETWEEN_ROUNDS_SECONDS)

        async def heed_all() -> None:
            await heed(context, told)

        async def go_round() -> None:
            await self._look_for_grounds()
            await reaper.go_round()

        self._tasks = [
            asyncio.create_task(self._again(heed_all, _HEED_SECONDS)),
            asyncio.create_task(self._again(go_round, between)),
            asyncio.create_task(self._stay(context, durable, begin)),
            asyncio.create_task(self.relay.serve(context)),
        ]

    async def drain(self) -> None:
        """Takes nothing new from now on."""
        self.shared.is_draining = True
        with contextlib.suppress(WorkbenchError):
            await self._ledger.append(
                HOUSE,
                [LeaveWorker(worker_id=self.lease.worker_id, is_over=False)],
                actor=self.lease.worker_id,
                via="worker",
            )

    async def leave(self) -> None:
        """Ends the loops, and the place too unless steps run under it: then the next process of this home has
        the rest of the lease to take them up."""
        await self._stop_tasks()
        worker_id = self.lease.worker_id
        try:
            if not any(step.worker_id == worker_id for _, step in await self._ledger.running_steps()):
                move = LeaveWorker(worker_id=worker_id, is_over=True)
                await self._ledger.append(HOUSE, [move], actor=worker_id, via="worker")
                (self._config.home / _FILE).unlink(missing_ok=True)
        except WorkbenchError as error:
            log.warning("place not given up", worker_id=worker_id, problem=error.message)

    async def close(self) -> None:
        """Ends the lease's thread, and what `leave` ends if that was not called."""
        await self._stop_tasks()
        await self.lease.close()

    async def _stop_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def _again(self, work: Callable[[], Awaitable[None]], seconds: float) -> None:
        """Does it again and again, while the lease is held."""
        while True:
            try:
                if self.lease.is_held():
                    await work()
            except WorkbenchError as error:
                log.warning("not looked after the others", problem=error.message)
            except Exception:
                log.exception("not looked after the others")
            await asyncio.sleep(seconds)

    async def _stay(self, context: Context, durable: Durable, begin: Callable[[], Awaitable[None]]) -> None:
        """Joins again whenever the lease is lost, once nothing that rested on it is left."""
        while True:
            await self.lease.wait_over()
            former = self.lease.worker_id
            log.error("lease lost: what runs here is ended", worker_id=former)
            # The file says it to the shims; a lease that ran out says it too, but not as soon.
            self.lease.end()
            left = await self._local.end_untied()
            if left:
                log.error("steps not ended", steps=left)
            await durable.close()
            # The database says nothing when it can be reached again; it has to be tried.
            while not await self._join_again():  # noqa: ASYNC110
                await asyncio.sleep(_JOIN_AGAIN_SECONDS)
            try:
                await lose(context, former, is_known=True)
                await begin()
            except WorkbenchError as error:
                # The lease that was just taken is given up, and all of it is done again.
                log.error("not begun again", problem=error.message)
                self.lease.end()

    async def _join_again(self) -> bool:
        try:
            await self._join_as(self._new_id("wrk_"))
        except WorkbenchError as error:
            log.warning("not joined again yet", problem=error.message)
            return False
        return True

    async def _look_for_grounds(self) -> None:
        projects = await self._ledger.projects()
        self._roots = {project.project_id: project.workspace_root for project in projects}
        roots = self._roots
        there = await asyncio.to_thread(lambda: [key for key, root in roots.items() if os.path.isdir(root)])
        self.lease.grounds = tuple(there)

    async def _has_ground(self, project_id: str) -> bool:
        if project_id not in self._roots:
            project = await self._ledger.project(project_id)
            self._roots[project_id] = project.workspace_root
        return await asyncio.to_thread(os.path.isdir, self._roots[project_id])

    def _read_id(self) -> str | None:
        """Returns the id that this home had since the machine was started; before, it can have nothing that
        runs, and a copy of it on another machine has not either."""
        try:
            found = json.loads((self._config.home / _FILE).read_text())
            return str(found["worker_id"]) if found["boot_id"] == _boot_id() else None
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _boot_id() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
