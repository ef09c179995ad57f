"""Follows one step from the server's side: how much output there is, and how the step ended.

One watch a step, however many look on: it holds the only connection to the shim. Its word on the end comes
from exit.json, from the shim itself while that file cannot be written, or from the proof that the shim is
dead. It starts nothing, and ends nothing but what a dead shim left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from workbench.sandbox import census, step_folder
from workbench.sandbox.pieces import measure
from workbench.sandbox.placeholders import Placeholders

_RETRY_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
_SETTLE_SECONDS = 5.0
SHIM_PATIENCE_SECONDS = 20.0
"""How long a shim may be silent: longer than all it does at an end while it answers nobody."""


class Watch:
    """What is known of one step now. `ended` is the exit document, or the one of its loss."""

    def __init__(
        self, folder: Path, *, placeholder_folder: Path, patience_seconds: float = SHIM_PATIENCE_SECONDS
    ) -> None:
        self.folder = folder
        self.size = 0
        self.phase = "starting"
        self.ended: Mapping[str, Any] | None = None
        self._placeholder_folder = placeholder_folder
        self._event = asyncio.Event()
        self._grown_at = time.monotonic()
        self._socket: socket.socket | None = None
        self._sending = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._task_of_limit: asyncio.Task[None] | None = None
        self._patience = patience_seconds
        self._heard = 0
        self._meant: tuple[str, str] | None = None

    def start(self) -> None:
        """Starts following; harmless when it does already."""
        if self._task is None:
            self._task = asyncio.create_task(self._follow())

    @property
    def is_lost(self) -> bool:
        """Whether the step ended without its shim having seen it."""
        return self.ended is not None and self.ended["end_reason"] in ("lost", "never_started")

    def quiet_seconds(self) -> float:
        """Returns how long ago the output last grew, or this watch began."""
        return time.monotonic() - self._grown_at

    async def wait_change(self, *, size: int, phase: str) -> None:
        """Returns once there is more output than `size`, another phase, or the end."""
        self.start()
        while self.size <= size and self.phase == phase and self.ended is None:
            await self._event.wait()

    async def wait_known(self) -> None:
        """Returns once the shim has answered, or the step has ended."""
        self.start()
        while self._socket is None and self.ended is None:
            await self._event.wait()

    async def wait_end(self, seconds: float) -> bool:
        """Says whether the step has ended within the time."""
        self.start()
        try:
            async with asyncio.timeout(seconds):
                while self.ended is None:
                    await self._event.wait()
        except TimeoutError:
            return False
        return True

    async def send(self, message: Mapping[str, Any]) -> bool:
        """Hands the shim a request; False when it cannot be reached."""
        if self._socket is None:
            return False
        async with self._sending:
            try:
                line = json.dumps(dict(message)).encode() + b"\n"
                await asyncio.get_running_loop().sock_sendall(self._socket, line)
            except (OSError, AttributeError):
                return False
        return True

    def kill_shim(self, *, canceled: str | None = None, timed_out: str | None = None) -> None:
        """Kills the shim; the kernel ends its whole pid namespace with it.

        With the reason of a cancel that the shim did not answer, or the limit that it did not keep, the
        step's end is that and no loss.
        """
        self._meant = ("canceled", canceled) if canceled is not None else self._meant
        self._meant = ("timed_out", timed_out) if timed_out is not None else self._meant
        claim = step_folder.read_document(str(self.folder), step_folder.CLAIM)
        if claim is not None and census.is_alive(claim):
            # It may end by itself right now.
            with contextlib.suppress(ProcessLookupError):
                os.kill(claim["pid"], signal.SIGKILL)

    async def close(self) -> None:
        """Stops following; the step goes on."""
        tasks = [task for task in (self._task, self._task_of_limit) if task is not None]
        self._task = self._task_of_limit = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._disconnect()

    async def _follow(self) -> None:
        attempt = 0
        while self.ended is None:
            self._take_end()
            if self.ended is not None:
                break
            try:
                self._socket = step_folder.connect_control(str(self.folder))
            except OSError:
                if self._is_shim_gone():
                    # It may have written its exit file and left since we looked.
                    self._take_end()
                    if self.ended is None:
                        await self._take_loss()
                    break
                await asyncio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1
                continue
            attempt = 0
            if self._task_of_limit is None:
                self._task_of_limit = asyncio.create_task(self._keep_limit())
            await self._listen(self._socket)
            self._disconnect()
        if self._task_of_limit is not None:
            self._task_of_limit.cancel()
        self._changed()

    async def _keep_limit(self) -> None:
        """Ends a step past its time limit whose shim, stopped perhaps, answers no more.

        The shim keeps the limit itself. The time runs from when it was first reached, so never less than the
        step's own.
        """
        request = step_folder.read_document(str(self.folder), step_folder.REQUEST) or {}
        limit = request.get("timeout_seconds")
        if limit is None:
            return
        await asyncio.sleep(limit + self._patience)
        while self.ended is None:
            heard = self._heard
            # A stopped one takes nothing from a socket that is full.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._patience):
                    await self.send({"op": "watch", "bytes": -1, "phase": ""})
                    await asyncio.Event().wait()
            if self.ended is None and self._heard == heard:
                seconds = f"{limit} second" + ("" if limit == 1 else "s")
                self.kill_shim(timed_out=f"the time limit of {seconds} was reached")
                return

    async def _listen(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        received = b""
        size, phase = -1, ""
        while self.ended is None:
            if not await self.send({"op": "watch", "bytes": size, "phase": phase}):
                return
            while b"\n" not in received:
                try:
                    data = await loop.sock_recv(connection, 65536)
                except OSError:
                    data = b""
                if not data:
                    return
                received += data
            line, _, received = received.partition(b"\n")
            self._heard += 1
            message = json.loads(line)
            if "ended" in message:
                self._end(message["ended"])
                return
            if message["bytes"] != self.size:
                self._grown_at = time.monotonic()
            size, phase = message["bytes"], message["phase"]
            self.size, self.phase = size, phase
            self._changed()

    def _take_end(self) -> None:
        for name in (step_folder.EXIT, step_folder.LOST):
            document = step_folder.read_document(str(self.folder), name)
            if document is not None:
                self._end(document)
                return

    def _end(self, document: Mapping[str, Any]) -> None:
        self.size, self.phase, self.ended = step_folder.end_of(document), "ended", document
        self._changed()

    def _is_shim_gone(self) -> bool:
        """Says whether no shim lives; where none ever claimed the step, it now never may."""
        folder = str(self.folder)
        claim = step_folder.read_document(folder, step_folder.CLAIM)
        if claim is None:
            try:
                # A claim comes with its whole content; one that cannot be read went through a power cut.
                return step_folder.take_claim(folder, {"given_up": True}) or self._has_damaged_claim()
            except OSError:
                return not self.folder.exists()
        return not census.is_alive(claim)

    def _has_damaged_claim(self) -> bool:
        folder = str(self.folder)
        is_there = (self.folder / step_folder.CLAIM).exists()
        return is_there and step_folder.read_document(folder, step_folder.CLAIM) is None

    async def _take_loss(self) -> None:
        folder = str(self.folder)
        identity = step_folder.read_document(folder, step_folder.IDENTITY) or {}
        claim = step_folder.read_document(folder, step_folder.CLAIM) or {}
        left = await _end_namespace(identity) + await end_marked(step_folder.mark_of(folder))
        request = step_folder.read_document(folder, step_folder.REQUEST) or {}
        if "workspace_root" in request:
            await asyncio.to_thread(_tidy, request["workspace_root"], str(self._placeholder_folder))
        log = await asyncio.to_thread(measure, self.folder)
        never = "pid" not in claim and not self._has_damaged_claim()
        end_reason = "never_started" if never else "lost"
        detail = "it was never started" if never else "its supervisor was killed, and it with it"
        notes = []
        if self._meant is not None and not never:
            end_reason, detail = self._meant
            notes = ["its supervisor did not answer and was killed, and the command with it"]
        loss = {
            "exit_code": None,
            "signal": None,
            "end_reason": end_reason,
            "processes_left": left,
            "output_bytes": log.size_bytes,
            "dropped_bytes": log.end - log.size_bytes,
            "end_offset": log.end,
            "output_digest": log.digest,
            # A step that was never begun has no index, and none is to be missed.
            "index_digest": log.index_digest,
            "detail": "; ".join([detail, *notes]),
            "notes": notes,
            "started_at": "",
            "ended_at": "",
        }
        # If it cannot be written, the next one to look comes to the same finding.
        with contextlib.suppress(OSError):
            step_folder.write_document(folder, step_folder.LOST, loss, durable=True)
        self._end(loss)

    def _changed(self) -> None:
        self._event.set()
        self._event = asyncio.Event()

    def _disconnect(self) -> None:
        connection, self._socket = self._socket, None
        if connection is not None:
            connection.close()


async def _end_namespace(identity: Mapping[str, Any]) -> int:
    """Ends what a dead shim left and returns how many processes of it are still there."""
    init = {"pid": identity.get("init_pid"), "start_ticks": identity.get("init_start_ticks")}
    init["boot_id"] = identity.get("boot_id")
    namespace = identity.get("pid_namespace")
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _SETTLE_SECONDS
    left = 0
    # When the first process of a pid namespace is gone the kernel has ended all others before it.
    while namespace is not None and census.is_alive(init):
        census.end_members(namespace, signal.SIGKILL)
        left = len(census.members(namespace))
        if left == 0 or loop.time() > deadline:
            break
        await asyncio.sleep(0.002)
    return left if namespace is not None and census.is_alive(init) else 0


async def end_marked(mark: str) -> int:
    """Ends bubblewraps that were not yet tied to their shim when it died; returns how many are left."""
    left = census.marked(mark)
    for _ in range(500):
        if not left:
            break
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        await asyncio.sleep(0.002)
        left = census.marked(mark)
    return len(left)


def _tidy(workspace: str, placeholder_folder: str) -> None:
    try:
        hold = Placeholders(workspace, state_folder=placeholder_folder)
    except OSError:
        return
    try:
        hold.release()
    except OSError:
        pass
    finally:
        hold.close()
