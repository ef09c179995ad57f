"""Says of an open run why it is not moving: who must decide, what cannot be reached, what it waits for.

One place for the page, the command line and the agents' door. What the ledger alone tells is in explain; here
is added what only this process knows. It changes nothing.
"""

from __future__ import annotations

from typing import Final

from workbench.connectors.contract import ExternalRef, Quiet
from workbench.engine.attend import input_wanted
from workbench.engine.context import Context
from workbench.engine.explain import explain
from workbench.engine.held_up import describe_wait
from workbench.engine.look import read_policy
from workbench.engine.wait import explain_wait
from workbench.gate import Policy
from workbench.gate.deciders import Answers, find_deciders, name_deciders
from workbench.model.approval import Approval
from workbench.model.clock import parse_time
from workbench.model.counted import render_count
from workbench.model.errors import WorkbenchError
from workbench.model.people import names_in
from workbench.model.project import Project
from workbench.model.run import Run, RunEnd, Step
from workbench.model.statuses import ApprovalStatus, BlockedBy, RunStatus

_UNANSWERED_SECONDS: Final = 2.0
"""Longer than any write of ours takes: a ledger that is silent for so long is what one waits for."""
_QUIET_SECONDS: Final = 10.0


class Onlooker:
    """Looks at runs for one answer: what it has read of a project and its policy serves the next run too."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._projects: dict[str, tuple[Project, Policy | None, str, Answers]] = {}

    async def say_why(
        self,
        run: Run,
        steps: tuple[Step, ...],
        approvals: tuple[Approval, ...] = (),
        end: RunEnd | None = None,
    ) -> str:
        """Returns one line for people; never empty. `approvals` are the run's, at least the pending ones.

        Raises LedgerUnavailable.
        """
        match run.status:
            case RunStatus.QUEUED | RunStatus.RUNNING:
                return (
                    self._find_trouble(run)
                    or await explain_wait(self._context, run, list(steps))
                    or self._find_wait(run, steps)
                    or explain(run, steps, approvals, end)
                )
            case RunStatus.BLOCKED if run.blocked_by is BlockedBy.APPROVAL:
                pending = [each for each in approvals if each.status is ApprovalStatus.PENDING]
                whom = await self._name_deciders(pending[0]) if pending else ""
                return explain(run, steps, approvals, end, whom=whom)
            case _:
                return explain(run, steps, approvals, end)

    def _find_trouble(self, run: Run) -> str:
        """Returns what keeps this process from moving a run that it is to move, or ""."""
        context = self._context
        if (held := context.held_up.get(run.run_id)) is not None:
            # Its driver may still be on the way out of what held it up.
            return describe_wait(held, monotonic=context.clock.monotonic())
        silent = context.ledger.unanswered_seconds(run.project_id)
        if silent >= _UNANSWERED_SECONDS:
            return (
                f"{'Running' if run.status is RunStatus.RUNNING else 'Waiting to be started'}; "
                f"the ledger has not answered for {_seconds(silent)}, and nothing is recorded until it does."
            )
        return ""

    def _find_wait(self, run: Run, steps: tuple[Step, ...]) -> str:
        """Returns what a run that runs here waits for, or ""."""
        context = self._context
        if run.status is RunStatus.RUNNING and run.cancel_requested_at is not None:
            asked = parse_time(run.cancel_requested_at)
            # The clock may have been put back since.
            passed = max(0.0, (context.clock.now() - asked).total_seconds())
            return (
                f"Cancel requested at {asked:%H:%M:%S} UTC, {_seconds(passed)} ago; waiting for the proof "
                "that no process is left."
            )
        wanted = next((since for step in steps if (since := input_wanted(context, step))), None)
        if wanted is not None:
            passed = max(0.0, (context.clock.now() - parse_time(wanted)).total_seconds())
            return (
                f"Waiting for input for {_seconds(passed)}; take the terminal to answer: "
                f"workbench attach {run.run_id}."
            )
        quiet = self._quiet_seconds(steps) if run.status is RunStatus.RUNNING else 0.0
        return f"Running in the sandbox; no output for {_seconds(quiet)}." if quiet >= _QUIET_SECONDS else ""

    def _quiet_seconds(self, steps: tuple[Step, ...]) -> float:
        for step in steps:
            connector = self._context.connectors.get(step.connector)
            if step.external_run_id is not None and isinstance(connector, Quiet):
                ref = ExternalRef(connector_id=step.connector, external_run_id=step.external_run_id)
                return connector.quiet_seconds(ref)
        return 0.0

    async def _name_deciders(self, approval: Approval) -> str:
        known = self._projects.get(approval.project_id)
        if known is None:
            project = await self._context.ledger.project(approval.project_id)
            policy, broken = None, ""
            try:
                policy = await read_policy(self._context, approval.project_id)
            except WorkbenchError as error:
                broken = f"{error.message}; {error.remedy}"
            known = self._projects[approval.project_id] = (project, policy, broken, {})
        project, policy, broken, answers = known
        people = await self._context.ledger.people(names_in(approval, project))
        return name_deciders(find_deciders(approval, project, people, policy, broken=broken, known=answers))


def _seconds(seconds: float) -> str:
    return render_count(int(seconds), "second", "seconds")
