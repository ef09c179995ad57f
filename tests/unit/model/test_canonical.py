"""Equal values have equal bytes, and what has no one spelling is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.canonical import digest_of, render_canonical

KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_rendered_reads_back_as_it_was(value: Any) -> None:
    assert json.loads(render_canonical(value)) == value


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.randoms())
def test_the_order_in_which_a_map_was_made_does_not_matter(value: dict[str, Any], chance: Any) -> None:
    names = list(value)
    chance.shuffle(names)
    assert digest_of({name: value[name] for name in names}) == digest_of(value)


@given(VALUES, VALUES)
def test_different_values_have_different_digests(one: Any, other: Any) -> None:
    is_equal = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (digest_of(one) == digest_of(other)) is is_equal


def test_a_tuple_is_a_list_and_the_digest_names_its_kind() -> None:
    assert render_canonical({"b": (1, 2), "a": "ü"}) == '{"a":"ü","b":[1,2]}'.encode()
    assert digest_of([]).startswith("sha256:")


@pytest.mark.parametrize(
    "value", [1.0, float("nan"), 2**53 + 1, {"ü": 1}, {1: 2}, b"x", {1, 2}, [[1.5]], object()]
)
def test_what_has_no_one_spelling_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        render_canonical(value)
