"""Opens the house in order (ledger, connectors, engine) and closes it in reverse.

The only place where concrete adapters are chosen. It holds no rule of its own.
"""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import structlog

from workbench.api.auth import Access
from workbench.app.clock import OrderedIds, SystemClock
from workbench.app.home import Settings
from workbench.app.membership import Membership
from workbench.app.trials import load_tried
from workbench.connectors.contract import Problem
from workbench.connectors.local import SANDBOX_PROFILE, LocalConnector, LocalLimits
from workbench.engine.context import ENGINE, Context, Limits
from workbench.engine.decide import expire_overdue
from workbench.engine.drive import drive
from workbench.engine.durable import Durable
from workbench.engine.flags import Flags
from workbench.engine.keep import keep_transcripts
from workbench.engine.look import ORGANISATION, read_kill_file, record_first
from workbench.engine.notice_jump import ClockWatch, record_jump
from workbench.engine.operate import note
from workbench.engine.recover import give_up_unproven, recover, settle
from workbench.engine.switch import set_switch
from workbench.gate import Policy, admit, load_policy, read_organisation
from workbench.gate.switches import LOCAL
from workbench.ledger.ledger import Ledger
from workbench.model.admission import SwitchState
from workbench.model.clock import NewId
from workbench.model.errors import InvalidInput, SandboxUnavailable, WorkbenchError
from workbench.model.place import DEFAULT_POOL
from workbench.program.canary import watch
from workbench.program.gates import compute_gates
from workbench.secrets.vault import Vault

if TYPE_CHECKING:
    from workbench.connectors.archive import Archive

log = structlog.get_logger()

_HOUSEKEEPING_SECONDS: Final = 2.0
_TRIAL_SECONDS: Final = 2.0
_SETTLE_SECONDS: Final = 2.0
_LEAST_PLACES: Final = 4
_OWN_PLACES: Final = 256


@asynccontextmanager
async def open_house(
    config: Settings,
    *,
    version: str,
    pool: str = DEFAULT_POOL,
    places: int | None = None,
    must_run: bool = False,
) -> AsyncIterator[tuple[Context, Access]]:
    """Opens ledger, connectors and engine, recovers open runs, and closes all of it again.

    What runs in the sandbox is left running: the next house adopts it. On a ledger that others share the
    house is a worker of `pool`, which drives `places` runs at once; with `must_run` it raises
    SandboxUnavailable where it could run nothing, instead of holding what it takes.
    """

    clock = SystemClock()
    new_id: NewId = OrderedIds()
    ledger = Ledger(config.ledger_url, clock)
    local = LocalConnector(
        state_home=config.home,
        clock=clock,
        limits=LocalLimits(max_output_bytes=config.max_output_bytes),
        archive=_open_archive(config.artifacts_url),
    )
    # None of the three needs another, and the sandbox's test mostly waits for processes.
    starting = asyncio.create_task(_start_local(local))
    try:
        policy, _ = await asyncio.gather(
            asyncio.to_thread(load_policy, config.policy_posture, is_tried=False), ledger.open()
        )
    except BaseException:
        await asyncio.gather(starting, return_exceptions=True)
        await local.close()
        raise
    places = count_places(config, is_shared=ledger.is_shared) if places is None else places
    membership: Membership | None = None
    if ledger.is_shared:
        membership = Membership(
            config, ledger, local, pool=pool, places=places, version=version, new_id=new_id
        )
    durable = Durable(
        database_url=config.ledger_url,
        state_home=config.home,
        new_id=new_id,
        places=places,
        shared=None if membership is None else membership.shared,
    )
    trial = _Trial(config.policy_posture)
    flags = Flags(config.flags)
    context = Context(
        ledger=ledger,
        connectors={"local": local},
        admit=functools.partial(admit, policy=policy),
        policy=policy,
        surroundings=local.surroundings,
        check_workspace=local.check_workspace,
        check_names=local.check_names,
        sandbox_profile=SANDBOX_PROFILE,
        vault=Vault(config.home / "vault", clock),
        clock=clock,
        new_id=new_id,
        home=config.home,
        kill_file=config.home / "KILL",
        feature_cache=config.home / "cache" / "features",
        limits=Limits(
            default_timeout_seconds=config.default_timeout_seconds,
            approval_expiry_seconds=config.approval_expiry_seconds,
            execution_expiry_seconds=config.execution_expiry_seconds,
            cancel_deadline_seconds=float(config.cancel_deadline_seconds),
            quorum=config.approval_quorum,
            max_queued=config.max_queued,
        ),
        search=ledger.transcript_search(config.home / "search"),
        starter=durable,
        lease=None if membership is None else membership.lease,
        far=None if membership is None else membership.relay,
        traces=bool(config.telemetry),
        try_policy=trial.wait,
        flags=flags,
        entry_gates=lambda project_id: compute_gates(context, project_id),
    )

    async def begin() -> None:
        await durable.launch(functools.partial(drive, context))
        await recover(context)

    try:
        if problems := await starting:
            context.not_ready["local"] = problems
            if must_run:
                raise SandboxUnavailable(problems[0].message, remedy=problems[0].remedy)
        await asyncio.to_thread(flags.open)
        if membership is not None:
            await membership.join()
            ledger.fence(membership.lease)
        await _first_switch(context)
        await _first_layer(context)
        await settle(context, within_seconds=_SETTLE_SECONDS)
        if local.has_rebooted():
            await give_up_unproven(context)
        await asyncio.to_thread(_note_boot, local)
        await begin()
        if membership is not None:
            membership.serve(context, durable, begin)
        # Not now: it would only compete with the door for the interpreter. A decision does not wait for this.
        asyncio.get_running_loop().call_later(_TRIAL_SECONDS, trial.start)
        housekeeping = [
            asyncio.create_task(work)
            for work in (
                _keep_house(context),
                watch(context),
                keep_transcripts(context, every_seconds=_HOUSEKEEPING_SECONDS),
            )
        ]
        try:
            yield context, Access(ledger, clock, new_id)
        finally:
            for task in housekeeping:
                task.cancel()
            await asyncio.gather(*housekeeping, return_exceptions=True)
            if membership is not None:
                await membership.drain()
            await durable.close()
            if membership is not None:
                await membership.leave()
    finally:
        for task in context.background:
            task.cancel()
        await asyncio.gather(*context.background, return_exceptions=True)
        flags.close()
        await trial.close()
        context.thinking.shutdown(wait=False, cancel_futures=True)
        if membership is not None:
            await membership.close()
        await local.close()
        await ledger.close()


def count_places(config: Settings, *, is_shared: bool) -> int:
    """Returns how many runs a house drives at once; raises InvalidInput for one that would drive none.

    Where others share the work, one must not take all of it: twice the processors keep them busy while some
    steps wait. One that has it for itself has nobody to leave it to.
    """
    if config.concurrency is None:
        return max(_LEAST_PLACES, 2 * (os.cpu_count() or 1)) if is_shared else _OWN_PLACES
    if config.concurrency == 0 and not is_shared:
        raise InvalidInput(
            "concurrency is 0, and nobody else could run anything",
            remedy="use 1 or more, or keep the ledger in PostgreSQL and start workers",
        )
    return config.concurrency


class _Trial:
    """Sees once that every example of the shipped policy holds, when first asked; decisions wait for it."""

    def __init__(self, posture: str) -> None:
        self._posture = posture
        self._task: asyncio.Task[Policy] | None = None

    def start(self) -> asyncio.Task[Policy]:
        """Starts the trial unless it has been."""
        if self._task is None:
            self._task = asyncio.create_task(asyncio.to_thread(load_tried, self._posture))
        return self._task

    async def wait(self) -> None:
        """Returns once all examples have come out right; raises PolicyBroken when one did not."""
        await asyncio.shield(self.start())

    async def close(self) -> None:
        """Lets a trial that is under way end."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)


def _open_archive(url: str) -> Archive | None:
    """Returns the object store of the setting, or None for none; raises InvalidInput for a wrong address."""
    if not url:
        return None
    from workbench.connectors.archive import Archive

    return Archive(url, environ=os.environ)


async def _start_local(local: LocalConnector) -> tuple[Problem, ...]:
    """Starts the local connector, tests its sandbox by effect, and returns what is wrong with it.

    A sandbox that cannot be built stops no server: features and history still serve, and every local start
    is held with the reason and the remedy. There is no way to run without it.
    """

    try:
        await local.start()
        problems = tuple(await local.validate_config())
    except WorkbenchError as error:
        problems = (Problem(code=error.code, message=error.message, remedy=error.remedy),)
    for problem in problems:
        log.error("local connector not ready", problem=problem.message, remedy=problem.remedy)
    return problems


def _note_boot(local: LocalConnector) -> None:
    try:
        local.note_boot()
    except OSError as error:
        # Without the note, the next start after a power cut takes it for none; a full disk stops no server.
        log.warning("boot not noted", problem=str(error))


async def _first_switch(context: Context) -> None:
    """Switches local execution on when a home is new; a switch that nobody ever set is off.

    There is no evidence yet that a gate could be computed from, so that this is an override, by whoever
    installs it, and recorded as one.
    """

    if not await context.ledger.switches():
        await set_switch(
            context,
            name=LOCAL,
            state=SwitchState.ON,
            actor=ENGINE,
            reason="a new home starts with it on",
            is_override=True,
        )


async def _first_layer(context: Context) -> None:
    """Records an organisation's policy that nobody has recorded yet; one that is not sound is logged."""
    layer = read_organisation(context.home)
    recorded = await context.ledger.layer_digest(ORGANISATION)
    if recorded is None and not layer.is_empty and await record_first(context, layer) is None:
        log.error("the organisation's policy is not sound, so nothing starts", place=layer.place)


async def _keep_house(context: Context) -> None:
    """Expires approvals, records when the kill file comes and goes, has runs driven that nobody drives."""
    seen: str | None = None
    swept = 0
    watch = ClockWatch(context.clock)
    while True:
        try:
            # Before anything expires by it.
            await record_jump(context, watch)
            await expire_overdue(context)
            if (refusals := context.ledger.refusals) != swept:
                # Of an append whose answer was lost nobody knows whether it was carried out: what it
                # queued, or released, may have no driver.
                await recover(context)
                swept = refusals
            found = read_kill_file(context.kill_file)
            if (found is None) != (seen is None):
                tag = "kill:file_set" if found is not None else "kill:file_removed"
                await note(context, tag=tag, actor=ENGINE, payload={"reason": found or seen})
            seen = found
        except WorkbenchError as error:
            log.warning("housekeeping failed", problem=error.message)
        await asyncio.sleep(_HOUSEKEEPING_SECONDS)
