"""The spec-kit layout: `specs/NNN-name/` with spec.md, plan.md and tasks.md, statuses in bold keys.

A feature's id is its folder's name. `- [ ] T001 [P] [US1] text`: [P] may run in parallel, [US1] names the
user story. Source of the layout: the templates of the public spec-kit project.
It reads no front matter, because the layout has none, and no file, because scan does that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from workbench.features.document import Outline
from workbench.features.formats.layout import (
    PHASE,
    Declared,
    Draft,
    Need,
    Reading,
    check_commands,
    status_problems,
    task_commands,
    with_unique_ids,
)
from workbench.features.words import is_template_text
from workbench.model.feature import (
    Diagnostic,
    Document,
    DocumentRole,
    FeatureStatus,
    Phase,
    Task,
    TaskStatus,
)

_FEATURE = re.compile(r"specs/(?P<slug>\d{3,}-[^/]+)/(?P<rest>.+\.md)$")
_TITLE = re.compile(
    r"^(?:feature specification|implementation plan|specification|spec|tasks|plan)[ \t]*:[ \t]*", re.I
)
_TASK = re.compile(r"(?:\*\*)?(?P<id>T\d{1,5}[a-z]?)(?:\*\*)?[:.]?[ \t]+(?P<rest>.*)$")
_TAG = re.compile(r"\[(?P<tag>P|US\d{1,3})\][ \t]*", re.I)
_DEPENDS = re.compile(r"\((?:depends on|after|needs)[ \t:]+(?P<ids>[^)]{1,200})\)", re.I)
_TASK_ID = re.compile(r"T\d{1,5}[a-z]?")
_SLUG = re.compile(r"\d{3,}-[\w.-]+")
_MARKS = {
    " ": TaskStatus.OPEN,
    "x": TaskStatus.DONE,
    "X": TaskStatus.DONE,
    "✓": TaskStatus.DONE,
    "✔": TaskStatus.DONE,
    "-": TaskStatus.CANCELED,
    "~": TaskStatus.IN_PROGRESS,
    "/": TaskStatus.IN_PROGRESS,
    ">": TaskStatus.IN_PROGRESS,
    "!": TaskStatus.BLOCKED,
}
_ROLES = {
    "spec.md": DocumentRole.REQUIREMENTS,
    "plan.md": DocumentRole.PLAN,
    "tasks.md": DocumentRole.TASKS,
    "research.md": DocumentRole.RESEARCH,
    "data-model.md": DocumentRole.DESIGN,
    "quickstart.md": DocumentRole.DESIGN,
}


class SpecKit:
    """Reads spec-kit's folders."""

    name = "spec-kit"
    looked_for = "specs/NNN-name/ with spec.md, plan.md or tasks.md (spec-kit)"

    def may_hold(self, folder: str) -> bool:
        return folder in ("", "specs") or (folder.startswith("specs/") and folder.count("/") <= 3)

    def wants(self, path: str) -> bool:
        return _FEATURE.match(path) is not None

    def parse(self, outlines: Mapping[str, Outline]) -> Reading:
        folders: dict[str, dict[str, Outline]] = {}
        for path in sorted(outlines):
            if match := _FEATURE.match(path):
                folders.setdefault(match["slug"], {})[match["rest"]] = outlines[path]
        drafts: list[Draft] = []
        problems: list[Diagnostic] = []
        for slug, parts in sorted(folders.items()):
            if parts.keys() & {"spec.md", "plan.md", "tasks.md"}:
                draft, found = _draft_of(slug, parts)
                drafts.append(draft)
                problems += found
        return Reading(drafts=tuple(drafts), diagnostics=tuple(problems))


def _draft_of(slug: str, parts: Mapping[str, Outline]) -> tuple[Draft, list[Diagnostic]]:
    problems: list[Diagnostic] = [problem for part in parts.values() for problem in part.problems]
    declared = _declared(parts)
    if declared is not None:
        problems += status_problems(declared)
        declared = None if declared.word().is_template else declared
    phases: tuple[Phase, ...] = ()
    tasks: tuple[Task, ...] = ()
    if "tasks.md" in parts:
        phases, tasks = _tasks_of(parts["tasks.md"])
        tasks, repeated = with_unique_ids(tasks)
        problems += repeated
    chief = [parts[name] for name in ("spec.md", "plan.md", "tasks.md") if name in parts]
    needs = _needs_of(slug, chief)
    return (
        Draft(
            slug=slug,
            title=_title_of(slug, chief),
            layout=SpecKit.name,
            declared=declared,
            documents=tuple(
                Document(
                    path=part.path,
                    role=_ROLES.get(
                        name, DocumentRole.DESIGN if name.startswith("contracts/") else DocumentRole.OTHER
                    ),
                    title=part.title().text,
                    line=part.title().line,
                )
                for name, part in sorted(parts.items(), key=lambda item: (_rank(item[0]), item[0]))
            ),
            phases=phases,
            tasks=tasks,
            depends_on=tuple(need.name for need in needs),
            needs=needs,
            commands=task_commands(tasks) + check_commands(chief),
        ),
        problems,
    )


def _rank(name: str) -> int:
    return list(_ROLES).index(name) if name in _ROLES else len(_ROLES)


def _declared(parts: Mapping[str, Outline]) -> Declared | None:
    for name in ("spec.md", "tasks.md", "plan.md"):
        if name in parts and (quote := parts[name].keys.get("status")) and quote.text:
            return Declared(text=quote.text, path=parts[name].path, line=quote.line)
    return None


def _title_of(slug: str, chief: list[Outline]) -> str:
    for outline in chief:
        top = next((heading.text for heading in outline.headings if heading.level == 1), "")
        title = _TITLE.sub("", top).strip()
        if title and not is_template_text(title):
            return title
    return slug.split("-", 1)[-1].replace("-", " ").capitalize()


def _needs_of(slug: str, chief: list[Outline]) -> tuple[Need, ...]:
    found: dict[str, Need] = {}
    for outline in chief:
        for key in ("depends on", "dependencies", "blocked by"):
            if quote := outline.keys.get(key):
                for other in _SLUG.findall(quote.text):
                    name = other.rstrip(".")
                    if name != slug:
                        found.setdefault(name, Need(name=name, path=outline.path, line=quote.line))
    return tuple(found.values())


def _tasks_of(outline: Outline) -> tuple[tuple[Phase, ...], tuple[Task, ...]]:
    phases: list[Phase] = []
    phase_at: dict[int, str] = {}
    current = ""
    for index, heading in enumerate(outline.headings):
        if heading.level == 2:
            match = PHASE.match(heading.text)
            current = f"phase-{match[1].lower()}" if match else ""
            if match and current not in {phase.phase_id for phase in phases}:
                phases.append(
                    Phase(
                        phase_id=current,
                        title=match[2].strip() or heading.text,
                        status=FeatureStatus.UNKNOWN,
                        declared_status="",
                        path=outline.path,
                        line=heading.line,
                    )
                )
        phase_at[index] = current
    tasks: list[Task] = []
    counts: dict[str, int] = {}
    for box in outline.boxes:
        match = _TASK.match(box.text)
        phase = phase_at.get(box.heading, "")
        # A box without an id under an indented list is a note to its task, not a task of its own.
        if match is None and box.indent >= 2 and tasks:
            continue
        counts[phase] = counts.get(phase, 0) + 1
        rest = match["rest"] if match else box.text
        tags: list[str] = []
        while tag := _TAG.match(rest):
            tags.append(tag["tag"].upper())
            rest = rest[tag.end() :]
        depends = _DEPENDS.search(rest)
        tasks.append(
            Task(
                task_id=match["id"] if match else f"{phase or 'task'}.{counts[phase]}",
                title=rest.strip(),
                status=_MARKS.get(box.mark, TaskStatus.OPEN),
                path=outline.path,
                line=box.line,
                phase=phase,
                depends_on=tuple(_TASK_ID.findall(depends["ids"])) if depends else (),
                is_parallel="P" in tags,
                requirements=tuple(tag for tag in tags if tag != "P"),
            )
        )
    return tuple(phases), tuple(tasks)
