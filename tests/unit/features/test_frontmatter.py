"""YAML front matter: lines, verbatim scalars, and files that mean harm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.features.document import Value
from workbench.features.frontmatter import parse_front_matter


def parse(text: str) -> tuple[dict[str, Value], int, list[tuple[int, str]]]:
    fields, skip, problems = parse_front_matter("a.md", text.split("\n"))
    return fields, skip, [(problem.line, problem.problem) for problem in problems]


def test_scalars_stay_as_written_and_know_their_line() -> None:
    fields, skip, problems = parse(
        "---\nid: 001\nstatus: yes\ndue: 2026-02-30\nempty:\nnothing: null\nlist: [a, 'b c']\n---\nbody"
    )
    assert {name: (value.text, value.line) for name, value in fields.items()} == {
        "id": ("001", 2),
        "status": ("yes", 3),
        "due": ("2026-02-30", 4),
        "empty": ("", 5),
        "nothing": ("", 6),
        "list": ("", 7),
    }
    assert fields["list"].texts() == ("a", "b c")
    assert (skip, problems) == (8, [])


def test_tasks_in_a_list_of_maps_each_know_their_lines() -> None:
    fields, _, _ = parse("---\ntasks:\n  - id: A\n    status: done\n  - id: B\n    status: open\n---")
    rows = fields["tasks"].items
    assert [(row.entries["id"].text, row.entries["status"].line) for row in rows] == [("A", 4), ("B", 6)]


def test_a_block_text_stands_on_the_line_below_its_mark() -> None:
    fields, _, _ = parse("---\ncommand: >-\n  bash x.sh\nnext: 1\n---")
    assert (fields["command"].text, fields["command"].line) == ("bash x.sh", 3)


def test_breaks_that_only_yaml_knows_do_not_shift_the_lines() -> None:
    fields, _, problems = parse("---\na: one\u2028two\x85three\rfour\nstatus: draft\n---")
    assert (fields["status"].line, problems) == (3, [])


def test_invalid_yaml_is_reported_with_its_line_and_plain_keys_are_kept() -> None:
    fields, skip, problems = parse("---\ndoc_type: prd\ntitle: A: B: C\nfeature_slug: x # note\n---\n# T")
    assert problems[0][0] == 3
    assert "not valid YAML" in problems[0][1]
    assert {name: value.text for name, value in fields.items()} == {
        "doc_type": "prd",
        "title": "A: B: C",
        "feature_slug": "x",
    }
    assert skip == 5


@pytest.mark.parametrize("value", ["[unclosed", ": :", "{a", "'open", "- x", "@x", "[a, b]", "--", "|"])
def test_of_invalid_yaml_only_plain_words_are_kept(value: str) -> None:
    fields, _, problems = parse(f"---\ntitle: {value}\nstatus: [\nslug: 'a b'\n---")
    assert problems
    assert {name: found.text for name, found in fields.items()} == {"slug": "a b"}


def test_a_repeated_key_keeps_its_last_value_and_is_reported() -> None:
    fields, _, problems = parse("---\nstatus: draft\nstatus: done\n---")
    assert fields["status"].text == "done"
    assert problems == [(3, "the key `status` stands here a second time")]


@pytest.mark.parametrize("text", ["", "# T", "text\n---\na: b\n---", "---\nno end", " ---\na: b\n---"])
def test_a_document_without_front_matter_has_none(text: str) -> None:
    assert parse(text) == ({}, 0, [])


def test_a_yaml_bomb_is_refused_before_it_grows() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    fields, _, problems = parse("---\n" + "\n".join(lines) + "\nstatus: draft\n---")
    assert "aliases are expanded" in problems[0][1]
    assert fields["status"].text == "draft"


@pytest.mark.parametrize("opening", ["[", "{a: ", "- "])
def test_nesting_without_end_is_refused(opening: str) -> None:
    _, _, problems = parse("---\na: " + opening * 5000 + "\n---")
    assert problems


def test_tags_build_no_object() -> None:
    fields, _, _ = parse("---\na: !!python/object/apply:os.system ['false']\n---")
    assert fields["a"].texts() == ("false",)


def test_an_alias_without_anchor_and_one_to_itself_are_refused() -> None:
    assert parse("---\na: *nowhere\n---")[2]
    assert parse("---\na: &a [*a]\n---")[2]


@pytest.mark.parametrize(
    "text", ["- a\n- b", "only text", "? [a, b]\n: c", "a: \x01", "%YAML 9.9\n---\na: b"]
)
def test_what_is_no_map_of_keys_never_fails(text: str) -> None:
    parse(f"---\n{text}\n---")


@settings(max_examples=300)
@given(st.text(alphabet="abc:-[]{}&*!|>'\"#%@`?,\n \t01\\\r~", max_size=200))
def test_no_text_makes_it_fail_and_each_problem_has_a_line_of_the_document(text: str) -> None:
    document = f"---\n{text}\n---"
    _, _, problems = parse(document)
    assert all(1 <= line <= document.count("\n") + 1 for line, _ in problems)
