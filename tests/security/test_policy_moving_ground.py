"""A script is judged as it lies there: what an earlier part of the same command may change is asked about."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
SCRIPT_FILES = ("Makefile", "package.json", "justfile", "pyproject.toml", "run.sh")
RUNS = ("make all", "npm test", "just all", "pdm run all", "bash run.sh")
"""What reads each of those files, in the same order."""


@pytest.fixture
def root(tmp_path: Path) -> str:
    folder = tmp_path / "repo"
    for name in ("", "sub", "other", "src", "build"):
        (folder / name).mkdir()
    for place in (folder, folder / "sub"):
        (place / "Makefile").write_text(
            "all:\n\tls -la\nbuild:\n\tgo build ./...\ntest:\n\tpytest -q\n"
            "lint:\n\truff check .\nclean:\n\trm -rf build\n"
        )
        (place / "package.json").write_text(
            '{"scripts": {"test": "jest --ci", "lint": "eslint src", "gen": "node gen.js"}}'
        )
        (place / "justfile").write_text("all:\n    ls -la\n")
        (place / "pyproject.toml").write_text('[tool.pdm.scripts]\nall = "pytest -q"\n')
        (place / "run.sh").write_text("ls -la\n")
    return str(folder.resolve())


def decide(root: str, text: str) -> Decision:
    surroundings = ProjectSurroundings(workspace_root=root, toolchains=())
    return judge(POLICY, text, cwd=root, workspace_root=root, surroundings=surroundings).verdict.verdict


WRITERS = (
    "cp other/{file} .",
    "cp other/{file} {file}",
    "cp -r other/. .",
    "mv other/{file} {file}",
    "mv {file} other/x",
    "sed -i s/a/b/ {file}",
    "git show main:{file} > {file}",
    "cat other/x > {file}",
    "cat other/x | tee {file}",
    "echo x >> {file}",
    "ls > {file}",
    "sort -o {file} other/x",
    "touch {file}",
    "install -m 644 other/x {file}",
    "rsync -a other/ .",
    "rm {file}",
    "tar xf x.tgz",
    "tar -xzf x.tgz -C .",
    "unzip x.zip",
    "patch -p1 < x.patch",
    "git checkout other",
    "git checkout other -- {file}",
    "git checkout -b new origin/other",
    "git switch other",
    "git switch -c new origin/other",
    "git stash",
    "git stash pop",
    "git stash apply",
    "git stash push",
    "git merge other",
    "git pull",
    "git rebase other",
    "git revert HEAD",
    "git cherry-pick other",
    "git reset --hard other",
    "git restore {file}",
    "git apply x.patch",
    "python gen.py",
    "python src/gen.py --all",
    "node gen.js",
    "ruby gen.rb",
    "perl gen.pl",
    "php gen.php",
    "go run gen.go",
    "deno run gen.ts",
    "python -c 'print(1)'",
    "python3 < gen.py",
)
JOINS = (" && ", "; ", "\n")


@pytest.mark.parametrize(("file", "run"), tuple(zip(SCRIPT_FILES, RUNS, strict=True)))
def test_what_may_write_a_script_before_it_is_read_is_asked_about(root: str, file: str, run: str) -> None:
    assert decide(root, run) is Decision.ALLOW
    texts = [writer.replace("{file}", file) + join + run for writer, join in product(WRITERS, JOINS)]
    assert [text for text in texts if decide(root, text) is Decision.ALLOW] == []


@pytest.mark.parametrize(
    "text",
    [
        "git show main:Makefile > sub/Makefile; make -C sub",
        "git show main:Makefile > sub/Makefile; cd sub && make",
        "cp other/x sub/package.json && cd sub && npm test",
        "cp other/x sub/package.json && npm --prefix sub test",
        "cp -r other sub && make -C sub",
        "find other -name Makefile -exec cp {} . ; ; make",
        "cp other/x Makefile && env CI=1 make",
        "cp other/x Makefile && timeout 60 make all",
        "git switch other && bash -c 'make all'",
        "bash -c 'git switch other' && make all",
        "bash -c 'git switch other && make all'",
        "git switch other && make lint && make test",
        "make all | tee Makefile",
        "make all > Makefile",
        "cp other/x sub/GNUmakefile && make -C sub",
        "cp other/x GNUmakefile && make",
        "cp other/x build/Makefile && make -C build",
        "cp other/x src/package.json && cd src && npm test",
        "python gen.py && make && ls",
        "python gen.py & make",
    ],
)
def test_the_file_need_not_be_there_yet_nor_lie_here(root: str, text: str) -> None:
    assert decide(root, text) is not Decision.ALLOW


@pytest.mark.parametrize(
    "recipe",
    [
        "cp other/x run.sh\n\tbash run.sh",
        "git switch other\n\tbash run.sh",
        "cp other/x Makefile\n\t$(MAKE) lint",
    ],
)
def test_a_script_that_changes_what_it_runs_next_is_asked_about(root: str, recipe: str) -> None:
    (Path(root) / "Makefile").write_text(f"all:\n\t{recipe}\nlint:\n\truff check .\n")
    assert decide(root, "make all") is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    "text",
    [
        "ruff format . && pytest",
        "ruff check --fix . && make test",
        "black . && make lint",
        "make lint && make test",
        "npm run lint && npm test",
        "npm run lint && make test && npm test",
        "make build && make test",
        "npm test && bash run.sh",
        "mkdir -p build && make -C sub all",
        "touch build/stamp && make all",
        "pytest -q && make lint",
        "git add -A && git commit -m x && make test",
        "git checkout -b new && make test",
        "git switch -c new && npm test",
        "git status && make all",
        "sed -i s/a/b/ src/app.py && make test",
        "cp src/a.txt build/b.txt && npm test",
        "npm test && git switch main",
        "git switch main && pytest",
        "git stash && git stash pop",
        "make test > build/log && npm test",
        "make test | tee build/log",
        "cat src/a.txt | sort > build/b && make all",
    ],
)
def test_what_leaves_the_scripts_alone_stays_allowed(root: str, text: str) -> None:
    assert decide(root, text) is Decision.ALLOW


def write_scripts(root: str, **scripts: str) -> None:
    (Path(root) / "package.json").write_text(json.dumps({"scripts": scripts}))


GENERATORS = (
    *("node gen.js", "python gen.py", "npx tsx gen.ts", "go generate ./...", "go run ./cmd/gen", "cargo run"),
    *("some-generator --all", "npx prisma generate", "php artisan make:model User", "npm run deeper"),
)


@pytest.mark.parametrize("generator", GENERATORS)
@pytest.mark.parametrize("join", JOINS)
def test_a_script_that_runs_code_by_name_may_have_rewritten_the_next(
    root: str, generator: str, join: str
) -> None:
    write_scripts(root, gen=generator, deeper="node gen.js", test="jest --ci", lint="eslint src")
    (Path(root) / "Makefile").write_text(f"gen:\n\t{generator}\ntest:\n\tpytest -q\n")
    for first, then in product(("npm run gen", "make gen"), ("npm test", "make test", "bash run.sh")):
        assert decide(root, first + join + then) is Decision.REQUIRES_APPROVAL, first + join + then


@pytest.mark.parametrize(
    "scripts",
    [
        {"pretest": "node gen.js", "test": "bash run.sh"},
        {"pretest": "npm run gen", "test": "npm run lint", "gen": "node gen.js", "lint": "eslint src"},
        {"test": "node gen.js && make lint"},
        {"test": "jest --ci", "posttest": "node gen.js && npm run lint", "lint": "eslint src"},
    ],
)
def test_code_before_what_an_npm_script_reads_anew_is_asked_about(root: str, scripts: dict[str, str]) -> None:
    write_scripts(root, **scripts)
    assert decide(root, "npm test") is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    "scripts",
    [
        {"pretest": "node gen.js", "test": "jest --ci"},
        {"pretest": "eslint src", "test": "jest --ci && bash run.sh"},
        {"prebuild": "npm run lint", "build": "tsc", "lint": "eslint src", "test": "npm run build && jest"},
    ],
)
def test_npm_reads_one_script_with_those_around_it_once(root: str, scripts: dict[str, str]) -> None:
    write_scripts(root, **scripts)
    assert decide(root, "npm test") is Decision.ALLOW


def test_a_recipe_that_runs_code_before_make_starts_again_is_asked_about(root: str) -> None:
    (Path(root) / "Makefile").write_text("all:\n\tpython gen.py\n\t$(MAKE) lint\nlint:\n\truff check .\n")
    assert decide(root, "make all") is Decision.REQUIRES_APPROVAL
    (Path(root) / "Makefile").write_text("all:\n\tpytest -q\n\t$(MAKE) lint\nlint:\n\truff check .\n")
    assert decide(root, "make all") is Decision.ALLOW


def test_a_program_of_the_project_under_its_own_name_counts_as_code(root: str) -> None:
    (Path(root) / "pyproject.toml").write_text('[project.scripts]\nregen = "app.gen:main"\n')
    assert decide(root, "uv run regen") is Decision.ALLOW
    assert decide(root, "uv run regen && make test") is Decision.REQUIRES_APPROVAL
