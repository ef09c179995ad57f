"""Names the facts about a feature that the rule table speaks of, and finds the task that comes next.

Each fact is one word with one meaning; `FACTS` lists them all. It picks no rule and builds no command.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from workbench.features.words import parse_status
from workbench.model.feature import DocumentRole, Evidence, Feature, FeatureStatus, Task, TaskStatus

FACTS = frozenset(
    {
        *(
            "archived",
            "all_done",
            "declared_done",
            "declared_open",
            "in_review",
            "blocked",
            "waits_for_feature",
        ),
        *("has_tasks", "unfinished_task", "ready_task", "task_in_progress", "started", "phase_just_done"),
        *("open_phase", "has_plan", "has_requirements", "has_report", "has_design"),
    }
)
_CLOSED = (TaskStatus.DONE, TaskStatus.CANCELED)
_FINISHED = (FeatureStatus.DONE, FeatureStatus.ARCHIVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The facts that hold, the next task (if any is ready), and the feature it waits for (if any).

    `why_waits` is the line that names that feature.
    """

    facts: frozenset[str]
    task: Task | None
    waits_for: str
    why_waits: Evidence | None = None


def situation_of(feature: Feature, others: Mapping[str, Feature]) -> Situation:
    """Returns where a feature stands among the others."""
    status = feature.inferred_status
    said = parse_status(feature.declared_status).status if feature.declared_status else FeatureStatus.UNKNOWN
    unfinished = [task for task in feature.tasks if task.status not in _CLOSED]
    task = _next_task(feature)
    waits_for = next((o for o in feature.depends_on if o in others and not _is_over(others[o])), "")
    named = dict(zip(feature.depends_on, feature.needs, strict=False))
    roles = {document.role for document in feature.documents}
    facts = {
        "archived": status is FeatureStatus.ARCHIVED,
        "all_done": status is FeatureStatus.DONE or (status is FeatureStatus.IN_REVIEW and not unfinished),
        "declared_done": said is FeatureStatus.DONE,
        "declared_open": bool(feature.declared_status)
        and said not in (FeatureStatus.DONE, FeatureStatus.ARCHIVED),
        "in_review": status is FeatureStatus.IN_REVIEW
        or (said is FeatureStatus.IN_REVIEW and not unfinished),
        "blocked": status is FeatureStatus.BLOCKED,
        "waits_for_feature": bool(waits_for),
        "has_tasks": bool(feature.tasks),
        "unfinished_task": bool(unfinished),
        "ready_task": task is not None,
        "task_in_progress": task is not None and task.status is TaskStatus.IN_PROGRESS,
        "started": any(t.status in (TaskStatus.DONE, TaskStatus.IN_PROGRESS) for t in feature.tasks),
        "phase_just_done": task is not None and _begins_a_phase(feature, task),
        "open_phase": any(phase.status not in _FINISHED for phase in feature.phases) and not unfinished,
        "has_plan": bool(roles & {DocumentRole.PLAN, DocumentRole.TASKS, DocumentRole.PROGRESS}),
        "has_requirements": DocumentRole.REQUIREMENTS in roles,
        "has_report": bool(roles & {DocumentRole.REPORT, DocumentRole.RESEARCH}),
        "has_design": DocumentRole.DESIGN in roles,
    }
    return Situation(
        facts=frozenset(name for name, holds in facts.items() if holds),
        task=task,
        waits_for=waits_for,
        why_waits=named.get(waits_for),
    )


def _is_over(feature: Feature) -> bool:
    return feature.inferred_status in _FINISHED


def _next_task(feature: Feature) -> Task | None:
    """Returns a task in progress, else the first open one; in each case one that waits for no other, if any.

    A dependency that no task has cannot be waited for: a wrong name is not worth a standstill.
    """
    closed = {task.task_id for task in feature.tasks if task.status in _CLOSED}
    known = {task.task_id for task in feature.tasks}

    def waits(task: Task) -> bool:
        return any(name in known and name not in closed for name in task.depends_on)

    begun = [task for task in feature.tasks if task.status is TaskStatus.IN_PROGRESS]
    if begun:
        return next((task for task in begun if not waits(task)), begun[0])
    return next((t for t in feature.tasks if t.status is TaskStatus.OPEN and not waits(t)), None)


def _begins_a_phase(feature: Feature, task: Task) -> bool:
    order = [phase.phase_id for phase in feature.phases]
    if task.phase not in order or order.index(task.phase) == 0:
        return False
    before = order[order.index(task.phase) - 1]
    own = [t for t in feature.tasks if t.phase == task.phase]
    earlier = [t for t in feature.tasks if t.phase == before]
    return (
        bool(earlier)
        and all(t.status in _CLOSED for t in earlier)
        and all(t.status in (TaskStatus.OPEN, TaskStatus.BLOCKED) for t in own)
    )
