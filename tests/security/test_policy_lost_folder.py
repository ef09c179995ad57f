"""A shell file that goes to a folder which only a variable knows: what it does there asks."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
ALLOWED = Decision.ALLOW
MAKEFILE = "a:\n\t./tools/s.sh\nb:\n\tbash tools/s.sh\nb2:\n\tls\n"


def ask(folder: Path, text: str, **files: str) -> Decision:
    root = str(folder.resolve())
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        place.chmod(0o755)
    surroundings = ProjectSurroundings(workspace_root=root, toolchains=())
    return judge(POLICY, text, cwd=root, workspace_root=root, surroundings=surroundings).verdict.verdict


RUNS = ("make a", "make b", "npm run a")


def run_in_recipe(folder: Path, script: str, runs: tuple[str, ...] = RUNS, /, **files: str) -> set[Decision]:
    """Returns the verdicts where make, npm and a shell file of the project run this one."""
    place = "tools/s.sh"
    given = {
        "Makefile": f"a:\n\t./{place}\nb:\n\tbash {place}\n",
        "package.json": json.dumps({"scripts": {"a": f"./{place}"}}),
        place: f"#!/usr/bin/env bash\n{script}\n",
        "src/a": "x",
        "build/x": "x",
    }
    return {ask(folder, text, **{**given, **files}) for text in runs}


MOVES = (
    'cd "$X"',
    "cd $1",
    'cd "${1:-src}"',
    'cd "$(cat where)"',
    "cd `cat where`",
    "cd ~/x",
    "cd",
    "cd -",
    'pushd "$X"',
    'time cd "$X"',
    '! cd "$X"',
    '{ cd "$X"; }',
    'case $1 in a) cd "$X";; esac',
    "cd ../$X",
    'cd "$(dirname "$0")/$X"',
    "trap 'cd \"$X\"' ERR; false",
    'f() { cd "$(dirname "$0")"; }\ncd src\nf',
    'command cd "$X"',
    'builtin cd "$X"',
    'eval "cd $X"',
    'if cd "$X"; then :; fi',
    'set -e; X=$1; cd "$X" || exit 1',
    'test -d "$X" && cd "$X"',
    'f() { cd "$1"; }; f /tmp',
    'X=src; X=$2; cd "$X"',
    'cd src; cd "$(dirname "$0")"',
    'cd src && cd "$(dirname "$0")"',
    'ROOT="$(dirname "$0")"; cd src; cd "$ROOT"',
    'cd src\nROOT="$(cd "$(dirname "$0")" && pwd)"\ncd "$ROOT"',
    'ROOT="$(cd "$(dirname "$0")" && pwd)"\nROOT=$1\ncd "$ROOT"',
    'ROOT="$(cd "$(dirname "$0")" && pwd)"\nread ROOT\ncd "$ROOT"',
    'cd "$ROOT"\nROOT="$(cd "$(dirname "$0")" && pwd)"',
    'ROOT="$(cd "$(dirname "$1")" && pwd)"\ncd "$ROOT"',
    'ROOT="$(cd "$(dirname "$0")/$1" && pwd)"\ncd "$ROOT"',
    ". ./lib.sh",
    "source lib.sh",
)
THEN = (
    "rm -rf build",
    "rm -rf *",
    "rm -f x.o",
    "echo x > y",
    "touch a",
    "mkdir -p out",
    "cp a b",
    "mv a b",
    "sed -i s/a/b/ x",
    "python run.py",
    "./run",
    "bash b.sh",
    "make",
    "npm test",
    "pytest",
    "go build ./...",
    "some-tool",
    "(rm -rf build)",
    "bash -c 'rm -rf build'",
    "find . -name x -delete",
    "git clean -fdx",
    "tee x",
)


@pytest.mark.parametrize("move", MOVES)
def test_what_a_script_does_where_nobody_knows_is_asked_about(move: str, tmp_path: Path) -> None:
    lib = {"tools/lib.sh": 'cd "$X"\n', "lib.sh": 'cd "$X"\n'}
    # Each in one of the ways to go on and to be run; together all of them come up.
    found = [
        then
        for index, then in enumerate(THEN)
        if ALLOWED
        in run_in_recipe(tmp_path, move + ("\n", " && ")[index % 2] + then, (RUNS[index % len(RUNS)],), **lib)
    ]
    assert found == []


@pytest.mark.parametrize(
    "script",
    [
        'for d in a b; do\n  rm -rf build\n  cd "$d"\ndone',
        'while read d; do touch x; cd "$d"; done',
        'clean() { rm -rf build; }\ngo() { cd "$1"; }\ngo /x\nclean',
        '(cd "$X"; rm -rf build)',
        'out=$(cd "$X" && rm -rf build)',
        '(cd "$X" && (rm -rf build))',
        'cd "$X"\nbash /other/x.sh\nrm -rf build',
        "ls | xargs -I{} sh -c 'cd {} && rm -rf build'",
        "find . -name x -exec sh -c 'cd \"$1\" && rm -rf build' _ {} ';'",
        'make -C "$X"',
        'env -C "$X" rm -rf build',
        'git -C "$X" commit -m x',
        'npm --prefix "$X" test',
        'rm() { :; }\ncd "$X"\nrm -rf build',
        'cd "$X"; bash <<EOF\nrm -rf build\nEOF',
        'cd "$X"; > y',
        'cd "$X"; echo hi &> y',
        'cd "$X"; x=$(rm -rf build)',
        'cd "$X"; f() { rm -rf build; }; f',
        'cd "$X"; trap "rm -rf build" EXIT',
        'cd "$X"; timeout 5 rm -rf build',
        'if false; then\nROOT="$(cd "$(dirname "$0")" && pwd)"\nfi\ncd "$ROOT"\nrm -rf build',
        '[ -n "$CI" ] && ROOT="$(cd "$(dirname "$0")" && pwd)"\ncd "$ROOT"\nrm -rf build',
        'f() {\nROOT="$(cd "$(dirname "$0")" && pwd)"\n}\ncd "$ROOT"\nrm -rf build',
        'dirname() { echo /; }\ncd "$(dirname "$0")"\nrm -rf build',
        'PWD=/tmp\ncd "$PWD"\nrm -rf build',
        'read PWD\ncd "$PWD/src"\nrm -rf build',
        'BASH_ARGV0=/tmp/x\ncd "$(dirname "$0")"\nrm -rf build',
        'export BASH_SOURCE=/tmp/x\ncd "$(dirname "$BASH_SOURCE")"\nrm -rf build',
        'cd "$X"\ncd src\nrm -rf build',
    ],
)
def test_loops_functions_and_shells_of_their_own_are_followed(script: str, tmp_path: Path) -> None:
    assert ALLOWED not in run_in_recipe(tmp_path, script)


@pytest.mark.parametrize(
    "script",
    [
        'cd "$(dirname "$0")" && ls',
        'DIR="$( cd "$( dirname "${BASH_SOURCE[0]}" )" && pwd )"\ncd "$DIR"\nrm -rf build',
        'DIR=$(cd "$(dirname "$0")"; pwd)\ncd "$DIR"/..\nrm -rf build',
        'f() { cd "$(dirname "$0")"; }\nf\nrm -rf build',
        'cd "$(dirname "$0")" && rm -rf build',
        'cd "$(dirname "$0")/.." && rm -rf build && pytest',
        'cd "$(dirname "$0")"/..\npytest',
        'cd "$(dirname "${BASH_SOURCE[0]}")/.."\nmkdir -p out\ngo build ./...',
        'cd "${0%/*}"\ntouch a',
        "cd `dirname $0`/..\npytest",
        'cd "$PWD"\nrm -rf build',
        'pushd "$(dirname "$0")" > /dev/null\nrm -rf build',
        'cd "$(git rev-parse --show-toplevel)"\npytest',
        '# cd to the top\nROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"\ncd "$ROOT"\npytest',
        'here=$(cd "$(dirname "$0")" >/dev/null 2>&1 && pwd)\ncd "$here/../src"\ntouch x',
        'ROOT=$(git rev-parse --show-toplevel)\ncd "${ROOT}"\nmake -s b2',
        'cd "$X"\nls -la\ncat x\necho done',
        'cd "$X" && grep -r foo .',
        '(cd "$X" && ls)\npytest\nrm -rf build',
        'v=$(cd "$X" && git describe --tags)\ntouch x',
        "cd src\ntouch x\ncd -\nrm -rf build",
        "pushd src\ntouch x\npopd\npytest",
        'log() { echo "$@"; }\ncd "$X"\nlog done',
        'ROOT="$(cd "$(dirname "$0")/.." && pwd)"\nmake -C "$ROOT" b2\ngit -C "$ROOT" status',
        'make -C "$(dirname "$0")/.." b2',
        'cd "$X"\nls > /dev/null',
    ],
)
def test_where_a_script_finds_itself_is_known(script: str, tmp_path: Path) -> None:
    assert run_in_recipe(tmp_path, script, Makefile=MAKEFILE) == {ALLOWED}


def test_a_sourced_file_does_not_know_where_it_lies_by_its_zeroth_argument(tmp_path: Path) -> None:
    for name, verdict in (("$0", False), ("${BASH_SOURCE[0]}", True)):
        lib = {"tools/lib.sh": f'cd "$(dirname "{name}")/../build"\ntouch x\n'}
        found = run_in_recipe(tmp_path, '. "tools/lib.sh"', **lib)
        assert (found == {ALLOWED}) is verdict


def test_what_is_found_is_judged_where_it_lies(tmp_path: Path) -> None:
    """By the folder that the script finds, a Makefile there is read."""
    script = 'cd "$(dirname "$0")/../src"\nmake b2'
    for recipe, verdict in (("ls", True), ("git push --force", False)):
        files = {"Makefile": MAKEFILE, "src/Makefile": f"b2:\n\t{recipe}\n"}
        found = run_in_recipe(tmp_path, script, **files)
        assert (found == {ALLOWED}) is verdict


def test_by_a_link_a_script_does_not_lie_where_its_file_does(tmp_path: Path) -> None:
    files = {"src/s.sh": '#!/bin/sh\ncd "$(dirname "$0")/.."\nrm -rf build\n', "build/x": "x"}
    (tmp_path / "s.sh").symlink_to("src/s.sh")
    # From here it would go above the workspace.
    makefile = "a:\n\tbash s.sh\nb:\n\tbash src/s.sh\nc:\n\t./s.sh\n"
    assert ask(tmp_path, "make a", **files, Makefile=makefile) is Decision.REQUIRES_APPROVAL
    assert ask(tmp_path, "make b", **files) is ALLOWED
    assert ask(tmp_path, "make c", **files) is not ALLOWED
