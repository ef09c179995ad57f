"""What package managers run by themselves is read and judged: lifecycle scripts, yarn's file, local tools."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from workbench.model.verdict import Decision, Judgement
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
PACKAGE = "package.json"


def ask(folder: Path, text: str, files: dict[str, str]) -> Judgement:
    root = folder / "repo"
    (root / "src").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        place.chmod(0o755)
    where = str(root.resolve())
    surroundings = ProjectSurroundings(workspace_root=where, toolchains=())
    return judge(POLICY, text, cwd=where, workspace_root=where, surroundings=surroundings)


def package(scripts: dict[str, str], **more: Any) -> dict[str, str]:
    return {PACKAGE: json.dumps({"scripts": scripts, **more})}


def runs(judged: Judgement) -> set[str]:
    return {" ".join(call.argv) for call in judged.commands}


INSTALLS = (
    *("npm install", "npm i", "npm ci", "npm clean-install --no-audit", "npm install left-pad", "npm add x"),
    *("npm update", "npm uninstall x", "npm dedupe", "npm prune", "npm --silent ci"),
    *("pnpm install --frozen-lockfile", "pnpm i", "pnpm add -D x", "pnpm -r install"),
    *("yarn", "yarn --immutable", "yarn install", "yarn add x", "yarn upgrade"),
    *("bun install", "bun i", "bun add x"),
)


@pytest.mark.parametrize("command", INSTALLS)
@pytest.mark.parametrize(
    "key", ["preinstall", "install", "postinstall", "prepublish", "prepare", "preprepare"]
)
def test_installing_runs_the_projects_own_scripts(command: str, key: str, tmp_path: Path) -> None:
    judged = ask(tmp_path, command, package({key: "rm -rf /"}))
    assert judged.verdict.verdict is Decision.DENY
    judged = ask(tmp_path, command, package({key: "git push --force", "test": "rm -rf /"}))
    assert "destructive" in judged.verdict.reason_codes
    assert [call.source for call in judged.commands if call.argv[0] == "git"] == [
        f"{tmp_path}/repo/{PACKAGE}:1"
    ]


@pytest.mark.parametrize(
    "command", ["npm ci --ignore-scripts", "pnpm i --ignore-scripts", "yarn add x --ignore-scripts"]
)
def test_scripts_that_are_ignored_are_not_read(command: str, tmp_path: Path) -> None:
    judged = ask(tmp_path, command, package({"postinstall": "rm -rf /"}))
    assert judged.verdict.reason_codes == ("network",)


@pytest.mark.parametrize(
    ("command", "key"),
    [
        *(("npm pack --dry-run", key) for key in ("prepack", "prepare", "postpack")),
        *(("npm publish", key) for key in ("prepublishOnly", "prepack", "prepare", "publish", "postpublish")),
        *(
            ("npm version patch --no-git-tag-version", key)
            for key in ("preversion", "version", "postversion")
        ),
        ("yarn publish", "prepublishOnly"),
        ("pnpm publish -r", "prepack"),
        ("npm uninstall x", "postuninstall"),
    ],
)
def test_packing_publishing_and_versions_have_scripts_around_them(
    command: str, key: str, tmp_path: Path
) -> None:
    assert ask(tmp_path, command, package({key: "rm -rf /"})).verdict.verdict is Decision.DENY
    judged = ask(tmp_path, command, package({key: "git push --force"}))
    assert judged.verdict.verdict is Decision.REQUIRES_APPROVAL
    assert "git push --force" in runs(judged)


def test_a_harmless_script_around_packing_asks_for_nothing(tmp_path: Path) -> None:
    for command, key in (
        ("npm pack --dry-run", "prepack"),
        ("npm version patch --no-git-tag-version", "version"),
    ):
        assert ask(tmp_path, command, package({key: "tsc -b"})).verdict.verdict is Decision.ALLOW
    assert ask(tmp_path, "npm pack --dry-run", {PACKAGE: "{"}).verdict.verdict is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    ("more", "files"),
    [
        ({"workspaces": ["packages/*"]}, {}),
        ({"workspaces": {"packages": ["./packages/a"]}}, {}),
        ({}, {"pnpm-workspace.yaml": "packages:\n  - packages/*\n"}),
    ],
)
def test_installing_runs_the_scripts_of_workspace_packages(
    more: dict[str, Any], files: dict[str, str], tmp_path: Path
) -> None:
    files = {
        **package({}, **more),
        "packages/a/package.json": json.dumps({"scripts": {"prepare": "rm -rf ../b"}}),
        **files,
    }
    judged = ask(tmp_path, "npm ci", files)
    deleted = [call.writes for call in judged.commands if call.argv[0] == "rm"]
    assert deleted == [(f"{tmp_path}/repo/packages/b",)]


@pytest.mark.parametrize(
    "files",
    [
        package({}, workspaces=["packages/**"]),
        package({}, workspaces=["../other"]),
        package({}, workspaces=1),
        package({}, workspaces=["a"]) | {"a/package.json": "{"},
        {PACKAGE: "[]"},
        package({}) | {"pnpm-workspace.yaml": "packages: ["},
        package({}) | {"binding.gyp": "{}"},
        package({}) | {".npmrc": "script-shell=./x\n"},
    ],
)
def test_what_cannot_be_read_around_installing_is_asked_about(files: dict[str, str], tmp_path: Path) -> None:
    assert "unknown_arguments" in ask(tmp_path, "npm ci", files).verdict.reason_codes


@pytest.mark.parametrize("code", ["node -e 1", "python -c 1", "cross-env A=1 node -p 1", "npm run x"])
def test_code_in_an_npm_script_is_asked_about_like_on_the_command_line(code: str, tmp_path: Path) -> None:
    files = package({"a": code, "x": "node -e 1"})
    assert ask(tmp_path, "node -e 1", files).verdict.verdict is Decision.REQUIRES_APPROVAL
    for command in ("npm run a", "pnpm a", "yarn a", "npm ci"):
        judged = ask(tmp_path, command, package({"a": code, "x": "node -e 1", "prepare": code}))
        assert judged.verdict.verdict is Decision.REQUIRES_APPROVAL
        assert "inline_code" in judged.verdict.reason_codes
    assert ask(tmp_path, "npm run a", package({"a": "node src/x.js"})).verdict.verdict is Decision.ALLOW


YARN = ("yarn build", "yarn test", "yarn run build", "yarn config get nodeLinker", "yarn --version")


@pytest.mark.parametrize("command", YARN)
@pytest.mark.parametrize(
    ("name", "text", "verdict"),
    [
        (".yarnrc.yml", "yarnPath: .yarn/releases/yarn-4.0.0.cjs\n", Decision.ALLOW),
        (".yarnrc.yml", "plugins:\n  - path: .yarn/plugins/a.cjs\n    spec: a\n", Decision.ALLOW),
        (".yarnrc.yml", "nodeLinker: node-modules\n", Decision.ALLOW),
        (".yarnrc", 'yarn-path ".yarn/releases/yarn-1.cjs"\n', Decision.ALLOW),
        (".yarnrc.yml", "yarnPath: /opt/yarn.cjs\n", Decision.REQUIRES_APPROVAL),
        (".yarnrc.yml", "yarnPath: ../yarn.cjs\n", Decision.REQUIRES_APPROVAL),
        (".yarnrc.yml", "yarnPath: tools/x\n", Decision.REQUIRES_APPROVAL),
        (".yarnrc.yml", "yarnPath: [a]\n", Decision.REQUIRES_APPROVAL),
        (".yarnrc.yml", "plugins:\n  - ../a.cjs\n", Decision.REQUIRES_APPROVAL),
        (".yarnrc.yml", "plugins: x\n", Decision.REQUIRES_APPROVAL),
        (".yarnrc.yml", "a: [\n", Decision.REQUIRES_APPROVAL),
        (".yarnrc", "yarn-path /opt/x.js\n", Decision.REQUIRES_APPROVAL),
        (".yarnrc", 'script-shell "./x"\n', Decision.REQUIRES_APPROVAL),
        (".yarnrc", "--cwd ../x\n", Decision.REQUIRES_APPROVAL),
    ],
)
def test_what_runs_in_yarns_place_is_the_projects_code(
    command: str, name: str, text: str, verdict: Decision, tmp_path: Path
) -> None:
    files = package({"build": "tsc", "test": "jest"}) | {name: text, "tools/x": "ls\n"}
    judged = ask(tmp_path, command, files)
    assert judged.verdict.verdict is verdict
    if ".yarn/" in text:
        assert any("/.yarn/" in path for path in judged.commands[0].reads)
        assert "executes" in judged.commands[0].effects


def test_settings_of_yarn_above_count_as_well(tmp_path: Path) -> None:
    files = package({}) | {"web/package.json": json.dumps({"scripts": {"build": "tsc"}})}
    files |= {"web/.yarnrc.yml": "nodeLinker: pnp\n", ".yarnrc.yml": "yarnPath: /opt/yarn.cjs\n"}
    assert ask(tmp_path, "cd web && yarn build", files).verdict.verdict is Decision.REQUIRES_APPROVAL


def test_whoever_writes_yarns_file_first_is_asked_about(tmp_path: Path) -> None:
    files = package({"build": "tsc"}) | {".yarnrc.yml": "yarnPath: .yarn/y.cjs\n", ".yarn/y.cjs": "x\n"}
    for first in ("cp src/x .yarn/y.cjs", "echo x > .yarn/y.cjs", "echo x > .yarnrc.yml"):
        judged = ask(tmp_path, f"{first} && yarn build", files)
        assert (
            "moving_ground" in judged.verdict.reason_codes or "writes_startup" in judged.verdict.reason_codes
        )


SHELL = ("#!/bin/sh\n{}\n", "{}\n", "#!/usr/bin/env bash\nset -e\n{}\n")
CALLS = (
    "npm run a",
    "npm run b",
    "npm run c",
    "npm run d",
    "npm test",
    "npx b",
    "yarn b",
    "pnpm exec b",
    "pnpm a",
)


@pytest.mark.parametrize("command", [*CALLS, "bun run tool", "pnpm tool", "yarn tool"])
def test_a_shell_file_among_the_local_tools_is_judged_by_its_lines(command: str, tmp_path: Path) -> None:
    scripts = {"a": "tool --x", "c": "CI=1 ls", "d": "git status", "test": "cross-env A=1 tool"}
    scripts |= {"b": "eslint src"} if command == "npm run b" else {}
    for shape in SHELL:
        for line, verdict in (("rm -rf src", Decision.REQUIRES_APPROVAL), ("rm -rf /", Decision.DENY)):
            text = shape.format(line)
            tools = {f"node_modules/.bin/{name}": text for name in ("tool", "eslint", "ls", "git", "b")}
            assert ask(tmp_path, command, package(scripts) | tools).verdict.verdict is verdict, text


def test_a_local_tool_in_javascript_is_the_projects_code(tmp_path: Path) -> None:
    tools = {f"node_modules/.bin/{name}": "#!/usr/bin/env node\nx()\n" for name in ("tool", "eslint", "tsc")}
    files = package({"a": "tool --x", "b": "eslint src && tsc -b"}) | tools
    for command in ("npm run a", "npm run b", "npx eslint src", "pnpm tool", "yarn tsc"):
        judged = ask(tmp_path, command, files)
        assert judged.verdict.verdict is Decision.ALLOW
        assert any("/node_modules/.bin/" in path for call in judged.commands for path in call.reads)


def test_local_tools_are_found_in_the_folders_above(tmp_path: Path) -> None:
    files = {
        "web/package.json": json.dumps({"scripts": {"a": "tool"}}),
        "node_modules/.bin/tool": "rm -rf src\n",
    }
    assert ask(tmp_path, "npm --prefix web run a", files).verdict.verdict is Decision.REQUIRES_APPROVAL
    # Beside npm nobody puts them first.
    assert "destructive" not in ask(tmp_path, "tool", files).verdict.reason_codes


def test_what_a_tool_of_pnpm_looks_like_asks_for_nothing(tmp_path: Path) -> None:
    shim = (
        '#!/bin/sh\nbasedir=$(dirname "$(echo "$0" | sed -e \'s,\\\\,/,g\')")\n'
        'if [ -z "$NODE_PATH" ]; then\n  export NODE_PATH="/x/node_modules"\nfi\n'
        'if [ -x "$basedir/node" ]; then\n  exec "$basedir/node" "$basedir/../e/e.js" "$@"\n'
        'else\n  exec node "$basedir/../e/e.js" "$@"\nfi\n'
    )
    files = package({"a": "eslint src", "b": "tool"}) | {
        f"node_modules/.bin/{name}": shim for name in ("eslint", "tool")
    }
    for command in ("npm run a", "npm run b", "npx eslint src", "pnpm tool"):
        assert ask(tmp_path, command, files).verdict.verdict is Decision.ALLOW


def test_a_tool_that_the_command_wrote_is_asked_about(tmp_path: Path) -> None:
    files = package({"a": "tool"}) | {"node_modules/.bin/tool": "#!/bin/sh\nls\n"}
    assert ask(tmp_path, "npm run a", files).verdict.verdict is Decision.ALLOW
    for first in ("echo ls > node_modules/.bin/tool", "cp src/x node_modules/.bin/tool"):
        assert ask(tmp_path, f"{first} && npm run a", files).verdict.verdict is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize("name", ["tool", "eslint", "tsc"])
def test_a_tool_that_is_another_program_or_cannot_be_read_is_asked_about(name: str, tmp_path: Path) -> None:
    files = package({"a": f"{name} push --force", "b": f"{name} src"})
    big = {"node_modules/big/x": "#!/bin/sh\nrm -rf /\n" + "#" * 300_000}
    place = tmp_path / "repo/node_modules/.bin" / name
    place.parent.mkdir(parents=True)
    for leads_to in ("/usr/bin/env", "../big/x", "../../../outside", "../nowhere"):
        place.symlink_to(leads_to)
        for command in ("npm run a", "npm run b"):
            judged = ask(tmp_path, command, files | big)
            assert judged.verdict.verdict is Decision.REQUIRES_APPROVAL, leads_to
        place.unlink()


def test_settings_of_pnpm_that_steer_scripts_are_asked_about(tmp_path: Path) -> None:
    for settings, verdict in (
        ("packages: []\n", Decision.ALLOW),
        ("scriptShell: ./x\n", Decision.REQUIRES_APPROVAL),
    ):
        files = package({"a": "tsc"}) | {"pnpm-workspace.yaml": settings}
        assert ask(tmp_path, "pnpm run a", files).verdict.verdict is verdict
