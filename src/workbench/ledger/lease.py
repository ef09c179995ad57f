"""A worker's leave to write: renewed from a thread of its own, and over by its own clock before the others
take it for over.

The thread is no part of the event loop, which may be busy. Time is the boot clock, which goes on while the
machine sleeps. The lease is over a little before the database would say so, so that what the worker ran has
ended by the time that somebody else may be told that it has.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog
from sqlalchemy.exc import SQLAlchemyError

from workbench.ledger.database import open_engine
from workbench.ledger.worker_rows import beat, lease_lost

log = structlog.get_logger()

_BEATS: Final = 6
"""How often a lease is renewed in its time: four lost beats in a row cost nothing."""
_MOST_BETWEEN_SECONDS: Final = 5.0
_LOOK_SECONDS: Final = 0.5
_MARGIN: Final = 4
_MOST_MARGIN_SECONDS: Final = 3.0


def boot_seconds() -> float:
    """Returns the seconds since the machine was started, those that it slept included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Lease:
    """One a process. `on_renewed` is told at each renewal the worker's id, and until when it may go on, in
    seconds of the boot clock; a thread calls it."""

    def __init__(self, url: str, *, seconds: float, on_renewed: Callable[[str, float], None]) -> None:
        self._engine = open_engine(url, connections=1)
        self.seconds = seconds
        self._on_renewed = on_renewed
        self._margin = min(seconds / _MARGIN, _MOST_MARGIN_SECONDS)
        self._between = min(seconds / _BEATS, _MOST_BETWEEN_SECONDS)
        self._state = threading.Lock()
        self._worker_id = ""
        self._until = 0.0
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self.grounds: tuple[str, ...] = ()
        """The projects whose workspace is on this machine, told with each renewal."""

    @property
    def worker_id(self) -> str:
        """Under which id this process writes, or wrote last."""
        return self._worker_id

    @property
    def between_seconds(self) -> float:
        """How much time lies between two renewals."""
        return self._between

    def is_held(self) -> bool:
        """Says whether the worker may go on now."""
        return boot_seconds() < self._until

    def require(self) -> str:
        """Returns the worker's id; raises LeaseLost when the lease is over."""
        if not self.is_held():
            raise lease_lost(self._worker_id)
        return self._worker_id

    def begin(self, worker_id: str, *, asked_at: float) -> None:
        """Holds the lease of a worker that has its place since `asked_at`, by the boot clock, or later."""
        with self._state:
            self._worker_id = worker_id
            self._hold(asked_at)
        if self._thread is None:
            self._thread = threading.Thread(target=self._go_on, name="lease", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Gives the lease up: nothing is written under it any more. Harmless when it is over."""
        with self._state:
            self._drop()

    async def wait_over(self) -> None:
        """Returns once the lease is not held any more."""
        # Looked at now and then, because no event tells of a time that has passed while the machine slept.
        while (left := self._until - boot_seconds()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(min(left, self._between, _LOOK_SECONDS))

    async def close(self) -> None:
        """Stops renewing; what was renewed last holds until its time is over."""
        self._ending.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, self._margin)
        self._engine.dispose()

    def _go_on(self) -> None:
        while not self._ending.wait(self._between):
            # Nothing may end this thread: with it the worker would end.
            try:
                self._beat()
            except Exception:
                log.exception("lease not renewed")

    def _beat(self) -> None:
        worker_id, asked_at = self._worker_id, boot_seconds()
        if asked_at >= self._until:
            return
        try:
            with self._engine.connect() as connection, connection.begin():
                is_there = beat(connection, worker_id, self.grounds)
        except SQLAlchemyError as error:
            log.warning("lease not renewed", worker_id=worker_id, problem=str(error).partition("\n")[0])
            return
        with self._state:
            # One that is over stays over: what rested on it is being ended by now.
            if worker_id != self._worker_id or not self.is_held():
                return
            if is_there:
                self._hold(asked_at)
            else:
                self._drop()

    def _hold(self, asked_at: float) -> None:
        until = asked_at + self.seconds - self._margin
        # Told first: what could not be told of it, such as the steps, must not rest on it.
        self._on_renewed(self._worker_id, until)
        self._until = until

    def _drop(self) -> None:
        self._until = 0.0
        self._on_renewed(self._worker_id, 0.0)
