"""Strikes a process down at each point that a run comes past, and judges what became of the run.

The points are not chosen: a first play counts them (support.crossings), and each later play strikes at one.
A play is a dialogue that can be taken up again wherever it was cut off.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
from websockets.exceptions import WebSocketException

from support.crossings import read_targets, write_targets
from support.divided import CROSSINGS
from support.ground import make_repository
from support.processes import is_running, live_shims, unfinished_steps, wait_gone, wait_unmarked
from support.server import ENDED, Project, Workbench, running
from support.terminal import PATIENCE_SECONDS, Seen
from workbench.ledger.tags import APPROVAL_TAGS, RUN_TAGS, STEP_TAGS
from workbench.model.moves import APPROVAL_MOVES, NEW, RUN_MOVES, STEP_MOVES

FOREVER: Final = "trap '' TERM INT HUP; echo ready; while :; do read -t 1 <> <(:); done"
_CUT: Final = (httpx.HTTPError, WebSocketException, AssertionError, OSError)
_STRIKE_SECONDS: Final = 5.0
_HELD_SECONDS: Final = 60.0
_CUT_SECONDS: Final = 120.0
_MOST_OUTPUTS: Final = 2
"""How many of a flood's writes are struck at: how many there are is the terminal's chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a run comes to whose supervisor lives: how often its command took effect, and its whole output."""

    status: str
    effects: int
    output: bytes
    says: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """`play` asks for what is missing yet and returns its runs once they have ended, whatever was cut."""

    name: str
    play: Callable[[Stage], list[str]]
    expected: tuple[Expected, ...]


@dataclass(kw_only=True)
class Stage:
    """One server, one project and one play at a time; `mark` is in the command line of all that it runs."""

    bench: Workbench
    project: Project
    crossings: Path
    mend: Callable[[], bool] = bool
    number: int = 0
    unreached: list[str] = field(default_factory=list)
    _whom: str = ""

    @property
    def mark(self) -> str:
        return f"play-{self.number:04d}-of-{self.project.project_id[-8:]}"

    @property
    def effect(self) -> Path:
        return self.project.repo / f"effect-{self.mark}"

    # -- what a play asks for ------------------------------------------------------------------------

    def submit(self, text: str, *, which: str = "", **fields: Any) -> dict[str, Any]:
        """Asks for a run of a bash script, once however often it is called in this play."""
        name = f"{self.mark}{which}.sh"
        return self.ask(self.project.script(name, text), which=which, **fields)

    def ask(self, command: str, *, which: str = "", **fields: Any) -> dict[str, Any]:
        """Asks for a run of a command, once however often it is called in this play."""
        return self.project.submit(command, key=f"{self.mark}{which}", **fields)

    def settled(self, run_id: str) -> dict[str, Any]:
        return self.bench.wait(run_id, lambda run: run["status"] in ENDED)

    def wait_ready(self, run_id: str) -> None:
        """Returns once the command says that it is ready, or has ended without: its supervisor was killed."""
        with self.bench.terminal(run_id) as socket:
            seen = Seen(offset=0)
            while b"ready\n" not in seen.data and not (seen.said and seen.said[-1]["type"] == "ended"):
                seen.take(socket.recv(timeout=PATIENCE_SECONDS))

    def approve(self, run_id: str) -> None:
        """Approves whatever the run waits for until it has ended: a start that was cut off asks anew."""
        while (run := self.bench.wait(run_id))["status"] == "blocked":
            for approval in run["approvals"]:
                if approval["status"] == "pending":
                    self.bench.post(f"/api/approvals/{approval['approval_id']}/approve", {"reason": "fine"})
            self.bench.wait(run_id, lambda run: run["status"] != "blocked")

    def cancel(self, run: dict[str, Any]) -> None:
        """Asks for the end of a run unless that was recorded already."""
        if run["status"] in ENDED or run["cancel_requested_at"] is not None:
            return
        answer = self.bench.http.post(f"/api/runs/{run['run_id']}/cancel", json={"reason": "enough"})
        # 409: it ended by itself meanwhile.
        assert answer.is_success or answer.status_code == 409, answer.text

    # -- plays and strikes ---------------------------------------------------------------------------

    def count(self, script: Script) -> list[tuple[str, int]]:
        """Plays it undisturbed, judges that, and returns its points: a name, and how many like it precede."""
        self._begin()
        runs = script.play(self)
        self.judge(script, runs, "")
        counted: Counter[str] = Counter()
        points = []
        for name in (self.crossings / "crossed").read_text().splitlines():
            if "output" not in name or counted[name] < _MOST_OUTPUTS:
                points.append((name, counted[name]))
            counted[name] += 1
        return points

    def strike(self, script: Script, whom: str, name: str, skip: int = 0) -> None:
        """Plays it with `whom` killed at a point, mends what is down, plays on to the end, judges that."""
        self._begin()
        self._whom = whom
        write_targets(self.crossings, [{"name": name, "skip": skip, "whom": whom}])
        deadline = time.monotonic() + _CUT_SECONDS
        while time.monotonic() < deadline:
            try:
                script.play(self)
                if not self._has_struck():
                    self.unreached.append(f"{script.name}: {name} #{skip + 1}")
                    write_targets(self.crossings, [])
                self._mend()
                # Struck after the last answer or before it: what is there now is what stays.
                runs = script.play(self)
                self._wait_supervisors()
                self.judge(script, runs, whom)
                return
            except _CUT as error:
                # What is said while everything is up is no cut, but what the test is there to find; only
                # connections to the PostgreSQL that was killed may break a moment later.
                is_late = whom == "postgres" and "ledger_unavailable" in str(error)
                if not self._mend() and not is_late:
                    raise
        raise AssertionError(f"{script.name} was cut off again and again after {name}")

    def _has_struck(self) -> bool:
        """Says whether the point was reached; some lie just behind what the play waits for."""
        deadline = time.monotonic() + _STRIKE_SECONDS
        while not (self.crossings / "fired").exists():
            if time.monotonic() > deadline:
                return False
            os.sched_yield()
        return True

    def _wait_supervisors(self) -> None:
        """Returns once no supervisor of a step is left: each comes past its last points after the end."""
        for pid in live_shims(self.bench.home).values():
            with contextlib.suppress(ProcessLookupError):
                descriptor = os.pidfd_open(pid)
                wait_gone(descriptor)
                os.close(descriptor)

    def _begin(self) -> None:
        self._mend()
        self.number += 1
        for name in ("crossed", "fired", "targets.json"):
            (self.crossings / name).unlink(missing_ok=True)

    def _mend(self) -> bool:
        """Starts again what is down; says whether anything was, so that a cut is known from a finding."""
        was_down = self.mend()
        process = self.bench.process
        assert process is not None
        # It may take a moment to be gone after its connections are.
        is_struck = self._whom == "server" and (self.crossings / "fired").exists()
        if is_struck or not is_running(process.pid):
            self.bench.kill()
            self.bench.start()
            self._whom, was_down = "", True
        return was_down

    # -- who is held ---------------------------------------------------------------------------------

    def hold_at(self, **points: str) -> None:
        """Begins a play in which whoever first comes past these points is held, each under its own name."""
        self._begin()
        for name in points:
            with contextlib.suppress(FileExistsError):
                os.mkfifo(self.crossings / f"hold {name}")
        write_targets(
            self.crossings,
            [{"name": point, "skip": 0, "whom": f"hold {name}"} for name, point in points.items()],
        )

    def wait_held(self, name: str) -> None:
        """Returns once somebody is held under this name."""
        deadline = time.monotonic() + _HELD_SECONDS
        while any(target["whom"] == f"hold {name}" for target in read_targets(self.crossings)):
            assert time.monotonic() < deadline, f"nobody came to {name}"
            os.sched_yield()

    def let_go(self, name: str) -> None:
        """Lets go who is held under this name."""
        os.close(os.open(self.crossings / f"hold {name}", os.O_WRONLY))

    # -- the judge -----------------------------------------------------------------------------------

    def judge(self, script: Script, runs: list[str], whom: str) -> None:
        """Compares effects, bytes, chain and processes with what may be; `whom` is what was killed, or ""."""
        for run_id, expected in zip(runs, script.expected, strict=True):
            run = self.bench.run_of(run_id)
            told = f"{script.name}: {run['status']}: {run['why']}"
            written = self.bench.http.get(f"/api/runs/{run_id}/transcript", params={"format": "raw"}).content
            is_lost = run["status"] == "failed" and "lost" in run["why"]
            effect = (
                self.effect.read_text().count(f"{run_id_mark(runs, run_id)}\n") if self.effect.exists() else 0
            )
            assert effect <= 1, told
            if whom == "shim" and is_lost:
                assert expected.output.startswith(written), told
            else:
                assert (run["status"], effect) == (expected.status, expected.effects), told
                assert written == expected.output, told
                assert expected.says in run["why"], told
            judge_events(run["events"], run, written)
        assert self.bench.get("/api/audit/verify", project_id=self.project.project_id)["ok"] is True
        # What was only built beforehand, and holds its command back, is taken down by itself.
        wait_unmarked(self.mark)
        assert unfinished_steps(self.bench.home) == []


def run_id_mark(runs: list[str], run_id: str) -> str:
    """Returns the line that the command of this run appends to its play's effect."""
    return f"once {runs.index(run_id)}"


def judge_events(events: list[dict[str, Any]], run: dict[str, Any], written: bytes) -> None:
    """Replays a run's events through the state tables: each is a legal move, and no end comes twice."""
    states: dict[tuple[str, str], str] = {}
    tables: list[tuple[dict[Any, str], dict[Any, Any], str]] = [
        (RUN_TAGS, RUN_MOVES, "run_id"),
        (STEP_TAGS, STEP_MOVES, "step_id"),
        (APPROVAL_TAGS, APPROVAL_MOVES, "approval_id"),
    ]
    once: Counter[tuple[Any, ...]] = Counter()
    for event in events:
        told, tag = event["payload"], event["tag"]
        for tags, moves, key in tables:
            for move, named in tags.items():
                if named == tag:
                    noun = (key, event.get(key) or told.get(key))
                    state = states.get(noun, NEW)
                    assert (state, move) in moves, f"{tag} at {state}: {[e['tag'] for e in events]}"
                    states[noun] = moves[state, move].value
                    assert states[noun] == told["status"], tag
        if tag.startswith("step:"):
            once[event["step_id"], told.get("attempt"), tag] += 1
        elif tag in ("run:cancel_requested", "artifact:recorded"):
            once[event["run_id"], tag] += 1
    assert [name for name, count in once.items() if count > 1] == []
    assert states["run_id", run["run_id"]] == run["status"]
    for step in run["steps"]:
        assert states["step_id", step["step_id"]] == step["status"]
    ends = [event["payload"] for event in events if "output_bytes" in event["payload"]]
    assert [(end["output_bytes"], end["processes_left"]) for end in ends] == [(len(written), 0)] * len(ends)


@contextlib.contextmanager
def open_stage(folder: Path, *, mend: Callable[[], bool] = bool, **settings: str) -> Iterator[Stage]:
    """A server whose crossings are counted, and a project for the plays."""
    crossings = folder / "crossings"
    crossings.mkdir()
    with running(folder / "home", **{CROSSINGS: str(crossings)}, **settings) as bench:
        project = bench.add(make_repository(folder / "repo"))
        yield Stage(bench=bench, project=project, crossings=crossings, mend=mend)
