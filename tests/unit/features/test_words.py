"""Status words, however they are written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.features.words import is_template_text, parse_status, task_status_of
from workbench.model.feature import FeatureStatus, TaskStatus


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Draft", FeatureStatus.DRAFT),
        ("In-Progress", FeatureStatus.IN_PROGRESS),
        ("In Progress", FeatureStatus.IN_PROGRESS),
        ("in_progress", FeatureStatus.IN_PROGRESS),
        ("✅ Complete", FeatureStatus.DONE),
        ("COMPLETED (2026-01-02)", FeatureStatus.DONE),
        ("In Progress - 60%", FeatureStatus.IN_PROGRESS),
        ("Draft (awaiting review)", FeatureStatus.DRAFT),
        ("incomplete", FeatureStatus.IN_PROGRESS),
        ("not started", FeatureStatus.PLANNED),
        ("not done", FeatureStatus.PLANNED),
        ("won't do", FeatureStatus.ARCHIVED),
        ("superseded", FeatureStatus.ARCHIVED),
        ("under review", FeatureStatus.IN_REVIEW),
        ("on hold", FeatureStatus.BLOCKED),
        ("", FeatureStatus.UNKNOWN),
        ("purple", FeatureStatus.UNKNOWN),
        ("完成", FeatureStatus.UNKNOWN),
    ],
)
def test_a_status_word_is_known_however_it_is_decorated(text: str, status: FeatureStatus) -> None:
    word = parse_status(text)
    assert (word.status, word.is_misspelt, word.is_template) == (status, False, False)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("compelted", FeatureStatus.DONE),
        ("in_progess", FeatureStatus.IN_PROGRESS),
        ("Drafft", FeatureStatus.DRAFT),
        ("archved", FeatureStatus.ARCHIVED),
    ],
)
def test_a_word_one_slip_away_counts_and_is_marked_as_misspelt(text: str, status: FeatureStatus) -> None:
    word = parse_status(text)
    assert (word.status, word.is_misspelt) == (status, True)


@pytest.mark.parametrize(
    "text",
    ["pending | in_progress | completed", "draft|approved", "[DRAFT/APPROVED]", "{{status}}", "<status>"],
)
def test_template_text_left_in_place_means_nothing(text: str) -> None:
    assert is_template_text(text)
    assert parse_status(text).status is FeatureStatus.UNKNOWN
    assert parse_status(text).is_template


def test_each_status_word_has_a_task_status() -> None:
    words = {"todo": "open", "wip": "in_progress", "review": "in_progress", "blocked": "blocked"}
    words |= {"done": "done", "cancelled": "canceled", "nonsense": "open"}
    assert {word: task_status_of(parse_status(word)).value for word in words} == words
    assert task_status_of(parse_status("a | b")) is TaskStatus.OPEN


@given(st.text(max_size=300))
def test_no_text_makes_it_fail_and_the_answer_does_not_change(text: str) -> None:
    assert parse_status(text) == parse_status(text)
