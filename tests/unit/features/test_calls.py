"""A command's calls, and where each is made."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.features.calls import Call, read_calls


@pytest.mark.parametrize(
    ("command", "calls"),
    [
        ("make test", [("make test", "")]),
        ("A=1 time make test > log 2>&1 | tee x", [("make test", ""), ("tee x", "")]),
        ("cd a/b && make; cd .. && just", [("make", "a/b"), ("just", "a")]),
        ("(cd a && make) && tox", [("make", "a"), ("tox", "")]),
        ("cd $HOME && make", [("make", None)]),
        ("cd .. && make", [("make", None)]),
        ("cd /x; make", [("make", None)]),
        ("make 'un", []),
    ],
)
def test_calls_are_named_with_their_folder(command: str, calls: list[tuple[str, str | None]]) -> None:
    assert read_calls(command) == [Call(argv=tuple(t.split()), folder=folder) for t, folder in calls]


@given(st.text(alphabet="ab ./;&|()<>2=\"'\\cd", max_size=60))
def test_no_text_makes_it_fail(command: str) -> None:
    assert all(call.argv for call in read_calls(command))
