"""What flows: ledger events as server-sent events, and the terminal over a WebSocket.

Both resume: events by sequence number, output by byte offset. A slow reader holds up only itself: each
follows the ledger or the transcript at its own pace.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Final

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
from workbench.engine.terminal import ACCESS_SECONDS, Terminal
from workbench.engine.viewer import ViewerGone
from workbench.model.errors import InvalidInput, WorkbenchError

router = APIRouter()

_KEEP_ALIVE_SECONDS: Final = 15.0
_MAX_REASON_BYTES: Final = 123
"""All that a WebSocket's close frame holds beside its code (RFC 6455, 5.5)."""
_LAST_POSITION: Final = 2**63 - 1
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
            done, _ = await asyncio.wait({waiting}, timeout=ACCESS_SECONDS)
            try:
                await identify()
            except WorkbenchError:
                return
            if not done:
                quiet_seconds += ACCESS_SECONDS
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
    terminal = Terminal(
        house.context, _Socket(socket), actor=actor, identify=identify, project_id=project_id, run_id=run_id
    )
    await terminal.show(int(offset))
    # A viewer that has read "ended" may have gone already.
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        await socket.close(1000)


class _Socket:
    """A viewer at the other end of a WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def send_bytes(self, data: bytes) -> None:
        with _told_when_gone():
            await self._socket.send_bytes(data)

    async def send_text(self, text: str) -> None:
        with _told_when_gone():
            await self._socket.send_text(text)

    async def receive(self) -> bytes | str:
        with _told_when_gone():
            message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise ViewerGone
        data = message.get("bytes")
        return bytes(data) if data is not None else str(message.get("text") or "")


@contextlib.contextmanager
def _told_when_gone() -> Iterator[None]:
    try:
        yield
    except WebSocketDisconnect as error:
        raise ViewerGone from error
