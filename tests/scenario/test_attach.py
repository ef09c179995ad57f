"""A command that asks is known to wait, is answered from a terminal, and who typed is in the audit log."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

from support.ground import make_repository
from support.server import Project, Workbench, running
from support.terminal import read_terminal, wait_said

WORKBENCH = str(Path(sys.executable).with_name("workbench"))


def read_until(descriptor: int, mark: bytes) -> bytes:
    seen = b""
    while mark not in seen:
        ready, _, _ = select.select([descriptor], [], [], 60)
        assert ready, seen
        seen += os.read(descriptor, 4096)
    return seen


def attach(bench: Workbench, run_id: str) -> tuple[int, subprocess.Popen[bytes]]:
    """Starts `workbench attach` on a terminal of its own and returns our end of it."""
    ours, theirs = os.openpty()
    process = subprocess.Popen(
        [WORKBENCH, "attach", run_id], stdin=theirs, stdout=theirs, stderr=theirs, env=bench.environment
    )
    os.close(theirs)
    return ours, process


def test_a_run_that_waits_says_so_and_is_answered_by_attach(tmp_path: Path) -> None:
    with running(tmp_path / "home") as bench:
        own: Project = bench.add(make_repository(tmp_path / "repo"))
        command = own.script("ask.sh", "echo ready; read -rs word; echo got ${#word}; read -r line; exit 3")
        run = own.submit(command, mode="pty")
        with bench.terminal(run["run_id"]) as socket:
            seen = read_terminal(socket, until=b"ready\r\n")
            since = wait_said(socket, seen, "input_wanted")["since"]
            shown = bench.run_of(run["run_id"])
            assert shown["input_wanted_since"] == since
            assert shown["why"].startswith("Waiting for input for ")
            assert shown["why"].endswith(f"; take the terminal to answer: workbench attach {run['run_id']}.")
            assert "Waiting for input" in bench.cli("show", run["run_id"]).text
            ours, process = attach(bench, run["run_id"])
            read_until(ours, b"ready")
            # Nobody else types meanwhile.
            socket.send(json.dumps({"type": "lease"}))
            assert wait_said(socket, seen, "lease")["held"] is False
            os.write(ours, b"a-long-password\n")
            read_until(ours, b"got 15")
            os.write(ours, b"\x1d")
            assert process.wait(60) == 0
            assert "goes on" in read_until(ours, b"goes on").decode()
            os.close(ours)
        tags = [event["tag"] for event in bench.run_of(run["run_id"])["events"]]
        assert [tag for tag in tags if tag.startswith("terminal:")] == [
            "terminal:lease_taken",
            "terminal:typed",
            "terminal:lease_released",
        ]
        ours, process = attach(bench, run["run_id"])
        read_until(ours, b"got 15")
        os.write(ours, b"\n")
        assert process.wait(60) == 3
        os.close(ours)
        ended = bench.wait(run["run_id"])
        assert (ended["exit_code"], ended["input_wanted_since"]) == (3, None)
        typed = [event for event in ended["events"] if event["tag"] == "terminal:typed"]
        assert [event["payload"]["bytes"] for event in typed] == [16, 1]
        assert "a-long-password" not in json.dumps(ended)
        assert "has ended" in bench.cli("attach", run["run_id"]).err
        piped = own.submit(own.script("slow.sh", "echo begun; sleep 1000"))
        assert "pipe mode" in bench.cli("attach", piped["run_id"]).err
        bench.post(f"/api/runs/{piped['run_id']}/cancel", {"reason": "done"})
