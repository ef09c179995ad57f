"""Counts what a run's programs come past between two records, and kills one of them at a chosen one.

Standard library only, because the processes that start and supervise steps read it too. Everything lies in
one folder: `crossed` (the names, a line each, in order), `targets.json` (where to strike, each once),
`fired`, `server.pid`, `zygote.pid`, and FIFOs for who is held instead of killed. No program of the house
knows of it: tests hand them over already wrapped.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Crossings:
    """The folder that all processes of one server share. `home` is where that server's steps lie."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self.home = folder, home
        self.is_rehearsing = False

    def cross(self, name: str) -> None:
        """Notes that a process came past; where a strike waits for this crossing, it is carried out here.

        A strike at another process returns once that process is gone; one at this process does not return.
        Who is held returns when that is over.
        """
        if hold := self.note(name):
            self.wait_go(hold)

    def note(self, name: str) -> str:
        """Does the same, but returns at once where one is to be held: by the name to wait for, else ""."""
        if self.is_rehearsing:
            return ""
        with open(self.folder / "crossed", "a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            file.write(f"{name}\n".encode())
            file.flush()
            strike = self._take_strike(name)
            if strike is not None:
                (self.folder / "fired").touch()
        if strike is not None and strike.startswith("hold"):
            return strike
        if strike is not None:
            end_all(self.victims(strike))
        return ""

    def wait_go(self, hold: str) -> None:
        """Returns once somebody lets go who is held under this name."""
        # Opened for reading, a FIFO waits for somebody who opens it for writing.
        os.close(os.open(self.folder / hold, os.O_RDONLY))

    def around(self, name: str, work: Callable[P, R]) -> Callable[P, R]:
        """Returns `work` with a crossing before and one after it."""

        def crossed(*args: P.args, **kwargs: P.kwargs) -> R:
            self.cross(f"before {name}")
            done = work(*args, **kwargs)
            self.cross(f"after {name}")
            return done

        return crossed

    def victims(self, whom: str) -> list[int]:
        """Returns the processes that a word stands for: shim, postgres, or whoever has a file WORD.pid."""
        if whom == "shim":
            own = os.getpid()
            if own not in (self._pid("server"), self._pid("zygote")):
                return [own]
            zygote = self._pid("zygote")
            return [*(_children(zygote) if zygote else ()), *_live_shims(self.home)]
        if whom == "postgres":
            postmaster = int((self.folder / "postgres").read_text())
            is_there = b"postgres" in _read(f"/proc/{postmaster}/cmdline")
            return [postmaster, *_children(postmaster)] if is_there else []
        return [pid for pid in [self._pid(whom)] if pid]

    def _pid(self, whom: str) -> int:
        """Returns the process of this name, or 0 where it has gone: its number may be another's by now."""
        words = _read(str(self.folder / f"{whom}.pid")).split()
        if len(words) != 2 or _read_ticks(int(words[0])) != int(words[1]):
            return 0
        return int(words[0])

    def name(self, whom: str) -> None:
        """Writes down that this process is the one of this name."""
        (self.folder / f"{whom}.pid").write_text(f"{os.getpid()} {_read_ticks(os.getpid())}")

    def _take_strike(self, name: str) -> str | None:
        targets = read_targets(self.folder)
        for target in targets:
            if target["name"] == name:
                target["skip"] -= 1
                left = [each for each in targets if each["skip"] >= 0]
                write_targets(self.folder, left)
                return None if target in left else str(target["whom"])
        return None


def read_targets(folder: Path) -> list[dict[str, Any]]:
    """Returns what is to be struck yet: the name of a crossing, how many like it to skip, and whom."""
    try:
        found: list[dict[str, Any]] = json.loads((folder / "targets.json").read_text())
    except FileNotFoundError:
        return []
    return found


def write_targets(folder: Path, targets: list[dict[str, Any]]) -> None:
    part = folder / f"targets.{os.getpid()}.part"
    part.write_text(json.dumps(targets))
    part.rename(folder / "targets.json")


def end_all(pids: list[int]) -> None:
    """Kills them and returns once they are gone; this process comes last."""
    for pid in sorted(pids, key=lambda pid: pid == os.getpid()):
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
            select.select([descriptor], [], [], 30)
        os.close(descriptor)


def wrap_steps(folder: str, home: str) -> None:
    """Wraps what supervises steps; in the process that starts them, before it starts any."""
    from workbench.sandbox import segment, shim, spawner, step_folder

    found = Crossings(Path(folder), Path(home))
    found.name("zygote")
    for name in ("take_claim", "reserve_end", "listen_control"):
        setattr(step_folder, name, found.around(name, getattr(step_folder, name)))
    supervised: Any = shim._Step
    for name in ("_launch", "_release", "_settle"):
        setattr(supervised, name, found.around(name.strip("_"), getattr(supervised, name)))
    written: Any = segment.Segment
    written.add = found.around("output", written.add)
    written.close = found.around("close", written.close)
    put = step_folder._put

    def put_in_place(folder: str, name: str, *args: Any, **kwargs: Any) -> None:
        found.around(f"write {name}", put)(folder, name, *args, **kwargs)

    rename = os.rename

    def renamed(source: Any, target: Any, **kwargs: Any) -> None:
        if str(source).endswith("exit.json.part"):
            found.cross("before rename exit.json")
        rename(source, target, **kwargs)

    program: Any = spawner
    rehearse = program.rehearse

    def rehearsed(scratch: str) -> None:
        # What a start is practised with belongs to no run.
        found.is_rehearsing = True
        rehearse(scratch)
        found.is_rehearsing = False

    program.rehearse = rehearsed
    step_folder._put = put_in_place
    os.rename = renamed  # type: ignore[assignment]


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def _read_ticks(pid: int) -> int:
    """Returns the start time of a process, or 0 when it has gone."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[19]) if fields and fields[0] not in (b"Z", b"X") else 0


def _children(parent: int) -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if int(Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[1]) == parent:
                    yield int(name)


def _live_shims(home: Path) -> Iterator[int]:
    for path in (home / "runs").glob("*/*/claim.json"):
        with contextlib.suppress(OSError, ValueError, KeyError):
            claim = json.loads(path.read_bytes())
            stat = Path(f"/proc/{claim['pid']}/stat").read_text().rpartition(")")[2].split()
            if int(stat[19]) == claim["start_ticks"]:
                yield int(claim["pid"])
