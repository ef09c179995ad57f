"""What build files prove about a call: the target, script, recipe or file it needs."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.features.calls import Call, read_calls
from workbench.features.targets import missing_for

FILES = {
    "Makefile": "X := 1\n.PHONY: clean\ntest lint: all\n\techo no: target\nall:\nlong: \\\n  dep\n",
    "open/Makefile": "include other.mk\n",
    "pattern/makefile": "%.html: %.md\n",
    "package.json": '{"scripts": {"test": "node --test", "build": "x"}}',
    "deps/package.json": '{"devDependencies": {"typescript": "5"}}',
    "broken/package.json": "{",
    "justfile": "set shell := ['sh']\nalias t := test\n@test *args:\n  true\nbuild target='x':\n",
    "rust/Cargo.toml": "[package]\n",
    "go/go.mod": "module x\n",
    "tox/tox.ini": "[tox]\n",
    "hello.c": "int main(){}",
    "odd.mk": "there:\n",
}


def missing(command: str) -> list[str]:
    return [reason for call in read_calls(command) if (reason := missing_for(call, FILES.get))]


@pytest.mark.parametrize(
    "command",
    [
        *(
            "make",
            "make test",
            "make -j 4 test lint X=2",
            "make clean",
            "make long",
            "make hello",
            "make Makefile",
        ),
        *("make -C open anything", "cd pattern && make a.html", "make -f odd.mk there", "make --version"),
        *("npm test", "npm run build -- --fast", "npm t", "npm install x", "npm run", "npm -w other run x"),
        *(
            "yarn build",
            "yarn",
            "pnpm test",
            "cd deps && yarn tsc",
            "npm run x --prefix $X",
            "bun run a.ts",
        ),
        *("npm run nothere --if-present", "npm run --if-present nothere", "pnpm run --if-present nothere"),
        # These look for a package.json in the folders above as well.
        *("cd go && npm test", "cd rust/src && yarn build"),
        *("just", "just t", "just test a b", "just --list", "just build", "cd tox && just test"),
        *(
            "cd tox && tox",
            "cd rust && cargo test",
            "cd rust/src && cargo build",
            "cargo new x",
            "cargo --list",
        ),
        *(
            "cd go/cmd && go test ./...",
            "go version",
            "go run a.go",
            "cd $X && make nothing",
            "grep make test",
        ),
    ],
)
def test_what_is_there_or_cannot_be_known_is_not_called_missing(command: str) -> None:
    assert missing(command) == []


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("make echo", "Makefile has no target echo"),
        ("true && make tests", "Makefile has no target tests"),
        ("make -C deps test", "there is no Makefile in deps"),
        ("make -f none.mk test", "there is no none.mk"),
        ("cd go && make test", "there is no Makefile in go"),
        ("npm run deploy", "package.json has no script deploy"),
        ("npm start", "package.json has no script start"),
        ("npm run x --prefix deps", "package.json has no script x"),
        ("npm --prefix go run test", "there is no package.json in go"),
        ("npm --prefix=go run test --if-present", "there is no package.json in go"),
        ("yarn --cwd go test", "there is no package.json in go"),
        ("npm run nothere -- --if-present", "package.json has no script nothere"),
        ("cd deps && yarn run tsc", "package.json has no script tsc"),
        ("cd deps && pnpm test", "package.json has no script test"),
        ("yarn deploy", "package.json has no script deploy"),
        ("cd broken && npm test", "package.json is no valid JSON"),
        ("just deploy", "the justfile has no recipe deploy"),
        ("tox -e py311", "there is no tox.ini"),
        ("cargo test", "there is no Cargo.toml"),
        ("cargo +nightly clippy", "there is no Cargo.toml"),
        ("go test ./...", "there is no go.mod"),
        ("go mod tidy", "there is no go.mod"),
        ("mvn -q test", "there is no pom.xml"),
    ],
)
def test_what_is_missing_is_named(command: str, reason: str) -> None:
    assert missing(command) == [reason]


@pytest.mark.parametrize(
    ("text", "goal", "is_missing"),
    [
        ("%.o: %.c\n\tcc -c $<\n", "nosuch", True),
        ("%.o: %.c\n\tcc -c $<\n", "a.o", False),
        ("%.o: %.c\n\tcc -c $<\n", "src/a.o", False),
        ("%.o: %.c\n\tcc -c $<\n", ".o", False),
        ("lib%.a: %.c\n", "lib.a", True),
        ("lib%.a: %.c\n", "libx.a", False),
        ("lib%.a: %.c\n", "x.a", True),
        # What is made by several rules in a row, the last of them make's own.
        ("%.o: %.cu\n\tnvcc $<\n", "kernel", False),
        ("%.o: %.cu\n\tnvcc $<\n", "nosuch", True),
        ("%.o: $(SOURCES)\n\tcc $<\n", "nosuch", False),
        ("%: %.in\n\tcp $< $@\n", "nosuch", False),
        ("all:\n.DEFAULT:\n\techo $@\n", "nosuch", False),
        (".SUFFIXES: .md .html\n.md.html:\n\tcp $< $@\n", "a.html", False),
        (".SUFFIXES: .md .html\n.md.html:\n\tcp $< $@\n", "nosuch", True),
        (".SUFFIXES: .in\n.in:\n\tcp $< $@\n", "nosuch", False),
        (".venv: requirements.txt\n\ttouch $@\n", "nosuch", True),
        ("$(NAME): x\n", "nosuch", False),
        ("".join(f"%.a{number}: %.b\n" for number in range(501)), "nosuch", False),
    ],
)
def test_a_pattern_stands_for_the_names_that_it_fits_and_for_no_others(
    text: str, goal: str, is_missing: bool
) -> None:
    files = {"Makefile": text, "kernel.cu": ""}
    said = missing_for(Call(argv=("make", goal)), files.get)
    assert said == (f"Makefile has no target {goal}" if is_missing else "")


@pytest.mark.parametrize("words", [("-f", "Makefile", "-f", "odd.mk"), ("--eval=x:;true",)])
def test_a_target_of_another_makefile_that_make_is_given_is_not_called_missing(
    words: tuple[str, ...],
) -> None:
    assert missing_for(Call(argv=("make", *words, "x")), FILES.get) == ""


def test_without_a_justfile_just_has_nothing_to_do() -> None:
    assert missing_for(Call(argv=("just", "test")), lambda path: None) == "there is no justfile"


@given(
    st.sampled_from(["Makefile", "package.json", "justfile", "setup.cfg", "pyproject.toml"]),
    st.text(max_size=200),
    st.sampled_from(["make x", "npm run x", "yarn x", "just x", "tox"]),
)
def test_no_build_file_makes_it_fail(path: str, text: str, command: str) -> None:
    for call in read_calls(command):
        missing_for(call, {path: text}.get)
