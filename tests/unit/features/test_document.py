"""Questions that layouts ask of an outline."""

from __future__ import annotations

from workbench.features.document import Outline, Quote, Value
from workbench.features.outline import parse_outline


def test_the_first_field_with_text_answers_and_lists_are_joined() -> None:
    outline = parse_outline("a.md", "---\nempty:\nname: N\nlist: [a, '', b]\none: c\n---\n# Heading\n")
    assert outline.text_of("empty", "missing", "name") == "N"
    assert outline.quote_of("empty") is None
    assert outline.texts_of("list", "missing", "one") == ("a", "b", "c")
    assert outline.title() == Quote(text="N", line=3)


def test_without_a_title_field_the_first_heading_is_the_title_and_else_nothing() -> None:
    assert parse_outline("a.md", "text\n## H\n").title() == Quote(text="H", line=2)
    assert Outline(path="a.md").title() == Quote(text="", line=1)
    assert Value(line=1).texts() == ()
