"""A home moved from SQLite to PostgreSQL goes on there: runs, approvals, rules, tokens, what still ran."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.ground import make_repository
from support.server import StartFailed, Workbench


@pytest.mark.long
def test_a_home_goes_on_in_postgresql_with_all_that_it_had(tmp_path: Path, postgres_url: str) -> None:
    bench = Workbench(home=tmp_path / "home")
    try:
        bench.start()
        own = bench.add(make_repository(tmp_path / "repo"))
        done = own.run("echo done")
        asked = own.run("kill -s CONT 1")
        bench.post("/api/policy/remembered", {"run_id": asked["run_id"], "days": 7})
        remembered = bench.get("/api/policy/remembered", project_id=own.project_id)
        assert len(remembered) == 1
        held = own.run("rm -rf build")
        (approval,) = [each for each in own.pending() if each["run_id"] == held["run_id"]]
        made = bench.make_token("operator", "bea")
        bench.post("/api/kill", {"engaged": True, "reason": "before the move", "connector": "local"})
        stopped = own.run("echo stopped")
        bench.post("/api/kill", {"engaged": False, "reason": "over", "connector": "local"})
        running = own.submit(own.script("go.sh", "echo ready; while [ ! -e go ]; do read -t 0.1; done; true"))
        bench.wait_output(running["run_id"], b"ready\n")
        refused = own.cli("migrate", "--to", postgres_url)
        assert refused.status == 1
        assert "workbench down" in refused.err
        bench.stop()

        moved = own.cli("migrate", "--to", postgres_url)
        assert moved.status == 0, moved.err
        assert "verified there" in moved.text
        assert "execution_events" in moved.err
        with pytest.raises(StartFailed, match="WORKBENCH_DATABASE_URL"):
            bench.start()
        assert own.cli("runs").status != 0

        bench.settings["WORKBENCH_DATABASE_URL"] = postgres_url
        bench.start()
        (own.repo / "go").touch()
        assert bench.wait(running["run_id"])["status"] == "succeeded"
        assert bench.run_of(done["run_id"])["status"] == "succeeded"
        assert own.cli("logs", done["run_id"]).text == "done\n"
        assert bench.get("/api/policy/remembered", project_id=own.project_id) == remembered
        assert own.run("kill -s CONT 1")["blocked_by"] is None
        with bench.as_token(made["token"]) as client:
            assert client.get("/api/me").json()["actor"] == "token:bea"
        bench.post(f"/api/approvals/{approval['approval_id']}/approve", {"reason": "after the move"})
        assert bench.wait(held["run_id"])["status"] == "succeeded"
        bench.post(f"/api/runs/{stopped['run_id']}/resume", {"reason": "after the move"})
        assert bench.wait(stopped["run_id"])["status"] == "succeeded"
        assert own.cli("audit", "verify").status == 0
        again = own.cli("migrate", "--to", postgres_url)
        assert again.status == 1, "a server holds the home"
        bench.stop()
        again = own.cli("migrate", "--to", postgres_url, "--json")
        assert (again.status, again.json["is_earlier"]) == (0, True)
    finally:
        bench.close()
