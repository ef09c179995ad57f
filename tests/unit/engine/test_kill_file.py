"""The kill file is on whatever lies in its place, and reading it neither waits nor fills the memory."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from support.programs import ready_to_divide
from workbench.engine.look import read_kill_file


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def make_folder(path: Path) -> None:
    path.mkdir()


def make_dangling(path: Path) -> None:
    path.symlink_to("nowhere")


def make_large(path: Path) -> None:
    path.write_text("stop " * 1_000_000)


@pytest.mark.parametrize("make", [make_pipe, make_device, make_folder, make_dangling, make_large])
def test_whatever_lies_there_is_on(tmp_path: Path, make: Callable[[Path], None]) -> None:
    kill = tmp_path / "KILL"
    make(kill)
    reason = read_kill_file(kill)
    assert reason is not None
    assert len(reason) < 2_100


def test_its_text_is_the_reason_and_without_it_nothing_is_killed(tmp_path: Path) -> None:
    kill = tmp_path / "KILL"
    assert read_kill_file(kill) is None
    kill.write_text("a leak\n")
    assert read_kill_file(kill) == "the file KILL is in the workbench's home: a leak"
    kill.unlink()
    (tmp_path / "elsewhere").write_text("by a link")
    kill.symlink_to("elsewhere")
    assert str(read_kill_file(kill)).endswith(": by a link")


def make_unreadable(path: Path) -> None:
    path.write_text("only its owner reads why")
    path.chmod(0)


def make_shut(path: Path) -> None:
    path.write_text("nobody can even look for it")
    path.parent.chmod(0)


def make_failing(path: Path) -> None:
    # It opens like any file, and the kernel answers each read of it with an I/O error.
    path.symlink_to("/proc/self/mem")


def _read_as_somebody_else(path: Path, answer: Connection) -> None:
    if os.geteuid() == 0:
        os.setuid(65534)
    answer.send(read_kill_file(path))


@pytest.mark.parametrize("make", [make_unreadable, make_shut, make_failing, make_folder, make_dangling])
def test_what_a_user_without_rights_cannot_read_is_on(make: Callable[[Path], None]) -> None:
    # Not among pytest's folders, which are shut to everybody else.
    with tempfile.TemporaryDirectory(prefix="workbench-kill-") as folder:
        home = Path(folder, "home")
        home.mkdir()
        Path(folder).chmod(0o755)
        make(home / "KILL")
        divider = ready_to_divide()
        reading, answering = divider.Pipe(duplex=False)
        process = divider.Process(target=_read_as_somebody_else, args=(home / "KILL", answering))
        process.start()
        answering.close()
        reason = reading.recv()
        process.join()
        reading.close()
        home.chmod(0o700)
        assert reason is not None
        assert "KILL" in reason or "which counts as engaged" in reason
