"""What is proved to be missing where policy could not take a command apart; no text makes it fail."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.features.proof import Ground, missing_parts
from workbench.model.verdict import CommandFacts

INSTALLED = ("bash", "make", "cat", "python3", "cmake", "ninja", "meson", "npm", "node", "yarn", "mkdir")
KINDS = {"tests": "folder", "tests/run.sh": "program", "Makefile": "file", "tests/link": "unknown"}


def ground() -> Ground:
    return Ground(
        root="/w",
        program_path=lambda name: f"/usr/bin/{name}" if name in INSTALLED else None,
        kind_of=lambda path: KINDS.get(path, "missing"),
        read_file=lambda path: "test:\n" if path == "Makefile" else None,
        missing_module=lambda interpreter, module, folder: f"{interpreter} {module} {folder}",
        has_revision=lambda name: None,
    )


@pytest.mark.parametrize(
    ("command", "reasons"),
    [
        ("", ["it is empty"]),
        ("echo 'open", ["its quoting is not closed: No closing quotation"]),
        ("make test", []),
        ("make deploy", ["Makefile has no target deploy"]),
        ("nosuch x; bash tests/run.sh", ["nosuch is not installed here"]),
        ("bash tests/nosuch.sh", ["tests/nosuch.sh is no file of the repository"]),
        ("cd tests && bash nosuch.sh", ["nosuch.sh is no file of the repository"]),
        ("cd tests && bash run.sh && bash link", []),
        (
            "cd nosuch && make deploy",
            ["there is no Makefile in nosuch"],
        ),
        ("cd $X && bash nosuch.sh", []),
        (". tests/nosuch.sh", ["tests/nosuch.sh is no file of the repository"]),
        ("python3 -W error -um x.y", ["/usr/bin/python3 x.y /w"]),
        ("python3 x.py -m y", ["x.py is no file of the repository"]),
        ("PYTHONPATH=src python3 -m x", []),
        ("cmake --build build", ["build is no folder of the repository"]),
        ("ninja -C build -j 2", ["build is no folder of the repository"]),
        ("cmake --build tests", []),
        ("cmake --build --preset default", []),
        ("cmake -S . -B build && cmake --build build", []),
        ("meson setup build && ninja -C build", []),
        ("ninja -C $BUILD", []),
    ],
)
def test_without_policys_calls_the_text_is_taken_apart(command: str, reasons: list[str]) -> None:
    assert missing_parts(command, (), ground()) == reasons


def test_what_a_script_of_the_repository_calls_is_not_the_commands_own() -> None:
    inner = CommandFacts(program="nosuch", argv=("nosuch",), cwd="/w", source="/w/tests/run.sh:3")
    outer = CommandFacts(program="/w/tests/run.sh", argv=("tests/run.sh",), cwd="/w")
    assert missing_parts("tests/run.sh", (outer, inner), ground()) == []


@pytest.mark.parametrize(
    ("script", "is_hidden"),
    [
        ("/home/ann/x.py", True),
        ("/home/ann/go/x.py", False),
        ("../home/ann/x.py", True),
        ("../home/ann/go/x.py", False),
        ("/home/ann", False),
        ("../opt/x.py", True),
        ("/opt/x.py", False),
        ("../usr/x.py", False),
        ("../other/.git/x.py", False),
    ],
)
def test_what_is_hidden_is_what_no_toolchain_holds(script: str, is_hidden: bool) -> None:
    reasons = missing_parts(f"python3 {script}", (), replace(ground(), toolchains=("/home/ann/go",)))
    assert [reason.split()[0] for reason in reasons] == ([script] if is_hidden else [])


@given(
    st.text(alphabet="ab ./;&|()<>2=\"'\\cd$`{}*-m", max_size=60),
    st.lists(st.lists(st.text(max_size=8), max_size=4), max_size=4),
)
def test_no_command_and_no_calls_make_it_fail(command: str, argvs: list[list[str]]) -> None:
    calls = [
        CommandFacts(program="x", argv=tuple(argv), cwd="/w", reads=tuple(argv), writes=tuple(argv[1:]))
        for argv in argvs
    ]
    assert all(missing_parts(command, calls, ground()))
