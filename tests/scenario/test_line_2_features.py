"""Line 2: features and next, on both layouts, through the command line and the API, say the same."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.ground import commit_all, make_repository
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


def words_in(fact: str) -> list[str]:
    """Returns the words that a fact takes from the line it cites."""
    found = re.findall("“([^”]*)”", fact)
    if match := re.search(r"declares the command: (.*)", fact):
        found.append(match[1])
    if not found and (match := re.fullmatch(r"the next task is (\S+): (.*) \([a-z ]+\)", fact)):
        found += [match[1], match[2]]
    if not found and (match := re.match(r"(\S+) is (?:open|in progress|blocked|done|canceled)\b", fact)):
        found.append(match[1])
    return found


def claims_in(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """Returns every claim of an answer of `next --json`: of each feature and each command it offers."""
    found: list[dict[str, Any]] = []
    for advice in (answer, *answer.get("rest", [])):
        recommendation = advice["recommendation"] or {"evidence": [], "alternatives": []}
        for other in recommendation["alternatives"]:
            assert other["evidence"], other
            found += other["evidence"]
        found += [*advice["evidence"], *recommendation["evidence"]]
    return found


def check_claims(repo: Path, claims: list[dict[str, Any]]) -> None:
    """Each claim's words stand on its line, and at its commit where it names one."""
    assert claims
    for claim in claims:
        lines = (repo / claim["path"]).read_text().split("\n")
        line = " ".join(lines[claim["line"] - 1].split())
        assert words_in(claim["fact"]), claim
        for words in words_in(claim["fact"]):
            assert " ".join(words.split()) in line, (claim, line)
        if claim["commit"] is not None:
            assert claim["commit"] == head_of(repo)
            shown = ["git", "show", f"{claim['commit']}:{claim['path']}"]
            was = subprocess.run(shown, cwd=repo, capture_output=True, text=True, check=True).stdout
            assert was.split("\n")[claim["line"] - 1] == lines[claim["line"] - 1], claim


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
    claims = claims_in(best)
    check_claims(repo, claims)
    assert {claim["commit"] for claim in claims} == {head_of(repo)}
    assert [advice["feature_id"] for advice in best["rest"]]


def test_a_wait_cites_the_line_that_names_the_other_feature_and_where_that_one_stands(
    served: Workbench, tmp_path: Path
) -> None:
    plan = "---\ndoc_type: implementation_plan\nfeature_slug: {}\n{}---\n# {}\n"
    repo = make_repository(
        tmp_path / "repo",
        {
            "specs/001-first/spec.md": "# First\n\n**Status**: Draft\n",
            "specs/002-second/spec.md": "# Second\n\n**Depends on**: 001-first\n",
            "docs/project_plans/third.md": plan.format("third", "depends_on:\n  - fourth\n", "Third"),
            "docs/project_plans/fourth.md": plan.format("fourth", "", "Fourth"),
            "docs/project_plans/fifth.md": plan.format("fifth", "depends_on: [sixth]\n", "Fifth"),
            "docs/project_plans/sixth.md": plan.format("sixth", "depends_on: [fifth]\n", "Sixth"),
        },
    )

    def told(feature: str) -> list[tuple[str, int, str]]:
        answer = served.cli("next", feature, "--json", cwd=repo).json
        check_claims(repo, claims_in(answer))
        assert "wait" in answer["reason"]
        return [(claim["path"], claim["line"], claim["fact"]) for claim in answer["evidence"]]

    assert told("002-second")[:2] == [
        ("specs/002-second/spec.md", 3, "depends on “001-first”"),
        ("specs/001-first/spec.md", 3, "says “Draft”"),
    ]
    # A feature that says nothing of its status is cited by the document that there is.
    assert told("third")[:2] == [
        ("docs/project_plans/third.md", 5, "depends on “fourth”"),
        (
            "docs/project_plans/fourth.md",
            5,
            "“Fourth” is the feature's plan document, and all there is to go by",
        ),
    ]
    circle = told("fifth")
    assert ("docs/project_plans/fifth.md", 4, "depends on “sixth”") in circle
    assert ("docs/project_plans/sixth.md", 4, "depends on “fifth”") in circle


def test_a_line_that_was_changed_since_the_commit_is_told_as_not_committed_and_the_others_keep_theirs(
    served: Workbench, tmp_path: Path
) -> None:
    repo = copy("todo-cli", tmp_path / "repo")
    tasks = repo / "specs/002-mark-done/tasks.md"
    tasks.write_text(tasks.read_text().replace("- [ ] T004 [US2] Run", "- [ ] T004 [US2] Now run"))
    answer = served.cli("next", "002-mark-done", "--json", cwd=repo).json
    check_claims(repo, claims_in(answer))
    place = "specs/002-mark-done/tasks.md"
    commits = {c["line"]: c["commit"] for c in answer["evidence"] if c["path"] == place}
    assert commits == {13: None, 12: head_of(repo)}
    lines = served.cli("next", "002-mark-done", cwd=repo).text.splitlines()
    assert any(line.startswith(f"  - {place}:13 @ not committed: the next task is T004") for line in lines)
    assert any(line.startswith(f"  - {place}:12 @ {head_of(repo)[:12]}: T003 is done") for line in lines)


def test_what_is_said_of_the_projects_own_roadmap_stands_where_it_is_cited(
    served: Workbench, tmp_path: Path
) -> None:
    repo = tmp_path / "repo"
    shutil.copytree(EXAMPLES.parent / "docs" / "roadmap", repo / "docs" / "roadmap")
    commit_all(repo)
    answer = served.cli("next", "--json", cwd=repo).json
    claims = claims_in(answer)
    check_claims(repo, claims)
    assert {claim["commit"] for claim in claims} == {head_of(repo)}
    assert any(claim["fact"].startswith("depends on “") for claim in claims)


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


def test_next_says_which_rule_would_deny_a_command(served: Workbench, tmp_path: Path) -> None:
    repo = copy("todo-cli", tmp_path / "repo")
    tasks = repo / "specs/002-mark-done/tasks.md"
    tasks.write_text(tasks.read_text().replace("Run `make test`", "Run `mount x y`"))
    (rule, *_) = served.cli("policy", "check", "--json", "--", "mount x y", cwd=repo).json["matched_rules"]
    printed = served.cli("next", "002-mark-done", cwd=repo).text
    (line,) = [line for line in printed.splitlines() if "or: mount x y" in line]
    assert rule["text"]
    assert f"policy would deny it: {rule['text']}" in line


def test_a_plan_that_contradicts_its_requirements_is_drift_with_both_lines(
    served: Workbench, tmp_path: Path
) -> None:
    repo = copy("ccdash-board", tmp_path / "repo")
    plan = "docs/project_plans/implementation_plans/board/board-columns-v1.md"
    (repo / plan).write_text((repo / plan).read_text().replace("status: in-progress", "status: blocked"))
    features = {f["feature_id"]: f for f in served.cli("features", "--json", cwd=repo).json}
    drift = features["board-columns-v1"]["drift"]
    assert [(claim["path"], claim["line"], claim["fact"]) for claim in drift] == [
        ("docs/project_plans/PRDs/board/board-columns-v1.md", 3, "says “in-progress”"),
        (plan, 3, "says “blocked”"),
    ]
    assert [claim["commit"] for claim in drift] == [head_of(repo), None]


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
