"""Puts an intent into commands, in every form the repository offers, best first, each with its evidence.

Text from documents goes into a command only shell-quoted, on one line and without control characters;
a command that a document itself declares is taken as it stands, to be judged like any other.
It proves nothing about the machine: recommend asks whether a candidate can run.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from workbench.features.infer import task_said
from workbench.features.rules import Intent, RuleTable
from workbench.features.situation import Situation
from workbench.model.feature import (
    AgentFile,
    DeclaredCommand,
    Discovery,
    Document,
    DocumentRole,
    Evidence,
    Feature,
    FeatureStatus,
    Task,
    TaskStatus,
)

_PLAIN_STATUS = re.compile(r"[A-Za-z][A-Za-z _-]{0,40}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A command that would serve, why, and what it rests on. `needs_file` must exist for it to work.

    `program` is the one it starts when it was built here; "" when its words are the repository's own.
    `is_guess` is true for an agent that the repository shows no sign of.
    """

    command: str
    why: str
    evidence: tuple[Evidence, ...] = ()
    needs_file: str = ""
    program: str = ""
    is_guess: bool = False


def candidates_for(
    intent: Intent, table: RuleTable, discovery: Discovery, feature: Feature, situation: Situation
) -> Iterator[Candidate]:
    """Yields the candidates in the intent's order of forms; the same input gives the same order."""
    task = situation.task
    agents = list(dict.fromkeys(file.agent for file in discovery.agent_files))
    for form in intent.forms:
        match form:
            case "task" if task is not None:
                yield from _declared(feature.commands, "task", task.task_id)
            case "check":
                yield from _declared(feature.commands, "check", "")
            case "test":
                yield from _declared(discovery.commands, "test", "")
            case "slash":
                for agent in agents:
                    yield from _slash(intent, table, agent, discovery, feature, situation)
            case "prompt" if intent.prompt:
                text = _fill(intent.prompt, feature, situation)
                for agent in agents:
                    yield _prompt(table, agent, text, feature, discovery, discovery.agent_files)
            case "edit":
                yield from _edit(feature)
            case "show":
                yield from _show(feature, discovery)
                # Without a sign of an agent in the repository an installed one is offered last.
                if not agents and intent.prompt:
                    text = _fill(intent.prompt, feature, situation)
                    for agent in table.agents:
                        yield _prompt(table, agent, text, feature, discovery, ())
            case _:
                pass


def plain_text(text: str, limit: int = 200) -> str:
    """Returns text on one line without control, bidirectional or other invisible characters."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return " ".join(text.split())[:limit]


def _declared(commands: tuple[DeclaredCommand, ...], purpose: str, task_id: str) -> Iterator[Candidate]:
    whose = {"task": f"task {task_id} names it", "check": "the documents prove the feature with it"}
    for declared in commands:
        if declared.purpose == purpose and (purpose != "task" or declared.task_id in (task_id, "")):
            why = whose.get(purpose, "it runs the repository's own tests")
            command = plain_text(declared.command, 120)
            fact = f"{declared.path} declares the command: {command}"
            if declared.quote:
                fact = f"{declared.path} says “{plain_text(declared.quote)}”: {command} runs it"
            yield Candidate(
                command=declared.command,
                why=why,
                evidence=(
                    Evidence(path=declared.path, line=declared.line, commit=declared.commit, fact=fact),
                ),
            )


def _slash(
    intent: Intent,
    table: RuleTable,
    agent: str,
    discovery: Discovery,
    feature: Feature,
    situation: Situation,
) -> Iterator[Candidate]:
    form = table.agents[agent].slash if agent in table.agents else ""
    files = {file.slash_command: file for file in discovery.agent_files if file.agent == agent}
    name = next((name for name in intent.slash if name in files), "")
    if not form or not name:
        return
    argument = _fill(intent.argument, feature, situation)
    command = (
        form.replace("{slash}", shlex.quote(f"/{name} {argument}".rstrip()))
        .replace("{name}", shlex.quote(name))
        .replace("{argument}", shlex.quote(argument))
    )
    file = files[name]
    yield Candidate(
        command=command,
        why=f"the repository has the command /{name} for {agent}",
        evidence=(
            Evidence(path=file.path, line=1, commit=file.commit, fact=f"{file.path} is the command /{name}"),
        ),
        needs_file=file.path,
        program=table.agents[agent].program,
    )


def _prompt(
    table: RuleTable,
    agent: str,
    text: str,
    feature: Feature,
    discovery: Discovery,
    files: tuple[AgentFile, ...],
) -> Candidate:
    sign = next((file for file in files if file.agent == agent), None)
    return Candidate(
        command=table.agents[agent].prompt.replace("{text}", shlex.quote(text)),
        why=f"the repository is set up for {agent}" if sign else f"{agent} can be asked in plain words",
        evidence=(
            Evidence(path=sign.path, line=1, commit=sign.commit, fact=f"{sign.path} is there for {agent}"),
        )
        if sign
        else (document_claim(feature, chief_document(feature), discovery),),
        program=table.agents[agent].program,
        is_guess=sign is None,
    )


def _edit(feature: Feature) -> Iterator[Candidate]:
    """Offers the one-word edit that makes the declared status true, at the very line that declares it."""
    said = feature.declared_status
    where = next((e for e in feature.evidence if e.fact == f"says “{said}”"), None)
    if where is None or not _PLAIN_STATUS.fullmatch(said):
        return
    word = "Complete" if said[0].isupper() else "completed"
    yield Candidate(
        command=f"sed -i {shlex.quote(f'{where.line}s/{said}/{word}/')} {shlex.quote(where.path)}",
        why="it sets the status that the finished tasks call for",
        evidence=(where,),
        program="sed",
    )


def document_claim(feature: Feature, document: Document, discovery: Discovery) -> Evidence:
    """Returns a claim of which document this is, at the line of its title."""
    title = f"“{document.title[:60].strip()}”" if document.title.strip() else document.path
    fact = f"{title} is the feature's {document.role.value} document"
    commit = _commit_of(document.path, document.line, feature, discovery)
    return Evidence(path=document.path, line=document.line, commit=commit, fact=fact)


def task_claim(task: Task, feature: Feature, discovery: Discovery, fact: str) -> Evidence:
    """Returns a claim about a task, with the commit that holds its line."""
    commit = _commit_of(task.path, task.line, feature, discovery)
    return Evidence(path=task.path, line=task.line, commit=commit, fact=fact)


def _commit_of(path: str, line: int, feature: Feature, discovery: Discovery) -> str | None:
    whole = next((d.commit for d in feature.documents if d.path == path), None)
    return discovery.commit if line in discovery.kept_lines.get(path, ()) else whole


def _show(feature: Feature, discovery: Discovery) -> Iterator[Candidate]:
    open_tasks = [t for t in feature.tasks if t.status not in (TaskStatus.DONE, TaskStatus.CANCELED)]
    if open_tasks:
        path = open_tasks[0].path
        is_box = feature.format != "ccdash" or not any(
            d.path == path and d.role is DocumentRole.PROGRESS for d in feature.documents
        )
        pattern = r"^[[:space:]]*[-*+] \[[^xX-]\]" if is_box else r"^[[:space:]]*(- )?(id|title|status):"
        yield Candidate(
            command=f"grep -nE -e {shlex.quote(pattern)} -- {shlex.quote(path)}",
            why="it shows the open tasks where they stand",
            evidence=(task_claim(open_tasks[0], feature, discovery, task_said(open_tasks[0])),),
            program="grep",
        )
    elif feature.documents:
        chief = chief_document(feature)
        yield Candidate(
            command=f"head -n 60 -- {shlex.quote(chief.path)}",
            why="it shows the document that says what is to be done",
            evidence=(document_claim(feature, chief, discovery),),
            program="head",
        )


def chief_document(feature: Feature) -> Document:
    """Returns the document that an agent should be pointed at: tasks, plan, requirements, else any."""
    order = (
        *(DocumentRole.TASKS, DocumentRole.PLAN, DocumentRole.REQUIREMENTS, DocumentRole.REPORT),
        *(DocumentRole.PROGRESS, DocumentRole.RESEARCH, DocumentRole.DESIGN, DocumentRole.OTHER),
    )
    return min(feature.documents, key=lambda document: order.index(document.role))


def _fill(template: str, feature: Feature, situation: Situation) -> str:
    task = situation.task
    path = plain_text(chief_document(feature).path, 400)
    over = (FeatureStatus.DONE, FeatureStatus.ARCHIVED)
    phase = task.phase if task else next((p.phase_id for p in feature.phases if p.status not in over), "")
    number = re.sub(r"\D", "", phase)
    values: dict[str, str] = {
        "title": plain_text(feature.title, 120),
        "path": path,
        "task_id": task.task_id if task else "",
        "task": plain_text(task.title) if task else "",
        "phase_and_path": f"{number} {path}".strip(),
    }
    return re.sub(r"\{(\w+)\}", lambda match: values.get(match[1], ""), template)
