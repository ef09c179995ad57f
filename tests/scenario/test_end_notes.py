"""What a run left for other programs to obey, and why its output was cut, is told to whoever asked for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.ground import make_repository
from support.server import Project, running


def test_what_a_run_left_for_other_programs_is_told_at_its_end_in_show_and_in_json(project: Project) -> None:
    command = project.script("plant.sh", "echo x > .npmrc")
    said = project.cli("run", "--", command)
    assert said.status == 0
    told = "made or changed while it ran: .npmrc; other programs obey these, look at them before you use them"
    assert told in said.err
    run = project.run(command)
    assert run["steps"][0]["notes"] == [told]
    shown = project.cli("show", run["run_id"])
    assert f"note: {told}" in shown.text
    assert project.cli("show", run["run_id"], "--json").json["steps"][0]["notes"] == [told]


def test_a_refused_write_to_what_git_obeys_is_explained(project: Project) -> None:
    (project.repo / ".githooks").mkdir()
    with open(project.repo / ".git" / "config", "a") as config:
        config.write("[core]\nhooksPath = .githooks\n")
    said = project.cli("run", "--", project.script("hook.sh", "echo x > .githooks/pre-commit"))
    assert said.status == 1
    assert "kept as it is in a run, because programs outside obey it: .githooks" in said.err


@pytest.mark.parametrize("command", ["true", "false"])
def test_a_run_that_left_nothing_has_no_notes(project: Project, command: str) -> None:
    run = project.run(command)
    assert run["steps"][0]["notes"] == []
    assert "note:" not in project.cli("show", run["run_id"]).text


def test_a_cut_output_says_which_limit_cut_it(tmp_path: Path) -> None:
    with running(tmp_path / "home", WORKBENCH_MAX_OUTPUT_BYTES="2048") as bench:
        own = bench.add(make_repository(tmp_path / "repo"))
        said = own.cli("run", "--", "seq 1 5000")
    assert said.status == 0
    assert "the output was cut: output is above the limit of 2048 bytes" in said.err
