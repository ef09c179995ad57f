"""Turns the many words that documents use for a status into the few that the workbench knows.

The table is the rule; decoration around a word (an emoji, a date, a percentage) is ignored, and a word
one slip away from a known one counts as that one. Template text that nobody filled in counts as nothing.
It does not decide whether a status is true: infer does.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from workbench.model.feature import FeatureStatus, TaskStatus

_WORDS: dict[FeatureStatus, tuple[str, ...]] = {
    FeatureStatus.DRAFT: (
        "draft",
        "drafting",
        "proposed",
        "proposal",
        "idea",
        "new",
        "exploring",
        "inferred",
    ),
    FeatureStatus.PLANNED: (
        *(
            "planned",
            "planning",
            "plan",
            "approved",
            "accepted",
            "ready",
            "ready for dev",
            "ready for development",
        ),
        *(
            "ready for implementation",
            "todo",
            "to do",
            "pending",
            "backlog",
            "not started",
            "not done",
            "open",
        ),
        *("queued", "scheduled", "specified", "clarified", "tasked"),
    ),
    FeatureStatus.IN_PROGRESS: (
        *("in progress", "inprogress", "progress", "wip", "work in progress", "started", "active", "doing"),
        *(
            "implementing",
            "in development",
            "developing",
            "ongoing",
            "underway",
            "partial",
            "partially complete",
        ),
        *("partially completed", "partially done", "incomplete", "unfinished", "mostly complete", "in work"),
    ),
    FeatureStatus.IN_REVIEW: (
        *("in review", "inreview", "review", "reviewing", "under review", "ready for review", "needs review"),
        *("validating", "in validation", "testing", "in testing", "qa"),
    ),
    FeatureStatus.BLOCKED: (
        "blocked",
        "on hold",
        "onhold",
        "hold",
        "paused",
        "stalled",
        "waiting",
        "at risk",
    ),
    FeatureStatus.DONE: (
        *(
            "done",
            "complete",
            "completed",
            "finished",
            "implemented",
            "shipped",
            "merged",
            "closed",
            "released",
        ),
        *("delivered", "resolved", "final", "passed", "ok"),
    ),
    FeatureStatus.ARCHIVED: (
        *(
            "archived",
            "archive",
            "superseded",
            "deprecated",
            "obsolete",
            "abandoned",
            "canceled",
            "cancelled",
        ),
        *("rejected", "withdrawn", "wont do", "deferred", "skipped", "dropped", "na", "n a"),
    ),
}
_NOT_WORD = re.compile(r"[^a-z0-9]+")


@dataclass(frozen=True, slots=True)
class StatusWord:
    """What a status text means. `is_template` is true for text that a template left in place."""

    status: FeatureStatus
    is_template: bool = False
    is_misspelt: bool = False


def parse_status(text: str) -> StatusWord:
    """Returns the meaning of a status text; UNKNOWN for an empty, foreign or template one."""
    if is_template_text(text):
        return StatusWord(FeatureStatus.UNKNOWN, is_template=True)
    # An apostrophe joins ("won't do"), everything else that is no letter or digit parts words.
    words = _NOT_WORD.sub(" ", text[:200].casefold().replace("'", "")).split()
    table = _table()
    for length in range(min(len(words), 4), 0, -1):
        if found := table.get(" ".join(words[:length])):
            return StatusWord(found)
    if not words:
        return StatusWord(FeatureStatus.UNKNOWN)
    return _closest(words, table)


def task_status_of(word: StatusWord) -> TaskStatus:
    """Returns the task status that a status word means; an unknown word is an open task."""
    match word.status:
        case FeatureStatus.DONE:
            return TaskStatus.DONE
        case FeatureStatus.IN_PROGRESS | FeatureStatus.IN_REVIEW:
            return TaskStatus.IN_PROGRESS
        case FeatureStatus.BLOCKED:
            return TaskStatus.BLOCKED
        case FeatureStatus.ARCHIVED:
            return TaskStatus.CANCELED
        case _:
            return TaskStatus.OPEN


def is_template_text(text: str) -> bool:
    """Says whether a value still offers its choices ("a | b # …") or is a placeholder ("[DATE]", "{{x}}")."""
    stripped = text.strip()
    if (
        stripped.count("|") >= 1
        and len(stripped.split("|")) >= 2
        and all(p.strip() for p in stripped.split("|"))
    ):
        return True
    return bool(re.match(r"(\[[^\]]{1,80}\]|\{\{.{1,80}\}\}|\{[^}]{1,80}\}|<[^>]{1,80}>)", stripped)) or (
        stripped.startswith("$ARG")
    )


@functools.cache
def _table() -> dict[str, FeatureStatus]:
    return {word: status for status, words in _WORDS.items() for word in words}


def _closest(words: list[str], table: dict[str, FeatureStatus]) -> StatusWord:
    """Accepts one slip (a letter lost, doubled, changed, or two swapped) in five letters or more."""
    for length in (3, 2, 1):
        candidate = " ".join(words[:length])
        if len(candidate) < 5:
            continue
        for known, status in table.items():
            if len(known) >= 5 and _is_one_slip(candidate, known):
                return StatusWord(status, is_misspelt=True)
    return StatusWord(FeatureStatus.UNKNOWN)


def _is_one_slip(left: str, right: str) -> bool:
    if abs(len(left) - len(right)) > 1:
        return False
    start = next((i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), None)
    if start is None:
        return True
    tail_left, tail_right = left[start:], right[start:]
    return (
        tail_left[1:] == tail_right[1:]
        or tail_left[1:] == tail_right
        or tail_left == tail_right[1:]
        or (tail_left[2:] == tail_right[2:] and tail_left[:2] == tail_right[1::-1])
    )
