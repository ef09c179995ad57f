"""Sends notices to the operator's targets. It tails the ledger and writes nothing there.

The ledger is the queue: each target has a place of its own in every chain, kept in a file, and goes on from
there after a restart, so that a notice is delivered at least once. A target that fails or hangs waits for
itself alone; no run and no other target waits for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from workbench.ledger.ledger import Ledger
from workbench.model.errors import WorkbenchError
from workbench.model.event import Event
from workbench.model.project import Project
from workbench.sinks.notices import TOLD, Notice, render_notice
from workbench.sinks.places import read_places, write_places
from workbench.sinks.targets import Target
from workbench.sinks.threads import in_thread

log = structlog.get_logger()

RETRY_SECONDS: Final = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0)
_LOOK_SECONDS: Final = 1.0
_HANGS_SECONDS: Final = 30.0
_BATCH: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """How a target does: `problem` is empty while it takes what it is sent.

    `project` is the name or id of the one project that it is told of, "" for all.
    """

    name: str
    problem: str
    project: str


class Notices:
    """One sender a target. `mask(project_id, text)` takes a project's secrets out of a text."""

    def __init__(
        self,
        ledger: Ledger,
        targets: Sequence[Target],
        *,
        cursor_file: Path,
        url: str,
        mask: Callable[[str, str], str],
        retry_seconds: Sequence[float] = RETRY_SECONDS,
        hangs_seconds: float = _HANGS_SECONDS,
    ) -> None:
        self._ledger, self._targets, self._file = ledger, list(targets), cursor_file
        self._url, self._mask = url, mask
        self._retry_seconds, self._hangs_seconds = retry_seconds, hangs_seconds
        self._places: dict[str, dict[str, int]] = {}
        self._problems: dict[str, str] = {}

    async def begin(self) -> None:
        """Keeps from where on each target is told, before anything happens that it must be told of."""
        stored = read_places(self._file)
        for target in self._targets:
            # A target that is new is told of what is to come, not of all that ever was.
            self._places[target.key] = stored.get(target.key) or await self._heads()
        self._save()

    async def run(self) -> None:
        """Sends without end, after `begin`; cancel it to stop."""
        await asyncio.gather(*(self._serve(target) for target in self._targets))

    def states(self) -> tuple[TargetState, ...]:
        """Returns how each target does now."""
        return tuple(
            TargetState(name=target.name, problem=self._problems.get(target.key, ""), project=target.project)
            for target in self._targets
        )

    async def _heads(self) -> dict[str, int]:
        return {
            project.project_id: (await self._ledger.counts(project.project_id)).events
            for project in await self._ledger.projects()
        }

    async def _serve(self, target: Target) -> None:
        while True:
            try:
                is_idle = not await self._send_next(target)
            except WorkbenchError as error:
                log.warning("notices wait", target=target.name, problem=error.message)
                is_idle = True
            except Exception as error:
                # Said where an operator looks, and tried again: a notice is never lost in silence.
                log.exception("notices failed", target=target.name)
                self._tell(target, f"the notices to it failed: {type(error).__name__}")
                is_idle = True
            if is_idle:
                await self._ledger.wait_change(_LOOK_SECONDS)

    async def _send_next(self, target: Target) -> bool:
        """Brings the target one batch further in each project; False when there was nothing new."""
        is_anything = False
        for project in await self._ledger.projects():
            place = self._places[target.key].get(project.project_id, 0)
            is_told = target.project in ("", project.project_id, project.name)
            events = await self._ledger.for_project(project.project_id).events(after=place, limit=_BATCH)
            for event in events:
                is_anything = True
                notice = await self._word(event, project) if is_told else None
                if notice is not None:
                    await self._deliver(target, notice)
                self._places[target.key][project.project_id] = event.seq
                if notice is not None:
                    self._save()
            if events:
                self._save()
        return is_anything

    async def _word(self, event: Event, project: Project) -> Notice | None:
        if event.tag not in TOLD or event.run_id is None:
            return None
        run = await self._ledger.for_project(project.project_id).run(event.run_id)
        return render_notice(
            event, run, project, url=self._url, mask=lambda text: self._mask(project.project_id, text)
        )

    async def _deliver(self, target: Target, notice: Notice) -> None:
        """Returns once the target has taken the notice; tries until then, ever more slowly."""
        attempt = 0
        while True:
            sending = in_thread(lambda: target.send(notice.title, notice.body), name="notice")
            problem = await self._outcome(sending, target)
            if problem is None:
                self._tell(target, "")
                return
            self._tell(target, problem)
            await asyncio.sleep(self._retry_seconds[min(attempt, len(self._retry_seconds) - 1)])
            attempt += 1

    async def _outcome(self, sending: asyncio.Future[str | None], target: Target) -> str | None:
        """Waits for one attempt. One that hangs is said to, and waited for: never two at a time."""
        await asyncio.wait([sending], timeout=self._hangs_seconds)
        if not sending.done():
            self._tell(target, f"it has not answered for {self._hangs_seconds:.0f} s")
        return await sending

    def _tell(self, target: Target, problem: str) -> None:
        if self._problems.get(target.key, "") == problem:
            return
        self._problems[target.key] = problem
        if problem:
            log.warning("notice not delivered", target=target.name, problem=problem)
        self._save()

    def _save(self) -> None:
        write_places(self._file, self._places, self._problems)
