"""One of something is not said as if it were many, on the command line."""

from __future__ import annotations

from pathlib import Path

from support.ground import make_repository
from support.server import Workbench


def test_one_project_one_run_and_one_transcript_are_said_as_one(bench: Workbench, tmp_path: Path) -> None:
    assert "0 projects, 0 open runs" in bench.cli("status").text
    project = bench.add(make_repository(tmp_path / "repo"))
    assert project.run("true")["status"] == "succeeded"
    project.run("rm -rf build")
    assert "1 project, 1 open run\n" in bench.cli("status").text
    assert "1 transcript is as recorded" in bench.cli("audit", "verify").text
    found = project.cli("policy", "replay", "--last", "1")
    assert "1 verdict replayed" in found.text
