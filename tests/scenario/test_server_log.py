"""server.log: what an operator finds there at level info."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

from support.server import Workbench


def test_the_log_of_a_server_says_when_it_started_and_stopped_and_holds_no_link(tmp_path: Path) -> None:
    bench = Workbench(home=tmp_path / "home")
    link = bench.cli("up", "--detach", "--port", "0").text.strip()
    address, _, code = link.partition("/auth/")
    assert code
    assert bench.cli("down").status == 0
    text = (bench.home / "server.log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert all(line.pop("timestamp") for line in lines)
    facts = {"version": version("feature-execution-workbench"), "address": address, "home": str(bench.home)}
    assert lines == [
        {"event": "server started", "level": "info", **facts},
        {"event": "server stopped", "level": "info", **facts},
    ]
    bench.settings["WORKBENCH_LOG_LEVEL"] = "warning"
    bench.cli("up", "--detach", "--port", "0")
    bench.cli("down")
    assert (bench.home / "server.log").read_text() == text
