"""Hooks that lie in the tree (husky, .githooks) and what lint-staged runs are read where they are run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.model.verdict import Decision, Judgement
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
ASKS, ALLOWED = Decision.REQUIRES_APPROVAL, Decision.ALLOW
STUB = '#!/usr/bin/env sh\n. "$(dirname "$0")/h"'
# What its users get: both packages are the page's development dependencies for these tests alone.
_PACKAGES = Path(__file__).parents[2] / "web" / "node_modules"
STARTER = (_PACKAGES / "husky" / "husky").read_text()
OLD_STARTER = (_PACKAGES / "husky8" / "husky.sh").read_text()
OLD = '#!/usr/bin/env sh\n. "$(dirname -- "$0")/_/husky.sh"\n\n'
TOOL = {
    f"node_modules/.bin/{name}": "#!/usr/bin/env node\n" for name in ("lint-staged", "eslint", "prettier")
}


def ask(folder: Path, text: str, files: dict[str, str]) -> Judgement:
    root = folder / "repo"
    (root / "src").mkdir(parents=True, exist_ok=True)
    for name, content in {".git/HEAD": "ref: refs/heads/main\n", **files}.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    where = str(root.resolve())
    surroundings = ProjectSurroundings(workspace_root=where, toolchains=())
    return judge(POLICY, text, cwd=where, workspace_root=where, surroundings=surroundings)


def husky(hook: str, text: str, version: int = 9) -> dict[str, str]:
    files = {"package.json": json.dumps({"scripts": {"test": "jest --ci"}}), f".husky/{hook}": text, **TOOL}
    if version == 9:
        return files | {
            ".git/config": "[core]\n\thooksPath = .husky/_\n",
            ".husky/_/h": STARTER,
            f".husky/_/{hook}": STUB,
        }
    return files | {
        ".git/config": "[core]\n\thooksPath = .husky\n",
        ".husky/_/husky.sh": OLD_STARTER,
        f".husky/{hook}": OLD + text,
    }


RUNS = (
    ("git commit -m x", "pre-commit"),
    ("git commit -am x", "commit-msg"),
    ("git commit --no-verify -m x", "prepare-commit-msg"),
    ("git add -A && git commit -m x", "post-commit"),
    ("git merge other", "post-merge"),
    ("git merge --no-edit other", "pre-merge-commit"),
    ("git switch other", "post-checkout"),
    ("git checkout -b x origin/x", "post-checkout"),
    ("git revert --no-edit HEAD", "pre-commit"),
    ("git cherry-pick x", "post-commit"),
    ("git -C src commit -m x", "pre-commit"),
    ("git add -A", "post-index-change"),
    ("git stash", "reference-transaction"),
)


@pytest.mark.parametrize(("command", "hook"), RUNS)
@pytest.mark.parametrize("version", [8, 9])
def test_a_hook_in_the_tree_is_judged_where_git_runs_it(
    command: str, hook: str, version: int, tmp_path: Path
) -> None:
    for line, verdict in (("rm -rf /", Decision.DENY), ("git push --force", ASKS)):
        judged = ask(tmp_path, command, husky(hook, f"npm test\n{line}\n", version))
        assert judged.verdict.verdict is verdict
        assert "destroys_system" in judged.verdict.reason_codes or "publishes" in judged.verdict.reason_codes
    assert ask(tmp_path, command, husky(hook, "ls\n", version)).verdict.verdict is ALLOWED


@pytest.mark.parametrize("version", [8, 9])
@pytest.mark.parametrize(
    "text",
    [
        "npm test\n",
        "npx lint-staged\n",
        "pnpm lint-staged && npm test",
        'npx --no -- commitlint --edit "$1"\n',
    ],
)
def test_the_hooks_of_every_day_ask_for_nothing(text: str, version: int, tmp_path: Path) -> None:
    for command in ("git commit -m x", "git add -A && git commit -m x", "echo x > src/a && git commit -am x"):
        assert ask(tmp_path, command, husky("pre-commit", text, version)).verdict.verdict is ALLOWED


def test_hooks_that_git_does_not_run_are_not_read(tmp_path: Path) -> None:
    for command in (
        "git status",
        "git diff",
        "git log --oneline",
        "git commit --no-verify -m x",
        "git switch o",
    ):
        assert ask(tmp_path, command, husky("pre-commit", "rm -rf /\n")).verdict.verdict is ALLOWED
    files = husky("pre-commit", "rm -rf /\n") | {".git/config": "[core]\n\tbare = false\n"}
    assert ask(tmp_path, "git commit -m x", files).verdict.verdict is ALLOWED


@pytest.mark.parametrize(
    "files",
    [
        {".githooks/pre-commit": "git push --force\n", ".git/config": "[core]\n\thooksPath = .githooks\n"},
        {
            ".githooks/pre-commit": "#!/bin/sh\nrm -rf src\n",
            ".git/config": '[core]\n\thookspath = "./.githooks"\n',
        },
        {".h/pre-commit": "#!/bin/sh\nrm -rf src\n", ".git/config.worktree": "[core]\nhooksPath=.h\n"},
        husky("pre-commit", "ls\n") | {".husky/_/pre-commit": "#!/bin/sh\nrm -rf src\n"},
        husky("pre-commit", "ls\n") | {".husky/_/h": "#!/bin/sh\nrm -rf src\n"},
        husky("pre-commit", "ls\n") | {".husky/_/h": STARTER.replace("n=$", "i=./evil\nn=$")},
        husky("pre-commit", "ls\n", 8) | {".husky/_/husky.sh": OLD_STARTER + "git push --force\n"},
        husky("pre-commit", "ls\n", 8) | {".husky/_/husky.sh": "x" * 300_000},
        husky("pre-commit", "./tools/x.sh\n") | {"tools/x.sh": "#!/bin/sh\nrm -rf src\n"},
        husky("pre-commit", "npm run x\n")
        | {"package.json": json.dumps({"scripts": {"x": "git push --force"}})},
        {"package.json": json.dumps({"husky": {"hooks": {"pre-commit": "git push --force"}}})},
    ],
)
def test_what_stands_behind_a_hook_is_read_too(files: dict[str, str], tmp_path: Path) -> None:
    assert ask(tmp_path, "git commit -m x", files).verdict.verdict is ASKS


def test_a_hook_in_another_language_is_the_projects_code(tmp_path: Path) -> None:
    judged = ask(tmp_path, "git commit -m x", husky("pre-commit", "#!/usr/bin/env node\nx()\n"))
    assert judged.verdict.verdict is ALLOWED
    assert any(path.endswith(".husky/pre-commit") for path in judged.commands[0].reads)
    # It may have rewritten what is read next.
    files = husky("pre-commit", "#!/usr/bin/env node\nx()\n")
    assert ask(tmp_path, "git commit -m x && npm test", files).verdict.verdict is ASKS


def test_a_hook_that_was_just_written_is_asked_about(tmp_path: Path) -> None:
    for first in (
        "echo ls > .husky/pre-commit",
        "cp src/x .husky/commit-msg",
        "git stash pop",
        "echo x > package.json",
    ):
        judged = ask(tmp_path, f"{first} && git commit -m x", husky("pre-commit", "npm test\n"))
        assert judged.verdict.verdict is ASKS, first
    # Without hooks in the tree nothing is read, and nothing moves.
    files = {".git/config": "[core]\n\tbare = false\n", "package.json": "{}"}
    for first in ("git stash pop", "cp src/x package.json", "cp src/x src/y"):
        assert ask(tmp_path, f"{first} && git commit -m x", files).verdict.verdict is ALLOWED


def staged(table: Any) -> dict[str, str]:
    return {"package.json": json.dumps({"lint-staged": table}), **TOOL}


STAGED = ("npx lint-staged", "pnpm lint-staged", "yarn lint-staged", "npm exec -- lint-staged", "npm run pre")


@pytest.mark.parametrize("command", STAGED)
@pytest.mark.parametrize(
    ("table", "verdict"),
    [
        ({"*.js": "eslint --fix"}, ALLOWED),
        ({"*.js": ["eslint --fix", "prettier --write"], "*.md": "prettier --write"}, ALLOWED),
        ({"*.js": "git push --force"}, ASKS),
        ({"*.js": ["eslint --fix", "rm -rf src"]}, ASKS),
        ({"*.js": ["rm -rf /"]}, Decision.DENY),
        ({"*.js": {"title": "x"}}, ASKS),
        ({"*.js": ["eslint", 1]}, ASKS),
        ({"*.js": 'sh -c "git push --force"'}, ASKS),
    ],
)
def test_what_lint_staged_runs_is_read(command: str, table: Any, verdict: Decision, tmp_path: Path) -> None:
    files = staged(table)
    if command == "npm run pre":
        files["package.json"] = json.dumps({"lint-staged": table, "scripts": {"pre": "lint-staged"}})
    assert ask(tmp_path, command, files).verdict.verdict is verdict


@pytest.mark.parametrize(
    ("name", "text", "verdict"),
    [
        (".lintstagedrc", "'*.js': eslint --fix\n", ALLOWED),
        (".lintstagedrc", "'*.js':\n  - git push --force\n", ASKS),
        (".lintstagedrc", '{"*.js": "git push --force"}', ASKS),
        (".lintstagedrc.json", '{"*.js": "git push --force"}', ASKS),
        (".lintstagedrc.json", '{"*.js": "eslint"}', ALLOWED),
        (".lintstagedrc.yml", "'*.js': [git push --force]\n", ASKS),
        (".lintstagedrc.yaml", "a: [", ASKS),
        ("package.yaml", "lint-staged:\n  '*.js': git push --force\n", ASKS),
        ("lint-staged.config.js", "module.exports = {}\n", ASKS),
        (".lintstagedrc.mjs", "export default {}\n", ASKS),
    ],
)
def test_settings_of_lint_staged_in_files_of_their_own(
    name: str, text: str, verdict: Decision, tmp_path: Path
) -> None:
    assert ask(tmp_path, "npx lint-staged", {name: text, **TOOL}).verdict.verdict is verdict
    judged = ask(tmp_path, "git commit -m x", husky("pre-commit", "npx lint-staged\n") | {name: text})
    assert judged.verdict.verdict is verdict
