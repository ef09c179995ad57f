"""Every program that a preview starts is named, whatever the command does to be overlooked; and it ends."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from local_steps import Ground, make_request, open_ground, processes_with, terms_of
from workbench.sandbox import tracer

PYTHON = "/usr/bin/python3"
PRELUDE = """
import ctypes, os, platform, signal, threading
reading, held_by_all = os.pipe()
os.set_inheritable(held_by_all, True)
def wait_for_all():
    os.close(held_by_all)
    os.read(reading, 1)
libc = ctypes.CDLL(None, use_errno=True)
CLONE = {"x86_64": 56, "aarch64": 220}[platform.machine()]
def clone(flags):
    return libc.syscall(CLONE, ctypes.c_ulong(flags | signal.SIGCHLD), None, None, None, None)
"""


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    async with open_ground(tmp_path) as opened:
        yield opened


async def try_out(ground: Ground, program: str, **options: Any) -> dict[str, Any]:
    """Tries a Python program, or with `argv` any other."""
    (ground.workspace / "attack.py").write_text(PRELUDE + program)
    argv = options.pop("argv", (PYTHON, "attack.py"))
    terms = terms_of(**{name: options.pop(name) for name in ("stop", "hides", "check") if name in options})
    request = make_request(ground.workspace, "", argv=argv, is_preview=True, **options)
    found = await ground.connector.preview(request, name="pre_1", terms=terms)
    return dict(found.report)


OVERLOOKED = {
    "shorter than a look": ("os.posix_spawn('/bin/true', ['true', 'short'], {}); os.wait()", "true short", 2),
    "as a child of its maker's parent": (
        "clone(0x8000) or os.execv('/bin/echo', ['echo', 'sibling'])\nwait_for_all()",
        "echo sibling",
        2,
    ),
    "from a second thread": (
        "threading.Thread(target=lambda: os.execv('/bin/echo', ['echo', 'thread'])).start(); signal.pause()",
        "echo thread",
        2,
    ),
    "as a daemon": (
        "if os.fork() == 0:\n    os.setsid()\n    os.fork() or os.execv('/bin/echo', ['echo', 'daemon'])\n"
        "    os._exit(0)\nos.wait(); wait_for_all()",
        "echo daemon",
        3,
    ),
    "under another name": (
        "os.fork() or os.execv('/bin/cat', ['ls', '/dev/null'])\nos.wait()",
        "(/usr/bin/cat) ls /dev/null",
        2,
    ),
    "stopped first": (
        "pid = os.fork()\nif pid == 0:\n    os.kill(os.getpid(), signal.SIGSTOP)\n"
        "    os.execv('/bin/echo', ['echo', 'stopped'])\n"
        "_, how = os.waitpid(pid, os.WUNTRACED)\nassert os.WSTOPSIG(how) == signal.SIGSTOP\n"
        "os.kill(pid, signal.SIGCONT); assert os.waitpid(pid, 0)[1] == 0",
        "echo stopped",
        2,
    ),
    "from memory": (
        "there = os.memfd_create('x')\nos.write(there, open('/bin/true', 'rb').read())\n"
        "os.fork() or os.execve(there, ['true', 'memory'], {})\nos.wait()",
        "true memory",
        2,
    ),
}


@pytest.mark.parametrize("how", OVERLOOKED)
async def test_no_program_is_overlooked(ground: Ground, how: str) -> None:
    program, line, count = OVERLOOKED[how]
    report = await try_out(ground, program)
    assert (report["end_reason"], report["exit_code"]) == ("exited", 0), report["output_tail"]
    first, *names = report["process_names"]
    assert first == f"{PYTHON} attack.py"
    assert any(name.endswith(line) for name in names), names
    told = ("processes_started", "is_count_exact", "is_every_process_named")
    assert [report[name] for name in told] == [count, True, True]


async def test_nobody_leaves_the_tracer_and_who_would_trace_is_told_so(ground: Ground) -> None:
    program = """
made = clone(0x00800000)
if made == 0:
    os.execv('/bin/echo', ['echo', 'hidden'])
print(made, ctypes.get_errno(), libc.ptrace(0, 0, 0, 0), ctypes.get_errno())
"""
    report = await try_out(ground, program)
    assert report["output_tail"] == "-1 1 -1 1"
    assert (report["process_names"], report["processes_started"]) == ([f"{PYTHON} attack.py"], 1)


async def test_threads_are_counted_and_a_name_that_is_changed_later_is_not_the_name(ground: Ground) -> None:
    program = """
libc.prctl(15, b"innocent", 0, 0, 0)
many = [threading.Thread(target=lambda: None) for _ in range(20)]
[one.start() for one in many]; [one.join() for one in many]
"""
    report = await try_out(ground, program)
    assert (report["process_names"], report["processes_started"]) == ([f"{PYTHON} attack.py"], 21)


async def test_names_are_bounded_and_the_number_goes_on(ground: Ground) -> None:
    script = f"for n in $(seq {tracer.MOST_NAMES + 20}); do /bin/true $n; done"
    report = await try_out(ground, "", argv=("/bin/bash", "-c", script))
    assert len(report["process_names"]) == tracer.MOST_NAMES
    assert report["processes_started"] == tracer.MOST_NAMES + 22
    assert (report["is_every_process_named"], report["is_count_exact"]) == (False, True)


async def test_a_long_command_line_says_that_it_is_cut(ground: Ground) -> None:
    report = await try_out(ground, "", argv=("/bin/echo", "x" * 5000))
    (name,) = report["process_names"]
    assert name.startswith("/bin/echo xxx")
    assert (len(name), name[-2:]) == (1002, " …")


async def test_processes_killed_while_they_make_others_leave_nobody_waiting(ground: Ground) -> None:
    program = """
for turn in range(60):
    pid = os.fork()
    if pid == 0:
        while True:
            if os.fork() == 0:
                os._exit(0)
    for _ in range(turn * 50):
        pass
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
os.execv('/bin/echo', ['echo', 'over'])
"""
    report = await try_out(ground, program)
    assert (report["end_reason"], report["output_tail"]) == ("exited", "over")
    assert report["process_names"] == [f"{PYTHON} attack.py", "echo over"]


@pytest.mark.parametrize(
    "script",
    [
        "trap '' TERM; setsid bash -c \"trap '' TERM; exec -a traced-9917 sleep 1000\" & sleep 1000",
        "bash -c 'kill -STOP $$' traced-9917 & exec -a traced-9917 sleep 1000",
        pytest.param(
            "bomb() { bash -c : traced-9917; bomb & bomb & }; bomb; sleep 1000", marks=pytest.mark.long
        ),
    ],
)
async def test_a_preview_that_runs_out_of_time_is_killed_whole(ground: Ground, script: str) -> None:
    report = await try_out(ground, "", argv=("/bin/bash", "-c", script), timeout_seconds=2)
    assert report["end_reason"] == "timed_out"
    assert any("traced-9917" in name for name in report["process_names"])
    assert report["is_count_exact"]
    assert processes_with("traced-9917") == []


async def test_with_its_tracer_a_preview_ends_and_says_what_was_seen(ground: Ground) -> None:
    async def kill_tracer() -> str | None:
        for pid in processes_with("traced-9918"):
            # It may have gone with its tracer already.
            with contextlib.suppress(OSError):
                for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                    name, _, number = line.partition(":\t")
                    if name == "TracerPid" and number != "0":
                        os.kill(int(number), 9)
        return None

    argv = ("/bin/bash", "-c", "exec -a traced-9918 sleep 1000")
    report = await try_out(ground, "", argv=argv, stop=kill_tracer)
    assert report["end_reason"] in ("signaled", "failed_to_start")
    assert report["is_every_process_named"] is False
    assert processes_with("traced-9918") == []


def test_what_cannot_be_traced_is_said_at_once(tmp_path: Path) -> None:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    assert "nobody trace it" in tracer.Tracer(pid, str(tmp_path)).problem
    assert list(tmp_path.iterdir()) == []
