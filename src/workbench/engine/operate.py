"""The operator's verbs: projects, the kill switch, notes. Each is an audited move."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from workbench.engine.cancel import CancelUnrecorded, cancel
from workbench.engine.context import Context
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import Move, Note, PutProject, RequestCancel, SetKill
from workbench.model.actor import Actor, Role
from workbench.model.clock import parse_time, render_time
from workbench.model.errors import Conflict, IllegalMove, InvalidInput, LedgerUnavailable, NotFound
from workbench.model.network import parse_entries
from workbench.model.project import ApproverRule, EnvProfile, Project
from workbench.model.run import Run
from workbench.model.statuses import RunStatus

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# The families by which an environment, not the command, decides what is executed (facts of shells, loaders
# and the common interpreters); the author's name in git is harmless and wanted.
_STEERING: Final = re.compile(
    r"LD_.*|DYLD_.*|BASH_.*|ENV|PATH|IFS|HOME|SHELL|SHELLOPTS|CDPATH|GLOBIGNORE|PS4|PROMPT_COMMAND|PYTHON.*"
    r"|NODE_OPTIONS|NODE_PATH|PERL5.*|PERLLIB|RUBYOPT|RUBYLIB|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|PAGER|EDITOR|VISUAL"
    r"|GIT_(?!AUTHOR_|COMMITTER_).*|GCONV_PATH|LOCPATH|MAKEFLAGS|GNUMAKEFLAGS|MAKEFILES|WORKBENCH_.*"
)
# More than the callers that change one project at the same moment: of those that race, one gets through.
_TRIES: Final = 32


async def add_project(
    context: Context,
    *,
    path: Path,
    actor: Actor,
    name: str | None = None,
    forbid_self_approval: bool | None = None,
    toolchains: tuple[str, ...] | None = None,
    env_profile: EnvProfile | None = None,
    network_allowlist: tuple[str, ...] | None = None,
    network_add: tuple[str, ...] = (),
    network_remove: tuple[str, ...] = (),
    approval_quorum: int | None = None,
    approvers: tuple[ApproverRule, ...] | None = None,
    retention_days: int | None = None,
    retention_bytes: int | None = None,
) -> Project:
    """Makes a folder a project, or changes the one it is; what is None stays as it is.

    A limit of 0 for what is retained means none. An `env_profile` takes the place of the one with its name; a
    quorum of 0 leaves it to the server. Names to add and to remove are so of the list as it is when this is
    recorded, whoever else changes it. Raises BoundaryViolation for a folder that may not be a workspace or a
    toolchain, InvalidInput for a variable that would steer programs, for an entry of the network list that is
    no single name or the workbench's own, and for approvers that nobody could be.
    """
    given = None if network_allowlist is None else tuple(e.text for e in parse_entries(network_allowlist))
    context.check_names((*(given or ()), *(e.text for e in parse_entries(network_add))))
    if env_profile is not None:
        _check_profile(env_profile)
    _check_approvers(approvers or ())
    root = Path(context.check_workspace(str(path)))

    def change(existing: Project) -> Project:
        return replace(
            existing,
            name=name or existing.name,
            forbid_self_approval=existing.forbid_self_approval
            if forbid_self_approval is None
            else forbid_self_approval,
            toolchains=existing.toolchains if toolchains is None else toolchains,
            network_allowlist=_change_names(
                existing.network_allowlist if given is None else given, network_add, network_remove
            ),
            env_profiles=_with_profile(existing.env_profiles, env_profile),
            approval_quorum=existing.approval_quorum if approval_quorum is None else approval_quorum or None,
            approvers=existing.approvers if approvers is None else approvers,
            retention_days=existing.retention_days if retention_days is None else retention_days or None,
            retention_bytes=existing.retention_bytes if retention_bytes is None else retention_bytes or None,
        )

    new = Project(
        project_id=context.new_id("prj_"),
        name=root.name,
        workspace_root=str(root),
        env_profiles=(EnvProfile(name="default"),),
        created_at=render_time(context.clock.now()),
    )
    # Others change the same project, or add the same folder, meanwhile: each change is made to what is there.
    for is_last in (*[False] * _TRIES, True):
        known = {project.workspace_root: project for project in await context.ledger.projects()}
        existing = known.get(str(root))
        project = change(existing or new)
        if project == existing:
            return existing
        # Refused now, with the reason, rather than at the first run.
        context.surroundings(project)
        try:
            await context.ledger.append(
                HOUSE, [PutProject(project=project, seen=existing)], actor=actor.name, via=actor.via
            )
        except Conflict:
            if is_last:
                raise
            continue
        context.retention_wanted.set()
        return await context.ledger.project(project.project_id)
    raise AssertionError("unreachable")


def _change_names(now: tuple[str, ...], add: Sequence[str], remove: Sequence[str]) -> tuple[str, ...]:
    gone = {entry.text for entry in parse_entries(remove)}
    kept = [text for text in now if text not in gone]
    return tuple(entry.text for entry in parse_entries((*kept, *add)))


def _with_profile(profiles: tuple[EnvProfile, ...], new: EnvProfile | None) -> tuple[EnvProfile, ...]:
    if new is None:
        return profiles
    others = tuple(profile for profile in profiles if profile.name != new.name)
    return tuple(sorted((*others, new), key=lambda profile: (profile.name != "default", profile.name)))


def _check_approvers(rules: tuple[ApproverRule, ...]) -> None:
    """Refuses rules under which nobody could ever decide, or that contradict each other."""
    levels = [rule.risk_level for rule in rules]
    for rule in rules:
        if levels.count(rule.risk_level) > 1:
            raise InvalidInput(
                f"there are {levels.count(rule.risk_level)} rules for a {rule.risk_level.value} risk",
                remedy="give one rule a risk level, with its role and its people",
            )
        if rule.role is None and not rule.people:
            raise InvalidInput(
                f"nobody could approve a {rule.risk_level.value} risk",
                remedy="name a role (approver, admin), people, or both",
            )
        if rule.role not in (None, Role.APPROVER, Role.ADMIN):
            raise InvalidInput(
                f"{rule.role} may not decide at all", remedy="use approver or admin, or name people"
            )


def _check_profile(profile: EnvProfile) -> None:
    """Refuses names that make programs run other code than what was judged."""
    for name in (*profile.variables, *profile.secrets):
        if not _VARIABLE.fullmatch(name):
            raise InvalidInput(
                f"{name!r} is no name for a variable",
                remedy="use letters, digits and underscores, not starting with a digit",
            )
        if _STEERING.fullmatch(name):
            raise InvalidInput(
                f"{name} would change which code a program runs",
                remedy="leave it out; toolchains and PATH are set by the sandbox",
            )
    for name, value in profile.variables.items():
        if "\0" in value or len(value) > 32768:
            raise InvalidInput(
                f"the value of {name} cannot be an environment value", remedy="use shorter text"
            )


def normalize_deadline(text: str, name: str, *, now: datetime) -> str:
    """Returns a time to come in the form that the ledger compares as text: RFC 3339 in UTC.

    Raises InvalidInput for text that is no time, names no zone, or lies in the past; `name` is the field.
    """
    example = render_time(now.replace(microsecond=0))
    try:
        moment = parse_time(text)
        if moment.tzinfo is None:
            raise InvalidInput(
                f"{name}: {text!r} names no time zone", remedy=f"end it with Z for UTC, as in {example}"
            )
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{name}: {text!r} is not a time",
            remedy=f"write RFC 3339, as in {example}; the command line also takes 30m, 12h or 7d",
        ) from None
    if moment <= now:
        raise InvalidInput(f"{name}: {text} has passed; it is {example}", remedy="name a time to come")
    return render_time(moment)


async def set_kill(
    context: Context,
    *,
    engaged: bool,
    actor: Actor,
    reason: str,
    project_id: str | None = None,
    connector: str | None = None,
    stop_running: bool = False,
) -> tuple[str, ...]:
    """Engages or releases the kill switch for everything, a project or a connector; returns the runs it ends.

    Releasing resumes nothing by itself. With `stop_running`, every run in scope is canceled too, also when
    LedgerUnavailable says that the kill could not be recorded. A kill for everything that cannot be recorded
    sets the kill file, which stops starts all the same, before LedgerUnavailable says so.
    """
    unrecorded: LedgerUnavailable | None = None
    try:
        await record_kill(
            context.ledger,
            context.connectors,
            engaged=engaged,
            actor=actor,
            reason=reason,
            project_id=project_id,
            connector=connector,
        )
    except LedgerUnavailable as error:
        if not engaged:
            raise
        unrecorded = error
        if project_id is None and connector is None:
            with contextlib.suppress(OSError):
                write_kill_file(context.kill_file, f"{reason} (by {actor.name})")
                unrecorded = LedgerUnavailable(
                    f"the kill switch is on by the file {context.kill_file.name}; "
                    f"no record of it can be written: {error.message}",
                    remedy=error.remedy,
                )
    told: tuple[str, ...] = ()
    if engaged and stop_running:
        try:
            told, left = await _stop_running(context, actor, reason, project_id, connector)
        except LedgerUnavailable:
            left = ["every run, as the ledger cannot be read either"]
        if left:
            raise LedgerUnavailable(
                f"it is neither recorded nor proved that these have ended: {', '.join(left)}",
                remedy="free space on the disk that holds WORKBENCH_HOME; see that the ledger can be used",
                code="not_proved",
            )
    if unrecorded is not None and stop_running:
        raise LedgerUnavailable(
            f"what ran in its scope has ended; that is not recorded yet: {unrecorded.message}",
            remedy=unrecorded.remedy,
        ) from unrecorded
    if unrecorded is not None:
        raise unrecorded
    return told


async def record_kill(
    ledger: Ledger,
    connectors: Collection[str],
    *,
    engaged: bool,
    actor: Actor,
    reason: str,
    project_id: str | None,
    connector: str | None,
) -> str:
    """Records that the kill switch is engaged or released, and returns for what; it needs no server.

    Raises InvalidInput for two scopes, NotFound for one there is not, LedgerUnavailable when unrecorded.
    """
    if project_id is not None and connector is not None:
        raise InvalidInput("a kill has one scope", remedy="name a project or a connector, not both")
    if project_id is not None:
        await ledger.project(project_id)
    if connector is not None and connector not in connectors:
        raise NotFound(f"there is no connector {connector}", remedy="list them: workbench connectors")
    scope = f"project:{project_id}" if project_id else f"connector:{connector}" if connector else "all"
    moves: list[Move] = [SetKill(scope=scope, engaged=engaged, reason=reason)]
    await ledger.append(HOUSE, moves, actor=actor.name, via=actor.via)
    return scope


def write_kill_file(path: Path, text: str) -> bool:
    """Makes the kill file; an entry in its folder is all that it takes, and stops starts.

    Returns False where its text could not be written. Raises OSError when there is no such entry either.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    except OSError:
        if os.path.lexists(path):
            return False
        raise
    try:
        os.write(descriptor, f"{text}\n".encode())
        os.fsync(descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


async def note(context: Context, *, tag: str, actor: Actor, payload: dict[str, str | int | None]) -> None:
    """Records an operator's act that has no row of its own, such as a secret that was set."""
    await context.ledger.append(HOUSE, [Note(tag=tag, payload=payload)], actor=actor.name, via=actor.via)


async def _request_all(context: Context, runs: list[Run], actor: Actor, reason: str) -> None:
    """Records in one append a project that their end is asked for, where that can be done.

    Two hundred appends would take a second, and the last of the runs would be told only after them. What
    cannot be recorded so is recorded run by run, as each is canceled.
    """
    asked: dict[str, list[Move]] = {}
    for run in runs:
        if run.cancel_requested_at is None:
            request = RequestCancel(run_id=run.run_id, reason=f"kill: {reason}")
            asked.setdefault(run.project_id, []).append(request)
    for project_id, moves in asked.items():
        with contextlib.suppress(IllegalMove, Conflict, LedgerUnavailable):
            await context.ledger.append(project_id, moves, actor=actor.name, via=actor.via)


async def _stop_running(
    context: Context, actor: Actor, reason: str, project_id: str | None, connector: str | None
) -> tuple[tuple[str, ...], list[str]]:
    """Cancels every run in scope; returns all, and those that neither a record nor a proof says will end."""

    async def stop(run: Run) -> bool:
        try:
            await cancel(
                context, project_id=run.project_id, run_id=run.run_id, actor=actor, reason=f"kill: {reason}"
            )
        except IllegalMove:
            # It ended while we were on the way.
            return True
        except CancelUnrecorded as error:
            return error.is_proved
        return True

    runs = [
        run
        for run in await context.ledger.open_runs()
        if run.status is not RunStatus.BLOCKED
        and (project_id is None or run.project_id == project_id)
        and (connector is None or any(step.command.connector == connector for step in run.plan.steps))
    ]
    await _request_all(context, [run for run in runs if run.status is RunStatus.RUNNING], actor, reason)
    # All at once: where nothing can be recorded, each waits for its own proof.
    stopped = await asyncio.gather(*(stop(run) for run in runs))
    left = [run.run_id for run, is_stopped in zip(runs, stopped, strict=True) if not is_stopped]
    return tuple(run.run_id for run in runs), left
