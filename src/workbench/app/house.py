"""Opens the house in order (ledger, connectors, engine) and closes it in reverse.

The only place where concrete adapters are chosen. It holds no rule of its own.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from workbench.api.auth import Access
from workbench.app.clock import OrderedIds, SystemClock
from workbench.app.home import Settings
from workbench.app.trials import load_tried
from workbench.connectors.contract import Problem
from workbench.connectors.local import SANDBOX_PROFILE, LocalConnector, LocalLimits
from workbench.engine.context import ENGINE, Context, Limits
from workbench.engine.decide import expire_overdue
from workbench.engine.drive import drive
from workbench.engine.durable import Durable
from workbench.engine.look import ORGANISATION, read_kill_file, record_first
from workbench.engine.notice_jump import ClockWatch, record_jump
from workbench.engine.operate import note, set_switch
from workbench.engine.recover import give_up_unproven, recover, settle
from workbench.gate import Policy, admit, load_policy, read_organisation
from workbench.gate.switches import LOCAL
from workbench.ledger.ledger import Ledger
from workbench.model.admission import SwitchState
from workbench.model.clock import NewId
from workbench.model.errors import WorkbenchError
from workbench.secrets.vault import Vault

log = structlog.get_logger()

_HOUSEKEEPING_SECONDS: Final = 2.0
_TRIAL_SECONDS: Final = 2.0
_SETTLE_SECONDS: Final = 2.0


@asynccontextmanager
async def open_house(config: Settings) -> AsyncIterator[tuple[Context, Access]]:
    """Opens ledger, connectors and engine, recovers open runs, and closes all of it again.

    What runs in the sandbox is left running: the next house adopts it.
    """

    clock = SystemClock()
    new_id: NewId = OrderedIds()
    ledger = Ledger(config.ledger_url, clock)
    local = LocalConnector(
        state_home=config.home,
        clock=clock,
        limits=LocalLimits(max_output_bytes=config.max_output_bytes),
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
    durable = Durable(
        database_url=config.ledger_url,
        state_home=config.home,
        executor_id="local" if config.ledger_url.startswith("sqlite") else new_id("exe_"),
        new_id=new_id,
    )
    trial = _Trial(config.policy_posture)
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
        ),
        starter=durable,
        traces=bool(config.telemetry),
        try_policy=trial.wait,
    )
    try:
        if problems := await starting:
            context.not_ready["local"] = problems
        await _first_switch(context)
        await _first_layer(context)
        await settle(context, within_seconds=_SETTLE_SECONDS)
        if local.has_rebooted():
            await give_up_unproven(context)
        await asyncio.to_thread(_note_boot, local)
        durable.launch(functools.partial(drive, context))
        await recover(context)
        # Not now: it would only compete with the door for the interpreter. A decision does not wait for this.
        asyncio.get_running_loop().call_later(_TRIAL_SECONDS, trial.start)
        housekeeping = asyncio.create_task(_keep_house(context))
        try:
            yield context, Access(ledger, clock, new_id)
        finally:
            housekeeping.cancel()
            await asyncio.gather(housekeeping, return_exceptions=True)
            await durable.close()
    finally:
        for task in context.background:
            task.cancel()
        await asyncio.gather(*context.background, return_exceptions=True)
        await trial.close()
        context.thinking.shutdown(wait=False, cancel_futures=True)
        await local.close()
        await ledger.close()


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
    """Switches local execution on when a home is new; a switch that nobody ever set is off."""

    if not await context.ledger.switches():
        await set_switch(
            context, name=LOCAL, state=SwitchState.ON, actor=ENGINE, reason="a new home starts with it on"
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
