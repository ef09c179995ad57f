"""Says who may type into a run's terminal, hands on what is typed, and puts who typed into the audit log.

One keyboard a run. Its lease ends when it is given back, when its holder goes, and when he is silent for a
time. What was typed is never recorded: it may be a password. What is recorded is how much, by whom, and a
digest under a key of this home, by which a text can be compared and none be guessed from the log alone.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from workbench.connectors.contract import ExternalRef, Interactive
from workbench.ledger.move import Note
from workbench.model.actor import Actor
from workbench.model.clock import render_time
from workbench.model.errors import NotAllowed
from workbench.model.run import Step
from workbench.model.statuses import StepStatus

if TYPE_CHECKING:
    # It holds the keyboards itself.
    from workbench.engine.context import Context

SILENCE_SECONDS: Final = 300.0
"""After so long without a word its holder loses the keyboard."""
_BURST_SECONDS: Final = 2.0


@dataclass(slots=True, kw_only=True)
class Lease:
    """One holder of one run's keyboard. `key` names the connection; times by the monotonic clock."""

    key: str
    actor: Actor
    project_id: str
    run_id: str
    typed_at: float
    burst_began: float = 0.0
    burst_at: str = ""
    burst_bytes: int = 0
    burst: hmac.HMAC | None = None
    unrecorded: dict[str, object] | None = None
    total_bytes: int = 0


@dataclass(slots=True, kw_only=True)
class Keyboards:
    """The leases of all runs; one a process."""

    silence_seconds: float = SILENCE_SECONDS
    _leases: dict[str, Lease] = field(default_factory=dict)

    def holder(self, run_id: str) -> Lease | None:
        """Returns the lease of a run's keyboard, or None while nobody has it."""
        return self._leases.get(run_id)

    def holds(self, run_id: str, key: str) -> bool:
        """Tells whether this connection has the run's keyboard."""
        lease = self._leases.get(run_id)
        return lease is not None and lease.key == key

    async def take(
        self, context: Context, *, project_id: str, run_id: str, key: str, actor: Actor, status: str
    ) -> bool:
        """Gives a free keyboard to this connection and records it; False while another has it."""
        if run_id in self._leases:
            return self.holds(run_id, key)
        now = context.clock.monotonic()
        lease = Lease(key=key, actor=actor, project_id=project_id, run_id=run_id, typed_at=now)
        # Before the ledger answers, so that nobody else takes it meanwhile.
        self._leases[run_id] = lease
        try:
            await _note(context, lease, "terminal:lease_taken", {"status": status})
        except BaseException:
            self._leases.pop(run_id, None)
            raise
        return True

    async def type(self, context: Context, *, run_id: str, key: str, ref: ExternalRef, data: bytes) -> None:
        """Types it, if this connection has the keyboard; else raises NotAllowed, and what typing raises."""
        lease = self._leases.get(run_id)
        if lease is None or lease.key != key:
            raise NotAllowed(
                "the keyboard of this run is not yours", remedy="take it first: Type into it, in the page"
            )
        now = context.clock.monotonic()
        if lease.burst is None:
            lease.burst = context.vault.open_mark(lease.project_id)
            lease.burst_began, lease.burst_at = now, render_time(context.clock.now())
        lease.typed_at = now
        lease.burst.update(data)
        lease.burst_bytes += len(data)
        lease.total_bytes += len(data)
        await context.connectors[ref.connector_id].write_input(ref, data)

    async def look_after(self, context: Context, *, run_id: str, key: str) -> str:
        """Records what was typed for a while, and takes the keyboard from a silent holder.

        Returns why it was taken, or "" while it is not. Raises LedgerUnavailable; then it is recorded later.
        """
        lease = self._leases.get(run_id)
        if lease is None or lease.key != key:
            return ""
        now = context.clock.monotonic()
        is_due = lease.burst is not None and now - lease.burst_began >= _BURST_SECONDS
        if is_due or lease.unrecorded is not None:
            await _record_burst(context, lease)
        if now - lease.typed_at < self.silence_seconds:
            return ""
        why = f"nothing was typed for {self.silence_seconds:g} seconds"
        await self.release(context, run_id=run_id, key=key, tag="terminal:lease_expired")
        return why

    async def release(
        self, context: Context, *, run_id: str, key: str, tag: str = "terminal:lease_released"
    ) -> None:
        """Takes the keyboard back from this connection and records that, with all that was typed."""
        lease = self._leases.get(run_id)
        if lease is None or lease.key != key:
            return
        # Whoever went has it no more, whatever becomes of the record.
        del self._leases[run_id]
        for _ in range(2):
            # What could not be recorded before, and what came since.
            await _record_burst(context, lease)
        await _note(context, lease, tag, {"typed_bytes": lease.total_bytes})


def input_wanted(context: Context, step: Step) -> str | None:
    """Returns since when a running step waits for somebody to type (RFC 3339), or None."""
    connector = context.connectors.get(step.connector)
    if (
        step.status is not StepStatus.RUNNING
        or step.external_run_id is None
        or not isinstance(connector, Interactive)
    ):
        return None
    return connector.input_wanted(
        ExternalRef(connector_id=step.connector, external_run_id=step.external_run_id)
    )


async def _record_burst(context: Context, lease: Lease) -> None:
    """Records what was typed since the last record; on a failure that is tried again, as it was."""
    if lease.unrecorded is None and lease.burst is not None:
        # Taken out first: what is typed while this is recorded belongs to the next one.
        digest = f"hmac-sha256:{lease.burst.hexdigest()}"
        lease.unrecorded = {"bytes": lease.burst_bytes, "digest": digest, "began_at": lease.burst_at}
        lease.burst, lease.burst_bytes = None, 0
    if lease.unrecorded is not None:
        await _note(context, lease, "terminal:typed", lease.unrecorded)
        lease.unrecorded = None


async def _note(context: Context, lease: Lease, tag: str, payload: dict[str, object]) -> None:
    note = Note(tag=tag, payload=payload, run_id=lease.run_id)
    await context.ledger.append(lease.project_id, [note], actor=lease.actor.name, via=lease.actor.via)
