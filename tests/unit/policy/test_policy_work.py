"""Understanding a command takes bounded work whatever the text and the project's files hold.

Nothing here looks at a clock: what would take minutes without a bound ends the run as a test that hangs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from workbench.model.verdict import Decision, Judgement
from workbench.policy import judge, load_policy
from workbench.policy.configured import read_git_alias
from workbench.policy.justfiles import read_justfile
from workbench.policy.makefiles import find_recipes, parse_makefile
from workbench.policy.work import MOST_WORK, Texts, Work
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)
LARGE = 250_000

HOSTILE: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "make rules that match each of many targets": (
        "make " + " ".join(f"t{number}" for number in range(190)),
        {"Makefile": "%:\n\n" * 60_000},
    ),
    "make includes that include each other": (
        "make",
        {"Makefile": "include a.mk\n" * 15_000, "a.mk": "include Makefile\n" * 10_000},
    ),
    "make variables of variables": (
        "make",
        {"Makefile": f"A={'$(B)' * 1900}\nB={'$(C)' * 1900}\nC=x\nall:\n" + "\tls $(A)\n" * 20_000},
    ),
    "make shell texts that never close": ("make", {"Makefile": f"A={'$(shell ' * 900}\n" * 30}),
    "make needs of needs": ("make x", {"Makefile": f"%:{' a b' * 1900}\n\tls\n" * 30}),
    "a large table of scripts, asked again and again": (
        "; ".join(["uv run zz"] * 50),
        {"pyproject.toml": "[project]\nx=[\n" + "1,\n" * 80_000 + "1]\n"},
    ),
    "one name of a hundred thousand dots": ("uv run zz", {"pyproject.toml": "a." * 100_000 + "a=1"}),
    "many lines below a name of many dots": (
        "uv run zz",
        {"pyproject.toml": f"[{'a.' * 9_000}a]\n" + "".join(f"b{number}=1\n" for number in range(20_000))},
    ),
    "a large package file, asked again and again": (
        "; ".join(["npm run zz"] * 50),
        {"package.json": '{"scripts":{' + '"a":"ls",' * 20_000 + '"zz":"ls"}}'},
    ),
    "a large git configuration, asked again and again": (
        "; ".join(["git zz"] * 50),
        {".git/config": "[alias]\n" + "a = b\n" * 40_000},
    ),
}
# make's reader stops at these by their number, before the work is used up, and says it did not see the whole.
TOO_MANY_PATTERNS = frozenset({"make rules that match each of many targets", "make needs of needs"})
HOSTILE_TEXTS = {
    "folders that may or may not be entered": "cd a || cd b; " * 45,
    "folders pushed": "pushd a || pushd b; " * 45,
}


def judged(root: Path, text: str, files: Mapping[str, str]) -> Judgement:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    here = ProjectSurroundings(workspace_root=str(root), toolchains=())
    return judge(POLICY, text, cwd=str(root), workspace_root=str(root), surroundings=here)


@pytest.mark.parametrize("case", HOSTILE)
def test_files_that_take_too_much_work_are_asked_about(tmp_path: Path, case: str) -> None:
    text, files = HOSTILE[case]
    first = judged(tmp_path.resolve(), text, files)
    assert first.verdict.verdict is Decision.REQUIRES_APPROVAL
    assert ("unknown_arguments" if case in TOO_MANY_PATTERNS else "too_long") in first.verdict.reason_codes
    assert len(first.commands) < 2_500
    assert first == judged(tmp_path.resolve(), text, {})


@pytest.mark.parametrize("case", HOSTILE_TEXTS)
def test_a_text_that_doubles_its_folders_is_asked_about(tmp_path: Path, case: str) -> None:
    found = judged(tmp_path.resolve(), HOSTILE_TEXTS[case], {})
    assert found.verdict.verdict is Decision.REQUIRES_APPROVAL


def test_a_folder_that_was_lost_sight_of_is_not_found_again_by_going_up(tmp_path: Path) -> None:
    text = "cd a || cd b; cd c || cd d; cd e || cd f; cd ..; cd ..; cd ..; rm -f x"
    assert judged(tmp_path.resolve(), text, {}).verdict.verdict is not Decision.ALLOW


def test_what_is_denied_stays_denied_beside_what_takes_too_much_work(tmp_path: Path) -> None:
    text, files = HOSTILE["make rules that match each of many targets"]
    found = judged(tmp_path.resolve(), f"sudo id; {text}", files)
    assert found.verdict.verdict is Decision.DENY


def test_project_files_of_the_usual_size_are_read_as_often_as_a_command_asks(tmp_path: Path) -> None:
    makefile = (
        "".join(f"t{number}: t{number + 1}\n\tls t{number}\n" for number in range(100)) + "t100:\n\tls\n"
    )
    pyproject = '[project]\nname = "a"\n[tool.pdm.scripts]\nmine = "ls -l"\n' + "# a line of words\n" * 400
    found = judged(
        tmp_path.resolve(),
        "make t0 && make t50 && uv run pytest -q && uv run ruff check . && pdm run mine",
        {"Makefile": makefile, "pyproject.toml": pyproject},
    )
    assert found.verdict.verdict is Decision.ALLOW, found.verdict


def test_a_table_of_scripts_that_cannot_be_read_gives_no_name_another_meaning(tmp_path: Path) -> None:
    # 256 KiB is the most that is read; `ls` may be anything in what was not.
    text = '[tool.pdm.scripts]\nls = "rm -rf src"\n' + "# words\n" * 40_000
    assert (
        judged(tmp_path.resolve(), "pdm run ls", {"pyproject.toml": text}).verdict.verdict
        is not Decision.ALLOW
    )


def test_each_byte_of_a_line_is_looked_at_a_fixed_number_of_times() -> None:
    blank = " " * LARGE
    assert read_git_alias(f"[alias]\nzz = a{blank}b{blank}\n", "zz") == (f"a{blank}b", 2)
    assert read_justfile(f"zz a{blank}\n", "justfile", ("zz",)) == ((), False)
    read_justfile(f"zz a{blank}: b\n ls\nb:\n rm\n", "justfile", ("zz",))
    lines = ("a" + " " * 7_900 + "b\n") * 300 + ("a/" * 3_900 + ":\n") * 200 + "all:\n\tls\n"
    made = parse_makefile(lines, "/ws/Makefile", lambda _: None)
    assert [line.text for line in find_recipes(made, ("all",), {})[0]] == ["ls"]


def test_a_file_is_paid_for_at_each_use_and_gone_once_nothing_is_left() -> None:
    work = Work(left=250)
    texts = Texts(work)
    texts["/ws/package.json"] = "x" * 100
    texts["/ws/none"] = None
    assert [texts["/ws/package.json"], texts["/ws/none"], texts["/ws/package.json"]] == [
        "x" * 100,
        None,
        "x" * 100,
    ]
    assert not work.is_spent
    assert texts["/ws/package.json"] is None
    assert work.is_spent
    assert Work().left == MOST_WORK
