"""Shell files that a recipe runs, or that bear a tool's name: what cannot be told of them is not forgiven."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)


def ask(folder: Path, text: str, **files: str) -> Decision:
    root = str(folder.resolve())
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        place.chmod(0o755)
    surroundings = ProjectSurroundings(workspace_root=root, toolchains=())
    return judge(POLICY, text, cwd=root, workspace_root=root, surroundings=surroundings).verdict.verdict


def run_in_recipe(folder: Path, script: str) -> tuple[Decision, Decision]:
    files = {
        "Makefile": "a:\n\t./s.sh\n",
        "package.json": '{"scripts": {"a": "./s.sh"}}',
        "s.sh": f"#!/bin/sh\n{script}\n",
        "src/a": "x",
        "d1/x": "x",
        ".env": "A=1",
    }
    return ask(folder, "make a", **files), ask(folder, "npm run a")


@pytest.mark.parametrize(
    "script",
    [
        'D=src\nrm -rf "$D"',
        "R=rm; $R -rf d1",
        'D=.env; cat "$D"',
        'for f in src d1; do rm -rf "$f"; done',
        'D=src; find "$D" -delete',
        "G=push; git $G --force",
        'f() { "$@"; }\nf rm -rf d1',
        'X=/tmp/x.sh; . "$X"',
        'X=/tmp/x.sh; sh "$X"',
        'f=$(mktemp -d); f=src; rm -rf "$f"',
        'f=$(mktemp -d)/../../src; rm -rf "$f"',
        'f=$(mktemp -d)\nX="\n# "; f=src\nrm -rf "$f"',
        'here="$(cd "$(dirname "$0")" && pwd)"\nhere+=/../../tmp\nbash "$here/x.sh"',
        'here="$(cd "$(dirname "$0")" && pwd)"\nunset here\nbash "$here/tmp/x.sh"',
        'here="$(cd "$(dirname "$0")" && pwd)"; here=/tmp\nbash "$here/x.sh"',
        'f=$(mktemp -d; echo src); rm -rf "$f"',
        'f=$(mktemp -d); for f in src; do rm -rf "$f"; done',
    ],
)
def test_a_recipe_forgives_no_shell_file_what_it_deletes_shows_or_starts(script: str, tmp_path: Path) -> None:
    assert Decision.ALLOW not in run_in_recipe(tmp_path, script)


@pytest.mark.parametrize(
    "script",
    [
        'cd "$(dirname "$0")" && ls',
        'OUT=b; mkdir -p "$OUT"; echo hi > "$OUT/x"',
        'set -e; pytest "$@"',
        "f=$(mktemp -d); trap 'rm -rf \"$f\"' EXIT",
        'f() { ls src; }\nf "$1"',
    ],
)
def test_what_builds_do_with_variables_asks_for_nothing(script: str, tmp_path: Path) -> None:
    assert run_in_recipe(tmp_path, script) == (Decision.ALLOW, Decision.ALLOW)


TOOLS = (
    "configure",
    "bin/rspec",
    "bin/rails",
    "vendor/bin/phpunit",
    "mvnw",
    "gradlew",
    ".venv/bin/pytest",
    "node_modules/.bin/eslint",
)


@pytest.mark.parametrize("name", TOOLS)
def test_a_shell_file_with_a_tools_name_is_judged_by_its_lines(name: str, tmp_path: Path) -> None:
    for text in ("#!/bin/sh\nrm -rf d1\n", "rm -rf d1\n", '#!/usr/bin/env bash\nD=d1\nrm -rf "$D"\n'):
        assert ask(tmp_path, f"./{name}", **{name: text}) is Decision.REQUIRES_APPROVAL
    assert ask(tmp_path, f"./{name}", **{name: "#!/bin/sh\nrm -rf /\n"}) is Decision.DENY
    # Maven and rails without a word are asked about as such.
    word = " test" if name in ("mvnw", "bin/rails") else ""
    assert ask(tmp_path, f"./{name}{word}", **{name: "#!/bin/sh\nls\n"}) is Decision.ALLOW


GRADLEW = """#!/bin/sh
APP_HOME=$( cd "${APP_HOME:-./}" && pwd -P ) || exit
CLASSPATH=$APP_HOME/gradle/wrapper/gradle-wrapper.jar
JAVACMD=java
die () { echo "$*"; exit 1; } >&2
exec "$JAVACMD" "$@"
"""
SHIM = """#!/bin/sh
basedir=$(dirname "$(echo "$0" | sed -e 's,\\\\,/,g')")
exec node  "$basedir/../eslint/bin/eslint.js" "$@"
"""


@pytest.mark.parametrize(
    ("name", "text"), [("gradlew", GRADLEW), ("node_modules/.bin/eslint", SHIM)], ids=["gradlew", "shim"]
)
def test_a_generated_wrapper_asks_for_nothing_until_it_deletes(name: str, text: str, tmp_path: Path) -> None:
    assert ask(tmp_path, f"./{name} test", **{name: text}) is Decision.ALLOW
    for line in ("rm -rf d1", 'D=d1; rm -rf "$D"', "R=rm; $R -rf d1"):
        assert ask(tmp_path, f"./{name} test", **{name: f"{text}{line}\n"}) is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    "text",
    [
        "jo -f .env",
        "dasel -f .env",
        "tomlq -f .env",
        "jo a=:/etc/shadow",
        "jo a:=/etc/shadow",
        "sox in.wav .env",
        "sox in.wav /etc/x.wav",
        "qpdf a.pdf ../b.pdf",
        "gs x.ps",
        "wkhtmltopdf x y",
        "semgrep -f .env",
    ],
)
def test_programs_of_one_group_are_judged_by_their_own_grammar(text: str, tmp_path: Path) -> None:
    assert ask(tmp_path, text, **{".env": "A=1"}) is not Decision.ALLOW
