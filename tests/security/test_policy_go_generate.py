"""`go generate` runs the //go:generate lines of the packages it is given: they are read and judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.model.verdict import Decision, Judgement
from workbench.policy import judge, load_policy
from workbench.policy.gofiles import read_generators
from workbench.sandbox.lookup import ProjectSurroundings

POLICY = load_policy(is_tried=False)


def source(*lines: str) -> str:
    told = "\n".join(f"//go:generate {line}" for line in lines)
    return f"// Package x.\npackage x\n\n{told}\n\nfunc A() {{}}\n"


def ask(folder: Path, text: str, files: dict[str, str]) -> Judgement:
    root = folder / "repo"
    for name, content in {"go.mod": "module x\n", **files}.items():
        place = root / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
    where = str(root.resolve())
    surroundings = ProjectSurroundings(workspace_root=where, toolchains=())
    return judge(POLICY, text, cwd=where, workspace_root=where, surroundings=surroundings)


FINDS = (
    *("go generate ./...", "go generate ./pkg", "go generate ./pkg/...", "go generate ./pkg/a.go"),
    *("go generate -x ./...", "go generate -run=y ./...", "go -C pkg generate", "cd pkg && go generate"),
    *("cd pkg && go generate .", "go generate . ./pkg", "bash -c 'go generate ./...'"),
)


@pytest.mark.parametrize("command", FINDS)
def test_a_line_is_judged_as_if_it_stood_in_the_command(command: str, tmp_path: Path) -> None:
    for line, verdict in (("git push --force", "requires_approval"), ("rm -rf /", "deny")):
        judged = ask(tmp_path, command, {"pkg/a.go": source("stringer -type=Kind", line)})
        assert judged.verdict.verdict == verdict
        assert [call.source for call in judged.commands if " ".join(call.argv) == line] == [
            f"{tmp_path}/repo/pkg/a.go:5"
        ]


@pytest.mark.parametrize(
    "line",
    [
        "git push --force",
        "  \t git push --force",
        '"git" "push" "--force"',
        '"g\\u0069t" push --force',
        'sh -c "git push --force"',
        "-command foo git push\n//go:generate foo --force",
        "rm -rf ../../x",
        "rm -rf ../cmd",
        "some-generator --all",
        "$X y",
        "$GOFILE",
        "cp a.go $Y",
        "cp a.go ../../$GOFILE",
        "bash gen.sh",
        "make gen",
        "curl https://example.org/x",
        "go run example.org/x@latest",
        'broken "\\x"',
    ],
)
def test_what_a_line_does_beyond_is_asked_about(line: str, tmp_path: Path) -> None:
    files = {"pkg/gen.sh": "rm -rf ../src\n", "pkg/Makefile": "gen:\n\tgit push --force\n"}
    judged = ask(
        tmp_path, "go generate ./...", {"pkg/a.go": source(line), "cmd/x.go": "package main\n", **files}
    )
    assert judged.verdict.verdict is Decision.REQUIRES_APPROVAL


@pytest.mark.parametrize(
    "line",
    [
        "stringer -type=Kind",
        "mockgen -source=$GOFILE -destination=mocks/${GOFILE}",
        "mockgen -source=a.go -destination=mocks/mock_$GOPACKAGE.go",
        "go run ./cmd/gen",
        "go run gen.go -o out.go",
        "sqlc generate",
        "bash gen.sh",
        "make gen",
        "touch out_$GOLINE.go",
    ],
)
def test_generators_of_every_day_ask_for_nothing(line: str, tmp_path: Path) -> None:
    files = {
        "pkg/gen.sh": "ls\n",
        "pkg/Makefile": "gen:\n\tls\n",
        "vendor/v/v.go": source("git push --force"),
    }
    for command in ("go generate ./...", "cd pkg && go generate"):
        assert ask(tmp_path, command, {"pkg/a.go": source(line), **files}).verdict.verdict is Decision.ALLOW
    # What was generated may be the next script.
    after = ask(tmp_path, "go generate ./... && make -C pkg gen", {"pkg/a.go": source(line), **files})
    assert "moving_ground" in after.verdict.reason_codes


def test_what_cannot_be_found_is_asked_about(tmp_path: Path) -> None:
    files = {"pkg/a.go": source("stringer -type=X")}
    for command in ("go generate example.org/x", "go generate all", "go generate ./.../x"):
        assert ask(tmp_path, command, files).verdict.verdict is Decision.REQUIRES_APPROVAL
    (tmp_path / "repo/pkg/bad.go").write_bytes(b"\xff//go:generate git push\n")
    assert ask(tmp_path, "go generate ./...", files).verdict.verdict is Decision.REQUIRES_APPROVAL
    assert ask(tmp_path, "go generate -n ./...", files).verdict.verdict is Decision.ALLOW


def test_a_file_that_was_just_written_is_asked_about(tmp_path: Path) -> None:
    files = {"pkg/a.go": source("stringer -type=X"), "pkg/b.go": "package x\n"}
    for first in ("sed -i s/a/b/ pkg/b.go", "cp pkg/a.go pkg/c.go", "git switch other"):
        judged = ask(tmp_path, f"{first} && go generate ./...", files)
        assert judged.verdict.verdict is Decision.REQUIRES_APPROVAL


def test_many_files_are_looked_at_and_too_many_are_asked_about(tmp_path: Path) -> None:
    files = {f"p{index}/a.go": "package x\n" for index in range(300)}
    files |= {"z/z.go": source("git push --force")}
    assert "publishes" in ask(tmp_path, "go generate ./...", files).verdict.reason_codes
    more = {f"q{index}/a.go": "package x\n" for index in range(300)}
    assert "unknown_arguments" in ask(tmp_path, "go generate ./...", more).verdict.reason_codes


def test_more_lines_than_are_judged_are_asked_about(tmp_path: Path) -> None:
    judged = ask(tmp_path, "go generate ./...", {"a.go": source(*["stringer -type=X"] * 10_000)})
    assert "unknown_arguments" in judged.verdict.reason_codes


def test_words_are_read_as_go_reads_them() -> None:
    lines, is_whole = read_generators(
        source('a "b c" d\'e $GOFILE "x$GOPACKAGE" $HOME/y', "", "-command z"), "/w/f.go"
    )
    shown = ["'a'", "'b c'", "'d'\\''e'", "'f.go'", "'xx'", '"$HOME/y"']
    assert [line.text for line in lines] == [" ".join(shown)]
    assert lines[0].cwd == "/w"
    assert is_whole
    assert read_generators(source('a "b'), "/w/f.go") == ([], False)
    assert read_generators(source("x" * 5_000), "/w/f.go") == ([], False)
