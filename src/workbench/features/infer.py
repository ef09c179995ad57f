"""Says what state a feature is really in, from its tasks, phases and documents, and where its words differ.

Facts outrank words: ticked and open tasks first, then phases, then which documents exist; a declared status
counts only where no fact speaks. Every claim quotes words that stand on the cited line.
It reads nothing and recommends nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from workbench.features.commits import Commits
from workbench.features.formats.layout import Declared, Draft
from workbench.model.counted import render_count
from workbench.model.feature import (
    DocumentRole,
    Evidence,
    Feature,
    FeatureStatus,
    Phase,
    Task,
    TaskStatus,
)

_CLOSED = (TaskStatus.DONE, TaskStatus.CANCELED)
_UNDER_WAY = (FeatureStatus.IN_PROGRESS, FeatureStatus.IN_REVIEW, FeatureStatus.BLOCKED)
# What the layouts call a task that has no id of its own.
_NO_ID = re.compile(r"(?:phase-[\w.]+|task)\.\d+")


def infer_feature(draft: Draft, feature_id: str, commits: Commits) -> Feature:
    """Returns the finished feature: inferred status, drift in both directions, and evidence with commits."""
    phases = tuple(replace(phase, status=_phase_status(phase, draft.tasks)) for phase in draft.phases)
    inferred = _status_of(draft, phases)
    return Feature(
        feature_id=feature_id,
        slug=draft.slug,
        title=draft.title,
        format=draft.layout,
        declared_status=draft.declared.text if draft.declared else "",
        inferred_status=inferred,
        drift=one_claim_a_line((*_drift_of(draft, inferred, commits), *_phase_drift(draft, commits))),
        phases=phases,
        tasks=draft.tasks,
        documents=tuple(replace(d, commit=commits.of(d.path)) for d in draft.documents),
        depends_on=draft.depends_on,
        evidence=_evidence_of(draft, commits),
        commands=tuple(replace(c, commit=commits.at(c.path, c.line)) for c in draft.commands),
        needs=tuple(
            _evidence(need.path, need.line, f"depends on “{_short(need.name)}”", commits)
            for need in draft.needs
        ),
    )


def one_claim_a_line(claims: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Returns the claims without those about a line that an earlier one speaks of already."""
    first: dict[tuple[str, int], Evidence] = {}
    for claim in claims:
        first.setdefault((claim.path, claim.line), claim)
    return tuple(first.values())


def status_of_tasks(tasks: Sequence[Task]) -> FeatureStatus:
    """Returns what the tasks alone say; UNKNOWN when there is none that counts."""
    counting = [task for task in tasks if task.status is not TaskStatus.CANCELED]
    if not counting:
        return FeatureStatus.UNKNOWN
    done = sum(task.status is TaskStatus.DONE for task in counting)
    if done == len(counting):
        return FeatureStatus.DONE
    rest = [task for task in counting if task.status is not TaskStatus.DONE]
    if all(task.status is TaskStatus.BLOCKED for task in rest):
        return FeatureStatus.BLOCKED
    if done or any(task.status is TaskStatus.IN_PROGRESS for task in rest):
        return FeatureStatus.IN_PROGRESS
    return FeatureStatus.PLANNED


def _phase_status(phase: Phase, tasks: Sequence[Task]) -> FeatureStatus:
    from_tasks = status_of_tasks([task for task in tasks if task.phase == phase.phase_id])
    if from_tasks is FeatureStatus.DONE and phase.status is FeatureStatus.IN_REVIEW:
        return FeatureStatus.IN_REVIEW
    return phase.status if from_tasks is FeatureStatus.UNKNOWN else from_tasks


def _status_of(draft: Draft, phases: Sequence[Phase]) -> FeatureStatus:
    declared = draft.declared.word().status if draft.declared else FeatureStatus.UNKNOWN
    if draft.is_archived or declared is FeatureStatus.ARCHIVED:
        return FeatureStatus.ARCHIVED
    facts = status_of_tasks(draft.tasks)
    unmatched = [phase for phase in phases if not any(t.phase == phase.phase_id for t in draft.tasks)]
    if facts is FeatureStatus.DONE and any(_is_open(phase) for phase in unmatched):
        # Every written task is done, but a later phase has not been broken into tasks yet.
        return FeatureStatus.IN_PROGRESS
    if facts is FeatureStatus.DONE and declared is FeatureStatus.IN_REVIEW:
        return FeatureStatus.IN_REVIEW
    if facts is FeatureStatus.UNKNOWN:
        facts = _status_of_phases(phases)
    if facts is not FeatureStatus.UNKNOWN:
        return facts
    words = [declared, *(other.word().status for other in draft.also_declared)]
    if furthest := [
        status for status in words if status not in (FeatureStatus.UNKNOWN, FeatureStatus.ARCHIVED)
    ]:
        return max(furthest, key=list(FeatureStatus).index)
    roles = {document.role for document in draft.documents}
    if roles & {DocumentRole.PLAN, DocumentRole.TASKS, DocumentRole.PROGRESS}:
        return FeatureStatus.PLANNED
    return FeatureStatus.DRAFT if roles else FeatureStatus.UNKNOWN


def _is_open(phase: Phase) -> bool:
    return phase.declared_status != "" and phase.status not in (FeatureStatus.DONE, FeatureStatus.ARCHIVED)


def _status_of_phases(phases: Sequence[Phase]) -> FeatureStatus:
    known = [phase.status for phase in phases if phase.status is not FeatureStatus.UNKNOWN]
    if not known:
        return FeatureStatus.UNKNOWN
    if len(known) == len(phases) and all(status is FeatureStatus.DONE for status in known):
        return FeatureStatus.DONE
    if all(status in (FeatureStatus.DRAFT, FeatureStatus.PLANNED) for status in known):
        return FeatureStatus.PLANNED
    return FeatureStatus.BLOCKED if FeatureStatus.BLOCKED in known else FeatureStatus.IN_PROGRESS


def _drift_of(draft: Draft, inferred: FeatureStatus, commits: Commits) -> tuple[Evidence, ...]:
    apart: list[Evidence] = []
    if draft.declared is not None and (other := _contradiction(draft, draft.declared.word().status)):
        apart = [_claim(d, f"says “{_short(d.text)}”", commits) for d in (draft.declared, other)]
        if not _has_facts(draft):
            return tuple(apart)
    found: list[Evidence] = []
    # A phase's own report is compared with its phase's tasks, in _phase_drift.
    told = {(phase.path, phase.line) for phase in draft.phases if phase.declared_status}
    for declared in (draft.declared, *draft.also_declared):
        if declared is not None and (not declared.phase or (declared.path, declared.line) not in told):
            found += _parting(draft, declared, inferred, commits)
    # What the facts say against the plan already needs no other document's word.
    return tuple(dict.fromkeys(found if apart[1:] and apart[1] in found else (*found, *apart)))


def _has_facts(draft: Draft) -> bool:
    return bool(draft.tasks) or any(phase.declared_status for phase in draft.phases)


def _parting(draft: Draft, declared: Declared, inferred: FeatureStatus, commits: Commits) -> list[Evidence]:
    """Returns where one document's status parts from the facts it speaks of: its phase's tasks, or all."""
    tasks, facts = draft.tasks, inferred
    if declared.phase:
        tasks = tuple(task for task in draft.tasks if task.phase == declared.phase)
        facts = status_of_tasks(tasks)
    said = declared.word().status
    counting = [task for task in tasks if task.status is not TaskStatus.CANCELED]
    done = [task for task in counting if task.status is TaskStatus.DONE]
    rest = [task for task in counting if task.status is not TaskStatus.DONE]
    early = (FeatureStatus.DRAFT, FeatureStatus.PLANNED)
    behind = (said in early and done) or (
        said in (*early, FeatureStatus.IN_PROGRESS, FeatureStatus.BLOCKED) and facts is FeatureStatus.DONE
    )
    ahead = said is FeatureStatus.DONE and facts not in (FeatureStatus.DONE, FeatureStatus.ARCHIVED)
    if not (behind or ahead) or (declared.phase and not counting):
        return []
    if not (counting or ahead or facts is FeatureStatus.DONE):
        return []
    if counting:
        witness = rest[0] if ahead and rest else done[-1] if done else counting[0]
        return [
            _claim(declared, f"says “{_short(declared.text)}”", commits),
            _task_claim(witness, tasks, commits),
        ]
    telling = [phase for phase in draft.phases if phase.declared_status]
    against = next((phase for phase in telling if _is_open(phase)), telling[-1] if telling else None)
    claims = [_claim(declared, f"says “{_short(declared.text)}”", commits)]
    if against is not None:
        claims.append(_phase_claim(against, commits))
    return claims


def _contradiction(draft: Draft, said: FeatureStatus) -> Declared | None:
    """Returns the plan or report whose status parts from the chief document's.

    Where tasks or phases speak, a report on one phase is held against those instead.
    """
    others = [other for other in draft.also_declared if not (other.phase and _has_facts(draft))]
    statuses = [other.word().status for other in others]
    # A plan that another one took the place of says nothing against the feature.
    is_given_up = bool(others) and all(status is FeatureStatus.ARCHIVED for status in statuses)
    for other, status in zip(others, statuses, strict=True):
        if is_given_up and said in _UNDER_WAY:
            return other
        if status is not FeatureStatus.ARCHIVED and _contradict(said, status):
            return other
    return None


def _contradict(said: FeatureStatus, status: FeatureStatus) -> bool:
    """Says whether a plan cannot stand so while its chief document stands where it says."""
    if FeatureStatus.UNKNOWN in (said, status) or said is FeatureStatus.ARCHIVED:
        return False
    order = list(FeatureStatus)
    has_begun = order.index(status) >= order.index(FeatureStatus.IN_PROGRESS)
    is_ahead = said is FeatureStatus.DONE and status is not FeatureStatus.DONE
    is_stuck_alone = said is FeatureStatus.BLOCKED and has_begun and status is not said
    is_review = {said, status} == {FeatureStatus.IN_PROGRESS, FeatureStatus.IN_REVIEW}
    return (
        is_ahead
        or is_stuck_alone
        or (has_begun and not is_review and order.index(status) > order.index(said))
    )


def _phase_drift(draft: Draft, commits: Commits) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    for phase in draft.phases:
        own = [task for task in draft.tasks if task.phase == phase.phase_id]
        counting = [task for task in own if task.status is not TaskStatus.CANCELED]
        facts = status_of_tasks(own)
        if not phase.declared_status or not counting:
            continue
        done = any(task.status is TaskStatus.DONE for task in counting)
        early = phase.status in (FeatureStatus.DRAFT, FeatureStatus.PLANNED)
        differs = (
            (early and done)
            or (
                phase.status in (FeatureStatus.IN_PROGRESS, FeatureStatus.BLOCKED)
                and facts is FeatureStatus.DONE
            )
            or (phase.status is FeatureStatus.DONE and facts is not FeatureStatus.DONE)
        )
        if differs:
            rest = [task for task in counting if task.status is not TaskStatus.DONE]
            witness = rest[0] if phase.status is FeatureStatus.DONE else _last_done(counting)
            found += [_phase_claim(phase, commits), _task_claim(witness, own, commits)]
    return tuple(found)


def _evidence_of(draft: Draft, commits: Commits) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    if draft.declared is not None:
        found.append(_claim(draft.declared, f"says “{_short(draft.declared.text)}”", commits))
    if draft.tasks:
        done = [task for task in draft.tasks if task.status is TaskStatus.DONE]
        rest = [task for task in draft.tasks if task.status not in _CLOSED]
        witnesses = [*done[-1:], *rest[:1]]
        found += [_task_claim(witness, draft.tasks, commits) for witness in witnesses]
    return tuple(found)


def _tally(tasks: Sequence[Task]) -> str:
    """Counts as the list of features counts: a canceled task is one of all, and is named as such."""
    states = [task.status for task in tasks]
    canceled = states.count(TaskStatus.CANCELED)
    told = f"{states.count(TaskStatus.DONE)} of {render_count(len(states), 'task')} ticked"
    return f"{told}, {canceled} canceled" if canceled else told


def _claim(declared: Declared, fact: str, commits: Commits) -> Evidence:
    return _evidence(declared.path, declared.line, fact, commits)


def _phase_claim(phase: Phase, commits: Commits) -> Evidence:
    fact = f"{phase.phase_id} says “{_short(phase.declared_status)}”"
    return _evidence(phase.path, phase.line, fact, commits)


def _task_claim(task: Task, tasks: Sequence[Task], commits: Commits) -> Evidence:
    """What a task's box says, with the count over it and its like: the boxes are counted where they stand."""
    return _evidence(task.path, task.line, f"{task_said(task)}; {_tally(tasks)}", commits)


def task_said(task: Task) -> str:
    """Returns in words what a task's line says of it, with nothing quoted that is not on that line."""
    word = task.status.value.replace("_", " ")
    if task.quote == task.task_id:
        return f"“{_short(task.quote)}” is {word}"
    if task.quote:
        return f"{task.task_id} says “{_short(task.quote)}”"
    if _NO_ID.fullmatch(task.task_id):
        return f"{task.task_id}, “{_short(task.title)}”, is {word}"
    return f"{task.task_id} is {word}"


def _last_done(tasks: Sequence[Task]) -> Task:
    return [task for task in tasks if task.status is TaskStatus.DONE][-1]


def _evidence(path: str, line: int, fact: str, commits: Commits) -> Evidence:
    return Evidence(path=path, line=line, commit=commits.at(path, line), fact=fact)


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59]
