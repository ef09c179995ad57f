"""Cancel, time-out and kill end with proof whatever the command does: by effect, no process of it is left."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from local_steps import Ground, make_request, open_ground
from support.hostile import AT_A_TERMINAL, HOSTILE
from support.kill_points import Expected, Script, Stage, judge_events, open_stage
from support.long import later
from support.processes import find_marked_anywhere
from workbench.connectors.contract import CancelOutcome, ExternalRef
from workbench.model.statuses import TerminalMode

EVERYTHING = {**HOSTILE, **AT_A_TERMINAL}
SHORT = {
    ("a stopped tree", "cancel"),
    ("a double fork", "cancel"),
    ("a double fork", "timed_out"),
    ("one stopped for writing to the terminal", "cancel"),
}
CASES = [
    (name, end) if (name, end) in SHORT else later(name, end)
    for name in EVERYTHING
    for end in ("cancel", "timed_out", "idle_timed_out")
    # Who writes to the terminal without a pause is never idle.
    if (name, end) != ("one stopped for writing to the terminal", "idle_timed_out")
]


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path) as opened:
        yield opened


async def wait_ready(ground: Ground, ref: ExternalRef) -> None:
    seen = b""
    async for chunk in ground.connector.logs(ref, offset=0, follow=True):
        seen += chunk.data
        if b"ready" in seen:
            return
    raise AssertionError(f"it ended before it was ready: {seen!r}")


@pytest.mark.parametrize(("name", "end"), CASES)
async def test_nothing_of_a_hostile_command_is_left_and_its_end_says_so(
    ground: Ground, name: str, end: str
) -> None:
    # A deep tree takes its time where the machine is busy.
    limit = 1 if (name, end) in SHORT else 4
    mark = f"hostile-{ground.workspace.parent.name}"
    request = make_request(
        ground.workspace,
        f": {mark}; {EVERYTHING[name]}",
        environment={"MARK": mark, "PATH": "/usr/bin:/bin"},
        mode=TerminalMode.PTY if name in AT_A_TERMINAL else TerminalMode.PIPE,
        timeout_seconds=limit if end == "timed_out" else None,
        idle_timeout_seconds=limit if end == "idle_timed_out" else None,
    )
    ref = await ground.connector.dispatch(request)
    await wait_ready(ground, ref)
    if end == "cancel":
        outcome = await ground.connector.cancel(ref, reason="enough", deadline_seconds=5)
        assert outcome is CancelOutcome.CONFIRMED
        assert find_marked_anywhere(mark) == []
    ended = (await ground.finish(ref)).ended
    assert find_marked_anywhere(mark) == []
    assert (ended.end_reason, ended.processes_left) == ("canceled" if end == "cancel" else end, 0)


# -- with a server, and without one in the middle ----------------------------------------------------------


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with open_stage(tmp_path_factory.mktemp("hostile")) as opened:
        yield opened


def canceled(name: str) -> Script:
    """A play in which a hostile command is canceled."""

    def play(stage: Stage) -> list[str]:
        run = stage.submit(f"export MARK={stage.mark}; {HOSTILE[name]}")
        stage.bench.wait_output(run["run_id"], b"ready\n")
        stage.cancel(stage.bench.run_of(run["run_id"]))
        return [stage.settled(run["run_id"])["run_id"]]

    expected = Expected(status="canceled", effects=0, output=b"ready\n")
    return Script(name=name, play=play, expected=(expected,))


@pytest.mark.long
@pytest.mark.parametrize(
    "point", ["after append RequestCancel", "before cancel", "before settle", "after settle"]
)
@pytest.mark.parametrize(
    "name",
    [
        "a double fork",
        "deaf to every signal that can be ignored",
        "a stopped tree",
        "a parent that takes no child back",
        "a deep tree",
    ],
)
def test_a_server_that_is_killed_during_a_cancel_is_followed_by_one_that_proves_the_end(
    stage: Stage, name: str, point: str
) -> None:
    stage.unreached.clear()
    stage.strike(canceled(name), "server", point)
    assert stage.unreached == []
    assert find_marked_anywhere(stage.mark) == []


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["a double fork", "deaf to every signal that can be ignored", "a stopped tree", "a fork bomb"]
)
def test_a_kill_that_stops_what_runs_leaves_nothing_of_it(stage: Stage, name: str) -> None:
    stage.hold_at()
    run = stage.submit(f"export MARK={stage.mark}; {HOSTILE[name]}")
    stage.bench.wait_output(run["run_id"], b"ready\n")
    stage.bench.post("/api/kill", {"engaged": True, "reason": "enough", "stop_running": True})
    ended = stage.settled(run["run_id"])
    assert find_marked_anywhere(stage.mark) == []
    stage.bench.post("/api/kill", {"engaged": False, "reason": "over"})
    assert ended["status"] == "canceled"
    (end,) = [event["payload"] for event in ended["events"] if event["tag"] == "step:canceled"]
    assert (end["end_reason"], end["processes_left"]) == ("canceled", 0)
    judge_events(ended["events"], ended, b"ready\n")
