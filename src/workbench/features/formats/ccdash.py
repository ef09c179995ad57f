"""The CCDash layout: YAML front matter with `doc_type` and `feature_slug`, progress files with their tasks.

It is known by front matter, in any `docs/` folder, `progress/` or `.claude/progress/`; documents under
`docs/project_plans/` count even without it. A feature's id is its `feature_slug`; documents without one are
joined by `prd_ref` and `plan_ref`, by the folder of a progress file, else by the file's own name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from workbench.features.document import Outline, Value
from workbench.features.formats.layout import (
    PHASE,
    Declared,
    Draft,
    Need,
    Reading,
    check_commands,
    status_problems,
    stem_of,
    task_commands,
    with_unique_ids,
)
from workbench.features.words import is_template_text, parse_status, task_status_of
from workbench.model.feature import (
    DeclaredCommand,
    Diagnostic,
    Document,
    DocumentRole,
    FeatureStatus,
    Phase,
    Task,
    TaskStatus,
)

_ROLES = {
    "prd": DocumentRole.REQUIREMENTS,
    "roadmap": DocumentRole.REQUIREMENTS,
    "requirements": DocumentRole.REQUIREMENTS,
    "implementation_plan": DocumentRole.PLAN,
    "phase_plan": DocumentRole.PLAN,
    "plan": DocumentRole.PLAN,
    "progress": DocumentRole.PROGRESS,
    "report": DocumentRole.REPORT,
    "spike": DocumentRole.RESEARCH,
    "research": DocumentRole.RESEARCH,
    "design_doc": DocumentRole.DESIGN,
    "design_spec": DocumentRole.DESIGN,
    "design": DocumentRole.DESIGN,
    "adr": DocumentRole.DESIGN,
}
_FOLDERS = {
    "prds": DocumentRole.REQUIREMENTS,
    "implementation_plans": DocumentRole.PLAN,
    "reports": DocumentRole.REPORT,
    "progress": DocumentRole.PROGRESS,
    "spikes": DocumentRole.RESEARCH,
    "design-specs": DocumentRole.DESIGN,
}
_ORDER = (
    DocumentRole.REQUIREMENTS,
    DocumentRole.PLAN,
    DocumentRole.PROGRESS,
    DocumentRole.DESIGN,
    DocumentRole.REPORT,
    DocumentRole.RESEARCH,
    DocumentRole.OTHER,
)
_MARKS = {
    "x": TaskStatus.DONE,
    "X": TaskStatus.DONE,
    "✓": TaskStatus.DONE,
    "-": TaskStatus.CANCELED,
    "~": TaskStatus.IN_PROGRESS,
    "/": TaskStatus.IN_PROGRESS,
    "!": TaskStatus.BLOCKED,
}
_TITLE = re.compile(
    r"^(?:prd|implementation plan|phase plan|plan|report|spike|progress)[ \t]*[:\-–—][ \t]*", re.I
)
_PHASE_FILE = re.compile(r"phase[-_ ]?(\d{1,3})", re.I)
_TASK_ID = re.compile(
    r"(?:\*\*)?([A-Z][A-Z0-9]{0,14}(?:-[A-Z0-9]{1,8})?[-.]?\d{1,4}(?:\.\d{1,4}){0,2}|\d{1,3}\.\d{1,3})"
    r"(?:\*\*)?[:.]?[ \t]+(.*)$"
)


class CCDash:
    """Reads CCDash's documents."""

    name = "ccdash"
    looked_for = (
        "Markdown with doc_type in its front matter under docs/, progress/ or .claude/progress/ (CCDash)"
    )

    def may_hold(self, folder: str) -> bool:
        if folder.startswith(".claude"):
            return folder == ".claude" or (folder + "/").startswith(".claude/progress/")
        parts = folder.split("/") if folder else []
        return len(parts) <= 1 or "docs" in parts[:3] or parts[0] == "progress"

    def wants(self, path: str) -> bool:
        folders = path.split("/")[:-1]
        return path.lower().endswith(".md") and (
            "docs" in folders or folders[:1] == ["progress"] or folders[:2] == [".claude", "progress"]
        )

    def parse(self, outlines: Mapping[str, Outline]) -> Reading:
        chosen = {path: role for path, outline in sorted(outlines.items()) if (role := _role_of(outline))}
        slugs = _slugs_of(chosen, outlines)
        groups: dict[str, list[Outline]] = {}
        for path in chosen:
            groups.setdefault(slugs[path], []).append(outlines[path])
        drafts: list[Draft] = []
        problems: list[Diagnostic] = []
        for slug, members in sorted(groups.items()):
            draft, found = _draft_of(slug, members, chosen)
            drafts.append(draft)
            problems += found
        return Reading(drafts=tuple(drafts), diagnostics=tuple(problems))


def _role_of(outline: Outline) -> DocumentRole | None:
    """Says what a document is for, or None when it is no planning document."""
    folders = [part.lower() for part in outline.path.split("/")[:-1]]
    kind = outline.text_of("doc_type").strip().lower().replace("-", "_").replace(" ", "_")
    if not kind and (outline.fields.get("tasks") or outline.fields.get("prd")):
        kind = outline.text_of("type").strip().lower()
    if kind:
        return _ROLES.get(kind, DocumentRole.OTHER)
    if stem_of(outline.path).lower() in ("readme", "index"):
        return None
    if "project_plans" in folders:
        found = next((_FOLDERS[part] for part in reversed(folders) if part in _FOLDERS), None)
        return found if outline.headings or outline.fields else None
    if folders[:1] == ["progress"] or folders[:2] == [".claude", "progress"]:
        return DocumentRole.PROGRESS if _PHASE_FILE.search(stem_of(outline.path)) else None
    return None


def _own_slug(outline: Outline, role: DocumentRole) -> str:
    slug = outline.text_of("feature_slug", "feature_slug_hint").strip()
    if slug:
        return slug
    if role is DocumentRole.PROGRESS:
        named = outline.text_of("prd", "feature").strip()
        if named and "/" not in named and not named.endswith(".md"):
            return named
        folder = outline.path.split("/")[-2] if "/" in outline.path else ""
        if folder and folder not in ("progress", "docs"):
            return folder
    return ""


def _slugs_of(chosen: Mapping[str, DocumentRole], outlines: Mapping[str, Outline]) -> dict[str, str]:
    """Gives every document its feature's slug: its own, else one it refers to, else one that refers to it."""
    own = {path: _own_slug(outlines[path], role) for path, role in chosen.items()}
    named_by: dict[str, str] = {}
    for path, slug in own.items():
        if slug:
            for target in _references(outlines[path]):
                named_by.setdefault(target, slug)
    found: dict[str, str] = {}
    for path in chosen:
        current, steps = path, 0
        # A plan may refer to a plan that refers to the PRD; a circle of references ends after four steps.
        while not (slug := own.get(current) or named_by.get(current, "")) and steps < 4:
            target = next(iter(_references(outlines[current])), "") if current in outlines else ""
            if not target or target == current:
                break
            current, steps = target, steps + 1
        found[path] = slug or stem_of(current)
    return found


def _references(outline: Outline) -> list[str]:
    """Returns the documents whose feature this one says it belongs to."""
    texts = (outline.text_of(name).strip() for name in ("prd_ref", "plan_ref", "parent", "prd"))
    paths = (text.removeprefix("./").removeprefix("/") for text in texts if text.endswith(".md"))
    return [path for path in paths if path != outline.path]


def _draft_of(
    slug: str, members: Sequence[Outline], roles: Mapping[str, DocumentRole]
) -> tuple[Draft, list[Diagnostic]]:
    ordered = sorted(members, key=lambda outline: (_ORDER.index(roles[outline.path]), outline.path))
    problems = [problem for outline in ordered for problem in outline.problems]
    plans = [outline for outline in ordered if roles[outline.path] is DocumentRole.PLAN]
    progress = [outline for outline in ordered if roles[outline.path] is DocumentRole.PROGRESS]
    said = _declared(ordered, roles)
    problems += [problem for declared in said for problem in status_problems(declared)]
    words = [declared for declared in said if not declared.word().is_template]
    phases = _phases_of(plans, progress)
    tasks, commands = _tasks_of(plans, progress)
    tasks, repeated = with_unique_ids(tasks)
    needs: dict[str, Need] = {}
    for outline in ordered:
        for quote in outline.quotes_of("depends_on", "blocked_by", "dependencies"):
            if quote.text != slug:
                needs.setdefault(quote.text, Need(name=quote.text, path=outline.path, line=quote.line))
    return (
        Draft(
            slug=slug,
            title=next((_TITLE.sub("", t).strip() for o in ordered if (t := o.title().text)), slug) or slug,
            layout=CCDash.name,
            declared=words[0] if words else None,
            also_declared=tuple(
                w for w in words[1:] if roles[w.path] in (DocumentRole.PLAN, DocumentRole.PROGRESS)
            ),
            documents=tuple(
                Document(path=o.path, role=roles[o.path], title=o.title().text, line=o.title().line)
                for o in ordered
            ),
            phases=phases,
            tasks=tasks,
            depends_on=tuple(needs),
            needs=tuple(needs.values()),
            commands=commands + check_commands(ordered, "validation_command", "test_command", "verify"),
            is_archived=all("archive" in o.path.lower().split("/") for o in ordered),
        ),
        problems + repeated,
    )


def _declared(ordered: Sequence[Outline], roles: Mapping[str, DocumentRole]) -> list[Declared]:
    found = ((o, o.quote_of("status") or o.keys.get("status")) for o in ordered)
    of_a_phase = (DocumentRole.PLAN, DocumentRole.PROGRESS)
    return [
        Declared(
            text=quote.text,
            path=outline.path,
            line=quote.line,
            phase=_phase_of(outline) if roles[outline.path] in of_a_phase else "",
        )
        for outline, quote in found
        if quote and quote.text
    ]


def _phase_of(outline: Outline) -> str:
    number = re.search(r"\d{1,3}", outline.text_of("phase")) or _PHASE_FILE.search(stem_of(outline.path))
    return f"phase-{int(number[number.lastindex or 0])}" if number else ""


def _phases_of(plans: Sequence[Outline], progress: Sequence[Outline]) -> tuple[Phase, ...]:
    """Joins the phases that plans name in headings with the progress files that report on them."""
    found: dict[str, Phase] = {}
    for outline in plans:
        for heading in outline.headings:
            if match := PHASE.match(heading.text):
                phase_id = f"phase-{match[1].lower()}"
                found.setdefault(
                    phase_id,
                    Phase(
                        phase_id=phase_id,
                        title=match[2].strip() or heading.text,
                        status=FeatureStatus.UNKNOWN,
                        declared_status="",
                        path=outline.path,
                        line=heading.line,
                    ),
                )
    for outline in progress:
        phase_id = _phase_of(outline)
        if not phase_id:
            continue
        status = outline.quote_of("status")
        if status and is_template_text(status.text):
            status = None
        title = outline.text_of("phase_title", "phase_name") or (
            found[phase_id].title if phase_id in found else _TITLE.sub("", outline.title().text)
        )
        found[phase_id] = Phase(
            phase_id=phase_id,
            title=title,
            status=parse_status(status.text).status if status else FeatureStatus.UNKNOWN,
            declared_status=status.text if status else "",
            path=outline.path,
            line=status.line if status else 1,
        )
    return tuple(sorted(found.values(), key=lambda phase: _phase_key(phase.phase_id)))


def _phase_key(phase_id: str) -> tuple[int, str]:
    number = re.search(r"\d{1,6}", phase_id)
    return (int(number[0]) if number else 0, phase_id)


def _tasks_of(
    plans: Sequence[Outline], progress: Sequence[Outline]
) -> tuple[tuple[Task, ...], tuple[DeclaredCommand, ...]]:
    """Reads tasks from progress files; from the plans' own boxes only when no progress file has any."""
    tasks: list[Task] = []
    commands: list[DeclaredCommand] = []
    for outline in sorted(progress, key=lambda o: (_phase_key(_phase_of(o)), o.path)):
        phase = _phase_of(outline)
        rows = outline.fields["tasks"].items if "tasks" in outline.fields else ()
        own = [_task_of(row, outline.path, phase, number) for number, row in enumerate(rows, 1)]
        tasks += [task for task, _ in own] or _boxes_of(outline, phase)
        commands += [command for _, command in own if command]
        if step := outline.quote_of("next_command"):
            commands.append(
                DeclaredCommand(command=step.text, purpose="task", path=outline.path, line=step.line)
            )
    if not tasks:
        tasks = [task for outline in plans for task in _boxes_of(outline, "")]
    named = {command.task_id for command in commands}
    return tuple(tasks), tuple(commands) + task_commands(t for t in tasks if t.task_id not in named)


def _task_of(row: Value, path: str, phase: str, number: int) -> tuple[Task, DeclaredCommand | None]:
    entries = row.entries

    def text(*names: str) -> str:
        return next((entries[name].text for name in names if name in entries and entries[name].text), "")

    task_id = text("id", "task_id") or f"{phase or 'task'}.{number}"
    needs = [entries[name] for name in ("dependencies", "depends_on", "blocked_by") if name in entries]
    # The line of the status is the line that proves it; without one, the line of the id is.
    said = next((entries[name] for name in ("status", "state", "id", "task_id") if name in entries), row)
    task = Task(
        task_id=task_id,
        title=" ".join(text("title", "name", "description", "task").split()) or row.text or task_id,
        status=task_status_of(parse_status(text("status", "state"))),
        path=path,
        line=said.line,
        quote=said.text,
        phase=phase,
        depends_on=tuple(name for value in needs for name in value.texts() if name.lower() != "none"),
        is_parallel=text("parallel", "is_parallel").lower() in ("true", "yes"),
        requirements=entries["requirements"].texts() if "requirements" in entries else (),
    )
    name = next((name for name in ("command", "next_command", "run") if text(name)), "")
    if not name:
        return task, None
    return task, DeclaredCommand(
        command=entries[name].text, purpose="task", path=path, line=entries[name].line, task_id=task_id
    )


def _boxes_of(outline: Outline, phase: str) -> list[Task]:
    tasks: list[Task] = []
    current: dict[int, str] = {}
    inside = phase
    for index, heading in enumerate(outline.headings):
        if not phase and (match := PHASE.match(heading.text)):
            inside = f"phase-{match[1].lower()}"
        current[index] = inside
    for number, box in enumerate(outline.boxes, 1):
        match = _TASK_ID.match(box.text)
        where = current.get(box.heading, phase)
        tasks.append(
            Task(
                task_id=match[1] if match else f"{where or 'task'}.{number}",
                title=(match[2] if match else box.text).strip(),
                status=_MARKS.get(box.mark, TaskStatus.OPEN),
                path=outline.path,
                line=box.line,
                phase=where,
            )
        )
    return tasks
