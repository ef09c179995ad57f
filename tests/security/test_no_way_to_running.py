"""No sequence of calls reaches running without an Admission and, where asked, an approved row spent once.

A machine makes every call that people and agents can make, in any order, with the clock going forward as it
likes; it also tries what no caller may do: appending starts by hand. After each step it reads the whole log
and holds it against what was dispatched.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import tempfile
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from support.admissions import admission_for
from support.engine import House, open_engine_house
from workbench.engine.cancel import cancel
from workbench.engine.context import Limits
from workbench.engine.decide import approve, deny, expire_overdue
from workbench.engine.edit import Edit, approve_edited
from workbench.engine.operate import set_kill, set_switch
from workbench.engine.recover import recover
from workbench.engine.submit import retry, submit
from workbench.gate.switches import LOCAL
from workbench.ledger.move import Move, MoveRun, MoveStep, UseApproval
from workbench.model.actor import Actor, Role
from workbench.model.admission import SwitchState
from workbench.model.approval import Approval
from workbench.model.command import Command
from workbench.model.errors import WorkbenchError
from workbench.model.event import Event
from workbench.model.moves import RunMove, StepMove
from workbench.model.project import ApproverRule
from workbench.model.run import Run
from workbench.model.statuses import ApprovalStatus, RunStatus
from workbench.model.verdict import Decision, RiskLevel

T = TypeVar("T")
LIMITS = Limits(approval_expiry_seconds=600, execution_expiry_seconds=120)
COMMANDS = ("rm -rf build", "frobnicate --all", "rm -rf build", "ls", "sudo rm -rf /", "cat $(ls)")
PEOPLE = [
    Actor(name="user:ann", role=Role.ADMIN, via="cli"),
    Actor(name="user:bob", role=Role.APPROVER, via="page"),
    Actor(name="token:agent", role=Role.OPERATOR, via="mcp"),
    Actor(name="token:spare", role=Role.APPROVER, via="mcp"),
]
people = st.sampled_from(PEOPLE)
commands = st.sampled_from(COMMANDS)
picks = st.integers(0, 3)
delays = st.sampled_from([0, 0, 0, None, 119, 120])


class EveryCall(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.opened = open_engine_house(
            f"sqlite:///{self.folder.name}/ledger.db", Path(self.folder.name), limits=LIMITS
        )
        self.house: House = self.do(self.opened.__aenter__())
        self.events: list[Event] = []
        self.is_stopped = False

    def teardown(self) -> None:
        self.do(self.opened.__aexit__(None, None, None))
        self.loop.close()
        self.folder.cleanup()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def attempt(self, work: Coroutine[Any, Any, object]) -> None:
        """Makes a call; a refusal is an answer like any other."""
        with contextlib.suppress(WorkbenchError):
            self.do(work)

    def runs(self) -> list[Run]:
        page = self.do(self.house.context.ledger.for_project("prj_1").runs())
        return [run for run, _ in page.runs]

    def approvals(self) -> list[Approval]:
        return self.do(self.house.context.ledger.for_project("prj_1").approvals())

    def open_approvals(self) -> list[Approval]:
        """What a person would decide: the pending ones; where there are none, any."""
        found = self.approvals()
        return [each for each in found if each.status is ApprovalStatus.PENDING] or found

    def has_runs(self) -> bool:
        return bool(self.events)

    # -- what people and agents call ------------------------------------------------------------------

    @rule(text=commands, actor=people, seconds=delays)
    def submit(self, text: str, actor: Actor, seconds: int | None) -> None:
        command = Command(source_text=text, cwd="")
        self.attempt(submit(self.house.context, project_id="prj_1", command=command, actor=actor))
        self.drive_after(seconds)

    @precondition(has_runs)
    @rule(pick=picks, actor=people, says_yes=st.sampled_from([True, True, True, False]), seconds=delays)
    def decide(self, pick: int, actor: Actor, says_yes: bool, seconds: int | None) -> None:
        if found := self.open_approvals():
            given = {"project_id": "prj_1", "actor": actor, "reason": "because"}
            approval_id = found[pick % len(found)].approval_id
            verb = approve if says_yes else deny
            self.attempt(verb(self.house.context, approval_id=approval_id, **given))  # type: ignore[arg-type]
            self.drive_after(seconds)

    @precondition(has_runs)
    @rule(pick=picks, actor=people, text=commands, seconds=delays)
    def edit(self, pick: int, actor: Actor, text: str, seconds: int | None) -> None:
        if found := self.open_approvals():
            self.attempt(
                approve_edited(
                    self.house.context,
                    project_id="prj_1",
                    approval_id=found[pick % len(found)].approval_id,
                    edit=Edit(source_text=text),
                    actor=actor,
                    reason="better so",
                )
            )
            self.drive_after(seconds)

    @precondition(has_runs)
    @rule(pick=picks, actor=people, is_retry=st.booleans())
    def cancel_or_retry(self, pick: int, actor: Actor, is_retry: bool) -> None:
        if found := self.runs():
            run_id = found[pick % len(found)].run_id
            if is_retry:
                self.attempt(
                    retry(
                        self.house.context,
                        project_id="prj_1",
                        run_id=run_id,
                        actor=actor,
                        is_acknowledged=True,
                    )
                )
            else:
                self.attempt(
                    cancel(self.house.context, project_id="prj_1", run_id=run_id, actor=actor, reason="no")
                )

    @initialize(actor=people)
    def begin_with_something_held(self, actor: Actor) -> None:
        command = Command(source_text="rm -rf build", cwd="")
        self.attempt(submit(self.house.context, project_id="prj_1", command=command, actor=actor))

    def drive_after(self, seconds: int | None) -> None:
        """The driver comes after so many seconds; None: it does not come now."""
        if seconds is not None:
            self.house.clock.advance(seconds)
            self.drive()

    @rule()
    def drive(self) -> None:
        before = len(self.house.connector.dispatched)
        self.do(self.house.drive())
        if self.is_stopped:
            assert len(self.house.connector.dispatched) == before, "something started while it was stopped"

    @rule()
    def restart(self) -> None:
        self.do(recover(self.house.context))

    # -- what happens around them ---------------------------------------------------------------------

    @rule(seconds=st.sampled_from([1, 60, 119, 121, 601]))
    def let_time_pass(self, seconds: int) -> None:
        self.house.clock.advance(seconds)

    @rule()
    def expire(self) -> None:
        self.do(expire_overdue(self.house.context))

    @rule(what=st.sampled_from(["kill", "off", "let go", "let go", "let go"]))
    def stop_or_let_go(self, what: str) -> None:
        ann, context = PEOPLE[0], self.house.context
        if what == "off":
            self.do(set_switch(context, name=LOCAL, state=SwitchState.OFF, actor=ann, reason="drill"))
        elif what == "kill":
            self.do(set_kill(context, engaged=True, actor=ann, reason="drill"))
        else:
            self.do(set_kill(context, engaged=False, actor=ann, reason="drill"))
            self.do(set_switch(context, name=LOCAL, state=SwitchState.ON, actor=ann, reason="drill"))
        self.is_stopped = what != "let go"

    @rule(four_eyes=st.booleans(), quorum=st.sampled_from([None, 2]), admin_only=st.booleans())
    def change_who_approves(self, four_eyes: bool, quorum: int | None, admin_only: bool) -> None:
        rule_ = ApproverRule(risk_level=RiskLevel.HIGH, role=Role.ADMIN)
        self.do(
            self.house.put(
                dataclasses.replace(
                    self.house.project,
                    forbid_self_approval=four_eyes,
                    approval_quorum=quorum,
                    approvers=(rule_,) if admin_only else (),
                )
            )
        )

    # -- what nobody may do ---------------------------------------------------------------------------

    @precondition(has_runs)
    @rule(
        pick=picks,
        decision=st.sampled_from(list(Decision)),
        with_approval=st.booleans(),
        is_bare=st.booleans(),
    )
    def start_by_hand(self, pick: int, decision: Decision, with_approval: bool, is_bare: bool) -> None:
        """Appends a start with an admission that the gate never gave, or with none."""
        waiting = [run for run in self.runs() if run.status is RunStatus.QUEUED]
        if not waiting:
            return
        run = waiting[pick % len(waiting)]
        (step,) = self.do(self.house.context.ledger.for_project("prj_1").steps(run.run_id))
        approvals = self.approvals()
        approval = approvals[pick % len(approvals)] if approvals and with_approval else None
        own = approval is not None and approval.run_id == run.run_id
        if (decision is Decision.ALLOW and not is_bare) or own:
            # A forged ALLOW for the very command is what only the gate's own room could make.
            return
        admission = admission_for(
            run.plan.steps[0].command,
            run_id=run.run_id,
            step_id=step.step_id,
            decision=decision,
            approval_id=None if approval is None else approval.approval_id,
            subject_digest=step.subject_digest or "",
        )
        moves: list[Move] = [] if approval is None else [UseApproval(approval_id=approval.approval_id)]
        moves += [
            MoveRun(run_id=run.run_id, move=RunMove.START),
            MoveStep(step_id=step.step_id, move=StepMove.START, admission=None if is_bare else admission),
        ]
        try:
            self.do(self.house.context.ledger.append("prj_1", moves, actor="engine", via="engine"))
        except WorkbenchError:
            return
        raise AssertionError(f"{run.run_id} was started by hand")

    # -- what must hold -------------------------------------------------------------------------------

    @invariant()
    def nothing_runs_but_what_was_admitted_and_approved(self) -> None:
        reads = self.house.context.ledger.for_project("prj_1")
        after = self.events[-1].seq if self.events else 0
        self.events += self.do(reads.events(after=after, limit=500))
        dispatched = {request.step_id: request.admission for request in self.house.connector.dispatched}
        assert len(dispatched) == len(self.house.connector.dispatched), "a step was dispatched twice"
        for step_id, admission in dispatched.items():
            assert admission.is_admitted, step_id
            assert admission.judgement.verdict.verdict is not Decision.DENY
        spent = Counter(event.payload["approval_id"] for event in self.events if event.tag == "approval:used")
        assert set(spent.values()) <= {1}, "an approval was spent twice"
        for place, event in enumerate(self.events):
            if event.tag == "step:started":
                self._check_start(event, self.events[:place])
        started = [event.step_id for event in self.events if event.tag == "step:started"]
        assert sorted(dispatched) == sorted(str(step_id) for step_id in started)

    def _check_start(self, event: Event, before: list[Event]) -> None:
        verdict = event.payload["verdict"]
        assert verdict["verdict"] in ("allow", "requires_approval")
        approval_id = event.payload["approval_id"]
        if verdict["verdict"] == "allow" and approval_id is None:
            return
        told = [e for e in before if e.payload.get("approval_id") == approval_id and e.tag.startswith("appr")]
        asked = next(e for e in told if e.tag == "approval:requested")
        assert (asked.step_id, asked.payload["subject_digest"]) == (
            event.step_id,
            event.payload["subject_digest"],
        )
        tags = [e.tag for e in told]
        assert tags.count("approval:approved") == tags.count("approval:used") == 1
        assert not {"approval:denied", "approval:expired", "approval:withdrawn", "approval:lapsed"} & set(
            tags
        )
        approved = next(e for e in told if e.tag == "approval:approved")
        assert approved.at < asked.payload["expires_at"]
        assert event.at < approved.payload["start_by"]
        roles = {actor.name: actor.role for actor in PEOPLE}
        voters = [e.actor for e in told if e.tag in ("approval:voted", "approval:approved")]
        assert len(voters) == len(set(voters)) >= asked.payload["quorum"]
        assert all(roles[name] in (Role.APPROVER, Role.ADMIN) for name in voters)

    @invariant()
    def the_log_and_the_rows_agree(self) -> None:
        if len(self.events) % 7 == 0:
            assert self.do(self.house.context.ledger.verify()).ok


TestEveryCall = EveryCall.TestCase
# A tenth of a second an example: the long suite tries as many as its profile says.
_EXAMPLES = min(settings().max_examples, 25) if settings().derandomize else settings().max_examples
TestEveryCall.settings = settings(max_examples=_EXAMPLES, stateful_step_count=40, deadline=None)
