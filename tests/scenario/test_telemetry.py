"""Traces and metrics reach a collector: a run is a trace, a step a span, and the command is told which."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from support.collector import collecting, facts_of
from support.fixtures import Start
from support.ground import make_repository
from support.server import StartFailed
from workbench.model.trace import trace_parent

SECRET = "hunter2-hunter2"


def test_a_run_is_a_trace_that_its_command_knows_of_and_nothing_is_lost_while_the_collector_is_away(
    start: Start, tmp_path: Path
) -> None:
    with collecting() as collector:
        bench = start(telemetry=collector.url)
        project = bench.add(make_repository(tmp_path / "repo"))
        said = project.cli("run", "--", f"printenv TRACEPARENT {SECRET}")
        (run,) = bench.get("/api/runs", project_id=project.project_id)
        step_span, run_span = collector.wait_spans(2)
        version, trace, span, flags = said.out.decode().split()[0].split("-")
        assert (version, flags) == ("00", "01")
        assert step_span.trace_id.hex() == run_span.trace_id.hex() == trace
        assert step_span.span_id.hex() == span
        assert step_span.parent_span_id == run_span.span_id
        assert not run_span.parent_span_id
        assert (step_span.name, run_span.name) == ("step command", "run")
        assert run_span.start_time_unix_nano <= step_span.start_time_unix_nano
        assert step_span.start_time_unix_nano < step_span.end_time_unix_nano <= run_span.end_time_unix_nano
        assert facts_of(run_span)["workbench.run.id"] == run["run_id"]
        assert facts_of(run_span)["workbench.run.status"] == run["status"] == "failed"
        assert facts_of(step_span)["workbench.step.exit_code"] == 1
        assert "run:queued" in [event.name for event in run_span.events]
        assert collector.services[0]["service.name"] == "workbench"
        assert SECRET not in str(collector.spans), "what a command says is no matter of a collector"

        collector.refuses = True
        project.cli("run", "--", "pwd")
        bench.restart()
        with collector.changed:
            collector.refuses = False
        names = [each.name for each in collector.wait_spans(4)[2:]]
        assert names == ["step command", "run"]
        assert len({each.span_id for each in collector.wait_spans(4)}) == 4


@pytest.mark.long
def test_a_span_that_the_collector_refuses_keeps_no_other_back(start: Start, tmp_path: Path) -> None:
    with collecting() as collector:
        bench = start(telemetry=collector.url)
        project = bench.add(make_repository(tmp_path / "repo"))
        first = project.run("true")
        collector.wait_spans(2)
        refused = project.submit(project.script("wait", "while [ ! -e go ]; do sleep 0.05; done"))
        collector.refused_run = refused["run_id"]
        (project.repo / "go").touch()
        bench.wait(refused["run_id"])
        last = project.run("pwd")
        told = [facts_of(span)["workbench.run.id"] for span in collector.wait_spans(4)]
        assert told == [first["run_id"], first["run_id"], last["run_id"], last["run_id"]]
        assert "span given up" in bench.log.read_text()


def test_the_numbers_reach_the_collector_when_the_server_ends(start: Start, tmp_path: Path) -> None:
    with collecting() as collector:
        bench = start(telemetry=collector.url)
        project = bench.add(make_repository(tmp_path / "repo"))
        project.cli("run", "--", "pwd")
        collector.wait_spans(2)
        bench.stop()
        durations = collector.wait_metric("workbench.step.duration")
        assert durations.histogram.data_points[0].count == 1
        ended = {
            facts_of(point)["status"]: point.as_int
            for point in collector.wait_metric("workbench.runs").sum.data_points
        }
        assert ended["succeeded"] == 1


def test_it_is_off_until_a_collector_is_named(start: Start, tmp_path: Path) -> None:
    bench = start()
    project = bench.add(make_repository(tmp_path / "repo"))
    said = project.cli("run", "--", "printenv TRACEPARENT")
    assert (said.status, said.out) == (1, b"")
    assert not (bench.home / "telemetry.json").exists()


def test_an_address_that_is_none_is_refused_with_the_remedy(start: Start) -> None:
    with pytest.raises(StartFailed) as caught:
        start(telemetry="collector:4318")
    said = str(caught.value)
    assert "which is no address of a collector" in said
    assert "http://127.0.0.1:4318" in said


def test_the_names_follow_from_the_ids_alone() -> None:
    trace = hashlib.sha256(b"trace run_1").hexdigest()[:32]
    span = hashlib.sha256(b"span step_1 2").hexdigest()[:16]
    assert trace_parent("run_1", "step_1", 2) == f"00-{trace}-{span}-01"
