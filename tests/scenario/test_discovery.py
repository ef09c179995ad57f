"""A repository is looked at: what is found, and that each claim stands where it says it stands."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from workbench.features import advise, discover
from workbench.model.feature import Discovery, Evidence
from workbench.model.verdict import Decision, Judgement, RiskLevel, Verdict

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.name for path in (ROOT / "examples").iterdir() if path.is_dir())


def git(repo: Path, *words: str) -> str:
    environment = {"PATH": os.environ["PATH"], "HOME": str(repo), "GIT_CONFIG_NOSYSTEM": "1"}
    environment |= {
        f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    return subprocess.run(
        ["git", *words], cwd=repo, env=environment, capture_output=True, check=True
    ).stdout.decode()


def fresh(source: Path, target: Path) -> Path:
    """Copies a folder and commits it as a repository of its own."""
    shutil.copytree(source, target)
    git(target, "init", "-q", "-b", "main")
    git(target, "add", "-A", "-f")
    git(target, "commit", "-q", "-m", "first")
    return target


def claims_of(found: Discovery) -> list[Evidence]:
    claims = [e for feature in found.features for e in (*feature.evidence, *feature.drift)]
    allowed = Judgement(
        verdict=Verdict(
            verdict=Decision.ALLOW,
            risk_level=RiskLevel.LOW,
            reason_codes=(),
            matched_rules=(),
            policy_digest="",
        )
    )
    advice = advise(
        found, program_path=lambda name: f"/usr/bin/{name}", policy_preview=lambda command: allowed
    )
    for answer in advice:
        claims += [*answer.evidence, *(answer.recommendation.evidence if answer.recommendation else ())]
    return claims


def stands(claim: Evidence, line: str) -> bool:
    """Says whether the words that a claim rests on are on the line that it cites."""
    if quoted := re.findall("“([^”]*)”", claim.fact):
        return all(words in line for words in quoted)
    if match := re.search(r"declares the command: (.*)", claim.fact):
        return match[1] in line
    task = re.match(r"(?:the next task is )?([^\s:]+?)(?::| is )", claim.fact)
    assert task, claim
    return task[1] in line


@pytest.mark.parametrize("name", EXAMPLES)
def test_git_show_prints_every_cited_fact_at_its_line(tmp_path: Path, name: str) -> None:
    repo = fresh(ROOT / "examples" / name, tmp_path / "repo")
    found = discover(repo, cache_dir=tmp_path / "cache")
    assert found.commit == git(repo, "rev-parse", "HEAD").strip()
    claims = claims_of(found)
    assert claims
    for claim in claims:
        assert claim.commit == found.commit
        lines = git(repo, "show", f"{claim.commit}:{claim.path}").split("\n")
        assert stands(claim, lines[claim.line - 1]), claim


def test_the_roadmap_is_read_as_features_with_every_claim_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    shutil.copytree(ROOT / "docs" / "roadmap", tmp_path / "source/docs/roadmap")
    repo = fresh(tmp_path / "source", tmp_path / "repo")
    found = discover(repo, cache_dir=None)
    for claim in claims_of(found):
        lines = git(repo, "show", f"{claim.commit}:{claim.path}").split("\n")
        assert stands(claim, lines[claim.line - 1]), claim


def test_this_repository_reads_its_own_roadmap_without_drift_or_diagnostics() -> None:
    found = discover(ROOT, cache_dir=None)
    assert [(feature.feature_id, feature.drift) for feature in found.features] == [
        ("feature-execution-workbench-phase-2-local-terminal-v1", ()),
        ("feature-execution-workbench-phase-3-platform-connectors-v1", ()),
        ("feature-execution-workbench-phase-4-sdk-orchestration-v1", ()),
        ("feature-execution-workbench-roadmap-v1", ()),
    ]
    assert found.diagnostics == ()
    phase_2, phase_3, phase_4, roadmap = found.features
    assert phase_3.depends_on == (phase_2.feature_id,)
    assert phase_4.depends_on == (phase_3.feature_id,)
    assert set(roadmap.depends_on) == {phase_2.feature_id, phase_3.feature_id, phase_4.feature_id}
    assert phase_2.tasks


def test_every_path_that_the_roadmap_names_exists() -> None:
    documents = sorted((ROOT / "docs" / "roadmap").rglob("*.md"))
    for document in documents:
        text = document.read_text(encoding="utf-8")
        for path in re.findall(r"docs/roadmap/[\w./-]+\.md", text):
            assert (ROOT / path).is_file(), f"{document.name} names {path}"
        for link in re.findall(r"\]\(([^)#]+)\)", text):
            assert (document.parent / link).is_file(), f"{document.name} links to {link}"


def test_the_phase_documents_refer_to_parent_children_and_each_other() -> None:
    folder = ROOT / "docs" / "roadmap"
    phases = sorted(path.name for path in folder.glob("phase-*.md"))
    assert phases == [
        "phase-2-local-terminal.md",
        "phase-3-platform-connectors.md",
        "phase-4-sdk-orchestration.md",
    ]
    roadmap = (folder / "roadmap.md").read_text(encoding="utf-8")
    for name in phases:
        text = (folder / name).read_text(encoding="utf-8")
        assert f"docs/roadmap/{name}" in roadmap
        assert "lineage_parent: docs/roadmap/roadmap.md" in text
        assert all(f"docs/roadmap/{other}" in text for other in phases if other != name)
        for heading in ("## Entry gates", "## Hard gates: security", "## Hard gates: audit"):
            assert heading in text


def test_one_broken_file_is_named_with_line_and_remedy_and_the_rest_is_read(tmp_path: Path) -> None:
    repo = fresh(ROOT / "examples" / "ccdash-board", tmp_path / "repo")
    found = discover(repo, cache_dir=None)
    (problem,) = found.diagnostics
    assert (problem.path, problem.line) == ("docs/project_plans/PRDs/board/board-share-v1.md", 4)
    assert "quotes" in problem.remedy
    assert [(feature.feature_id, feature.inferred_status.value) for feature in found.features] == [
        ("board-colors-v1", "in_progress"),
        ("board-columns-v1", "in_progress"),
        ("board-search-v1", "draft"),
        ("board-share-v1", "draft"),
    ]
    assert [e.fact for e in found.features[0].drift] == [
        "says “completed”",
        "CLR-2 is open; 1 of 2 tasks ticked",
        "says “completed”",
    ]
    assert len({e.path for e in found.features[0].drift}) == 2


def test_an_edited_document_still_cites_the_commit_for_each_line_that_stands_in_it(tmp_path: Path) -> None:
    repo = fresh(ROOT / "examples" / "todo-cli", tmp_path / "repo")
    tasks = repo / "specs/002-mark-done/tasks.md"
    # One more line at the end leaves all others where they are; a ticked box changes its own line alone.
    tasks.write_text(tasks.read_text().replace("- [ ] T004", "- [x] T004") + "- [ ] T099 Look once more\n")
    found = discover(repo, cache_dir=tmp_path / "cache")
    own = [claim for claim in claims_of(found) if claim.path == "specs/002-mark-done/tasks.md"]
    assert {claim.commit for claim in own} == {found.commit, None}
    committed = git(repo, "show", f"HEAD:{own[0].path}").split("\n")
    now = tasks.read_text().split("\n")
    for claim in own:
        line = (now if claim.commit is None else committed)[claim.line - 1]
        assert stands(claim, line), claim
        assert (claim.commit is None) == (now[claim.line - 1] != committed[claim.line - 1 : claim.line][0])
    assert discover(repo, cache_dir=tmp_path / "cache") == found


def test_a_folder_of_a_repository_cites_its_commit_too(tmp_path: Path) -> None:
    (tmp_path / "source/packages").mkdir(parents=True)
    shutil.copytree(ROOT / "examples" / "todo-cli", tmp_path / "source/packages/todo")
    repo = fresh(tmp_path / "source", tmp_path / "repo")
    found = discover(repo / "packages/todo", cache_dir=None)
    assert found.commit == git(repo, "rev-parse", "HEAD").strip()
    for claim in claims_of(found):
        lines = git(repo, "show", f"{claim.commit}:packages/todo/{claim.path}").split("\n")
        assert stands(claim, lines[claim.line - 1]), claim


def test_a_repository_below_the_folder_keeps_its_documents_to_itself(tmp_path: Path) -> None:
    fresh(ROOT / "examples" / "todo-cli", tmp_path / "docs")
    shutil.copytree(ROOT / "examples" / "ccdash-board/docs", tmp_path / "docs/docs/own/docs")
    assert discover(tmp_path, cache_dir=None).features == ()


def test_a_repository_with_none_of_the_layouts_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# nothing planned\n")
    found = discover(tmp_path, cache_dir=None)
    assert (found.features, found.diagnostics) == ((), ())
    assert found.reason.startswith("no planning documents were found; looked for: specs/")
