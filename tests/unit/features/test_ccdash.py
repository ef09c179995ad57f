"""The CCDash layout, its traps included."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.features.formats.ccdash import CCDash
from workbench.features.formats.layout import Draft, Reading
from workbench.features.outline import parse_outline
from workbench.model.feature import DeclaredCommand, DocumentRole, FeatureStatus, Phase, Task, TaskStatus


def read(files: Mapping[str, str]) -> Reading:
    return CCDash().parse({path: parse_outline(path, text) for path, text in files.items()})


def only(files: Mapping[str, str]) -> Draft:
    (draft,) = read(files).drafts
    return draft


PRD = "docs/project_plans/PRDs/x/search-v1.md"
PLAN = "docs/project_plans/implementation_plans/x/search-v1.md"
PROGRESS = ".claude/progress/search-v1/phase-2-progress.md"


def test_prd_plan_and_progress_are_one_feature() -> None:
    draft = only(
        {
            PROGRESS: "---\ntype: progress\nprd: search-v1\nphase: 2\nstatus: in_progress\ntasks:\n"
            "  - id: TASK-2.1\n    description: Write the index\n    status: completed\n"
            "  - id: TASK-2.2\n    title: Read the index\n    status: pending\n    dependencies: [TASK-2.1]\n"
            "    command: bash t.sh\n---\n",
            PLAN: f"---\ndoc_type: implementation_plan\nprd_ref: {PRD}\n---\n# P\n"
            "## Phase 1: Think\n## Phase 2: Do\n",
            PRD: "---\ndoc_type: prd\nstatus: draft\ntitle: 'PRD: Search'\nfeature_slug: search-v1\n---\n",
        }
    )
    assert (draft.slug, draft.title, draft.declared and draft.declared.line) == ("search-v1", "Search", 3)
    assert [(d.path, d.role) for d in draft.documents] == [
        (PRD, DocumentRole.REQUIREMENTS),
        (PLAN, DocumentRole.PLAN),
        (PROGRESS, DocumentRole.PROGRESS),
    ]
    assert draft.phases == (
        Phase(
            phase_id="phase-1",
            title="Think",
            status=FeatureStatus.UNKNOWN,
            declared_status="",
            path=PLAN,
            line=6,
        ),
        Phase(
            phase_id="phase-2",
            title="Do",
            status=FeatureStatus.IN_PROGRESS,
            declared_status="in_progress",
            path=PROGRESS,
            line=5,
        ),
    )
    assert draft.tasks == (
        Task(
            task_id="TASK-2.1",
            title="Write the index",
            status=TaskStatus.DONE,
            path=PROGRESS,
            line=9,
            phase="phase-2",
            quote="completed",
        ),
        Task(
            task_id="TASK-2.2",
            title="Read the index",
            status=TaskStatus.OPEN,
            path=PROGRESS,
            line=12,
            phase="phase-2",
            depends_on=("TASK-2.1",),
            quote="pending",
        ),
    )
    assert draft.commands == (
        DeclaredCommand(command="bash t.sh", purpose="task", path=PROGRESS, line=14, task_id="TASK-2.2"),
    )


def test_documents_without_a_slug_are_joined_by_references_in_both_directions_and_over_steps() -> None:
    files = {
        "docs/prd.md": "---\ndoc_type: prd\ntitle: T\n---\n",
        "docs/plan.md": "---\ndoc_type: implementation_plan\nfeature_slug: x\nprd_ref: docs/prd.md\n---\n",
        "docs/phase.md": "---\ndoc_type: phase_plan\nplan_ref: docs/plan.md\n---\n",
        "docs/progress.md": "---\ndoc_type: progress\nplan_ref: ./docs/phase.md\n---\n",
        "docs/one.md": "---\ndoc_type: prd\nparent: docs/two.md\n---\n",
        "docs/two.md": "---\ndoc_type: prd\nparent: docs/one.md\n---\n",
    }
    drafts = {draft.slug: [d.path for d in draft.documents] for draft in read(files).drafts}
    assert drafts.pop("x") == ["docs/prd.md", "docs/phase.md", "docs/plan.md", "docs/progress.md"]
    assert sorted(path for paths in drafts.values() for path in paths) == ["docs/one.md", "docs/two.md"]


def test_any_docs_folder_counts_when_the_front_matter_says_what_it_is() -> None:
    files = {
        "docs/roadmap/a.md": "---\ndoc_type: PRD\nfeature_slug: a\n---\n",
        "docs/roadmap/README.md": "# about",
        "docs/tour/index.md": "---\ntitle: x\n---\n# not a plan",
        "services/docs/b.md": "---\ndoc_type: implementation-plan\nfeature_slug: b\n---\n",
    }
    assert [draft.slug for draft in read(files).drafts] == ["a", "b"]


def test_the_folder_tells_what_a_document_without_front_matter_is() -> None:
    files = {
        "docs/project_plans/PRDs/cache-v2.md": "# PRD: A cache\n",
        "docs/project_plans/reports/cache-v2.md": "# Report: slow\n",
        "docs/project_plans/README.md": "# about",
        "progress/cache-v2/phase-1-progress.md": "# Progress\n- [x] TASK-1.1 Begin\n- [ ] TASK-1.2 End\n",
    }
    draft = only(files)
    assert (draft.slug, draft.title) == ("cache-v2", "A cache")
    assert [d.role for d in draft.documents] == [
        DocumentRole.REQUIREMENTS,
        DocumentRole.PROGRESS,
        DocumentRole.REPORT,
    ]
    assert [(t.task_id, t.status, t.phase) for t in draft.tasks] == [
        ("TASK-1.1", TaskStatus.DONE, "phase-1"),
        ("TASK-1.2", TaskStatus.OPEN, "phase-1"),
    ]


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("completed", TaskStatus.DONE),
        ("In-Progress", TaskStatus.IN_PROGRESS),
        ("in progress", TaskStatus.IN_PROGRESS),
        ("compelted", TaskStatus.DONE),
        ("deferred", TaskStatus.CANCELED),
        ("blocked", TaskStatus.BLOCKED),
        ("pending | in_progress | completed  # choose", TaskStatus.OPEN),
        ("", TaskStatus.OPEN),
    ],
)
def test_a_task_status_is_understood(word: str, status: TaskStatus) -> None:
    text = f"---\ndoc_type: progress\nfeature_slug: a\ntasks:\n  - id: A\n    status: {word}\n---\n"
    assert only({"docs/a.md": text}).tasks[0].status is status


def test_template_text_in_a_document_is_reported_without_its_comment() -> None:
    text = "---\ndoc_type: progress\nfeature_slug: a\n"
    text += "status: pending | in_progress | completed # choose one\n---\n"
    (problem,) = read({"docs/a.md": text}).diagnostics
    assert (problem.line, problem.problem) == (
        4,
        "the status still is the template's own text, “pending | in_progress | completed”",
    )


def test_template_text_is_no_status_and_broken_yaml_is_no_title() -> None:
    template = "---\ndoc_type: progress\nfeature_slug: a\nphase: 1\nstatus: pending | completed\n---\n"
    draft = only({"docs/a.md": template})
    assert (draft.declared, draft.phases[0].declared_status) == (None, "")
    broken = "---\ndoc_type: prd\nfeature_slug: b\ntitle: [unclosed\nstatus: : :\n---\n"
    reading = read({"docs/b.md": broken, "docs/c.md": broken.replace("b\n", "c\n") + "# The heading\n"})
    assert [(draft.title, draft.declared) for draft in reading.drafts] == [("b", None), ("The heading", None)]
    assert {problem.path for problem in reading.diagnostics} == {"docs/b.md", "docs/c.md"}


def test_broken_yaml_hides_neither_its_own_feature_nor_another() -> None:
    reading = read(
        {
            "docs/a.md": "---\ndoc_type: prd\ntitle: A: B\nfeature_slug: a\nstatus: draft\n---\n",
            "docs/b.md": "---\ndoc_type: prd\nfeature_slug: b\n---\n",
        }
    )
    assert [(draft.slug, draft.title) for draft in reading.drafts] == [("a", "A: B"), ("b", "b")]
    assert [(problem.path, problem.line) for problem in reading.diagnostics] == [("docs/a.md", 3)]


def test_boxes_in_a_plan_are_tasks_until_a_progress_file_has_some() -> None:
    plan = "---\ndoc_type: implementation_plan\nfeature_slug: a\n---\n## Phase 1: X\n- [x] TASK-1.1 One\n"
    assert [t.task_id for t in only({"docs/p.md": plan}).tasks] == ["TASK-1.1"]
    progress = (
        "---\ndoc_type: progress\nfeature_slug: a\nphase: 1\ntasks:\n  - {id: OWN, status: done}\n---\n"
    )
    assert [t.task_id for t in only({"docs/p.md": plan, "docs/q.md": progress}).tasks] == ["OWN"]


def test_a_feature_all_of_whose_documents_lie_in_an_archive_is_archived() -> None:
    text = "---\ndoc_type: prd\nfeature_slug: a\nstatus: draft\n---\n"
    assert only({"docs/project_plans/archive/a.md": text}).is_archived


def test_tasks_that_are_no_maps_and_fields_that_are_no_text_do_not_matter() -> None:
    text = "---\ndoc_type: progress\nfeature_slug: [a]\nstatus: {a: b}\nphase: []\n"
    text += "tasks: [one, {id: [x]}, [y]]\n---\n"
    assert [task.title for task in only({"docs/a.md": text}).tasks] == ["one", "task.2", "task.3"]


_WORDS = st.sampled_from(
    [
        *(
            "doc_type",
            "prd",
            "progress",
            "feature_slug",
            "tasks",
            "status",
            "phase",
            "a",
            "- ",
            "[",
            "]",
            "{",
            "}",
        ),
        *(": ", "\n", "\n  ", "'", "#", "|", "&x ", "*x", "depends_on"),
    ]
)


@settings(max_examples=300)
@given(st.lists(_WORDS, max_size=60))
def test_no_front_matter_makes_it_fail(words: list[str]) -> None:
    read({"docs/a.md": "---\ndoc_type: progress\n" + "".join(words) + "\n---\n- [ ] x\n"})
