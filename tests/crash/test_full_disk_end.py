"""A step that fills the disk of its own transcript ends at once, and so does all that supervised it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from support.ground import make_repository
from support.namespaces import with_small_disk
from support.processes import find_marked, wait_gone
from support.server import running


@pytest.mark.long
def test_nothing_of_a_home_is_left_after_down_when_a_step_filled_its_disk(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home, prefix=with_small_disk(home / "runs", size_bytes=2 << 20)) as bench:
        project = bench.add(make_repository(tmp_path / "repo"))
        (project.repo / "Makefile").write_text("flood:\n\t@seq 1 3000000\n\t@echo x >> effect\n")
        ended = project.run("make flood")
        assert (ended["status"], ended["exit_code"]) == ("succeeded", 0)
        # Those that start steps and those that supervise them are one program, which names the home.
        held = [os.pidfd_open(pid) for pid in find_marked(f"{home}/sandbox")]
        written = Path(f"{bench.root}{home}/runs") / run_folder(bench.root, home) / "exit.json"
        assert json.loads(written.read_bytes())["end_reason"] == "exited"
        bench.post("/api/down", {})
        assert bench.process is not None
        assert bench.process.wait(30) == 0
        assert held
        for descriptor in held:
            wait_gone(descriptor)
            os.close(descriptor)
        assert find_marked(f"{home}/sandbox") == []


def run_folder(root: str, home: Path) -> Path:
    runs = Path(f"{root}{home}/runs")
    (folder,) = runs.glob("*/*")
    return folder.relative_to(runs)
