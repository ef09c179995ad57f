"""Ledger, log and transcript on one disk that a run's own output fills: it waits, says why, and goes on."""

from __future__ import annotations

from pathlib import Path

from support.ground import make_repository
from support.namespaces import with_small_disk
from support.server import ENDED, running


def test_a_run_that_fills_the_disk_under_its_own_ledger_ends_right_once_there_is_room(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home, prefix=with_small_disk(home, size_bytes=12 << 20)) as bench:
        project = bench.add(make_repository(tmp_path / "repo"))
        ballast = Path(f"{bench.root}{home}/ballast")
        ballast.write_bytes(b"\0" * (4 << 20))
        (project.repo / "Makefile").write_text("flood:\n\t@seq 1 3000000\n\t@echo x >> effect\n")
        body = {"project_id": project.project_id, "command": "make flood", "mode": "pipe"}
        run = bench.post("/api/runs", body)
        # Asked until it says so: nothing can be recorded just now, so no event tells of it.
        whys = (bench.run_of(run["run_id"])["why"] for _ in range(5000))
        assert any("disk" in why and "Waiting to go on" in why for why in whys)
        with bench.terminal(run["run_id"]) as socket:
            assert any("Waiting to go on" in word for word in socket if isinstance(word, str))
        ballast.unlink()
        ended = bench.wait(run["run_id"], lambda run: run["status"] in ENDED)
        assert (ended["status"], ended["exit_code"]) == ("succeeded", 0)
        assert "transcript was cut" in ended["why"]
        assert (project.repo / "effect").read_text() == "x\n"
        assert bench.get("/api/audit/verify", project_id=project.project_id)["ok"] is True
        assert '"event": "ledger not written"' in bench.log.read_text()
