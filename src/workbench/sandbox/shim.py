"""Supervises one step: owns its terminal, its log, its clocks and its end.

Standard library only, single-threaded, forked from the zygote, and independent of it and of the server
from then on: both may be killed. Only this module writes exit.json. It decides nothing about policy: the
argument list it starts was made by profile.py.
"""

from __future__ import annotations

import base64
import contextlib
import ctypes
import errno
import json
import os
import select
import signal
import socket
import time
from typing import Any

from workbench.sandbox import barrier, census, placeholders, step_folder, terminal, traces
from workbench.sandbox.doorway import Doorway
from workbench.sandbox.hardlinks import HardLinks
from workbench.sandbox.refusals import explain_refusals
from workbench.sandbox.segment import Segment
from workbench.sandbox.spoken import say_seconds, say_time
from workbench.sandbox.starter import Starter
from workbench.sandbox.subscribers import Subscriber
from workbench.sandbox.tether import Tether
from workbench.sandbox.tracer import Tracer
from workbench.sandbox.waiting import InputWatch

_CROWD = 512
_TELL_SECONDS = 0.003
_FLOOD_BYTES = 8192
_BATCH_BYTES = 64 * 1024
_READ_BYTES = 1024 * 1024
_SETTLE_SECONDS = 5.0
_UNWRITTEN_SECONDS = 3600.0
_WORD_SECONDS = 10.0
_LARGEST_INPUT = 1024 * 1024
_LEASE_GRACE_SECONDS = 0.5
_COMPLAINT_BYTES = 64 * 1024
_PR_SET_CHILD_SUBREAPER = 36
_LIBC = ctypes.CDLL(None, use_errno=True)

STARTING, RUNNING, ENDING = "starting", "running", "ending"


def become_supervisor() -> dict[str, Any]:
    """Makes this process fit to supervise one step, and returns the identity it is known by."""
    os.setsid()
    os.umask(0o077)
    os.chdir("/")
    # Where it may be, the supervisor comes before what it supervises, however many those are.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, -10)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Only the control socket and SIGKILL end a shim: a stray signal to a group must not.
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    return {
        "pid": os.getpid(),
        "start_ticks": census.read_start_ticks(os.getpid()),
        "boot_id": census.read_boot_id(),
    }


def supervise(
    request: dict[str, Any], *, word: socket.socket, starter: Starter, identity: dict[str, Any]
) -> None:
    """Builds the step's sandbox, waits for the word to start, and stays until the step's end is written.

    The answer on `word` is the identity when the step is taken on, or the reason why not. Without the word
    nothing is left of it.
    """
    _Step(request, identity, starter).run(word)


class _Step:
    def __init__(self, request: dict[str, Any], identity: dict[str, Any], starter: Starter) -> None:
        self._request = request
        self._starter = starter
        self._folder = str(request["folder"])
        self._identity = identity
        self._segment: Segment
        self._server: socket.socket
        self._epoll = select.epoll()
        self._subscribers: dict[int, Subscriber] = {}
        self._sources: dict[int, int] = {}
        self._keyboard: int | None = None
        self._input: InputWatch | None = None
        self._typed = b""
        self._phase = STARTING
        self._began = time.monotonic()
        self._started_at = time.time()
        self._stamp = 0
        self._last_active = self._began
        self._status = b""
        self._status_fd = -1
        self._barrier: socket.socket | None = None
        self._has_mounts = False
        self._outer: int = -1
        self._outer_fd = -1
        self._init: int | None = None
        self._namespace: int | None = None
        self._exit_code: int | None = None
        self._outer_code: int | None = None
        self._end_reason = ""
        self._detail = ""
        self._kill_at: float | None = None
        self._told_at = 0.0
        self._told_phase = ""
        self._told_size = 0
        self._must_tell = False
        self._hold: placeholders.Placeholders | None = None
        self._doorway: Doorway | None = None
        self._tracer: Tracer | None = None
        self._tether = None if request["lease"] is None else Tether(request["lease"])

    def run(self, word: socket.socket) -> None:
        """Runs the step to its proven end."""
        try:
            # All that the command does not see happens before the word comes: it is held at the barrier.
            self._launch()
            if not self._take_leave(word):
                self._abandon()
                return
            self._open_log()
        except (OSError, ValueError) as error:
            self._abandon()
            _answer(word, {"error": str(error)})
            return
        _answer(word, self._identity)
        try:
            while self._outer_code is None:
                self._turn(self._patience())
        except Exception as error:
            # Whatever went wrong here, the command must not outlive its supervision unrecorded.
            self._note("failed_to_start" if self._phase == STARTING else "lost", f"{error}")
        ended = self._settle()
        self._publish(ended)

    # -- start ---------------------------------------------------------------------------------------

    def _take_leave(self, word: socket.socket) -> bool:
        """Waits for the word and takes the claim; False when nobody gives it, or somebody has the step."""
        word.settimeout(_WORD_SECONDS)
        try:
            said = word.recv(len(step_folder.START))
        except OSError:
            said = b""
        if said != step_folder.START:
            return False
        if self._tether is not None and not self._tether.left_seconds():
            _answer(word, {"error": self._tether.explain()})
            return False
        if step_folder.take_claim(self._folder, self._identity):
            return True
        _answer(word, {"error": "this step was started or given up before", "is_taken": True})
        return False

    def _launch(self) -> None:
        request = self._request
        if request["mode"] == "pty":
            channels = terminal.open_terminal(rows=request["rows"], columns=request["columns"])
        else:
            channels = terminal.open_pipes()
        status, status_end = os.pipe()
        options, options_end = barrier.open_guarded()
        self._barrier, barrier_end = barrier.open_barrier()
        line: list[str] = request["argv"]
        border = line.index("--")
        handed = {
            request["seccomp_fd"]: barrier.open_memory("seccomp", base64.b64decode(request["seccomp"])),
            request["status_fd"]: status_end,
            request["barrier_fd"]: barrier_end.detach(),
            # The options hold the environment, and a process list shows command lines to everybody.
            request["arguments_fd"]: options_end.detach(),
        }
        short = [line[0], "--args", str(request["arguments_fd"]), *line[border:]]
        self._outer = self._starter.pid
        self._starter.execute(
            short,
            channels=channels,
            handed=handed,
            mark=step_folder.mark_of(self._folder),
            ownerless=request["ownerless"],
        )
        if channels.keyboard is not None:
            other = os.fstat(channels.child[0])
            self._input = InputWatch(self._folder, channels.keyboard, (other.st_dev, other.st_rdev))
        for descriptor in {*channels.child, *handed.values()}:
            os.close(descriptor)
        self._sources = dict(channels.sources)
        self._keyboard = channels.keyboard
        self._status_fd = status
        os.set_blocking(status, False)
        self._outer_fd = os.pidfd_open(self._outer)
        for descriptor in (*self._sources, self._status_fd, self._outer_fd):
            self._epoll.register(descriptor, select.EPOLLIN)
        self._epoll.register(self._barrier, select.EPOLLOUT)
        # Bubblewrap looks for what it is to mount once it has read its options; until then it only starts.
        workspace = str(request["workspace_root"])
        self._hold = placeholders.Placeholders(workspace, state_folder=request["placeholder_folder"])
        self._hold.hold(request["protected"])
        # Looked at before it is mounted: exchanged before or after its mount, a path is another one then.
        self._expected = [
            (path, source, placeholders.identify(source, "")) for path, source in request["bound"]
        ]
        options.sendall("\0".join([*line[1:border], ""]).encode())
        barrier.let_go(options)
        self._links = HardLinks(workspace, request["read_only"])

    def _open_log(self) -> None:
        masks = [base64.b64decode(mask) for mask in self._request["masks"]]
        limit = int(self._request["max_output_bytes"])
        step_folder.reserve_end(self._folder)
        self._segment = Segment(self._folder, limit_bytes=limit, masks=masks)
        self._server = step_folder.listen_control(self._folder)
        self._epoll.register(self._server, select.EPOLLIN)

    def _abandon(self) -> None:
        """Ends what was begun before the command could start: it is still held at the barrier."""
        if self._outer > 0:
            self._wait_childless(time.monotonic() + _SETTLE_SECONDS)
        if self._hold is not None:
            self._hold.release()

    def _read_status(self) -> None:
        try:
            data = os.read(self._status_fd, 65536)
        except BlockingIOError:
            return
        if not data:
            self._close("_status_fd")
            return
        *lines, self._status = (self._status + data).split(b"\n")
        for line in lines:
            document = json.loads(line)
            if "child-pid" in document:
                self._enter(int(document["child-pid"]), document.get("pid-namespace"))
            if "exit-code" in document:
                self._exit_code = int(document["exit-code"])

    def _enter(self, init: int, namespace: int | None) -> None:
        """Notes the namespace by which every process of the step is known from now on."""
        self._init = init
        self._namespace = namespace or census.read_pid_namespace(init)
        self._identity |= {
            "init_pid": init,
            "init_start_ticks": census.read_start_ticks(init),
            "pid_namespace": self._namespace,
        }
        with contextlib.suppress(OSError):
            # Without it a lost step is still ended by the kernel, with its shim.
            step_folder.write_document(self._folder, step_folder.IDENTITY, self._identity, durable=False)
        if self._request["network"] is not None:
            self._doorway = Doorway(self._request["network"], self._request["masks"], init)
            self._epoll.register(self._doorway.ready, select.EPOLLIN)

    def _close(self, name: str) -> None:
        """Closes one of our descriptors, which takes it out of the epoll set as well."""
        os.close(getattr(self, name))
        setattr(self, name, -1)

    def _release(self) -> None:
        """Checks that what was mounted is what was looked at before, then lets the command start.

        A command that runs in the same or an enclosing workspace may have exchanged a folder for a symlink
        in between. At the barrier bubblewrap's new root lies below /newroot of its first process.
        """
        self._has_mounts = False
        for path, _, expected in self._expected:
            found = os.lstat(f"/proc/{self._init}/root/newroot{path}")
            if (found.st_dev, found.st_ino) != expected:
                self._note("failed_to_start", f"{path} was exchanged for something else while starting")
                self._kill()
                return
        assert self._barrier is not None
        assert self._init is not None
        if self._request["is_traced"]:
            # Without one, what was started is known less well; that keeps nothing from starting.
            with contextlib.suppress(OSError):
                self._tracer = Tracer(self._init, self._folder)
        self._stamp = traces.read_stamp()
        self._links.note()
        barrier.let_go(self._barrier)
        self._barrier = None
        self._began = self._last_active = time.monotonic()
        self._started_at = time.time()
        self._phase = RUNNING

    # -- life ----------------------------------------------------------------------------------------

    def _patience(self) -> float:
        now = time.monotonic()
        ends = [_TELL_SECONDS if self._must_tell else 60.0]
        if self._kill_at is not None:
            ends.append(self._kill_at - now)
        elif self._phase == RUNNING:
            if self._request["timeout_seconds"] is not None:
                ends.append(self._began + self._request["timeout_seconds"] - now)
            if self._input is not None:
                ends.append(self._input.next_look(self._last_active) - now)
            if self._request["idle_timeout_seconds"] is not None:
                ends.append(self._last_active + self._request["idle_timeout_seconds"] - now)
        if self._kill_at is None and self._tether is not None:
            ends.append(self._tether.left_seconds())
        return max(0.0, min(ends))

    def _turn(self, patience: float) -> None:
        for descriptor, _ in self._epoll.poll(patience):
            if descriptor in self._sources:
                self._drain(descriptor)
            elif descriptor == self._status_fd:
                self._read_status()
            elif self._barrier is not None and descriptor == self._barrier.fileno():
                # Nothing else to wait for there: bubblewrap has read it, or has died.
                self._epoll.unregister(self._barrier)
                self._has_mounts = True
            elif descriptor == self._server.fileno():
                self._accept()
            elif descriptor == self._outer_fd:
                self._epoll.unregister(self._outer_fd)
                _, status = os.waitpid(self._outer, 0)
                self._outer_code = os.waitstatus_to_exitcode(status)
                self._has_mounts = False
                if self._status_fd >= 0:
                    self._read_status()
            elif self._doorway is not None and descriptor == self._doorway.ready:
                if problem := self._doorway.read_problem():
                    self._note("failed_to_start", problem)
                    self._kill()
            elif descriptor in self._subscribers:
                self._hear(self._subscribers[descriptor])
        is_open = self._doorway is None or self._doorway.ready < 0
        if self._has_mounts and self._init is not None and self._phase == STARTING and is_open:
            self._release()
        self._check_clocks()
        self._tell()

    def _check_clocks(self) -> None:
        now = time.monotonic()
        wall, idle = self._request["timeout_seconds"], self._request["idle_timeout_seconds"]
        if self._kill_at is not None:
            if now >= self._kill_at:
                self._kill()
                self._kill_at = now + 0.2
        elif self._phase == RUNNING and wall is not None and now >= self._began + wall:
            self._end("timed_out", f"the time limit of {say_seconds(wall)} was reached")
        elif self._phase == RUNNING and idle is not None and now >= self._last_active + idle:
            self._end("idle_timed_out", f"there was no output for {say_seconds(idle)}")
        elif self._tether is not None and not self._tether.left_seconds():
            self._end("lease_lost", self._tether.explain(), grace=_LEASE_GRACE_SECONDS)
        elif self._phase == RUNNING and self._input is not None and self._init is not None:
            self._input.look(self._init, self._last_active)

    def _drain(self, descriptor: int) -> bool:
        """Moves one batch of output to the log; False when there is none now."""
        stream = self._sources[descriptor]
        size = 0
        parts: list[bytes] = []
        is_over = False
        try:
            while size < _BATCH_BYTES:
                part = os.read(descriptor, _READ_BYTES)
                if not part:
                    is_over = True
                    break
                parts.append(part)
                size += len(part)
        except BlockingIOError:
            pass
        except OSError as error:
            # A terminal whose last program has gone answers EIO.
            is_over = error.errno == errno.EIO
        if size:
            self._last_active = time.monotonic()
            at_ms = int((self._last_active - self._began) * 1000)
            self._segment.add(stream, parts[0] if len(parts) == 1 else b"".join(parts), at_ms)
        if is_over:
            self._epoll.unregister(descriptor)
            del self._sources[descriptor]
            if descriptor == self._keyboard:
                self._forget_keyboard()
            os.close(descriptor)
        return size > 0

    def _forget_keyboard(self) -> None:
        if self._input is not None:
            self._input.forget()
        self._keyboard = self._input = None

    # -- requests ------------------------------------------------------------------------------------

    def _accept(self) -> None:
        try:
            connection, _ = self._server.accept()
        except OSError:
            return
        self._subscribers[connection.fileno()] = Subscriber(connection)
        self._epoll.register(connection, select.EPOLLIN)

    def _hear(self, subscriber: Subscriber) -> None:
        if not subscriber.receive(self._serve):
            self._drop(subscriber)

    def _drop(self, subscriber: Subscriber) -> None:
        descriptor = subscriber.fileno()
        self._epoll.unregister(descriptor)
        del self._subscribers[descriptor]
        subscriber.connection.close()

    def _tell(self) -> None:
        now = time.monotonic()
        is_flood = self._segment.end - self._told_size > _FLOOD_BYTES
        self._must_tell = is_flood and self._phase == self._told_phase and now < self._told_at + _TELL_SECONDS
        if self._must_tell:
            # Under a flood one word in a while is enough, and leaves the processor to the flood.
            return
        self._told_at, self._told_phase, self._told_size = now, self._phase, self._segment.end
        for subscriber in list(self._subscribers.values()):
            if not subscriber.tell(self._segment.end, self._phase):
                self._drop(subscriber)

    def _serve(self, request: dict[str, Any]) -> None:
        match request["op"]:
            case "cancel":
                self._end("canceled", str(request["reason"]), grace=float(request["grace_seconds"]))
            case "lease" if self._tether is not None:
                self._tether.look()
            case "input":
                self._type(base64.b64decode(request["data"]))
            case "resize" if self._keyboard is not None:
                terminal.set_size(self._keyboard, rows=int(request["rows"]), columns=int(request["columns"]))
            case _:
                pass

    def _type(self, data: bytes) -> None:
        self._typed += data
        self._last_active = time.monotonic()
        if self._keyboard is None or len(self._typed) > _LARGEST_INPUT:
            self._typed = b""
            return
        try:
            while self._typed:
                self._typed = self._typed[os.write(self._keyboard, self._typed) :]
        except BlockingIOError:
            self._epoll.modify(self._keyboard, select.EPOLLIN | select.EPOLLOUT)
            return
        except OSError:
            self._typed = b""
        self._epoll.modify(self._keyboard, select.EPOLLIN)

    # -- end -----------------------------------------------------------------------------------------

    def _note(self, reason: str, detail: str) -> None:
        if not self._end_reason:
            self._end_reason, self._detail = reason, detail

    def _end(self, reason: str, detail: str, *, grace: float = 2.0) -> None:
        """Asks every process of the step to end, and sets the moment from which it is not asked."""
        self._note(reason, detail)
        if self._kill_at is None:
            # Before the command has started there is nobody to ask.
            is_running = self._phase == RUNNING and self._namespace is not None
            # A fork bomb is not asked either: it would only grow meanwhile.
            if is_running and self._namespace is not None:
                is_running = len(census.members(self._namespace, at_most=_CROWD)) < _CROWD
            self._kill_at = time.monotonic() + (grace if is_running else 0.0)
            if is_running and self._namespace is not None:
                census.end_members(self._namespace, signal.SIGTERM)
                census.end_members(self._namespace, signal.SIGCONT)
            self._phase = ENDING

    def _kill(self) -> None:
        """Ends the namespace: the kernel kills all that is in it with its first process, fork bombs too."""
        if self._init is not None and self._namespace is not None:
            census.end_member(self._init, self._namespace, signal.SIGKILL)
        elif self._outer > 0 and self._outer_code is None:
            os.kill(self._outer, signal.SIGKILL)

    def _settle(self) -> dict[str, Any]:
        """Waits until nothing of the step is left, takes the last output, and returns the exit document."""
        self._phase = ENDING
        if self._input is not None:
            self._input.forget()
            self._input = None
        if self._doorway is not None:
            self._kill()
            self._doorway.close()
        if self._tracer is not None:
            # What it traces is waited for by it alone; it is over with the last of them.
            self._kill()
            self._tracer.finish()
        left = self._wait_childless(time.monotonic() + _SETTLE_SECONDS)
        deadline = time.monotonic() + _SETTLE_SECONDS
        while self._sources and time.monotonic() < deadline:
            if not any([self._drain(descriptor) for descriptor in list(self._sources)]) and self._sources:
                select.select(list(self._sources), [], [], 0.05)
        at_ms = int((time.monotonic() - self._began) * 1000)
        digest = self._segment.finish(at_ms)
        if self._hold is not None:
            # On a full disk the record cannot be kept; the next step in this workspace tidies up.
            with contextlib.suppress(OSError):
                self._hold.release()
        try:
            notes = self._look_back()
        except (OSError, ValueError) as error:
            # How the step ended is told whatever becomes of the look at what it left.
            notes = [f"what it left could not be looked through: {error}"]
        return self._describe(left, digest, notes)

    def _look_back(self) -> list[str]:
        """Says what the step left for other programs to obey, and keeps where repositories are."""
        if self._barrier is not None:
            return []
        root = str(self._request["workspace_root"])
        protected = {source: identity for _, source, identity in self._expected}
        watched = self._request["watched"]
        found = traces.look_through(root, since=self._stamp, protected=protected, watched=watched)
        found.changed += self._links.changed()
        traces.remember(root, found, state_folder=str(self._request["placeholder_folder"]))
        said = [
            traces.describe(found),
            explain_refusals(self._segment.read_end(_COMPLAINT_BYTES), self._request["kept"]),
        ]
        for mask in self._request["masks"]:
            secret = base64.b64decode(mask).decode("utf-8", "replace")
            said = [words.replace(secret, "***") for words in said]
        return said

    def _wait_childless(self, deadline: float) -> int:
        """Reaps what the subreaper inherited; returns how many processes are left nevertheless."""
        self._kill()
        while time.monotonic() < deadline:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                break
            if pid == self._outer:
                self._outer_code = os.waitstatus_to_exitcode(status)
            if pid == 0:
                # bubblewrap's first process may not have asked yet to die with its parent.
                for child in census.children():
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
                time.sleep(0.001)
        if self._namespace is None:
            return len(census.children())
        left = census.members(self._namespace)
        while left and time.monotonic() < deadline:
            census.end_members(self._namespace, signal.SIGKILL)
            time.sleep(0.002)
            left = census.members(self._namespace)
        return len(left)

    def _describe(self, left: int, digest: str, traces_left: list[str]) -> dict[str, Any]:
        code, number = self._exit_code, None
        killed_by = -min(self._outer_code or 0, 0) if code is None else 0
        if killed_by and not self._end_reason:
            # Not our doing: the command, let go or not, has ended with its sandbox and left no status.
            if self._barrier is None:
                self._note("lost", f"its sandbox was killed by signal {killed_by}, and the command with it")
            else:
                self._note("failed_to_start", f"its sandbox was killed by signal {killed_by}")
        elif killed_by:
            code = 128 + killed_by
        if code is not None and 128 < code <= 128 + signal.NSIG:
            # bubblewrap passes a signal on as the shell does: 128 plus its number.
            number = code - 128
        if not self._end_reason:
            if self._exit_code is not None:
                self._end_reason = "exited" if number is None else "signaled"
            else:
                self._note("failed_to_start", self._last_words())
        cut = f"the output was cut: {self._segment.cut}" if self._segment.cut else ""
        notes = [words for words in (cut, *traces_left) if words]
        return {
            "exit_code": code,
            "signal": number,
            "end_reason": self._end_reason,
            "processes_left": left,
            "output_bytes": self._segment.size,
            "dropped_bytes": self._segment.dropped,
            "end_offset": self._segment.end,
            "output_digest": digest,
            "index_digest": self._segment.index_digest,
            "detail": "; ".join(part for part in (self._detail, *notes) if part),
            "notes": notes,
            "started_at": say_time(self._started_at),
            "ended_at": say_time(time.time()),
        }

    def _last_words(self) -> str:
        """Returns bubblewrap's own complaint, which it put where the command's output would be."""
        try:
            with open(os.path.join(self._folder, step_folder.OUTPUT), "rb") as file:
                lines = file.read(4096).decode("utf-8", "replace").splitlines()
        except OSError:
            lines = []
        return next(
            (line for line in lines if line.startswith("bwrap: ")), "the sandbox ended before the command"
        )

    def _publish(self, ended: dict[str, Any]) -> None:
        """Writes the exit file and tells the watchers; while it cannot be written, tells who asks."""
        deadline = time.monotonic() + _UNWRITTEN_SECONDS
        while True:
            try:
                step_folder.write_end(self._folder, ended)
                is_written = True
            except OSError:
                is_written = False
            for subscriber in self._subscribers.values():
                subscriber.send({"ended": ended})
            # With the folder gone, nobody is left who could ask how it ended.
            if is_written or time.monotonic() > deadline or not os.path.isdir(self._folder):
                break
            for descriptor, _ in self._epoll.poll(1.0):
                if descriptor == self._server.fileno():
                    self._accept()
                elif descriptor in self._subscribers:
                    self._hear(self._subscribers[descriptor])
        self._segment.close()
        self._server.close()
        with contextlib.suppress(OSError):
            os.unlink(os.path.join(self._folder, step_folder.CONTROL))


def _answer(word: socket.socket, document: dict[str, Any]) -> None:
    """Answers on the socket that brought the word; who asked may have gone, and finds the claim then."""
    with contextlib.suppress(OSError):
        word.send(json.dumps(document).encode())
    word.close()
