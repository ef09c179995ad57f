"""A feature as the repository's own documents tell it; every fact cites where it stands."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class FeatureStatus(StrEnum):
    """The normal form of the many words that documents use. Order is progress."""

    UNKNOWN = "unknown"
    DRAFT = "draft"
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    IN_REVIEW = "in_review"
    BLOCKED = "blocked"
    DONE = "done"
    ARCHIVED = "archived"


class TaskStatus(StrEnum):
    OPEN = "open"
    IN_PROGRESS = "in_progress"
    BLOCKED = "blocked"
    DONE = "done"
    CANCELED = "canceled"


class DocumentRole(StrEnum):
    RESEARCH = "research"
    REQUIREMENTS = "requirements"
    DESIGN = "design"
    PLAN = "plan"
    TASKS = "tasks"
    PROGRESS = "progress"
    REPORT = "report"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A claim and where it stands: repository path, line (from 1), and the commit whose file says so.

    `commit` is None when HEAD's file has other words on that line or the folder is in no git repository: the
    claim then rests on the working tree alone, and says so.
    """

    path: str
    line: int
    commit: str | None
    fact: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """Something in a document that could not be read, with the line and what to do about it."""

    path: str
    line: int
    problem: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """`line` is the one on which the title stands; `commit` holds the whole file as it is."""

    path: str
    role: DocumentRole
    title: str = ""
    commit: str | None = None
    line: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredCommand:
    """A shell command that the repository's own files name, and where: a task's, a check's, or its tests'.

    `purpose` is "task" (then `task_id` says whose), "check" (proves a feature) or "test" (the whole
    repository's). `quote` are the line's own words where they are not the command itself: `test:`. It is what
    a file says, never a thing that has been judged.
    """

    command: str
    purpose: str
    path: str
    line: int
    commit: str | None = None
    task_id: str = ""
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFile:
    """A file that shows which coding agent the repository is set up for.

    `slash_command` is the name a command file gives ("speckit.plan"), or "" for instructions alone.
    """

    agent: str
    path: str
    slash_command: str = ""
    commit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """`quote` is what the line says of the status, or the id, where it is no task box with id and title."""

    task_id: str
    title: str
    status: TaskStatus
    path: str
    line: int
    phase: str = ""
    depends_on: tuple[str, ...] = ()
    is_parallel: bool = False
    requirements: tuple[str, ...] = ()
    quote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    phase_id: str
    title: str
    status: FeatureStatus
    declared_status: str
    path: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """`declared_status` is the documents' own word, verbatim; `inferred_status` is what the facts say.

    `drift` lists in words where the two part, each with its evidence. `needs` has one claim for each of
    `depends_on`, in its order: the line that names it.
    """

    feature_id: str
    slug: str
    title: str
    format: str
    declared_status: str
    inferred_status: FeatureStatus
    drift: tuple[Evidence, ...] = ()
    phases: tuple[Phase, ...] = ()
    tasks: tuple[Task, ...] = ()
    documents: tuple[Document, ...] = ()
    depends_on: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    commands: tuple[DeclaredCommand, ...] = ()
    needs: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovery:
    """All that one look at a repository found. `reason` says why when there is no feature.

    `kept_lines` names, for each document that differs from HEAD, the lines that HEAD holds all the same.
    """

    repo: str
    commit: str | None
    features: tuple[Feature, ...]
    diagnostics: tuple[Diagnostic, ...]
    reason: str = ""
    commands: tuple[DeclaredCommand, ...] = ()
    agent_files: tuple[AgentFile, ...] = ()
    kept_lines: dict[str, frozenset[int]] = field(default_factory=dict)
