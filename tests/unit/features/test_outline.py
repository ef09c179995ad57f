"""Markdown taken apart: boxes, keys, headings and checks, each with the line git would show."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.features.document import Box, Heading, Quote
from workbench.features.outline import MAX_BOXES, parse_outline


def test_a_document_is_taken_apart_with_its_lines() -> None:
    outline = parse_outline(
        "specs/001-a/tasks.md",
        "# Tasks: A\n\n**Status**: Draft\n\n## Phase 1: Setup\n"
        "- [x] T001 One\n  * [ ] note\n1. [-] T002 Two\n",
    )
    assert outline.headings == (
        Heading(level=1, text="Tasks: A", line=1),
        Heading(level=2, text="Phase 1: Setup", line=5),
    )
    assert outline.keys == {"status": Quote(text="Draft", line=3)}
    assert outline.boxes == (
        Box(mark="x", text="T001 One", line=6, indent=0, heading=1),
        Box(mark=" ", text="note", line=7, indent=2, heading=1),
        Box(mark="-", text="T002 Two", line=8, indent=0, heading=1),
    )


@pytest.mark.parametrize(
    "line",
    [
        "**Status**: Draft",
        "**Status:** Draft",
        "- **Status**: Draft",
        "> **Status** : Draft",
        "**STATUS**: Draft",
    ],
)
def test_a_bold_key_is_read_in_every_common_spelling(line: str) -> None:
    assert parse_outline("a.md", line).keys == {"status": Quote(text="Draft", line=1)}


def test_several_keys_stand_on_one_line_between_bars_and_a_template_choice_stays_whole() -> None:
    outline = parse_outline("a.md", "**Branch**: `a` | **Date**: 2026 | **Status**: pending | done")
    assert {key: quote.text for key, quote in outline.keys.items()} == {
        "branch": "`a`",
        "date": "2026",
        "status": "pending | done",
    }


def test_fences_and_comments_hide_examples() -> None:
    text = "```md\n- [ ] no\n## no\n```\n<!-- - [ ] no -->\n"
    text += "<!--\n- [ ] no\n-->- [ ] after\n- [x] yes <!-- note -->"
    assert [box.text for box in parse_outline("a.md", text).boxes] == ["after", "yes"]


def test_a_longer_fence_holds_a_shorter_one() -> None:
    assert parse_outline("a.md", "````\n```\n- [ ] no\n````\n- [ ] yes").boxes[0].line == 5


def test_windows_line_ends_a_byte_order_mark_and_odd_breaks_do_not_shift_lines() -> None:
    text = "\ufeff---\r\ntitle: 日本語 🎉\r\n---\r\nfirst\x0bsecond\u2028third\x85\r\n- [X] 完了 ✅\r\n"
    outline = parse_outline("a.md", text)
    assert outline.title() == Quote(text="日本語 🎉", line=2)
    assert outline.boxes == (Box(mark="X", text="完了 ✅", line=5, indent=0, heading=-1),)


@pytest.mark.parametrize(
    "line",
    [
        "**Verify**: `bash tests/run.sh`",
        "Verify: `bash tests/run.sh`",
        "- Validation: `bash tests/run.sh` passes",
        "**Test command:** `bash tests/run.sh`",
    ],
)
def test_a_named_check_is_found(line: str) -> None:
    assert parse_outline("a.md", line).checks == (Quote(text="bash tests/run.sh", line=1),)


def test_links_and_plain_brackets_are_no_boxes() -> None:
    assert parse_outline("a.md", "- [a](b)\n- [](c)\n[ ] x\n- [link] text [x]\n-[ ] x").boxes == ()


def test_a_document_of_five_megabytes_is_read() -> None:
    text = "# Big\n" + "- [x] T001 words and words\n" * 200_000
    outline = parse_outline("a.md", text)
    assert len(outline.boxes) == MAX_BOXES
    assert "task boxes" in outline.problems[0].problem


@pytest.mark.parametrize("piece", ["**a", "<!--", "`", "- [", "#", "**a**:", "    ", "[x] ", "~~~"])
def test_a_long_line_of_one_pattern_is_read(piece: str) -> None:
    parse_outline("a.md", piece * 100_000)


@settings(max_examples=300)
@given(st.text(alphabet="#*[]xX- `~:<!>|Verify\n\r\t1.", max_size=300))
def test_no_text_makes_it_fail_and_every_line_exists(text: str) -> None:
    outline = parse_outline("a.md", text)
    lines = text.split("\n")
    for box in outline.boxes:
        assert f"[{box.mark if box.mark != ' ' else ''}" in lines[box.line - 1]
    for heading in outline.headings:
        assert heading.text in lines[heading.line - 1]
    for quote in outline.keys.values():
        assert quote.text in lines[quote.line - 1]
