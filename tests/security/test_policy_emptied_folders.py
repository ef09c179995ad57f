"""Tools that empty the folder they are given are asked like `rm -r`, where more than leavings would go."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)

EMPTYING = (
    "vite build --outDir PLACE",
    "vite build --emptyOutDir --outDir=PLACE",
    "c8 --temp-directory PLACE node src/a.js",
    "nyc --temp-dir PLACE mocha",
    "nyc -t PLACE mocha",
    "mkdocs build -d PLACE",
    "mkdocs build --site-dir PLACE",
    "pytest --basetemp=PLACE tests",
    "python -m pytest --basetemp PLACE tests",
    "astro build --outDir PLACE",
    "docusaurus build --out-dir PLACE",
    "storybook build -o PLACE",
    "typedoc --out PLACE src/a.ts",
    "tsup --clean -d PLACE src/a.ts",
    "tsdown -d PLACE src/a.ts",
    "ng build --output-path PLACE",
    "vue-cli-service build --dest PLACE",
    "ember build -o PLACE",
    "expo export --output-dir PLACE",
    "jekyll build -d PLACE",
    "playwright test --output PLACE",
    "jest --clearCache --cacheDirectory=PLACE",
    "pyinstaller -y --distpath PLACE src/a.py",
    "pyinstaller --noconfirm --workpath PLACE src/a.py",
    "tox -r --workdir PLACE",
    "nox --envdir PLACE",
    "hatch build -c PLACE",
    "npx vite build --outDir PLACE",
    "pdm build -d PLACE",
    "pdm build --dest=PLACE",
    "poetry build --clean -o PLACE",
    "rye build -c --out PLACE",
    "vitest run --coverage --coverage.reportsDirectory=PLACE",
    "rsbuild build --dist-path PLACE",
    "rspack build -o PLACE",
    "webpack --output-path=PLACE",
    "pkgroll --clean-dist --dist PLACE",
    "size-limit --save-bundle PLACE --clean-dir",
    "ansible-galaxy role init --force PLACE",
    "cargo vendor PLACE",
)
WRITING = (
    "tsup -d PLACE src/a.ts",
    "jest --cacheDirectory=PLACE",
    "pyinstaller --distpath PLACE src/a.py",
    "tox --workdir PLACE",
    "hatch build PLACE",
    "poetry build -o PLACE",
    "pkgroll -d PLACE",
    "size-limit --save-bundle PLACE",
    "ansible-galaxy role init PLACE",
)


def ask(folder: Path, text: str) -> tuple[Decision, tuple[str, ...], set[str]]:
    root = str(folder.resolve())
    surroundings = ProjectSurroundings(workspace_root=root, toolchains=())
    found = judge(POLICY, text, cwd=root, workspace_root=root, surroundings=surroundings)
    effects = {str(effect) for facts in found.commands for effect in facts.effects}
    return found.verdict.verdict, found.verdict.reason_codes, effects


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with tracked files, a full dist that is ignored, and a folder unknown to git."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for name in ("src/a.py", "tests/test_a.py", "dist/a.js", "victim/notes.md", "kept/build/tracked.js"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".gitignore").write_text("dist\n")
    (tmp_path / "node_modules/.bin").mkdir(parents=True)
    tracked = ["src", "tests", "kept", ".gitignore"]
    subprocess.run(["git", "-C", str(tmp_path), "add", *tracked], check=True)
    for name in ("vite", "c8", "nyc"):
        (tmp_path / "node_modules/.bin" / name).write_text("#!/usr/bin/env node\n")
    return tmp_path


def place_in(text: str, place: str) -> str:
    return text.replace("PLACE", place)


@pytest.mark.parametrize("place", ["victim", "src", "kept/build", ".", "./dist/../victim"])
@pytest.mark.parametrize("text", EMPTYING)
def test_a_folder_that_holds_more_than_leavings_is_asked_about_as_lost(
    text: str, place: str, project: Path
) -> None:
    verdict, reasons, effects = ask(project, place_in(text, place))
    assert verdict is Decision.REQUIRES_APPROVAL
    assert "destructive" in reasons
    if place != ".":
        assert {"deletes", "irreversible"} <= effects


@pytest.mark.parametrize("place", ["dist", "missing", "empty", "site", "dist/deeper", "coverage"])
@pytest.mark.parametrize("text", EMPTYING)
def test_a_folder_that_is_missing_empty_or_a_builds_own_loses_nothing(
    text: str, place: str, project: Path
) -> None:
    _, reasons, effects = ask(project, place_in(text, place))
    assert "destructive" not in reasons
    assert "deletes" not in effects


@pytest.mark.parametrize("text", WRITING)
def test_what_only_writes_into_the_folder_takes_nothing_away(text: str, project: Path) -> None:
    assert "destructive" not in ask(project, place_in(text, "victim"))[1]


@pytest.mark.parametrize("text", ["pytest --basetemp=dist tests", "mkdocs build -d site", "tox -r"])
def test_an_everyday_build_stays_allowed(text: str, project: Path) -> None:
    assert ask(project, text)[0] is Decision.ALLOW


def test_a_link_is_judged_by_what_it_leads_to(project: Path) -> None:
    (project / "build").symlink_to("src")
    assert "destructive" in ask(project, "pytest --basetemp=build tests")[1]


def test_what_an_earlier_part_puts_there_is_lost_as_well(project: Path) -> None:
    assert "destructive" in ask(project, "mv victim other && pytest --basetemp=other tests")[1]


def test_a_recipe_is_no_way_around(project: Path) -> None:
    (project / "Makefile").write_text(
        "a:\n\tpytest --basetemp=victim tests\nb:\n\tpytest --basetemp=dist tests\n"
    )
    assert "destructive" in ask(project, "make a")[1]
    assert ask(project, "make b")[0] is Decision.ALLOW


@pytest.mark.parametrize("place", ["/etc", "~", "/"])
def test_a_folder_that_is_never_deleted_is_never_emptied(place: str, project: Path) -> None:
    assert ask(project, f"vite build --outDir {place}")[0] is Decision.DENY
    assert ask(project, f"rm -r {place}")[0] is Decision.DENY


def test_an_address_is_no_folder(project: Path) -> None:
    assert ask(project, "vite build --outDir @args")[0] is not Decision.ALLOW


SETTLED = (
    ("mkdocs.yml", "site_name: x\nsite_dir: PLACE\n", "mkdocs build"),
    ("pytest.ini", "[pytest]\naddopts = -q --basetemp=PLACE\n", "pytest"),
    ("pyproject.toml", '[tool.pytest.ini_options]\naddopts = "--basetemp PLACE"\n', "python -m pytest -q"),
    ("_config.yml", "destination: 'PLACE'\n", "jekyll build"),
    ("hugo.toml", 'publishDir = "PLACE"\n', "hugo --cleanDestinationDir"),
)


@pytest.mark.parametrize(("file", "text", "command"), SETTLED)
def test_a_folder_that_the_settings_name_is_judged_as_one_that_an_option_names(
    file: str, text: str, command: str, project: Path
) -> None:
    for place, is_lost in (("victim", True), ("src", True), ("dist", False), ("missing", False)):
        (project / file).write_text(text.replace("PLACE", place))
        verdict, reasons, _ = ask(project, command)
        assert ("destructive" in reasons) is is_lost, place
        assert (verdict is Decision.REQUIRES_APPROVAL) is is_lost, place
