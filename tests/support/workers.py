"""Real `workbench worker` processes, each with a home of its own."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from support.processes import find_children, kill_and_wait, live_shims
from support.programs import Program, start_program
from support.server import StartFailed, Workbench, read_answer


@dataclass(kw_only=True)
class Worker:
    """One machine: a home, and a process that can be stopped, killed and started again."""

    home: Path
    settings: dict[str, str]
    words: tuple[str, ...] = ()
    prefix: tuple[str, ...] = ()
    process: Program | None = None
    worker_id: str = ""

    @property
    def log(self) -> Path:
        return self.home.with_name(self.home.name + ".log")

    def start(self) -> Worker:
        """Starts it and returns once it has joined; raises StartFailed with what it said."""
        ready, writing = os.pipe()
        environment = Workbench(home=self.home, settings=self.settings).environment
        with open(self.log, "ab") as log, open(os.devnull, "rb") as nothing:
            self.process = start_program(
                ["worker", *self.words],
                environment=environment,
                cwd=self.log.parent,
                streams=(nothing.fileno(), log.fileno(), log.fileno()),
                ready=writing,
                prefix=self.prefix,
            )
        os.close(writing)
        try:
            answer = read_answer(ready)
        finally:
            os.close(ready)
        if "worker_id" not in answer:
            raise StartFailed(answer, self.log.read_text())
        self.worker_id = str(answer["worker_id"])
        return self

    def signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> int:
        """Asks it to end, as an operator would, and returns its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Ends it and everything it started."""
        left = list(live_shims(self.home).values())
        if self.process is not None and self.process.poll() is None:
            left += find_children(self.process.pid)
            self.process.kill()
            self.process.wait()
        for pid in (*left, *live_shims(self.home).values()):
            kill_and_wait(pid)


@contextlib.contextmanager
def worker(
    home: Path, *words: str, settings: Mapping[str, str] | None = None, prefix: tuple[str, ...] = ()
) -> Iterator[Worker]:
    """A started worker on a fresh home; everything of it is ended afterwards."""
    made = Worker(home=home, settings=dict(settings or {}), words=words, prefix=prefix)
    try:
        yield made.start()
    finally:
        made.close()
