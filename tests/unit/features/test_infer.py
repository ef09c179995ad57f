"""What the facts say against what the documents say, in both directions."""

from __future__ import annotations

import pytest

from workbench.features.commits import Commits
from workbench.features.formats.layout import Declared, Draft
from workbench.features.infer import infer_feature, status_of_tasks
from workbench.model.feature import (
    Document,
    DocumentRole,
    Evidence,
    Feature,
    FeatureStatus,
    Phase,
    Task,
    TaskStatus,
)

OPEN, BEGUN, BLOCKED, DONE, CANCELED = (
    TaskStatus.OPEN,
    TaskStatus.IN_PROGRESS,
    TaskStatus.BLOCKED,
    TaskStatus.DONE,
    TaskStatus.CANCELED,
)


def tasks(*statuses: TaskStatus, phase: str = "") -> tuple[Task, ...]:
    return tuple(
        Task(
            task_id=f"{phase}T{n}", title=f"do {n}", status=status, path="tasks.md", line=n + 10, phase=phase
        )
        for n, status in enumerate(statuses, 1)
    )


def infer(
    declared: str = "",
    found: tuple[Task, ...] = (),
    phases: tuple[Phase, ...] = (),
    roles: tuple[DocumentRole, ...] = (DocumentRole.REQUIREMENTS,),
    is_archived: bool = False,
    plan: str = "",
) -> Feature:
    draft = Draft(
        slug="a",
        title="A",
        layout="test",
        declared=Declared(text=declared, path="spec.md", line=3) if declared else None,
        also_declared=(Declared(text=plan, path="plan.md", line=4),) if plan else (),
        documents=tuple(Document(path="spec.md", role=role) for role in roles),
        tasks=found,
        phases=phases,
        is_archived=is_archived,
    )
    return infer_feature(draft, "a", Commits(head="c1", whole={"spec.md"}))


def phase(number: int, declared: str, status: FeatureStatus) -> Phase:
    return Phase(
        phase_id=f"phase-{number}",
        title="P",
        status=status,
        declared_status=declared,
        path="progress.md",
        line=number,
    )


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ((), FeatureStatus.UNKNOWN),
        ((CANCELED,), FeatureStatus.UNKNOWN),
        ((OPEN, OPEN), FeatureStatus.PLANNED),
        ((OPEN, BLOCKED), FeatureStatus.PLANNED),
        ((BLOCKED, DONE), FeatureStatus.BLOCKED),
        ((OPEN, DONE), FeatureStatus.IN_PROGRESS),
        ((OPEN, BEGUN), FeatureStatus.IN_PROGRESS),
        ((DONE, CANCELED), FeatureStatus.DONE),
    ],
)
def test_tasks_alone_have_a_status(statuses: tuple[TaskStatus, ...], status: FeatureStatus) -> None:
    assert status_of_tasks(tasks(*statuses)) is status


def test_every_spec_says_draft_though_all_its_tasks_are_ticked() -> None:
    feature = infer("Draft", tasks(*[DONE] * 31))
    assert feature.inferred_status is FeatureStatus.DONE
    assert feature.drift == (
        Evidence(path="spec.md", line=3, commit="c1", fact="says “Draft”"),
        Evidence(path="tasks.md", line=41, commit=None, fact="T31 is done; 31 of 31 tasks ticked"),
    )


def test_declared_complete_with_open_tasks_is_drift_at_the_first_open_task() -> None:
    feature = infer("Complete", tasks(DONE, OPEN, OPEN))
    assert feature.inferred_status is FeatureStatus.IN_PROGRESS
    assert [(e.line, e.fact) for e in feature.drift] == [
        (3, "says “Complete”"),
        (12, "T2 is open; 1 of 3 tasks ticked"),
    ]


@pytest.mark.parametrize(
    ("declared", "statuses"),
    [
        ("In Progress", (DONE, OPEN)),
        ("Draft", (OPEN, OPEN)),
        ("Complete", (DONE, DONE)),
        ("Complete", (DONE, CANCELED)),
        ("purple", (DONE, OPEN)),
        ("", (DONE,)),
        ("archived", (DONE, OPEN)),
        ("in review", (DONE, DONE)),
    ],
)
def test_words_and_facts_that_agree_are_no_drift(declared: str, statuses: tuple[TaskStatus, ...]) -> None:
    assert infer(declared, tasks(*statuses)).drift == ()


def test_a_plans_status_is_held_against_the_tasks_too() -> None:
    feature = infer("in progress", tasks(DONE, OPEN), plan="completed")
    assert [(e.path, e.fact) for e in feature.drift] == [
        ("plan.md", "says “completed”"),
        ("tasks.md", "T2 is open; 1 of 2 tasks ticked"),
    ]
    assert infer("in progress", tasks(DONE, OPEN), plan="in progress").drift == ()


def test_a_status_of_one_phase_is_held_against_that_phases_tasks_alone() -> None:
    draft = Draft(
        slug="a",
        title="A",
        layout="test",
        declared=None,
        also_declared=tuple(
            Declared(text="completed", path=f"plan-{n}.md", line=2, phase=f"phase-{n}") for n in (1, 2)
        ),
        documents=(),
        tasks=tasks(DONE, phase="phase-1") + tasks(DONE, OPEN, phase="phase-2"),
    )
    assert [e.path for e in infer_feature(draft, "a", Commits()).drift] == ["plan-2.md", "tasks.md"]


def test_a_canceled_task_is_counted_as_the_list_counts_it_and_named() -> None:
    feature = infer("in progress", tasks(DONE, CANCELED, OPEN, OPEN))
    assert [e.fact for e in feature.evidence] == [
        "says “in progress”",
        "T1 is done; 1 of 4 tasks ticked, 1 canceled",
        "T3 is open; 1 of 4 tasks ticked, 1 canceled",
    ]


def test_in_review_stays_in_review_when_all_is_ticked() -> None:
    assert infer("in review", tasks(DONE)).inferred_status is FeatureStatus.IN_REVIEW


def test_a_phase_drifts_in_both_directions() -> None:
    feature = infer(
        "in progress",
        tasks(DONE, phase="phase-1") + tasks(DONE, OPEN, phase="phase-2"),
        (
            phase(1, "pending", FeatureStatus.PLANNED),
            phase(2, "completed", FeatureStatus.DONE),
        ),
    )
    assert [e.fact for e in feature.drift] == [
        "phase-1 says “pending”",
        "phase-1T1 is done; 1 of 1 task ticked",
        "phase-2 says “completed”",
        "phase-2T2 is open; 1 of 2 tasks ticked",
    ]
    assert [p.status for p in feature.phases] == [FeatureStatus.DONE, FeatureStatus.IN_PROGRESS]


def test_a_later_phase_that_says_it_is_open_keeps_the_feature_open() -> None:
    feature = infer(
        "in progress",
        tasks(DONE, phase="phase-1"),
        (phase(1, "", FeatureStatus.UNKNOWN), phase(2, "pending", FeatureStatus.PLANNED)),
    )
    assert (feature.inferred_status, feature.drift) == (FeatureStatus.IN_PROGRESS, ())


def test_phases_speak_where_no_task_does() -> None:
    feature = infer("completed", (), (phase(1, "in progress", FeatureStatus.IN_PROGRESS),))
    assert feature.inferred_status is FeatureStatus.IN_PROGRESS
    assert [e.fact for e in feature.drift] == [
        "says “completed”",
        "phase-1 says “in progress”",
    ]


def test_phases_that_are_all_done_are_cited_against_a_draft() -> None:
    feature = infer("draft", (), (phase(1, "completed", FeatureStatus.DONE),))
    assert [e.fact for e in feature.drift] == ["says “draft”", "phase-1 says “completed”"]


@pytest.mark.parametrize(
    ("declared", "roles", "status"),
    [
        ("approved", (DocumentRole.REQUIREMENTS,), FeatureStatus.PLANNED),
        ("completed", (DocumentRole.REQUIREMENTS,), FeatureStatus.DONE),
        ("", (DocumentRole.REQUIREMENTS, DocumentRole.PLAN), FeatureStatus.PLANNED),
        ("", (DocumentRole.REPORT,), FeatureStatus.DRAFT),
        ("purple", (DocumentRole.REPORT,), FeatureStatus.DRAFT),
    ],
)
def test_documents_and_words_count_where_no_fact_speaks(
    declared: str, roles: tuple[DocumentRole, ...], status: FeatureStatus
) -> None:
    feature = infer(declared, roles=roles)
    assert (feature.inferred_status, feature.drift) == (status, ())


def test_an_archived_feature_is_archived_whatever_its_tasks_say() -> None:
    assert infer("draft", tasks(OPEN), is_archived=True).inferred_status is FeatureStatus.ARCHIVED


@pytest.mark.parametrize(
    ("declared", "plan", "status", "drift"),
    [
        ("draft", "completed", FeatureStatus.DONE, ["says “draft”", "says “completed”"]),
        ("approved", "in progress", FeatureStatus.IN_PROGRESS, ["says “approved”", "says “in progress”"]),
        ("completed", "draft", FeatureStatus.DONE, ["says “completed”", "says “draft”"]),
        ("in progress", "draft", FeatureStatus.IN_PROGRESS, []),
        ("draft", "approved", FeatureStatus.PLANNED, []),
        ("draft", "purple", FeatureStatus.DRAFT, []),
        ("draft", "archived", FeatureStatus.DRAFT, []),
        ("in progress", "blocked", FeatureStatus.BLOCKED, ["says “in progress”", "says “blocked”"]),
        ("blocked", "in progress", FeatureStatus.BLOCKED, ["says “blocked”", "says “in progress”"]),
        (
            "in progress",
            "superseded",
            FeatureStatus.IN_PROGRESS,
            ["says “in progress”", "says “superseded”"],
        ),
    ],
)
def test_documents_that_contradict_each_other_are_drift_where_no_task_speaks(
    declared: str, plan: str, status: FeatureStatus, drift: list[str]
) -> None:
    feature = infer(declared, plan=plan)
    assert (feature.inferred_status, [e.fact for e in feature.drift]) == (status, drift)


@pytest.mark.parametrize(
    ("declared", "plan", "drift"),
    [
        ("in progress", "blocked", ["says “in progress”", "says “blocked”"]),
        ("in progress", "archived", ["says “in progress”", "says “archived”"]),
        ("in progress", "in review", []),
        ("in progress", "in progress", []),
    ],
)
def test_a_plan_that_contradicts_its_chief_document_is_drift_where_tasks_speak_too(
    declared: str, plan: str, drift: list[str]
) -> None:
    assert [e.fact for e in infer(declared, tasks(DONE, OPEN), plan=plan).drift] == drift


def test_a_finished_document_and_its_unfinished_plan_are_both_cited() -> None:
    feature = infer("completed", tasks(DONE, OPEN), plan="in progress")
    assert [e.fact for e in feature.drift] == [
        "says “completed”",
        "T2 is open; 1 of 2 tasks ticked",
        "says “in progress”",
    ]
