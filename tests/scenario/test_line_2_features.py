"""Line 2: features and next, on both layouts, through the command line and the API, say the same."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.ground import commit_all
from support.server import Workbench

EXAMPLES = Path(__file__).parents[2] / "examples"
FEATURE_FIELDS = {
    "feature_id",
    "slug",
    "title",
    "format",
    "declared_status",
    "inferred_status",
    "drift",
    "phases",
    "tasks",
    "documents",
    "depends_on",
}
RECOMMENDATION_FIELDS = {
    "rule_id",
    "command",
    "connector",
    "alternatives",
    "evidence",
    "confidence",
    "runnable",
}


def copy(example: str, target: Path) -> Path:
    shutil.copytree(EXAMPLES / example, target)
    commit_all(target)
    return target.resolve()


def head_of(repo: Path) -> str:
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=repo, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(params=[("todo-cli", "spec-kit"), ("ccdash-board", "ccdash")], ids=lambda p: p[1])
def layout(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    example, name = request.param
    return copy(example, tmp_path / "repo"), name


def test_features_have_the_fixed_shape_in_both_layouts_and_the_api_gives_the_same(
    served: Workbench, layout: tuple[Path, str]
) -> None:
    repo, name = layout
    said = served.cli("features", "--json", cwd=repo)
    assert said.status == 0
    found = said.json
    assert found
    assert {feature["format"] for feature in found} == {name}
    for feature in found:
        assert set(feature) == FEATURE_FIELDS
        assert set(feature["tasks"]) == {"total", "done", "open", "blocked"}
        assert all(set(document) == {"path", "role"} for document in feature["documents"])
        assert all((repo / document["path"]).is_file() for document in feature["documents"])
    project = served.add(repo)
    over_http = served.get("/api/features", project_id=project.project_id)
    for feature in over_http:
        for document in feature["documents"]:
            del document["title"]
    assert over_http == found


def test_next_cites_path_line_and_commit_of_what_really_stands_there(
    served: Workbench, layout: tuple[Path, str]
) -> None:
    repo, _ = layout
    said = served.cli("next", "--json", cwd=repo)
    assert said.status == 0
    best = said.json
    recommendation = best["recommendation"]
    assert set(recommendation) >= RECOMMENDATION_FIELDS
    assert recommendation["runnable"]["ok"] is True
    assert len(recommendation["alternatives"]) <= 2
    assert recommendation["evidence"]
    for item in recommendation["evidence"]:
        lines = (repo / item["path"]).read_text().splitlines()
        assert 1 <= item["line"] <= max(1, len(lines))
        assert item["commit"] == head_of(repo)
        assert item["fact"]
    assert [advice["feature_id"] for advice in best["rest"]]


def test_next_over_the_api_gives_the_same_command_and_evidence(
    served: Workbench, layout: tuple[Path, str]
) -> None:
    repo, _ = layout
    told: dict[str, Any] = served.cli("next", "--json", cwd=repo).json["recommendation"]
    project = served.add(repo)
    first = served.get("/api/recommendations", project_id=project.project_id)[0]["recommendation"]
    assert (first["feature_id"], first["command"], first["rule_id"], first["evidence"]) == (
        told["feature_id"],
        told["command"],
        told["rule_id"],
        told["evidence"],
    )


def test_one_feature_can_be_asked_about_and_an_unknown_one_is_named_with_those_there_are(
    served: Workbench, layout: tuple[Path, str]
) -> None:
    repo, _ = layout
    features = served.cli("features", "--json", cwd=repo).json
    one = served.cli("next", features[-1]["feature_id"], "--json", cwd=repo)
    assert one.json["feature_id"] == features[-1]["feature_id"]
    unknown = served.cli("next", "no-such-feature", cwd=repo)
    assert unknown.status == 2
    assert "no-such-feature" in unknown.err
    assert features[0]["feature_id"] in unknown.err
    project = served.add(repo)
    answer = served.http.get("/api/features/no-such-feature", params={"project_id": project.project_id})
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_what_is_recommended_really_runs_and_is_linked_to_its_rule(
    served: Workbench, layout: tuple[Path, str]
) -> None:
    repo, _ = layout
    project = served.add(repo)
    advice = served.get("/api/recommendations", project_id=project.project_id)[0]["recommendation"]
    run = project.run(
        advice["command"], feature_id=advice["feature_id"], recommendation_rule_id=advice["rule_id"]
    )
    assert (run["status"], run["feature_id"], run["recommendation_rule_id"]) == (
        "succeeded",
        advice["feature_id"],
        advice["rule_id"],
    )


def test_a_document_can_be_read_and_nothing_beside_the_documents(
    served: Workbench, layout: tuple[Path, str]
) -> None:
    repo, _ = layout
    project = served.add(repo)
    document = served.get("/api/features", project_id=project.project_id)[0]["documents"][0]["path"]
    read = served.get("/api/documents", project_id=project.project_id, path=document)
    assert read["text"] == (repo / document).read_text()
    for path in ("../../etc/passwd", "/etc/passwd", ".git/config", document + "\0", "no-such.md"):
        answer = served.http.get("/api/documents", params={"project_id": project.project_id, "path": path})
        assert answer.status_code in (404, 422), (path, answer.text)
        assert answer.json()["remedy"]


def test_next_says_of_each_command_it_prints_whether_it_can_run_here(
    served: Workbench, tmp_path: Path
) -> None:
    repo = copy("todo-cli", tmp_path / "repo")
    tasks = repo / "specs/002-mark-done/tasks.md"
    lines = tasks.read_text().split("\n")
    lines = ["- [ ] T004 Run `make deploy`" if line.startswith("- [ ] T004") else line for line in lines]
    tasks.write_text("\n".join(lines))
    printed = served.cli("next", "002-mark-done", cwd=repo).out.decode()
    (line,) = [line for line in printed.splitlines() if "or: make deploy" in line]
    assert line.endswith("[cannot run here: Makefile has no target deploy]")


def test_a_folder_without_plans_stands_for_the_repository_around_it_and_that_is_said(
    served: Workbench, tmp_path: Path
) -> None:
    repo = copy("todo-cli", tmp_path / "repo")
    (repo / "inner").mkdir()
    told = served.cli("features", "--repo", str(repo / "inner"), "--json", cwd=tmp_path)
    assert told.json == served.cli("features", "--json", cwd=repo).json
    assert "the repository around it" in told.err


def test_a_folder_without_any_plans_is_told_so_once(served: Workbench, tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    said = served.cli("next", "--repo", str(tmp_path / "bare"), cwd=tmp_path)
    assert (said.out.decode() + said.err).count("no planning documents were found") == 1


def test_confidence_is_measured_and_the_same_with_and_without_the_server(
    served: Workbench, tmp_path: Path
) -> None:
    project = served.add(copy("todo-cli", tmp_path / "repo"))
    before = project.cli("next", "--json").json["recommendation"]
    assert (before["confidence"], before["measured_runs"]) == (None, 0)
    body = {"feature_id": before["feature_id"], "recommendation_rule_id": before["rule_id"]}
    assert project.run(before["command"], **body)["status"] in ("succeeded", "failed")
    said = project.cli("next", before["feature_id"], "--json").json["recommendation"]
    over_http = served.get("/api/recommendations", project_id=project.project_id)
    (same,) = [a for a in over_http if a["feature_id"] == before["feature_id"]]
    assert said["measured_runs"] == 1
    assert said["confidence"] in (0.0, 1.0)
    assert (same["recommendation"]["confidence"], same["recommendation"]["measured_runs"]) == (
        said["confidence"],
        1,
    )
