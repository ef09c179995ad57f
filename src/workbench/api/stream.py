"""What flows: ledger events as server-sent events, and the terminal over a WebSocket.

Both resume: events by sequence number, output by byte offset. A slow reader holds up only itself: each
follows the ledger or the transcript at its own pace.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator
from typing import Annotated, Any, Final

import structlog
from fastapi import APIRouter, Header, Query, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse

from workbench.api.auth import Identify
from workbench.api.house import (
    ActorIn,
    House,
    HouseIn,
    IdentifyIn,
    ProjectQuery,
    project_of_run,
    require_project,
)
from workbench.api.render import event_out
from workbench.connectors.contract import ExternalRef
from workbench.engine.attend import input_wanted
from workbench.engine.elsewhere import has_output, name_worker
from workbench.engine.explain import allowed_run_moves
from workbench.engine.follow import follow, output_ref, wait_started, watch_run
from workbench.engine.held_up import HeldUp, describe_wait
from workbench.engine.retain import say_removed
from workbench.engine.stand import Onlooker
from workbench.model.actor import Actor
from workbench.model.errors import InvalidInput, LedgerUnavailable, NotFound, WorkbenchError
from workbench.model.statuses import RUN_ENDED

router = APIRouter()

_KEEP_ALIVE_SECONDS: Final = 15.0
_STREAMS: Final = {"terminal": 0, "stdout": 1, "stderr": 2}
_FRAME_HEAD: Final = struct.Struct(">BQI")
_MAX_INPUT_BYTES: Final = 65536
_MAX_REASON_BYTES: Final = 123
"""All that a WebSocket's close frame holds beside its code (RFC 6455, 5.5)."""
_LAST_POSITION: Final = 2**63 - 1
log = structlog.get_logger()

_ACCESS_SECONDS: Final = 2.0
"""How often an open stream asks whether its token holds; a revocation in this process is seen at once."""
_SSE_HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}

After = Annotated[int | None, Query(ge=0, le=_LAST_POSITION)]
LastEventId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=40)]


@router.get("/api/events", response_class=StreamingResponse)
async def stream_project_events(
    house: HouseIn,
    project: ProjectQuery,
    identify: IdentifyIn,
    after: After = None,
    last_event_id: LastEventId = None,
) -> StreamingResponse:
    """All events of a project from a position on. The house's own events are not among them."""
    start = _position(after, last_event_id)
    return StreamingResponse(
        _events(house, identify, project.project_id, start, None),
        media_type="text/event-stream",
        headers=_SSE_HEADERS,
    )


@router.get("/api/runs/{run_id}/events", response_class=StreamingResponse)
async def stream_run_events(
    run_id: str,
    house: HouseIn,
    actor: ActorIn,
    identify: IdentifyIn,
    after: After = None,
    last_event_id: LastEventId = None,
) -> StreamingResponse:
    """The events of one run from a position on, each once, in order."""
    project_id = await project_of_run(house, actor, run_id)
    start = _position(after, last_event_id)
    return StreamingResponse(
        _events(house, identify, project_id, start, run_id),
        media_type="text/event-stream",
        headers=_SSE_HEADERS,
    )


async def _events(
    house: House, identify: Identify, project_id: str, after: int, run_id: str | None
) -> AsyncIterator[bytes]:
    # Sent at once, so that the reader knows that it is connected, however long nothing happens.
    yield b": connected\n\n"
    tail = house.context.ledger.tail(project_id, after=after, run_id=run_id)
    waiting: asyncio.Task[Any] | None = None
    quiet_seconds = 0.0
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(tail))
            done, _ = await asyncio.wait({waiting}, timeout=_ACCESS_SECONDS)
            try:
                await identify()
            except WorkbenchError:
                return
            if not done:
                quiet_seconds += _ACCESS_SECONDS
                if quiet_seconds >= _KEEP_ALIVE_SECONDS:
                    quiet_seconds = 0.0
                    yield b": still here\n\n"
                continue
            event = waiting.result()
            waiting = None
            data = event_out(event).model_dump_json()
            yield f"id: {event.seq}\nevent: ledger\ndata: {data}\n\n".encode()
    finally:
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        await tail.aclose()


def _position(after: int | None, last_event_id: str | None) -> int:
    if last_event_id:
        if not _is_position(last_event_id):
            raise InvalidInput(
                f"Last-Event-ID {last_event_id!r} is no sequence number",
                remedy="send the id of the last event you saw",
            )
        return int(last_event_id)
    return after or 0


def _is_position(text: str) -> bool:
    # The length first: turning a very long number into one is itself work.
    return len(text) <= 19 and text.isascii() and text.isdecimal() and int(text) <= _LAST_POSITION


@router.websocket("/api/runs/{run_id}/terminal")
async def stream_terminal(
    socket: WebSocket,
    run_id: str,
    house: HouseIn,
    actor: ActorIn,
    identify: IdentifyIn,
    offset: Annotated[str, Query()] = "0",
) -> None:
    """Output as binary frames (stream u8, offset u64, milliseconds u32, bytes); text frames are JSON.

    A frame of type "gap" tells how many bytes from an offset on were not kept; output goes on behind them.
    Input counts only from the connection that holds the run's lease. A run that this caller has no terminal
    of, and an offset that is no position, close it with 4000 + (status - 400) and what was wrong.
    """
    # The door let this caller in; a refusal before it is accepted could not say a word to a browser.
    await socket.accept()
    try:
        if not _is_position(offset):
            raise InvalidInput(
                f"offset {offset[:20]!r} is no position in the output", remedy="use a number from 0 on"
            )
        project_id = await house.context.ledger.project_of_run(run_id)
        require_project(actor, project_id)
    except WorkbenchError as error:
        reason = f"{error.code}: {error.message}".encode()[:_MAX_REASON_BYTES].decode(errors="ignore")
        await socket.close(4000 + error.http_status - 400, reason)
        return
    terminal = _Terminal(socket, house, actor, identify, project_id, run_id)
    # Whichever side ends first ends both: the reader when the viewer leaves, the writer at the run's end.
    reader = asyncio.create_task(terminal.read_viewer())
    writer = asyncio.create_task(terminal.send_output(int(offset)))
    guard = asyncio.create_task(terminal.watch_access())
    tasks = {reader, writer, guard}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, WebSocketDisconnect):
                log.warning("a terminal ended", run_id=run_id, problem=repr(outcome))
        try:
            await terminal.release()
        except WorkbenchError as error:
            log.warning("a lease's end was not recorded", run_id=run_id, problem=error.message)
    # A viewer that has read "ended" may have gone already.
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(1000)


class _Terminal:
    """One viewer of one run's terminal."""

    def __init__(
        self, socket: WebSocket, house: House, actor: Actor, identify: Identify, project_id: str, run_id: str
    ) -> None:
        self._socket, self._house, self._actor, self._identify = socket, house, actor, identify
        self._project_id, self._run_id = project_id, run_id
        self._lease_key = f"{id(self)}"
        self._ref: ExternalRef | None = None

    async def send_output(self, offset: int) -> None:
        """Sends all output from `offset`, then how it ended."""
        context = self._house.context
        asked = offset
        waiting_why, onlooker = "", Onlooker(context)
        async for run, step in wait_started(context, self._project_id, self._run_id):
            self._ref = output_ref(step)
            if self._ref is not None or run.status in RUN_ENDED:
                continue
            why = await onlooker.say_why(run, (step,))
            if why != waiting_why:
                waiting_why = why
                await self._say(
                    {
                        "type": "waiting",
                        "why": why,
                        "status": run.status.value,
                        "blocked_by": None if run.blocked_by is None else run.blocked_by.value,
                    }
                )
        if self._ref is not None and not has_output(context, step):
            self._ref = None
            why = f"It runs on {await name_worker(context, step.worker_id)}; what it puts out is there."
            await self._say({"type": "waiting", "why": why, "status": run.status.value, "blocked_by": None})
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
                    await self._socket.send_bytes(head + chunk.data)
                    offset = chunk.offset + len(chunk.data)
        await self._say_end(offset, has_read=offset > asked)

    async def _say_removed(self) -> bool:
        """Tells why there is no output any more, where it was removed on purpose."""
        reads = self._house.context.ledger.for_project(self._project_id)
        found = await reads.artifacts(self._run_id)
        why = next((f"the transcript was {say_removed(each)}" for each in found if each.removed_at), "")
        if why:
            await self._say({"type": "removed", "why": why})
        return bool(why)

    async def _say_end(self, offset: int, *, has_read: bool) -> None:
        """Waits for the ledger's word, so that whoever reads "ended" finds the run ended."""
        async for run, steps in watch_run(self._house.context, self._project_id, self._run_id):
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
        ended = (await self._house.context.connectors[self._ref.connector_id].snapshot(self._ref)).ended
        return 0 if ended is None else ended.end_offset

    async def watch_access(self) -> None:
        """Returns when the viewer's token holds no longer; tells meanwhile what the run waits for."""
        told: HeldUp | None = None
        wanted: str | None = None
        while True:
            await asyncio.sleep(_ACCESS_SECONDS)
            try:
                await self._identify()
            except WorkbenchError:
                return
            held = self._house.context.held_up.get(self._run_id)
            if held is not None and held != told:
                why = describe_wait(held, monotonic=self._house.context.clock.monotonic())
                await self._say({"type": "waiting", "why": why, "status": "running", "blocked_by": None})
            told = held
            await self._look_after_lease()
            wanted = await self._say_wanted(wanted)

    async def _look_after_lease(self) -> None:
        """Has what was typed recorded, and the lease ended when its holder is silent."""
        try:
            why = await self._house.keyboards.look_after(
                self._house.context, run_id=self._run_id, key=self._lease_key
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

    async def _say_wanted(self, told: str | None) -> str | None:
        """Tells when the run begins or ceases to wait for somebody to type; returns since when it does."""
        reads = self._house.context.ledger.for_project(self._project_id)
        steps = await reads.steps(self._run_id) if self._ref is not None else []
        wanted = next((since for step in steps if (since := input_wanted(self._house.context, step))), None)
        if wanted != told:
            await self._say({"type": "input_wanted", "since": wanted})
        return wanted

    async def read_viewer(self) -> None:
        """Takes what the viewer sends until the connection ends."""
        try:
            while True:
                message = await self._socket.receive()
                if message["type"] == "websocket.disconnect":
                    return
                await self._identify()
                if message.get("bytes") is not None:
                    await self._input(message["bytes"])
                elif message.get("text") is not None:
                    await self._command(message["text"])
        except (WebSocketDisconnect, WorkbenchError):
            # Gone, or no longer let in: either way nothing of it is taken any more.
            return

    async def _input(self, data: bytes) -> None:
        if not self._holds_lease() or self._ref is None or len(data) > _MAX_INPUT_BYTES:
            return
        try:
            await self._house.keyboards.type(
                self._house.context, run_id=self._run_id, key=self._lease_key, ref=self._ref, data=data
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
            await self.release()
            await self._say_lease()
        elif kind == "resize" and self._holds_lease() and self._ref is not None:
            rows, columns = message.get("rows"), message.get("columns")
            if isinstance(rows, int) and isinstance(columns, int):
                try:
                    await self._house.context.connectors[self._ref.connector_id].resize(
                        self._ref, rows=rows, columns=columns
                    )
                except WorkbenchError as error:
                    await self._say({"type": "refused", "detail": error.message, "remedy": error.remedy})

    async def _take_lease(self) -> None:
        context = self._house.context
        run = await context.ledger.for_project(self._project_id).run(self._run_id)
        if "input" in allowed_run_moves(run, self._actor):
            await self._house.keyboards.take(
                context,
                project_id=self._project_id,
                run_id=self._run_id,
                key=self._lease_key,
                actor=self._actor,
                status=run.status.value,
            )
        await self._say_lease()

    async def release(self) -> None:
        """Gives the lease back, if it is ours."""
        await self._house.keyboards.release(self._house.context, run_id=self._run_id, key=self._lease_key)

    def _holds_lease(self) -> bool:
        return self._house.keyboards.holds(self._run_id, self._lease_key)

    async def _say_lease(self) -> None:
        lease = self._house.keyboards.holder(self._run_id)
        holder = None if lease is None else lease.actor.name
        await self._say({"type": "lease", "held": self._holds_lease(), "holder": holder})

    async def _say(self, message: dict[str, Any]) -> None:
        await self._socket.send_text(json.dumps(message))
