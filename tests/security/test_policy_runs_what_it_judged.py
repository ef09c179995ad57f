"""What was judged is what runs: the argv of a judgement does exactly what bash would do with the text.

Real bash runs both in the same folder, with programs that only say how they were called. Texts are drawn
from pieces that developers and attackers put together.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from workbench.model.verdict import Decision
from workbench.policy import judge, load_policy
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
TELLTALE = """#!/bin/bash
printf -v line '%q ' "${0##*/}" "$@" "@$PWD" "${CI-}"
if [ ! -t 0 ]; then IFS= read -r -d '' fed; printf -v line '%s<%q' "$line" "$fed"; fi
printf '%s\\n' "$line" >> "$LOG"
echo a; echo b
"""
NAMES = (
    "ls",
    "cat",
    "grep",
    "sort",
    "head",
    "wc",
    "git",
    "make",
    "find",
    "sed",
    "xargs",
    "env",
    "timeout",
    "tee",
)
PIECES = st.sampled_from(
    [
        *(
            "ls",
            "cat",
            "grep x",
            "sort",
            "head -1",
            "wc -l",
            "git status",
            "make",
            "find .",
            "sed -n 1p",
            "tee t1",
        ),
        *(
            "xargs wc -l",
            "env CI=1 ls",
            "timeout 5 ls",
            "bash -c 'ls *.py | cat'",
            "bash -c",
            "'ls -a'",
            "cd sub",
        ),
        *(
            " a.py",
            " *.py",
            " b*",
            " [ab].py",
            " ?.py",
            " sub/*",
            " 'a b'",
            ' "c d"',
            " -n",
            " --x=*",
            " none*",
        ),
        *(
            " > o1",
            " 2>&1",
            " < a.py",
            " >> o2",
            " &> o3",
            " <<< 'x y'",
            " <<E\nhere doc\nE\n",
            " << 'E'\n$x\nE\n",
        ),
        *(
            " && ",
            " || ",
            " | ",
            "; ",
            "\n",
            " ",
            "  ",
            "time ",
            "CI=1 ",
            "export CI=2",
            "[ -f a.py ]",
            "[ -d x ]",
        ),
        *(
            "echo *",
            "echo hi",
            "pwd",
            "true",
            "false",
            "cd ..",
            "pushd sub",
            "popd",
            "$x",
            "~",
            "\\",
            "'",
            "&",
            "#",
        ),
    ]
)
TEXTS = st.lists(PIECES, min_size=1, max_size=9).map("".join)


def run(argv: list[str], folder: Path, tools: Path) -> tuple[list[str], dict[str, bytes]]:
    """Returns how each program was called, in no order, and the files that are left."""
    log = folder.parent / "log"
    log.unlink(missing_ok=True)
    subprocess.run(
        argv,
        cwd=folder,
        env={"PATH": f"{tools}:/nowhere", "LOG": str(log), "LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=30,
        check=False,
    )
    calls = log.read_text().splitlines() if log.exists() else []
    files = {
        str(item.relative_to(folder)): re.sub(
            rb"(?m)^.*line \d+: |^bash: |^real.*|^user.*|^sys.*", b"", item.read_bytes()
        )
        for item in sorted(folder.rglob("*"))
        if item.is_file()
    }
    return sorted(calls), files


def fill(folder: Path) -> None:
    (folder / "sub").mkdir(parents=True)
    for name in ("a.py", "b.py", "c d.py", ".hidden.py", "z-n.py", "sub/x.py"):
        (folder / name).write_text(name)


def check_that_both_do_the_same(text: str) -> bool:
    with tempfile.TemporaryDirectory() as made:
        base = Path(made).resolve()
        tools = base / "tools"
        tools.mkdir()
        for name in NAMES:
            (tools / name).write_text(TELLTALE)
            (tools / name).chmod(0o755)
        (tools / "bash").symlink_to("/bin/bash")
        for side in ("one", "two"):
            fill(base / side / "ws")
        root = str(base / "one" / "ws")
        judgement = judge(
            POLICY,
            text,
            cwd=root,
            workspace_root=root,
            surroundings=ProjectSurroundings(workspace_root=root, toolchains=()),
        )
        if judgement.verdict.verdict is not Decision.ALLOW:
            return False
        argv = list(judgement.argv)
        if argv[0] not in ("/usr/bin/bash", "/bin/bash"):
            argv[0] = str(tools / os.path.basename(argv[0]))
        raw = ["/usr/bin/bash", "--norc", "--noprofile", "-p", "-c", text]
        expected = run(raw, base / "one" / "ws", tools)
        got = run([word.replace("/one/", "/two/") for word in argv], base / "two" / "ws", tools)
        said = [line.replace("/two/", "/one/") for line in got[0]]
        # `pwd` says which of the two folders it is in.
        left = {name: data.replace(b"/two/", b"/one/") for name, data in got[1].items()}
        assert (sorted(said), left) == expected, (text, argv)
        return True


@pytest.mark.parametrize(
    "text",
    [
        "ls *.py",
        "cd sub && ls *.py",
        "grep x [ab].py | sort > o1",
        "cat <<'E' | sort\n$x *\nE",
        "bash -c 'ls *.py | cat'",
        "time ls | sort",
        "export CI=2 && ls",
        "[ -f a.py ] && ls none*",
        "pushd sub && ls && popd && ls",
        "env CI=1 ls ?.py",
        "pwd > o1",
    ],
)
def test_a_plain_command_is_allowed_and_does_what_bash_does(text: str) -> None:
    assert check_that_both_do_the_same(text)


@given(TEXTS)
@settings(
    deadline=None,
    max_examples=400,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_what_is_allowed_does_what_bash_does(text: str) -> None:
    check_that_both_do_the_same(text)


@pytest.mark.long
@given(TEXTS)
@settings(deadline=None, max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
def test_ten_thousand_texts_do_what_bash_does(text: str) -> None:
    check_that_both_do_the_same(text)
