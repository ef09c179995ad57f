"""The kill file is on whatever lies in its place, and reading it neither waits nor fills the memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

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
