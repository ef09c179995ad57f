"""What the command line can answer without a server: features, advice, verdicts, the audit, the machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.app.clock import SystemClock
from workbench.app.home import (
    Settings,
    config_at,
    find_server,
    load_config,
    local_actor_name,
    prepare_home,
    take_lock,
)
from workbench.model.actor import Actor, Role
from workbench.model.errors import InvalidInput, NotFound, WorkbenchError

if TYPE_CHECKING:
    from workbench.connectors.compare import TranscriptFinding
    from workbench.ledger.check import LedgerFinding
    from workbench.model.feature import Discovery
    from workbench.model.recommendation import Advice
    from workbench.model.verdict import Judgement


def discover_offline(repo: Path) -> Discovery:
    """Returns what the repository's documents say; needs no server.

    Raises BoundaryViolation for what may be no workspace because it holds the whole machine, or a home.
    """
    from workbench.connectors.machine import check_breadth
    from workbench.features import discover

    check_breadth(repo)
    config = load_config(for_reading=True)
    try:
        prepare_home(config.home)
        cache: Path | None = config.home / "cache" / "features"
    except WorkbenchError:
        # Reading documents needs no home; without one it is only slower.
        cache = None
    return discover(repo, cache_dir=cache)


def advise_offline(repo: Path, discovery: Discovery, feature_id: str | None) -> list[Advice]:
    """Returns the advice for a repository as its server would give it, policy's word included."""
    from workbench.app.verdicts import outcomes_at, project_at
    from workbench.connectors.local import surroundings_of
    from workbench.engine.advise import modules_of
    from workbench.features import advise

    root = os.path.realpath(repo)
    project, judge = project_at(root), judge_offline(Path(root))
    surroundings = surroundings_of(root, project.toolchains if project else ())
    return advise(
        discovery,
        feature_id,
        program_path=surroundings.program_path,
        policy_preview=lambda command: judge(command, None, "default", "local"),
        missing_module=modules_of(project),
        measured=outcomes_at(root),
        has_network=bool(project and project.network_allowlist),
        toolchains=project.toolchains if project else (),
    )


def judge_offline(repo: Path) -> Callable[[str, str | None, str, str], Judgement]:
    """Returns a judge of commands for this repository: (command, cwd, profile, connector) -> Judgement.

    Under a policy that cannot be used it denies every command and says what is wrong, as the door does.
    """
    from workbench.app.verdicts import place_offline, policy_offline
    from workbench.gate import judge

    try:
        policy = policy_offline(repo)
    except WorkbenchError as problem:
        refused = refuse_offline(problem)
        return lambda command, cwd, env_profile, connector: refused
    here = place_offline(repo, None)

    def decide(command: str, cwd: str | None, env_profile: str, connector: str) -> Judgement:
        return judge(
            policy,
            command,
            cwd=os.path.normpath(os.path.join(here.root, cwd)) if cwd else here.root,
            workspace_root=here.root,
            surroundings=here.surroundings,
            env_profile=env_profile,
            connector=connector,
        )

    return decide


def refuse_offline(problem: WorkbenchError) -> Judgement:
    """Returns the denial of any command under a project's or organisation's policy that cannot be used.

    Raises `problem` again when it is not about a policy.
    """
    from workbench.app.trials import load_tried
    from workbench.gate import refuse_all

    if not problem.code.startswith("policy_"):
        raise problem
    return refuse_all(load_tried(load_config(for_reading=True).policy_posture), problem)


def check_asked(repo: Path, cwd: str | None, env_profile: str, connector: str) -> None:
    """Raises InvalidInput for a question about a folder, profile or connector that no run here could have.

    The profiles are those that the ledger of this home knows for the repository; "default" is always one.
    """
    from workbench.connectors.registry import list_connector_ids

    check_folder(repo, cwd)
    known = list_connector_ids()
    if connector not in known:
        raise InvalidInput(f"there is no connector {connector!r}", remedy=f"use one of: {', '.join(known)}")
    if env_profile != "default" and env_profile not in (profiles := _profiles_of(os.path.realpath(repo))):
        raise InvalidInput(
            f"{os.path.realpath(repo)} has no environment profile {env_profile!r}",
            remedy=f"use one of: {', '.join(profiles)}; or make it: workbench project env {env_profile}",
        )


def check_folder(repo: Path, cwd: str | None) -> None:
    """Raises InvalidInput for a folder that no run of this repository could have; reads nothing but paths."""
    from workbench.connectors.machine import resolve_path
    from workbench.gate.boundary import is_within

    if "\0" in (cwd or ""):
        raise InvalidInput("the working directory holds a NUL byte", remedy="remove it")
    root = resolve_path(os.path.abspath(repo))
    if not is_within(resolve_path(os.path.join(root, cwd or ".")), root):
        raise InvalidInput(
            f"the working directory {cwd} lies outside the repository {root}",
            remedy="name a folder in it, or another repository with --repo",
        )


def _profiles_of(root: str) -> list[str]:
    """Returns the environment profiles that this home's ledger knows for a workspace, default first."""
    from workbench.app.verdicts import project_at

    project = project_at(root)
    return [profile.name for profile in project.env_profiles] if project else ["default"]


def verify_offline(home: str | None) -> tuple[LedgerFinding, TranscriptFinding]:
    """Checks the ledger of a home, which it opens for reading only, and then the transcripts beside it.

    Returns the finding over both, and the one over the transcripts, of which none is compared where the
    ledger itself does not hold.
    """
    from dataclasses import replace

    from workbench.connectors.compare import TranscriptFinding, compare_transcripts
    from workbench.ledger.ledger import Ledger

    config = load_config(for_reading=True)
    url = config.ledger_url if home is None else f"sqlite:///{Path(home).absolute() / 'ledger.db'}"
    if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).is_file():
        raise NotFound(
            f"there is no ledger at {url.removeprefix('sqlite:///')}", remedy="name its home: --home P"
        )

    async def verify() -> tuple[LedgerFinding, TranscriptFinding]:
        ledger = Ledger(url, SystemClock())
        try:
            finding = await ledger.verify()
            if not finding.ok:
                return finding, TranscriptFinding(compared=0, without_times=0, problem=None)
            recorded, indexes = await ledger.transcripts(), await ledger.index_digests()
        finally:
            await ledger.close()
        found = compare_transcripts(
            config.home if home is None else Path(home), recorded, indexes, archive_url=config.artifacts_url
        )
        return replace(finding, ok=found.problem is None, problem=found.problem), found

    import asyncio

    return asyncio.run(verify())


def set_kill_offline(
    config: Settings,
    *,
    engaged: bool,
    reason: str,
    choose: Callable[[list[dict[str, str]]], str | None],
    connector: str | None,
) -> str:
    """Records a kill, or its release, of one project or connector while no server runs; returns its scope.

    Nothing is started for it, so nothing that is queued starts either. `choose` gets the projects
    (project_id, name, workspace_root) and returns the id of the one meant, or None for none. Raises
    AlreadyRunning when a server holds this home after all, and what the record's own refusal raises.
    """
    import asyncio

    from workbench.connectors.registry import list_connector_ids
    from workbench.engine.operate import record_kill
    from workbench.ledger.ledger import Ledger

    async def record() -> str:
        ledger = Ledger(config.ledger_url, SystemClock())
        try:
            await ledger.open()
            projects = [
                {"project_id": p.project_id, "name": p.name, "workspace_root": p.workspace_root}
                for p in await ledger.projects()
            ]
            return await record_kill(
                ledger,
                list_connector_ids(),
                engaged=engaged,
                actor=Actor(name=local_actor_name(), role=Role.ADMIN, via="cli"),
                reason=reason,
                project_id=choose(projects),
                connector=connector,
            )
        finally:
            await ledger.close()

    prepare_home(config.home)
    lock = take_lock(config.home)
    try:
        return asyncio.run(record())
    finally:
        os.close(lock)


def examine_machine() -> list[dict[str, str | bool]]:
    """Tries what the workbench needs of this machine and returns each check with its remedy."""
    import asyncio
    import tempfile

    from workbench.app.machine import measure_disks, survey_machine
    from workbench.app.notices import examine_targets

    checks: list[dict[str, str | bool]] = []

    def add(name: str, ok: bool, detail: str, remedy: str = "") -> None:
        checks.append({"name": name, "ok": ok, "detail": detail, "remedy": "" if ok else remedy})

    add("python", True, sys.version.split()[0])
    with tempfile.TemporaryDirectory(prefix="workbench-doctor-") as elsewhere:
        try:
            config = load_config()
            prepare_home(config.home)
            add("home", True, str(config.home))
            for name, detail, remedy in measure_disks(config):
                add(name, not remedy, detail, remedy)
        except WorkbenchError as error:
            if error.code != "home_unusable":
                raise
            add("home", False, error.message, error.remedy)
            # All else is tried nevertheless, as it would be with a home that can be used.
            config = config_at(Path(elsewhere))
        asyncio.run(_probe_sandbox(config.home, add))
    for target in examine_targets(config):
        add(*target)
    endpoint = find_server(config)
    add("server", True, endpoint.url if endpoint else "not running; workbench up starts it")
    return [*checks, *survey_machine(config)]


async def _probe_sandbox(home: Path, add: Callable[[str, bool, str, str], None]) -> None:
    from workbench.connectors.local import LocalConnector

    local = LocalConnector(state_home=home, clock=SystemClock())
    try:
        await local.start()
        for finding in await local.run_probe():
            add(f"sandbox: {finding.name}", finding.is_ok, finding.detail, finding.remedy)
    except WorkbenchError as error:
        add("sandbox", False, error.message, error.remedy)
    finally:
        await local.close()
