"""One viewer's terminal of one run: what it put out and puts out, how it ended, and who types into it.

How the viewer is reached is not this module's business: over a WebSocket, or by way of another process.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog

from workbench.connectors.contract import ExternalRef
from workbench.engine.attend import input_wanted
from workbench.engine.context import Context
from workbench.engine.elsewhere import bring_output, find_worker, is_writing, name_worker
from workbench.engine.explain import allowed_run_moves
from workbench.engine.follow import follow, output_ref, wait_started, watch_run
from workbench.engine.held_up import HeldUp, describe_wait
from workbench.engine.retain import say_removed
from workbench.engine.stand import Onlooker
from workbench.engine.viewer import Viewer, ViewerGone
from workbench.model.actor import Actor
from workbench.model.errors import LedgerUnavailable, NotFound, WorkbenchError
from workbench.model.run import Step
from workbench.model.statuses import RUN_ENDED, BlockedBy, RunStatus

_STREAMS: Final = {"terminal": 0, "stdout": 1, "stderr": 2}
_FRAME_HEAD: Final = struct.Struct(">BQI")
_MAX_INPUT_BYTES: Final = 65536
_AGAIN_SECONDS: Final = 1.0
"""After how long a machine that did not answer is asked for its output again."""
ACCESS_SECONDS: Final = 2.0
"""How often an open stream asks whether its token holds; a revocation in this process is seen at once."""
log = structlog.get_logger()


class Terminal:
    """One viewer of one run's terminal.

    Output goes as binary frames (stream u8, offset u64, milliseconds u32, bytes); texts are JSON.
    """

    def __init__(
        self,
        context: Context,
        viewer: Viewer,
        *,
        actor: Actor,
        identify: Callable[[], Awaitable[object]],
        project_id: str,
        run_id: str,
    ) -> None:
        self._context, self._viewer, self._actor, self._identify = context, viewer, actor, identify
        self._project_id, self._run_id = project_id, run_id
        self._lease_key = f"{id(self)}"
        self._ref: ExternalRef | None = None
        self._far: Viewer | None = None
        self._begun_again = asyncio.Event()

    async def show(self, offset: int) -> None:
        """Serves the viewer from `offset` until the run has ended, the viewer has gone or may see no more."""
        # Whichever side ends first ends both: the reader when the viewer leaves, the writer at the run's end.
        tasks = {
            asyncio.create_task(self._read_viewer()),
            asyncio.create_task(self._send_all(offset)),
            asyncio.create_task(self._watch_access()),
        }
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, ViewerGone):
                    log.warning("a terminal ended", run_id=self._run_id, problem=repr(outcome))
            try:
                await self._release()
            except WorkbenchError as error:
                log.warning("a lease's end was not recorded", run_id=self._run_id, problem=error.message)

    async def _send_all(self, offset: int) -> None:
        """Sends all output from `offset`, then how it ended; also of a step that is begun again meanwhile.

        That happens to one whose start was recorded and whose command did not begin: it has put out nothing.
        """
        while True:
            self._begun_again.clear()
            sending = asyncio.create_task(self._send_output(offset))
            again = asyncio.create_task(self._begun_again.wait())
            try:
                await asyncio.wait({sending, again}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    return sending.result()
            finally:
                for task in (sending, again):
                    task.cancel()
                await asyncio.gather(sending, again, return_exceptions=True)

    async def _send_output(self, offset: int) -> None:
        """Sends all output from `offset`, then how it ended."""
        context = self._context
        asked = offset
        waiting_why, onlooker = "", Onlooker(context)
        async for run, step in wait_started(context, self._project_id, self._run_id):
            self._ref = output_ref(step)
            if self._ref is not None or run.status in RUN_ENDED:
                continue
            why = await onlooker.say_why(run, (step,))
            if why != waiting_why:
                waiting_why = why
                await self._say_waiting(why, run.status, run.blocked_by)
        if self._ref is not None and not await bring_output(context, step):
            self._ref = None
            far = await self._send_from_afar(step, offset)
            if far is None:
                return
            offset = far
        # Of what still runs nothing is ever removed.
        is_removed = self._ref is not None and run.status in RUN_ENDED and await self._say_removed()
        if self._ref is not None and not is_removed:
            # A step whose folder could not be made (the disk is full, say) has an end and no transcript.
            with contextlib.suppress(NotFound):
                async for chunk in follow(context, self._ref, offset=offset):
                    if chunk.lost_bytes:
                        await self._say({"type": "gap", "offset": chunk.offset, "bytes": chunk.lost_bytes})
                        offset = chunk.offset + chunk.lost_bytes
                        continue
                    head = _FRAME_HEAD.pack(_STREAMS[chunk.stream], chunk.offset, chunk.at_ms & 0xFFFFFFFF)
                    await self._viewer.send_bytes(head + chunk.data)
                    offset = chunk.offset + len(chunk.data)
        await self._say_end(offset, has_read=offset > asked)

    async def _send_from_afar(self, step: Step, offset: int) -> int | None:
        """Hands on what the machine sends that has the step's output, and asks again when it falls silent.

        Returns None once that has told how the run ended, and how far the output came where the run has
        ended and nobody has the rest.
        """
        context, told = self._context, ""
        reads = context.ledger.for_project(self._project_id)
        while True:
            worker = await find_worker(context, step.worker_id)
            if context.far is not None and worker is not None and is_writing(worker):
                opened = context.far.open(
                    worker.worker_id,
                    actor=self._actor,
                    project_id=self._project_id,
                    run_id=self._run_id,
                    offset=offset,
                )
                # Whether the worker has gone or the viewer: of the viewer his reader tells.
                with contextlib.suppress(ViewerGone):
                    async with opened as self._far:
                        while True:
                            message = await self._far.receive()
                            offset, is_end = _look_through(message, offset)
                            await _send(self._viewer, message)
                            if is_end:
                                return None
            self._far = None
            run = await reads.run(self._run_id)
            if run.status in RUN_ENDED:
                return offset
            name = await name_worker(context, step.worker_id)
            why = f"It runs on {name}, which does not answer; what it puts out is there."
            if why != told:
                told = why
                await self._say_waiting(why, run.status)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _say_removed(self) -> bool:
        """Tells why there is no output any more, where it was removed on purpose."""
        reads = self._context.ledger.for_project(self._project_id)
        found = await reads.artifacts(self._run_id)
        why = next((f"the transcript was {say_removed(each)}" for each in found if each.removed_at), "")
        if why:
            await self._say({"type": "removed", "why": why})
        return bool(why)

    async def _say_end(self, offset: int, *, has_read: bool) -> None:
        """Waits for the ledger's word, so that whoever reads "ended" finds the run ended."""
        async for run, steps in watch_run(self._context, self._project_id, self._run_id):
            if run.status not in RUN_ENDED:
                continue
            if offset and not has_read:
                # Whoever asked for what lies behind the end is told where that is.
                offset = min(offset, await self._end_offset())
            await self._say(
                {
                    "type": "ended",
                    "status": run.status.value,
                    "exit_code": steps[0].exit_code,
                    "end_reason": steps[0].provider_status_raw,
                    "offset": offset,
                }
            )
            return

    async def _end_offset(self) -> int:
        """Returns the place behind the last kept byte of the ended run's output."""
        if self._ref is None:
            return 0
        ended = (await self._context.connectors[self._ref.connector_id].snapshot(self._ref)).ended
        return 0 if ended is None else ended.end_offset

    async def _watch_access(self) -> None:
        """Returns when the viewer's token holds no longer; tells meanwhile what the run waits for."""
        told: HeldUp | None = None
        wanted: str | None = None
        while True:
            await asyncio.sleep(ACCESS_SECONDS)
            try:
                await self._identify()
            except WorkbenchError:
                return
            held = self._context.held_up.get(self._run_id)
            if held is not None and held != told:
                why = describe_wait(held, monotonic=self._context.clock.monotonic())
                await self._say_waiting(why, RunStatus.RUNNING)
            told = held
            await self._look_after_lease()
            wanted = await self._look_at_steps(wanted)

    async def _look_after_lease(self) -> None:
        """Has what was typed recorded, and the lease ended when its holder is silent."""
        try:
            why = await self._context.keyboards.look_after(
                self._context, run_id=self._run_id, key=self._lease_key
            )
        except LedgerUnavailable as error:
            log.warning("what was typed is not recorded yet", run_id=self._run_id, problem=error.message)
            return
        if why:
            await self._say(
                {
                    "type": "refused",
                    "detail": f"the keyboard was taken back: {why}",
                    "remedy": "take it again",
                }
            )
            await self._say_lease()

    async def _look_at_steps(self, told: str | None) -> str | None:
        """Notices that the step was begun again, and tells when it begins or ceases to wait for somebody to
        type; returns since when it does."""
        reads = self._context.ledger.for_project(self._project_id)
        steps = await reads.steps(self._run_id) if self._ref is not None else []
        if steps and output_ref(steps[0]) != self._ref:
            self._begun_again.set()
        wanted = next((since for step in steps if (since := input_wanted(self._context, step))), None)
        if wanted != told:
            await self._say({"type": "input_wanted", "since": wanted})
        return wanted

    async def _read_viewer(self) -> None:
        """Takes what the viewer sends until the connection ends."""
        try:
            while True:
                message = await self._viewer.receive()
                await self._identify()
                if self._far is not None:
                    # Who may type, and into what, is decided where it runs.
                    with contextlib.suppress(ViewerGone):
                        await _send(self._far, message)
                elif isinstance(message, bytes):
                    await self._input(message)
                else:
                    await self._command(message)
        except (ViewerGone, WorkbenchError):
            # Gone, or no longer let in: either way nothing of it is taken any more.
            return

    async def _input(self, data: bytes) -> None:
        if not self._holds_lease() or self._ref is None or len(data) > _MAX_INPUT_BYTES:
            return
        try:
            await self._context.keyboards.type(
                self._context, run_id=self._run_id, key=self._lease_key, ref=self._ref, data=data
            )
        except WorkbenchError as error:
            await self._say({"type": "refused", "detail": error.message, "remedy": error.remedy})

    async def _command(self, text: str) -> None:
        try:
            message = json.loads(text)
            kind = message["type"]
        except (ValueError, KeyError, TypeError):
            await self._say({"type": "refused", "detail": "not a message", "remedy": "send JSON with a type"})
            return
        if kind == "lease":
            await self._take_lease()
        elif kind == "release":
            await self._release()
            await self._say_lease()
        elif kind == "resize" and self._holds_lease() and self._ref is not None:
            rows, columns = message.get("rows"), message.get("columns")
            if isinstance(rows, int) and isinstance(columns, int):
                try:
                    await self._context.connectors[self._ref.connector_id].resize(
                        self._ref, rows=rows, columns=columns
                    )
                except WorkbenchError as error:
                    await self._say({"type": "refused", "detail": error.message, "remedy": error.remedy})

    async def _take_lease(self) -> None:
        context = self._context
        run = await context.ledger.for_project(self._project_id).run(self._run_id)
        if "input" in allowed_run_moves(run, self._actor):
            await self._context.keyboards.take(
                context,
                project_id=self._project_id,
                run_id=self._run_id,
                key=self._lease_key,
                actor=self._actor,
                status=run.status.value,
            )
        await self._say_lease()

    async def _release(self) -> None:
        """Gives the lease back, if it is ours."""
        await self._context.keyboards.release(self._context, run_id=self._run_id, key=self._lease_key)

    def _holds_lease(self) -> bool:
        return self._context.keyboards.holds(self._run_id, self._lease_key)

    async def _say_lease(self) -> None:
        lease = self._context.keyboards.holder(self._run_id)
        holder = None if lease is None else lease.actor.name
        await self._say({"type": "lease", "held": self._holds_lease(), "holder": holder})

    async def _say_waiting(self, why: str, status: RunStatus, blocked_by: BlockedBy | None = None) -> None:
        held = None if blocked_by is None else blocked_by.value
        await self._say({"type": "waiting", "why": why, "status": status.value, "blocked_by": held})

    async def _say(self, message: dict[str, Any]) -> None:
        await self._viewer.send_text(json.dumps(message))


async def _send(viewer: Viewer, message: bytes | str) -> None:
    if isinstance(message, bytes):
        await viewer.send_bytes(message)
    else:
        await viewer.send_text(message)


def _look_through(message: bytes | str, offset: int) -> tuple[int, bool]:
    """Returns up to where the output is known after this message, and whether it tells the run's end."""
    if isinstance(message, bytes):
        return _FRAME_HEAD.unpack_from(message)[1] + len(message) - _FRAME_HEAD.size, False
    said = json.loads(message)
    if said["type"] == "gap":
        return said["offset"] + said["bytes"], False
    return offset, said["type"] == "ended"
