"""A project's old transcripts go, what is held stays, and the record of what went stays true."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.ground import make_repository
from support.long import later
from support.server import Project, Workbench, running


def wait_removed(bench: Workbench, run_id: str) -> dict[str, Any]:
    bench.wait_until(lambda: bench.run_of(run_id)["artifacts"][0]["removed_at"])
    return bench.run_of(run_id)


def bytes_of(home: Path, run: dict[str, Any]) -> list[Path]:
    return sorted((home / "runs" / run["run_id"]).glob("*/*.bin"))


@pytest.mark.parametrize(
    ("database_url", "archived"),
    [("sqlite", True), later("sqlite", False), later("postgresql", True), later("postgresql", False)],
    indirect=["database_url"],
)
def test_transcripts_past_the_limit_go_with_a_tombstone_and_held_ones_stay(
    tmp_path: Path, archived: bool, database_url: str
) -> None:
    home = tmp_path / "state"
    archive = tmp_path / "archive"
    settings = {"WORKBENCH_ARTIFACTS_URL": f"file://{archive}"} if archived else {}
    with running(home, WORKBENCH_DATABASE_URL=database_url, **settings) as bench:
        own = bench.add(make_repository(tmp_path / "repo"))
        other = bench.add(make_repository(tmp_path / "other"))
        held, old, new, foreign = (project.run("echo 123456789") for project in (own, own, own, other))
        assert "is held by" in bench.cli("hold", held["run_id"], "--reason", "a lawsuit").text
        assert bench.run_of(held["run_id"])["hold"]["reason"] == "a lawsuit"
        assert own.cli("project", "retention").text.endswith("transcripts are kept for ever\n")
        said = own.cli("project", "retention", "--bytes", "15")
        assert "as long as newer ones hold less than 15 bytes" in said.text
        run = wait_removed(bench, old["run_id"])
        words = "by retention: newer transcripts fill the 15 bytes of the project"
        assert (
            f"Its transcript was removed on {run['artifacts'][0]['removed_at'][:10]} {words}." in run["why"]
        )
        (event,) = [event for event in run["events"] if event["tag"] == "artifact:removed"]
        (artifact,) = old["artifacts"]
        assert (event["payload"]["digest"], event["payload"]["size_bytes"]) == (artifact["digest"], 10)
        gone = bench.http.get(f"/api/runs/{old['run_id']}/transcript")
        assert (gone.status_code, gone.json()["code"]) == (410, "removed")
        assert "removed on" in bench.cli("logs", old["run_id"]).err
        assert bench.http.get(f"/api/artifacts/{artifact['artifact_id']}").status_code == 410
        seen = bench.watch(old["run_id"])
        assert seen.data == b""
        assert [word["why"] for word in seen.said if word["type"] == "removed"] == [gone.json()["detail"]]
        for kept in (held, new, foreign):
            assert bench.watch(kept["run_id"]).data == b"123456789\n"
        # By their effect: the bytes are gone wherever they lay, and only theirs.
        there = f"runs/{old['run_id']}/*/*"
        bench.wait_until(lambda: not bytes_of(home, old) and not list(archive.glob(there)))
        assert bench.cli("audit", "verify").status == 0
        assert "is held no longer" in bench.cli("unhold", held["run_id"], "--reason", "settled").text
        own.cli("project", "retention", "--days", "1")
        wait_removed(bench, held["run_id"])
        assert not bench.run_of(new["run_id"])["artifacts"][0]["removed_at"]
        assert bench.cli("audit", "verify").status == 0
        assert bench.cli("unhold", held["run_id"], "--reason", "again").status != 0


def test_bytes_that_a_stop_left_behind_go_at_the_next_start(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home) as bench:
        own: Project = bench.add(make_repository(tmp_path / "repo"))
        run, last = own.run("echo one"), own.run("echo two")
        own.cli("project", "retention", "--bytes", "5")
        wait_removed(bench, run["run_id"])
        folder = home / "runs" / run["run_id"] / f"{run['steps'][0]['step_id']}.1"
        bench.wait_until((folder / "removed.json").exists)
        bench.stop()
        (folder / "removed.json").unlink()
        (folder / "output.bin").write_bytes(b"one\n")
        bench.start()
        bench.wait_until(lambda: not (folder / "output.bin").exists())
        assert bench.watch(last["run_id"]).data == b"two\n"
