"""The spec-kit layout, its traps included."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.features.formats.layout import Draft, Reading
from workbench.features.formats.spec_kit import SpecKit
from workbench.features.outline import parse_outline
from workbench.model.feature import DeclaredCommand, DocumentRole, Task, TaskStatus


def read(files: Mapping[str, str]) -> Reading:
    return SpecKit().parse({path: parse_outline(path, text) for path, text in files.items()})


def only(files: Mapping[str, str]) -> Draft:
    (draft,) = read(files).drafts
    return draft


def test_a_folder_is_a_feature_with_its_documents_in_order_of_use() -> None:
    draft = only(
        {
            "specs/001-photo-albums/tasks.md": "# Tasks: x\n",
            "specs/001-photo-albums/spec.md": "# Feature Specification: Photo albums\n\n**Status**: Draft\n",
            "specs/001-photo-albums/plan.md": "# Implementation Plan: y\n",
            "specs/001-photo-albums/checklists/requirements.md": "- [ ] CHK001 no task\n",
            "specs/001-photo-albums/contracts/api.md": "# API\n",
        }
    )
    assert (draft.slug, draft.title, draft.declared and draft.declared.text) == (
        "001-photo-albums",
        "Photo albums",
        "Draft",
    )
    assert [(d.path.removeprefix("specs/001-photo-albums/"), d.role) for d in draft.documents] == [
        ("spec.md", DocumentRole.REQUIREMENTS),
        ("plan.md", DocumentRole.PLAN),
        ("tasks.md", DocumentRole.TASKS),
        ("checklists/requirements.md", DocumentRole.OTHER),
        ("contracts/api.md", DocumentRole.DESIGN),
    ]
    assert draft.tasks == ()


def test_a_task_line_is_read_whole() -> None:
    draft = only(
        {
            "specs/001-a/tasks.md": "## Phase 3: User Story 1 - Look (P1)\n\n"
            "- [X] T012 [P] [US1] Create model in src/a.py\n"
            "- [ ] T013 [US1] Run `pytest tests/test_a.py -q` (depends on T012)\n"
            "- [-] T014 Dropped\n"
            "- [~] T015 Under way\n\n**Checkpoint**: it can be looked at\n"
        }
    )
    assert [(p.phase_id, p.title, p.line) for p in draft.phases] == [
        ("phase-3", "User Story 1 - Look (P1)", 1)
    ]
    path = "specs/001-a/tasks.md"
    assert draft.tasks == (
        Task(
            task_id="T012",
            title="Create model in src/a.py",
            status=TaskStatus.DONE,
            path=path,
            line=3,
            phase="phase-3",
            is_parallel=True,
            requirements=("US1",),
        ),
        Task(
            task_id="T013",
            title="Run `pytest tests/test_a.py -q` (depends on T012)",
            status=TaskStatus.OPEN,
            path=path,
            line=4,
            phase="phase-3",
            depends_on=("T012",),
            requirements=("US1",),
        ),
        Task(task_id="T014", title="Dropped", status=TaskStatus.CANCELED, path=path, line=5, phase="phase-3"),
        Task(
            task_id="T015",
            title="Under way",
            status=TaskStatus.IN_PROGRESS,
            path=path,
            line=6,
            phase="phase-3",
        ),
    )
    assert draft.commands == (
        DeclaredCommand(
            command="pytest tests/test_a.py -q", purpose="task", path=path, line=4, task_id="T013"
        ),
    )


def test_a_repeated_id_is_read_as_another_task_and_reported() -> None:
    reading = read({"specs/001-a/tasks.md": "- [x] T001 a\n- [ ] T001 b\n- [ ] T003 c\n- [ ] T001 d\n"})
    assert [task.task_id for task in reading.drafts[0].tasks] == ["T001", "T001#2", "T003", "T001#3"]
    assert [problem.line for problem in reading.diagnostics] == [2, 4]


def test_template_text_left_in_the_status_is_reported_with_its_line() -> None:
    reading = read(
        {"specs/001-a/spec.md": "# Feature Specification: [FEATURE NAME]\n\n**Status**: [DRAFT]\n"}
    )
    assert reading.drafts[0].title == "A"
    assert [(d.line, d.problem) for d in reading.diagnostics] == [
        (3, "the status still is the template's own text, “[DRAFT]”")
    ]


def test_a_misspelt_status_is_understood_and_reported() -> None:
    (problem,) = read({"specs/001-a/spec.md": "**Status**: In Progess\n"}).diagnostics
    assert problem.problem == "the status “In Progess” is read as in progress"


def test_dependencies_are_the_folders_that_the_key_names() -> None:
    draft = only({"specs/003-c/spec.md": "**Depends on**: `001-a`, 002-b. and 003-c\n"})
    assert draft.depends_on == ("001-a", "002-b")


def test_tasks_without_ids_and_notes_below_tasks() -> None:
    draft = only({"specs/001-a/tasks.md": "## Phase 1: X\n- [ ] first\n  - [ ] a note\n- [x] second\n"})
    assert [(task.task_id, task.title) for task in draft.tasks] == [
        ("phase-1.1", "first"),
        ("phase-1.2", "second"),
    ]


def test_names_with_spaces_and_other_scripts_are_features() -> None:
    files = {
        "specs/001-写真 アルバム/spec.md": "# 写真 🎉\n",
        "specs/readme.md": "x",
        "specs/notes/spec.md": "x",
    }
    assert [(draft.slug, draft.title) for draft in read(files).drafts] == [("001-写真 アルバム", "写真 🎉")]


def test_a_folder_without_its_chief_documents_is_no_feature() -> None:
    assert read({"specs/001-a/research.md": "x"}) == Reading(drafts=())


@settings(max_examples=200)
@given(st.text(alphabet="-[]xX~ T0123P`US()depnso:#*Phase\n", max_size=300))
def test_no_task_list_makes_it_fail_and_ids_are_unique(text: str) -> None:
    (draft,) = read({"specs/001-a/tasks.md": text}).drafts
    ids = [task.task_id for task in draft.tasks]
    assert len(ids) == len(set(ids))
    assert all(1 <= task.line <= text.count("\n") + 1 for task in draft.tasks)
