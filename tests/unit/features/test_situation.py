"""Which task comes next, and which facts hold."""

from __future__ import annotations

import pytest

from workbench.features.situation import FACTS, situation_of
from workbench.model.feature import Document, DocumentRole, Feature, FeatureStatus, Task, TaskStatus

OPEN, BEGUN, DONE = TaskStatus.OPEN, TaskStatus.IN_PROGRESS, TaskStatus.DONE


def feature(*rows: tuple[str, TaskStatus, tuple[str, ...]]) -> Feature:
    return Feature(
        feature_id="a",
        slug="a",
        title="A",
        format="test",
        declared_status="draft",
        inferred_status=FeatureStatus.IN_PROGRESS,
        tasks=tuple(
            Task(task_id=name, title=name, status=status, path="t.md", line=1, depends_on=needs)
            for name, status, needs in rows
        ),
        documents=(Document(path="t.md", role=DocumentRole.TASKS),),
        depends_on=("b",),
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("1", OPEN, ()), ("2", BEGUN, ())], "2"),
        ([("1", BEGUN, ("2",)), ("2", BEGUN, ())], "2"),
        ([("1", BEGUN, ("2",)), ("2", OPEN, ())], "1"),
        ([("1", OPEN, ("2",)), ("2", OPEN, ())], "2"),
        ([("1", OPEN, ("gone",))], "1"),
        ([("1", DONE, ()), ("2", OPEN, ("1",))], "2"),
        ([("1", OPEN, ("1",))], None),
        ([("1", TaskStatus.BLOCKED, ())], None),
        ([], None),
    ],
)
def test_the_next_task_is_begun_or_open_and_waits_for_nothing_where_one_does(
    rows: list[tuple[str, TaskStatus, tuple[str, ...]]], expected: str | None
) -> None:
    task = situation_of(feature(*rows), {}).task
    assert (task.task_id if task else None) == expected


def test_facts_are_of_the_listed_ones_and_an_unknown_dependency_is_not_waited_for() -> None:
    situation = situation_of(feature(("1", OPEN, ())), {})
    assert situation.facts <= FACTS
    assert situation.facts == {"declared_open", "has_tasks", "unfinished_task", "ready_task", "has_plan"}
    assert situation.waits_for == ""
