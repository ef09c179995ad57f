"""Programs as processes of their own that cost no start of an interpreter.

Half of what a program of this house costs is the reading of its modules. Here one process has read them all
and is divided for each program (the standard library's fork server). What comes out is a process like any
other: an id, descriptors, an environment and a working directory of its own, and it can be killed. The long
suite starts each program anew instead (`WORKBENCH_TESTS_PROGRAMS=new`), as does whoever gives a prefix, or an
environment that the interpreter itself reads when it starts.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Final, Protocol

import pytest

from support.divided import CROSSINGS, PRELOADED, begin

STARTED_ANEW: Final = "WORKBENCH_TESTS_PROGRAMS"
_READ_BY_THE_INTERPRETER: Final = ("PYTHON", "LC_", "LD_")
_CONTEXT: Final = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload([PRELOADED])


def ready_to_divide() -> ForkServerContext:
    """Returns what makes processes of what has been read already, for tests that need one of their own."""
    # The fork server finds its modules by the path of its environment alone.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
        forkserver.ensure_running()
    return _CONTEXT


class Program(Protocol):
    """A process that was started; `subprocess.Popen` is one."""

    pid: int

    @property
    def returncode(self) -> int | None: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...
    def send_signal(self, sig: int, /) -> None: ...


class _Divided:
    """A process that was divided from the one that has read all modules."""

    def __init__(
        self,
        words: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path,
        streams: Sequence[int],
        ready: int,
    ) -> None:
        ready_to_divide()
        # A connection is how the library hands a descriptor over; it closes what it holds, so it gets a copy.
        handed = [Connection(os.dup(number)) for number in (*streams, *([ready] if ready >= 0 else []))]
        self._process = _CONTEXT.Process(
            target=begin, args=(list(words), dict(environment), str(cwd), handed)
        )
        self._process.start()
        for connection in handed:
            connection.close()
        assert self._process.pid is not None
        self.pid = self._process.pid
        # It is the fork server's child: its number may be another's by the time we know that it has ended.
        try:
            self._handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            self._handle = -1

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("workbench", timeout or 0)
        return self._process.exitcode

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def send_signal(self, sig: int, /) -> None:
        if self._handle >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, sig)

    def __del__(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)


def start_program(
    words: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    streams: tuple[int, int, int],
    ready: int = -1,
    prefix: Sequence[str] = (),
) -> Program:
    """Starts `PREFIX python -m workbench WORDS` on the three descriptors.

    A descriptor `ready` is handed on, its number in WORKBENCH_READY_FD.
    """
    reads_itself = any(name.startswith(_READ_BY_THE_INTERPRETER) for name in environment)
    if not prefix and not reads_itself and os.environ.get(STARTED_ANEW) != "new":
        return _Divided(words, environment, cwd, streams, ready)
    named = {"WORKBENCH_READY_FD": str(ready)} if ready >= 0 else {}
    module = "workbench"
    if CROSSINGS in environment:
        module = "support.crossed"
        named["PYTHONPATH"] = str(Path(__file__).parents[1])
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", module, *words],
        env={**environment, **named},
        pass_fds=(ready,) if ready >= 0 else (),
        stdin=streams[0],
        stdout=streams[1],
        stderr=streams[2],
        cwd=cwd,
    )


def run_program(
    words: Sequence[str],
    *,
    environment: Mapping[str, str],
    cwd: Path,
    stdin: bytes,
    prefix: Sequence[str] = (),
) -> tuple[int, bytes, bytes]:
    """Runs a program to its end; returns its status and all it said on stdout and stderr.

    Raises TimeoutError when it says nothing for two minutes.
    """
    pipes = [os.pipe() for _stream in range(3)]
    (given, giving), (out, writing_out), (err, writing_err) = pipes
    program = start_program(
        words, environment=environment, cwd=cwd, streams=(given, writing_out, writing_err), prefix=prefix
    )
    for number in (given, writing_out, writing_err):
        os.close(number)
    said = {out: bytearray(), err: bytearray()}
    rest = memoryview(stdin)
    with selectors.DefaultSelector() as selector:
        selector.register(out, selectors.EVENT_READ)
        selector.register(err, selectors.EVENT_READ)
        os.set_blocking(giving, False)
        selector.register(giving, selectors.EVENT_WRITE)
        while selector.get_map():
            events = selector.select(120)
            if not events:
                program.kill()
                raise TimeoutError(f"workbench {' '.join(words)} said nothing for two minutes")
            for key, _mask in events:
                number = key.fd
                if number == giving:
                    try:
                        rest = rest[os.write(giving, rest[:65536]) :] if rest else rest
                    except BrokenPipeError:
                        rest = rest[:0]
                    if rest:
                        continue
                elif piece := os.read(number, 65536):
                    said[number] += piece
                    continue
                selector.unregister(number)
                os.close(number)
    return program.wait(120), bytes(said[out]), bytes(said[err])
