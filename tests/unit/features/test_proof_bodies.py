"""What a target's recipes and a package's scripts start is proved as the command itself is.

Policy's calls are real. The files are a table; whatever is called nosuch or gone is nowhere.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.features.bodies import gives_up_by_first_line, is_plain, read_recipe, read_script, runs_recipes
from workbench.features.proof import Ground, missing_parts
from workbench.model.verdict import CommandFacts
from workbench.policy import judge, load_policy
from workbench.policy.load import ExampleSurroundings

POLICY = load_policy(is_tried=False)
INSTALLED = frozenset(
    {
        "make",
        "python3",
        "cp",
        "cat",
        "npm",
        "yarn",
        "pnpm",
        "node",
        "timeout",
        "mkdir",
        "git",
        "sh",
        "ls",
        "cmake",
        "env",
    }
)
ROOT = "/w"


class Held(ExampleSurroundings):
    def __init__(self, files: Mapping[str, str]) -> None:
        self.files = files

    def program_path(self, name: str) -> str | None:
        return f"/usr/bin/{name}" if name in INSTALLED else None

    def read_text(self, path: str) -> str | None:
        return self.files.get(path.removeprefix(ROOT + "/"))


def missing(command: str, files: Mapping[str, str]) -> list[str]:
    """Returns what is missing for a command where these files are all there is; `#!` makes one a program."""
    held = Held(files)

    def calls_of(text: str) -> tuple[CommandFacts, ...]:
        return judge(POLICY, text, cwd=ROOT, workspace_root=ROOT, surroundings=held).commands

    def kind_of(path: str) -> str:
        if path in files:
            return "program" if files[path].startswith("#!") else "file"
        return "folder" if any(name.startswith(path + "/") for name in files) else "missing"

    ground = Ground(
        root=ROOT,
        program_path=held.program_path,
        kind_of=kind_of,
        read_file=files.get,
        missing_module=lambda interpreter, module, folder: "",
        has_revision=lambda name: None,
        calls_of=calls_of,
    )
    return missing_parts(command, calls_of(command), ground)


@pytest.mark.parametrize(
    ("makefile", "reasons"),
    [
        ("d: ; nosuchprog .\n", ["nosuchprog is not installed here; Makefile:1 needs it"]),
        ("d: lint\nlint: ; @nosuchprog .\n", ["nosuchprog is not installed here; Makefile:2 needs it"]),
        ("d:\n\t@./gone.sh\n", ["gone.sh is no file of the repository; Makefile:2 needs it"]),
        ("d:\n\t./gone.sh $(ARGS)\n", ["gone.sh is no file of the repository; Makefile:2 needs it"]),
        ("d:\n\tcd sub && ./gone.sh\n", ["gone.sh is no file of the repository; Makefile:2 needs it"]),
        ("d:\n\tcd sub && ./here.sh\n", []),
        ("d:\n\tcd gone && ls\n", ["gone is no folder of the repository; Makefile:2 needs it"]),
        ("d:\n\tpython3 gone.py\n", ["gone.py is no file of the repository; Makefile:2 needs it"]),
        ("d:\n\tmake nosuch\n", ["Makefile has no target nosuch; Makefile:2 needs it"]),
        ("d:\n\tcmake --build gone\n", ["gone is no folder of the repository; Makefile:2 needs it"]),
        (
            "d: e\ne: f\nf:\n\techo x\n\ttimeout 5 ./gone.sh\n",
            ["gone.sh is no file of the repository; Makefile:5 needs it"],
        ),
        # What an error of does not end the recipe.
        ("d: ; -nosuchprog .\n", []),
        ("d:\n\t-./gone.sh\n", []),
        ("d:\n\t./gone.sh || true\n", []),
        ("d:\n\t! ./gone.sh\n", []),
        ("d:\n\t./gone.sh; true\n", []),
        ("d:\n\t./gone.sh | cat\n", []),
        ("d:\n\t./gone.sh &\n", []),
        ("d:\n\tif [ -f gone.sh ]; then ./gone.sh; fi\n", []),
        ("d:\n\ttest -f gone.sh && ./gone.sh\n", []),
        ("d:\n\ttrue \\\n\t  || ./gone.sh\n", []),
        (".IGNORE:\nd:\n\t./gone.sh\n", []),
        ("MAKEFLAGS += -i\nd:\n\t./gone.sh\n", []),
        ("d:\n\t$(MAKE) e || true\ne:\n\t./gone.sh\n", []),
        ("d:\n\t./sub/calls.sh\ne:\n\t./gone.sh\n", []),
        ("d:\n\tmake -i e\ne:\n\t./gone.sh\n", []),
        ("d:\n\t$(MAKE) -n e\ne:\n\t./gone.sh\n", []),
        ("d:\n\tMAKEFLAGS=-i make e\ne:\n\t./gone.sh\n", []),
        ("d:\n\tmake e\ne:\n\tnosuchprog\n", ["nosuchprog is not installed here; Makefile:4 needs it"]),
        (".SECONDARY: m\nd: m\nm:\n\t./gone.sh\n", []),
        # What another line may make before.
        ("d: gone.sh\n\t./gone.sh\ngone.sh:\n\tcp sub/here.sh gone.sh\n", []),
        ("d:\n\tcp sub/here.sh gone.sh\n\t./gone.sh\n", []),
        ("d:\n\tnode build.js\n\tpython3 gone.py\n", []),
        ("d:\n\tmkdir gone\n\tcd gone && ls\n", []),
        # Where the target is there already, or the file leaves open which line runs and how.
        ("sub:\n\t./gone.sh\nd: sub\n", []),
        (
            ".PHONY: sub\nsub:\n\t./gone.sh\nd: sub\n",
            ["gone.sh is no file of the repository; Makefile:3 needs it"],
        ),
        ("d: x.o\n%.o:\n\t./gone.sh\n", []),
        ("d:\n\t./gone.sh\nd:\n\techo x\n", []),
        ("ifdef CI\nd:\n\t./gone.sh\nendif\nd: ;\n", []),
        ("include sub/more.mk\nd:\n\tnosuchprog\n", []),
        (
            "-include sub/none.mk\nd:\n\tnosuchprog\n",
            ["nosuchprog is not installed here; Makefile:3 needs it"],
        ),
        ("d: export PATH := bin:$(PATH)\nd:\n\tnosuchprog\n", []),
        ("d:\n\tcd $(SUB) && ./gone.sh\n", []),
    ],
)
def test_what_a_recipe_starts_is_proved_where_the_line_surely_runs(makefile: str, reasons: list[str]) -> None:
    files = {
        "Makefile": makefile,
        "sub/here.sh": "#!/bin/sh\n",
        "sub/calls.sh": "#!/bin/sh\nmake e || true\n",
        "sub/more.mk": "SHELL := python3\n",
        "build.js": "",
    }
    assert missing("make d", files) == reasons


@pytest.mark.parametrize(
    "command",
    [
        *("make -n d", "make --dry-run d", "make -sn d", "make -q d", "make -t d", "make -i d"),
        *("make d -n", "MAKEFLAGS=n make d", "cp README.md gone.sh && make d", "git pull && make d"),
        *("node build.js && make d", "docker run x make d", "[ -f gone.sh ] && make d"),
    ],
)
def test_recipes_that_do_not_run_or_whose_needs_may_be_made_before_need_nothing(command: str) -> None:
    files = {"Makefile": "d:\n\t./gone.sh\n", "README.md": "", "build.js": ""}
    told = [reason for reason in missing(command, files) if "gone.sh" in reason]
    assert told == []


@pytest.mark.parametrize(
    "command", ["make d", "timeout 5 make d", "make -j2 d", "make -C . d", "make -Cn/.. d"]
)
def test_recipes_that_run_are_proved_however_make_is_started(command: str) -> None:
    files = {"Makefile": "d:\n\t./gone.sh\n", "n/x": ""}
    assert missing(command, files) == ["gone.sh is no file of the repository; Makefile:2 needs it"]


def test_a_long_chain_of_recipes_is_read_up_to_a_bound() -> None:
    chain = "".join(f"t{n}: t{n + 1}\n\tnosuch{n}\n" for n in range(200))
    reasons = missing("make t0", {"Makefile": chain + "t200:\n"})
    assert 0 < len(reasons) <= 30


PACKAGE = """{"scripts": {
    "lint": "eslint .", "node": "node gone.js", "there": "node build", "chain": "npm run nothere",
    "deep": "npm run node", "ok": "echo hi", "guard": "eslint . || true", "two": "eslint .; true",
    "ci": "npm ci && eslint .", "empty": "", "turn": "npm run turn", "var": "node $X gone.js",
    "make": "make d", "made": "cp build.js gone.js && node gone.js", "maybe": "npm run nothere --if-present",
    "own": "node-gyp rebuild", "prestep": "eslint .", "step": "echo hi",
    "preget": "npm install", "get": "eslint .", "poststep": "echo hi", "cross": "env A=1 eslint ."
}}"""


@pytest.mark.parametrize(
    ("command", "reasons"),
    [
        ("npm run lint", ["eslint is not installed here; the script lint of package.json needs it"]),
        ("npm run lint -- --fix", ["eslint is not installed here; the script lint of package.json needs it"]),
        ("yarn lint", ["eslint is not installed here; the script lint of package.json needs it"]),
        ("pnpm run lint", ["eslint is not installed here; the script lint of package.json needs it"]),
        ("npm run cross", ["eslint is not installed here; the script cross of package.json needs it"]),
        ("npm run node", ["gone.js is no file of the repository; the script node of package.json needs it"]),
        ("npm run deep", ["gone.js is no file of the repository; the script node of package.json needs it"]),
        ("npm run chain", ["package.json has no script nothere; the script chain of package.json needs it"]),
        ("npm run step", ["eslint is not installed here; the script prestep of package.json needs it"]),
        ("npm run make", ["gone.sh is no file of the repository; Makefile:2 needs it"]),
        ("make n", ["gone.js is no file of the repository; the script node of package.json needs it"]),
        (
            "cd sub && npm run lint",
            ["eslint is not installed here; the script lint of package.json needs it"],
        ),
        (
            "npm --prefix web run start",
            ["server.js is no file of the repository; the script start of web/package.json needs it"],
        ),
        (
            "cd web && npm start",
            ["server.js is no file of the repository; the script start of web/package.json needs it"],
        ),
        ("npm --prefix gone run ok", ["there is no package.json in gone"]),
        ("npm start", ["package.json has no script start"]),
        *(
            (f"npm run {name}", [])
            for name in (
                *("ok", "there", "guard", "two", "ci", "empty", "turn", "var", "made", "maybe", "own", "get"),
            )
        ),
        ("npm ci && npm run lint", []),
        ("npm run lint --script-shell=python3", []),
        ("pnpm run step", []),
        ("cd web && npm run tool", []),
        ("cd web && npm run above", []),
        ("cp build.js web/server.js && npm --prefix web start", []),
        ("[ -f gone/package.json ] && npm --prefix gone run ok", []),
    ],
)
def test_what_a_script_starts_is_proved_with_the_packages_own_programs(
    command: str, reasons: list[str]
) -> None:
    files = {
        "package.json": PACKAGE,
        "web/package.json": '{"scripts": {"start": "node server.js", "tool": "own .", "above": "shared ."}}',
        "web/node_modules/.bin/own": "#!node",
        "node_modules/.bin/shared": "#!node",
        "build.js": "",
        "sub/x": "",
        "Makefile": "d:\n\t./gone.sh\nn:\n\tnpm run node\n",
    }
    assert missing(command, files) == reasons


@pytest.mark.parametrize(
    "more",
    [
        {".npmrc": "script-shell=python3\n"},
        {"node_modules/.bin/eslint": "#!node"},
        {"node_modules/.bin/eslint": ""},
    ],
)
def test_a_script_that_another_shell_or_an_own_program_runs_is_not_called_missing(
    more: dict[str, str],
) -> None:
    assert missing("npm run lint", {"package.json": PACKAGE, **more}) == []


@pytest.mark.parametrize("setting", [".yarnrc.yml", ".pnp.cjs"])
def test_yarn_that_keeps_programs_elsewhere_is_left_alone(setting: str) -> None:
    assert missing("yarn lint", {"package.json": PACKAGE, setting: ""}) == []


def test_a_script_that_only_reads_a_file_starts_no_program() -> None:
    assert missing("npm run a", {"package.json": '{"scripts": {"a": "< a$"}}'}) == []


def test_scripts_that_call_each_other_are_read_up_to_a_bound() -> None:
    scripts = {f"s{n}": f"npm run s{n + 1} && npm run s{n + 2}" for n in range(60)}
    assert missing("npm run s0", {"package.json": json.dumps({"scripts": scripts})}) == []


@given(st.text(alphabet="d:;\t\n @-#=%$.|&'\"PHONYe/x\\", max_size=120))
def test_no_makefile_makes_it_fail(text: str) -> None:
    assert all(missing("make d", {"Makefile": text}))


@given(st.text(alphabet="a .;&|()<>'\"$/-", max_size=40), st.sampled_from(["npm run a", "yarn a", "pnpm a"]))
def test_no_script_makes_it_fail(text: str, command: str) -> None:
    package = json.dumps({"scripts": {"a": text, "prea": "a", "posta": text}})
    assert all(missing(command, {"package.json": package}))


@pytest.mark.parametrize("scripts", [[], {"a": 1}, {"a": "x", "prea": None}, {"a": "wireit"}, None])
def test_a_table_of_scripts_that_is_none_proves_nothing_of_what_they_start(scripts: object) -> None:
    told = missing("npm run a", {"package.json": json.dumps({"scripts": scripts})})
    assert told in ([], ["package.json has no script a"])


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ("d", True),
        ("-j4 d", True),
        ("-C n d", True),
        ("-Cn d", True),
        ("-fn d", True),
        ("--no-print-directory d", True),
        ("-kn d", False),
        ("--just-print d", False),
        ("-o x d", False),
    ],
)
def test_whether_make_runs_recipes_is_told_by_its_options(words: str, runs: bool) -> None:
    assert runs_recipes(words.split()) is runs


@pytest.mark.parametrize("text", ["./a.sh > log 2>&1", "echo 'a;b' && ./a.sh", "tsc --type if", "a && b"])
def test_a_line_of_commands_that_all_must_go_well_is_plain(text: str) -> None:
    assert is_plain(text) is (text != "tsc --type if")


def test_a_recipe_is_read_with_its_targets_and_without_makes_marks() -> None:
    text = ".PHONY: a b\na b: c # d\n\n# note\n\t@+ ./x.sh\nV := 1\nc: V = 2\nc:: e ; y\n"
    found = read_recipe(text, 5)
    assert found is not None
    assert (found.text, found.targets, found.is_phony) == ("./x.sh", ("a", "b"), True)
    found = read_recipe(text, 8)
    assert found is not None
    assert (found.text, found.targets, found.is_phony) == ("y", ("c",), False)
    assert [read_recipe(text, number) for number in (0, 1, 2, 6, 7, 9, 99)] == [None] * 7


@given(st.text(alphabet="ab-eoxu set#!/bin\n&|;$(){}<'\"=.", max_size=80), st.booleans())
def test_every_line_of_a_script_that_is_told_stands_there(text: str, gives_up: bool) -> None:
    lines = text.split("\n")
    told = read_script(text, gives_up=gives_up)
    assert all(lines[line.number - 1].strip() == line.text for line in told)
    assert [line.number for line in told] == sorted({line.number for line in told})


@pytest.mark.parametrize(
    ("first", "answer"),
    [
        ("#!/bin/sh", False),
        ("#!/usr/bin/env bash", False),
        ("#! /bin/bash -eu", True),
        ("#!/usr/bin/python3", None),
        ("#!/usr/bin/env -S bash -e", None),
        ("echo", None),
    ],
)
def test_the_first_line_says_whether_its_shell_gives_up(first: str, answer: bool | None) -> None:
    assert gives_up_by_first_line(f"{first}\nls\n") is answer
