"""A `--` that a runner takes away makes options of words that looked like files; they are judged as such."""

from __future__ import annotations

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy()
TABLES = "".join(
    f'[tool.{table}]\nlint = "ruff check ."\n'
    for table in ("pdm.scripts", "hatch.envs.default.scripts", "poe.tasks", "rye.scripts")
)
FILES = {
    "package.json": '{"scripts": {"lint": "eslint src", "build": "tsc"}}',
    "node_modules/.bin/eslint": "",
    "node_modules/.bin/tsc": "",
    "pyproject.toml": TABLES,
    "composer.json": '{"scripts": {"lint": "phpcs src"}}',
    "mise.toml": '[tasks.lint]\nrun = "ruff check ."\n',
    "tox.ini": "[testenv:lint]\ncommands = ruff check {posargs:.}\n",
    "Taskfile.yml": "version: 3\ntasks:\n  lint:\n    cmds:\n      - ruff check {{.CLI_ARGS}}\n",
}
RUNS = (
    *(
        "npm run lint",
        "yarn lint",
        "yarn run lint",
        "pnpm lint",
        "pnpm run lint",
        "bun run lint",
        "npm exec eslint",
    ),
    *(
        "npx eslint",
        "pnpm exec eslint",
        "yarn eslint",
        "bunx eslint",
        "pdm run lint",
        "hatch run lint",
        "poe lint",
    ),
    *(
        "rye run lint",
        "composer lint",
        "composer run-script lint",
        "mise run lint",
        "tox -e lint",
        "task lint",
    ),
)
OPTIONS = ("--config=/tmp/x", "--config /tmp/x", "--plugin=./x.js")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("dashes")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return str(folder.resolve())


class Bare(ProjectSurroundings):
    """The real folder on a machine where every program that policy knows exists."""

    def program_path(self, name: str) -> str | None:
        return ExampleSurroundings().program_path(name)


def decide(root: str, text: str) -> Decision:
    surroundings = Bare(workspace_root=root, toolchains=())
    return judge(POLICY, text, cwd=root, workspace_root=root, surroundings=surroundings).verdict.verdict


@pytest.mark.parametrize("run", RUNS)
def test_an_option_behind_two_dashes_is_an_option(root: str, run: str) -> None:
    for option in OPTIONS:
        assert decide(root, f"{run} -- {option}") is not Decision.ALLOW, option
        assert decide(root, f"{run} {option}") is not Decision.ALLOW, option


@pytest.mark.parametrize(
    "run", ["npm run lint", "yarn lint", "pnpm lint", "pdm run lint", "mise run lint", "npx eslint"]
)
def test_files_behind_two_dashes_stay_allowed(root: str, run: str) -> None:
    assert decide(root, run) is Decision.ALLOW
    assert decide(root, f"{run} -- src/a.js") is Decision.ALLOW


def test_what_an_inner_tool_writes_is_seen_behind_two_dashes(root: str) -> None:
    for run in ("npm exec tsc", "npx tsc", "pnpm exec tsc", "bunx tsc", "yarn tsc"):
        assert decide(root, f"{run} -- --outDir /etc/x") is not Decision.ALLOW
    assert decide(root, "npm exec tsc -- --noEmit") is Decision.ALLOW
