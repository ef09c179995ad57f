"""Switches over a real server: entry gates, canaries, a company's own flag system beside the ledger."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.flag_sources import FILE
from support.ground import make_repository
from support.server import Project, StartFailed, Workbench, running

TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    with running(tmp_path_factory.mktemp("gates") / "home") as started:
        yield started


def test_a_phase_is_switched_on_by_its_gates_or_an_override_that_the_list_shows(
    own: Project, bench: Workbench
) -> None:
    here = ("--project", own.project_id, "--reason", "a trial")
    refused = own.cli("switch", "set", "execution.connectors", "on", *here)
    assert refused.status == 1
    assert "connector_contract" in refused.err
    assert "--override" in refused.err
    first = next(each for each in bench.get("/api/switches") if each["name"] == "execution.local")
    assert [gate["gate_id"] for gate in first["overridden"]] == ["no_evidence"]
    assert own.cli("switch", "set", "execution.local", "off", *here).status == 0
    put = own.cli("switch", "set", "execution.local", "canary", "--people", "ann", "--override", *here)
    assert put.status == 0
    assert "overridden: recommendation_mismatch (not enough data)" in put.err
    listed = own.cli("switch", "list", "--project", own.project_id)
    for word in (own.project_id, "canary", "ann", "ledger: canary", "a trial", "user:"):
        assert word in listed.text
    # Whoever asks here is not Ann.
    assert own.cli("run", "--", "true").status == 78
    ann = bench.make_token("operator", "ann")["token"]
    with bench.as_token(ann) as client:
        body = {"project_id": own.project_id, "command": "true", "mode": "pipe"}
        made = client.post("/api/runs", json=body).json()
    assert bench.wait(made["run_id"])["status"] == "succeeded"
    queued = next(event for event in bench.run_of(made["run_id"])["events"] if event["tag"] == "run:queued")
    assert queued["payload"]["flags"] == [{"source": "ledger", "value": "canary", "is_member": True}]


@pytest.mark.long
def test_a_companys_own_flag_system_restricts_and_a_broken_one_stops(tmp_path: Path) -> None:
    flags = tmp_path / "flags.json"
    flags.write_text(json.dumps({"execution.local": "on"}))
    bench = Workbench(
        home=tmp_path / "home",
        settings={
            "WORKBENCH_FLAGS": "support.flag_sources:from_file",
            "PYTHONPATH": str(TESTS),
            FILE: str(flags),
        },
    )
    try:
        bench.start()
        own = bench.add(make_repository(tmp_path / "repo"))
        made = own.run("true")
        assert made["status"] == "succeeded"
        started = next(event for event in made["events"] if event["tag"] == "step:started")
        assert started["payload"]["flags"] == [
            {"source": "ledger", "value": "on"},
            {"source": "ours", "value": "on"},
        ]
        for text, says in (
            (json.dumps({"execution.local": "off"}), "execution.local is off (flag source: ours)"),
            (json.dumps({"execution.local": True}), "TYPE_MISMATCH"),
            ("{}", "flag source: ours: GENERAL"),
            ('{"execution.local": "o', "flag source: ours: GENERAL"),
        ):
            flags.write_text(text)
            held = own.run("true")
            assert (held["status"], held["blocked_by"]) == ("blocked", "switch")
            assert says in held["why"]
        flags.unlink()
        assert own.run("true")["blocked_by"] == "switch"
        listed = bench.get("/api/switches", project_id=own.project_id)
        local = next(each for each in listed if each["name"] == "execution.local")
        assert (local["state"], local["effective_state"]) == ("on", "off")
        assert [each["state"] for each in local["sources"]] == ["on", None]
        flags.write_text(json.dumps({"execution.local": "on"}))
        assert own.run("true")["status"] == "succeeded"
    finally:
        bench.close()


@pytest.mark.long
def test_a_flag_source_that_cannot_be_loaded_lets_no_server_start(tmp_path: Path) -> None:
    bench = Workbench(home=tmp_path / "home", settings={"WORKBENCH_FLAGS": "nowhere.at.all:made"})
    try:
        with pytest.raises(StartFailed, match=r"nowhere\.at\.all"):
            bench.start()
    finally:
        bench.close()
