"""What a layout of planning documents must be able to say: where it lives, and which features it tells of.

A layout is given outlines that were already read and returns drafts; it does no IO and never fails:
what it cannot understand becomes a diagnostic. It does not judge whether a status is true: infer does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from workbench.features.document import Outline, Quote
from workbench.features.words import StatusWord, parse_status
from workbench.model.feature import (
    DeclaredCommand,
    Diagnostic,
    Document,
    FeatureStatus,
    Phase,
    Task,
)

PHASE = re.compile(r"phase[ \t]+(\d{1,3}(?:\.\d{1,3})?[a-z]?)\b[ \t]*[:.)\-–—]*[ \t]*(.*)$", re.IGNORECASE)
PROGRAMS = frozenset(
    {
        *(
            "bash",
            "bun",
            "cargo",
            "cmake",
            "composer",
            "deno",
            "docker",
            "dotnet",
            "gh",
            "git",
            "go",
            "gradle",
        ),
        *(
            "grep",
            "jest",
            "just",
            "make",
            "mvn",
            "mypy",
            "node",
            "npm",
            "npx",
            "php",
            "pip",
            "pnpm",
            "poetry",
        ),
        *("prettier", "pytest", "python", "python3", "rake", "rm", "ruby", "ruff", "sh", "swift", "task"),
        *("terraform", "tox", "tsc", "uv", "vitest", "yarn", "zig"),
    }
)
_COMMAND = re.compile(
    r"(?:(?P<lead>\b(?:run|runs|execute|verify|with|by|via|using|call|invoke))[ \t]*:?[ \t]*)?"
    r"`(?P<command>[^`\n]{2,400})`",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A status as a document words it, and where; `phase` is the one it speaks of, or ""."""

    text: str
    path: str
    line: int
    phase: str = ""

    def word(self) -> StatusWord:
        return parse_status(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Another feature that a document says this one depends on, as it is named there, and where."""

    name: str
    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A feature as one layout tells it, before anything is inferred and before commits are known.

    `declared` is the chief document's status; `also_declared` are those of its plans and progress reports.
    `needs` holds one for each name of `depends_on`, in its order.
    """

    slug: str
    title: str
    layout: str
    declared: Declared | None
    documents: tuple[Document, ...]
    also_declared: tuple[Declared, ...] = ()
    phases: tuple[Phase, ...] = ()
    tasks: tuple[Task, ...] = ()
    depends_on: tuple[str, ...] = ()
    commands: tuple[DeclaredCommand, ...] = ()
    is_archived: bool = False
    needs: tuple[Need, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """All that a layout found."""

    drafts: tuple[Draft, ...]
    diagnostics: tuple[Diagnostic, ...] = ()


class Layout(Protocol):
    """One way of keeping specs and tasks. One file a layout; several may live in one repository."""

    name: str
    looked_for: str

    def may_hold(self, folder: str) -> bool:
        """Says whether this folder (a repository path, "" for the root) may hold, or lead to, documents."""

    def wants(self, path: str) -> bool:
        """Says whether this file, by its path alone, may be one of the layout's documents."""

    def parse(self, outlines: Mapping[str, Outline]) -> Reading:
        """Returns the features that these documents tell of, in a stable order; none if it is absent."""


def with_unique_ids(tasks: Sequence[Task]) -> tuple[tuple[Task, ...], list[Diagnostic]]:
    """Returns the tasks with each id used once: a repeated one gets "#2", "#3" and a diagnostic."""
    seen: dict[str, int] = {}
    unique: list[Task] = []
    problems: list[Diagnostic] = []
    taken = {task.task_id for task in tasks}
    for task in tasks:
        count = seen[task.task_id] = seen.get(task.task_id, 0) + 1
        if count == 1:
            unique.append(task)
            continue
        while (new_id := f"{task.task_id}#{count}") in taken:
            count += 1
        taken.add(new_id)
        seen[task.task_id] = count
        unique.append(replace(task, task_id=new_id))
        problems.append(
            Diagnostic(
                path=task.path,
                line=task.line,
                problem=f"the task id {task.task_id} is used again here; it is read as {new_id}",
                remedy="give the task an id of its own",
            )
        )
    return tuple(unique), problems


def status_problems(declared: Declared) -> list[Diagnostic]:
    """Returns what a reader should mend about a status word: template text, a slip, an unknown word."""
    word = declared.word()
    shown = declared.text[:60]
    if word.is_template:
        problem = f"the status still is the template's own text, “{shown}”"
    elif word.is_misspelt:
        problem = f"the status “{shown}” is read as {word.status.value.replace('_', ' ')}"
    elif word.status is FeatureStatus.UNKNOWN and declared.text:
        problem = f"the status “{shown}” is no word the workbench knows"
    else:
        return []
    return [
        Diagnostic(
            path=declared.path,
            line=declared.line,
            problem=problem,
            remedy="write one of: draft, planned, in progress, in review, blocked, completed, archived",
        )
    ]


def command_in(text: str) -> str:
    """Returns the shell command that a task's text carries in backticks, or "".

    Only what reads as one counts: led in by a verb such as "Run", or beginning with a known program and an
    argument. A path or a name in backticks is no command.
    """
    for match in _COMMAND.finditer(text):
        command = match.group("command").strip()
        first, _, rest = command.partition(" ")
        is_program = first in PROGRAMS or first.startswith("./")
        if (is_program and rest.strip()) or (match.group("lead") and (is_program or rest.strip())):
            return command
    return ""


def task_commands(tasks: Iterable[Task]) -> tuple[DeclaredCommand, ...]:
    """Returns the commands that the tasks' own texts carry."""
    return tuple(
        DeclaredCommand(command=command, purpose="task", path=task.path, line=task.line, task_id=task.task_id)
        for task in tasks
        if (command := command_in(task.title))
    )


def check_commands(outlines: Iterable[Outline], *fields: str) -> tuple[DeclaredCommand, ...]:
    """Returns the commands with which the documents say a feature is proved."""
    found: list[DeclaredCommand] = []
    for outline in outlines:
        quotes: list[Quote] = [quote for name in fields if (quote := outline.quote_of(name))]
        for quote in (*quotes, *outline.checks):
            found.append(
                DeclaredCommand(command=quote.text, purpose="check", path=outline.path, line=quote.line)
            )
    return tuple(found)


def stem_of(path: str) -> str:
    """Returns the file's name without folders and without `.md`."""
    return path.rsplit("/", 1)[-1].removesuffix(".md")
