"""Line 7: each change is one hash-linked event; an edited, deleted or moved row is found, offline."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.ground import make_repository
from support.server import Project, Workbench, running


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """A stopped server with some history: a run that ended, one that is held, one that was denied."""
    folder = tmp_path_factory.mktemp("audit")
    with running(folder / "home") as bench:
        project = bench.add(make_repository(folder / "repo"))
        project.run("echo hi")
        project.run("rm -rf build")
        project.run("sudo ls")
        assert bench.stop() == 0
        yield bench


TAMPERINGS = {
    "an edited event": "UPDATE execution_events SET body = REPLACE(CAST(body AS TEXT), 'echo hi', 'echo ha') "
    "WHERE tag = 'run:queued'",
    "another actor": "UPDATE execution_events SET actor = 'user:mallory' WHERE tag = 'approval:requested'",
    "another replay key": "UPDATE execution_events SET once_key = 'x#0' WHERE tag = 'run:queued'",
    "a removed replay key": "UPDATE execution_events SET once_key = NULL WHERE once_key IS NOT NULL",
    "a deleted event": "DELETE FROM execution_events WHERE tag = 'step:started'",
    "a run that says it succeeded": "UPDATE execution_runs SET status = 'succeeded' WHERE status = 'blocked'",
    "a forged approval": "UPDATE execution_approvals SET status = 'approved'",
    "a deleted approval": "DELETE FROM execution_approvals",
    "an artifact of other bytes": "UPDATE execution_artifacts SET digest = 'sha256:0'",
    "two events in each other's place": "UPDATE execution_events SET seq = -seq WHERE seq IN (2, 3);"
    "UPDATE execution_events SET seq = 5 + seq WHERE seq < 0",
}


def _copy(finished: Workbench, home: Path) -> Path:
    """Copies a home's ledger, and the transcripts that it speaks of."""
    home.mkdir()
    shutil.copytree(finished.home / "runs", home / "runs")
    source, target = (sqlite3.connect(folder / "ledger.db") for folder in (finished.home, home))
    try:
        source.backup(target)
    finally:
        source.close()
        target.close()
    return home


def test_verify_holds_with_the_server_up_and_down(finished: Workbench) -> None:
    said = finished.cli("audit", "verify", "--json")
    assert said.status == 0
    assert set(said.json) == {
        "ok",
        "project_id",
        "events",
        "checkpoints",
        "transcripts",
        "transcripts_without_times",
        "first_bad",
        "problem",
    }
    assert (said.json["ok"], said.json["first_bad"], said.json["events"] > 10) == (True, None, True)
    assert finished.cli("audit", "verify").text.startswith("ok: ")


@pytest.mark.parametrize("tampering", TAMPERINGS)
def test_verify_finds_offline(finished: Workbench, tmp_path: Path, tampering: str) -> None:
    home = _copy(finished, tmp_path / "copy")
    untouched = finished.cli("audit", "verify", "--home", str(home), "--json")
    assert (untouched.status, untouched.json["ok"]) == (0, True), untouched.json["problem"]
    ledger = sqlite3.connect(home / "ledger.db")
    try:
        for statement in TAMPERINGS[tampering].split(";"):
            assert ledger.execute(statement).rowcount > 0
        ledger.commit()
    finally:
        ledger.close()
    said = finished.cli("audit", "verify", "--home", str(home), "--json")
    assert said.status == 1
    assert said.json["ok"] is False
    assert said.json["problem"]
    assert finished.cli("audit", "verify", "--home", str(home)).text.startswith("NOT OK")


LOST = {
    "DROP TABLE execution_artifacts": "execution_artifacts",
    "ALTER TABLE execution_runs RENAME TO er2": "execution_runs",
    "ALTER TABLE execution_steps RENAME COLUMN status TO s2": "status of execution_steps",
}


@pytest.mark.parametrize("change", LOST)
def test_verify_names_the_table_or_column_that_is_gone(
    finished: Workbench, tmp_path: Path, change: str
) -> None:
    home = _copy(finished, tmp_path / "copy")
    ledger = sqlite3.connect(home / "ledger.db")
    ledger.execute(change)
    ledger.close()
    said = finished.cli("audit", "verify", "--home", str(home), "--json")
    assert (said.status, said.json["ok"], said.json["first_bad"]) == (1, False, None)
    assert f"{LOST[change]} is gone" in said.json["problem"]
    said = finished.cli("audit", "verify", "--home", str(home))
    assert (said.status, said.err) == (1, "")
    assert said.text.startswith("NOT OK: ")


def test_the_server_finds_it_too_and_says_so_to_whoever_asks(own: Project, bench: Workbench) -> None:
    own.run("echo hi")
    assert bench.get("/api/audit/verify", project_id=own.project_id)["ok"] is True
    with sqlite3.connect(bench.home / "ledger.db", timeout=10) as ledger:
        ledger.execute("UPDATE execution_events SET actor = 'user:eve' WHERE tag = 'run:queued'")
    ledger.close()
    finding = bench.get("/api/audit/verify", project_id=own.project_id)
    assert (finding["ok"], finding["first_bad"]) == (False, 1)
    metric = next(
        m for m in bench.get("/api/metrics", project_id=own.project_id) if m["metric_id"] == "audit_gaps"
    )
    assert metric["value"] == 1.0


def test_there_is_nothing_to_verify_where_there_is_no_ledger(served: Workbench, tmp_path: Path) -> None:
    said = served.cli("audit", "verify", "--home", str(tmp_path))
    assert said.status == 1
    assert "--home" in said.err
    answer = served.cli("audit", "verify", "--home", str(tmp_path), "--json")
    assert (answer.status, answer.json["ok"], answer.json["code"]) == (1, False, "not_found")
    assert answer.json["problem"]
    assert not (tmp_path / "ledger.db").exists()


def test_a_ledger_of_a_newer_version_is_not_said_to_be_ok(finished: Workbench, tmp_path: Path) -> None:
    home = tmp_path / "newer"
    home.mkdir()
    source = sqlite3.connect(finished.home / "ledger.db")
    target = sqlite3.connect(home / "ledger.db")
    try:
        source.backup(target)
        target.execute("UPDATE alembic_version SET version_num = '9999'")
        target.commit()
    finally:
        source.close()
        target.close()
    said = finished.cli("audit", "verify", "--home", str(home), "--json")
    assert (said.status, said.json["ok"], said.json["code"]) == (1, False, "database_too_new")


def test_every_event_of_a_run_names_actor_time_and_its_hash(project: Project) -> None:
    run = project.run("echo hi")
    assert [event["seq"] for event in run["events"]] == sorted({event["seq"] for event in run["events"]})
    for event in run["events"]:
        assert event["actor"]
        assert event["at"].endswith("Z")
        assert len(event["leaf_hash"]) == 64
    assert [event["tag"] for event in run["events"]] == [
        "run:queued",
        "step:queued",
        "run:started",
        "step:started",
        "artifact:recorded",
        "step:succeeded",
        "run:succeeded",
    ]
    assert run["events"][0]["payload"]["via"] == "api"
