"""A word is a harmless value of its kind, or it is refused."""

from __future__ import annotations

import pytest

from workbench.policy.values import fits_value, task_labels


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("task", ["test", "lint:fix", "db:migrate"], ["-x", "a b", "$x", "a;b", "../x"]),
        (
            "target",
            ["test", "VERBOSE=1", "build/app.o"],
            ["CC=x", "SHELL=sh", "X=a b", "MAKEFLAGS=x", "P=/x"],
        ),
        ("binary", ["jest", "build"], ["dlx", "add", "exec", "node", "a/b", "x@1"]),
        ("goal", ["test", "spotless:check"], ["deploy", "exec:exec", "org.x:y:z"]),
        ("define", ["NDEBUG", "CMAKE_BUILD_TYPE=Release", "X:BOOL=ON"], ["CMAKE_C_COMPILER=x", "A=/x"]),
        ("warning", ["all", "error=x", "no-unused"], ["l,-T,x", "p,x", "a,b"]),
        ("variable", ["CI", "FOO"], ["PATH", "LD_PRELOAD", "HISTFILE", "PROMPT_COMMAND"]),
        ("package", ["./...", "./cmd/x", "x/y"], ["/tmp/x", "../x", "a/../b", "x@v1"]),
        ("local", [".", "./x"], ["x", "/x", "../x", "./../x"]),
        ("literal", ["a=b", '{"a": 1}'], ["@x", "f=@x", "f=<x"]),
        ("url", ["https://x.y/z?a=1", "localhost:80/x"], ["file:///x", "-x", "ftp://x"]),
        (
            "query",
            ["select 1", ".tables", "show databases;", "\\dt"],
            [
                ".shell id",
                "drop table x",
                "select 1; drop table x",
                "copy x to y",
                "select load_extension('x')",
            ],
        ),
        ("yq", [".a.b", ".x = 1"], ['load("x")', "env(HOME)", "strenv(X)"]),
        ("pages", ["ls", "3"], ["-P", "./x", "/x"]),
        ("shelloption", ["pipefail"], ["history", "posix"]),
        ("application", ["app.main:app"], ["/x", "app", "-c"]),
    ],
)
def test_a_value_is_taken_or_refused(kind: str, good: list[str], bad: list[str]) -> None:
    assert [text for text in good if not fits_value(kind, text)] == []
    assert [text for text in bad if fits_value(kind, text)] == []


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("test", set()),
        ("deploy:prod", {"publishes"}),
        ("db:drop", {"irreversible"}),
        ("assembleRelease", set()),
        ("release-and-purge", {"publishes", "irreversible"}),
    ],
)
def test_a_tasks_name_promises_effects(name: str, labels: set[str]) -> None:
    assert task_labels(name) == labels
