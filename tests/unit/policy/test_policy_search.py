"""What find's expression hands on, and where it goes no deeper."""

from __future__ import annotations

import pytest

from workbench.policy import load_policy
from workbench.policy.search import Entry, read_search

OPTIONS = load_policy(is_tried=False).catalog.programs["find"].forms[0].options


def meets(expression: str, shown: str, kind: str = "file") -> tuple[bool, bool]:
    return read_search((".", *expression.split()), OPTIONS).meets(Entry(shown=shown, kind=kind))


@pytest.mark.parametrize(
    ("expression", "shown", "kind", "expected"),
    [
        ("", "./a", "file", True),
        ("-name *.py", "./src/a.py", "file", True),
        ("-name *.py", "./.env", "file", False),
        ("-name *.PY", "./a.py", "file", True),
        ("-not -name *.py", "./.env", "file", True),
        ("! -name .env", "./.env", "file", False),
        ("! -name .ENV", "./.env", "file", True),
        ("-name *.py -o -name .env", "./.env", "file", True),
        ("-name *.py -type f", "./a.py", "link", False),
        ("-type f,l", "./a", "link", True),
        ("( -name a -o -name b ) -type f", "./b", "file", True),
        ("( -name a -o -name b ) -type f", "./c", "file", False),
        ("-size +1k", "./a", "file", True),
        ("! -size +1k", "./a", "file", True),
        ("-path ./src/*", "./src/a", "file", True),
        ("-path ./src/*", "./conf/a", "file", False),
        ("-name .[e]nv", "./.env", "file", True),
        ("-name \\.env", "./.env", "file", True),
        ("-name [^a]env", "./.env", "file", True),
        ("-false -o -name a", "./a", "file", True),
        ("-false", "./a", "file", False),
        ("-name a -print -o -name b -print", "./b", "file", True),
        ("-name a -print -o -name b", "./b", "file", False),
        ("-name a -exec cat {} ; -o -name b", "./b", "file", False),
        ("-name a -exec cat {} +", "./a", "file", True),
        ("-name a -prune -o -print", "./a", "folder", False),
        ("-name (", "./a", "file", False),
        ("-frob", "./a", "file", True),
        ("( -name b", "./a", "file", True),
    ],
)
def test_what_may_be_handed_on(expression: str, shown: str, kind: str, expected: bool) -> None:
    assert meets(expression, shown, kind)[0] is expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("-name conf -prune -o -print", True),
        ("-path ./conf -prune -o -type f -print", True),
        ("-name conf -size +1k -prune -o -print", False),
        ("-depth -name conf -prune -o -print", False),
        ("-mindepth 2 -name conf -prune -o -print", False),
        ("-name src -prune -o -print", False),
        ("! -name conf -prune", False),
    ],
)
def test_only_what_is_surely_pruned_is_passed_over(expression: str, expected: bool) -> None:
    assert meets(expression, "./conf", "folder")[1] is expected


def test_names_that_must_fit_and_the_depth_are_read() -> None:
    search = read_search((".", "-maxdepth", "2", "-name", "a", "!", "-name", "b", "-iregex", "c"), OPTIONS)
    assert (search.depth, search.names, search.expressions) == (2, ("a",), ("c",))
    assert read_search((".", "-type", "l"), OPTIONS).wants_links
    assert not read_search((".", "!", "-type", "l"), OPTIONS).wants_links
