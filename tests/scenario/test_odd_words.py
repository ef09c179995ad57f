"""Odd names, folders that are gone, signs that a terminal does not have: one line and a remedy for each."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.fixtures import Start
from support.ground import make_repository
from support.server import Project, Workbench


@pytest.mark.parametrize("tail", ["/events", "/transcript", "/../../projects", "\udcff", "?x", "%2e"])
def test_what_is_no_runs_id_leads_to_no_other_page_and_no_wait(project: Project, tail: str) -> None:
    run = project.run("true")
    said = project.cli("show", run["run_id"] + tail)
    assert said.status == 2
    assert "there is no" in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/projects", {"path": "\0"}),
        ("/api/projects", {"path": "/tmp/\ud800"}),
        ("/api/runs", {"command": "ls", "project_id": "\ud800"}),
        ("/api/review", {"command": "ls", "project_id": "\ud800"}),
        ("/api/policy/check", {"command": "ls", "project_id": "a\0b"}),
        ("/api/tokens", {"name": "x", "role": "viewer", "project_id": "\ud800"}),
        ("/api/tokens", {"name": "\ud800", "role": "viewer"}),
    ],
)
def test_characters_that_no_name_has_are_refused(served: Workbench, path: str, body: dict[str, Any]) -> None:
    with served.as_token(served.token) as client:
        answer = client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["remedy"]


def test_a_working_folder_that_is_gone_is_said(served: Workbench, tmp_path: Path) -> None:
    for words in ("runs", "features", "policy check -- ls"):
        done = subprocess.run(
            [
                "sh",
                "-c",
                f'mkdir gone; cd gone; rmdir ../gone; exec "$0" -m workbench {words}',
                sys.executable,
            ],
            env=served.environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 2
        assert "is gone" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_terminal_without_our_signs_gets_their_names(project: Project) -> None:
    run = project.run("true")
    for words in (("runs",), ("show", run["run_id"])):
        said = project.cli(*words, settings={"PYTHONIOENCODING": "ascii"})
        assert said.status == 0
        assert run["run_id"] in said.text


def test_a_home_whose_name_is_no_text_is_refused_by_every_command(tmp_path: Path) -> None:
    bench = Workbench(home=tmp_path / "home\udcff")
    for words in (("up", "--detach"), ("runs",), ("status",)):
        said = bench.cli(*words, cwd=tmp_path)
        assert said.status != 0
        assert "cannot be used" in said.err
        assert "Traceback" not in said.err


def test_the_record_of_a_project_outlives_its_folder(served: Workbench, tmp_path: Path) -> None:
    project = served.add(make_repository(tmp_path / "leaves"))
    run = project.run("true")
    project.repo.rename(tmp_path / "left")
    for named in (str(project.repo), project.project_id):
        assert run["run_id"] in served.cli("runs", "--repo", named, cwd=tmp_path).text
    listed = served.cli("project", "list", cwd=tmp_path).text
    assert f"{project.repo}  (not there)" in listed
    with served.as_token(served.token) as client:
        features = client.get("/api/features", params={"project_id": project.project_id})
    assert features.status_code == 422
    assert "--repo" not in features.json()["remedy"]
    project.end()


def test_who_may_not_approve_is_told_to_deny_and_not_to_approve(start: Start, tmp_path: Path) -> None:
    bench = start()
    project = bench.add(make_repository(tmp_path / "repo"), forbid_self_approval=True)
    said = project.cli("run", "--", "rm", "-rf", "z")
    assert said.status == 75
    assert "workbench deny apr_" in said.err
    assert "workbench approve" not in said.err


@pytest.mark.parametrize("path", ["/nonexist.js", "/a/b.css", "/favicon.png", "/assets/none"])
def test_a_file_that_is_not_there_is_not_the_page(served: Workbench, path: str) -> None:
    with served.as_token(served.token) as client:
        assert client.get(path).status_code == 404


def test_the_page_of_a_feature_that_is_called_like_a_file_is_the_page(served: Workbench) -> None:
    with served.as_token(served.token) as client:
        answer = client.get("/p/prj_any/features/002-next.js")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
