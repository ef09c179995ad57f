"""No sequence of calls reaches running without an Admission and, where asked, an approved row spent once.

A machine makes every call of the HTTP API that leads to a start or away from one, as people and agents of
every role, in any order, with the clock going forward as it likes; it also tries what no caller may do:
appending starts by hand. After each step a reader of its own goes on through the logs and holds each vote and
start against the rules of that moment: an admission, the same subject, votes in time, from enough people who
have the role that the risk asks for and are no authors where a second person is asked for.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from support.admissions import admission_for
from support.callers import Api, Caller, Trying
from support.engine import House, open_engine_house
from support.replay import Replay
from workbench.engine.context import Limits
from workbench.engine.decide import expire_overdue
from workbench.engine.recover import recover
from workbench.gate import approvals as gate_approvals
from workbench.gate.switches import LOCAL
from workbench.ledger.ledger import HOUSE
from workbench.ledger.move import Move, MoveRun, MoveStep, UseApproval
from workbench.ledger.starts import Starts
from workbench.model.actor import Role
from workbench.model.approval import Approval
from workbench.model.errors import WorkbenchError
from workbench.model.event import Event
from workbench.model.moves import RunMove, StepMove
from workbench.model.network import beyond
from workbench.model.run import Run
from workbench.model.statuses import ApprovalStatus, RunStatus
from workbench.model.verdict import Decision

T = TypeVar("T")
LIMITS = Limits(approval_expiry_seconds=600, execution_expiry_seconds=120)
REMEMBERABLE = "kill -s CONT 1"
COMMANDS = (
    "rm -rf build",
    "frobnicate --all",
    "rm -rf build",
    "ls",
    "sudo rm -rf /",
    "cat $(ls)",
    REMEMBERABLE,
)
ANN = Caller(name="user:ann", role=Role.ADMIN, via="cli", person="ann")
BOB = Caller(name="user:bob", role=Role.APPROVER, via="api", person="bob")
DAN = Caller(name="user:dan", role=Role.APPROVER, via="api", person="dan")
AGENT = Caller(name="token:agent", role=Role.APPROVER, via="mcp", person="bob")
PEOPLE = [
    ANN,
    BOB,
    DAN,
    Caller(name="token:ann-phone", role=Role.APPROVER, via="api", person="ann"),
    AGENT,
    Caller(name="token:helper", role=Role.APPROVER, via="mcp", person="ann"),
    Caller(name="token:worker", role=Role.OPERATOR, via="mcp", person="dan"),
]
EDITS: tuple[dict[str, Any], ...] = (
    *({"command": text} for text in COMMANDS),
    {"timeout_seconds": 600},
    {"timeout_seconds": 60},
    {"allow_hosts": ["a.invalid"]},
)
ADMINS_ALONE: list[dict[str, Any]] = [{"risk_level": "high", "role": "admin"}]
RULES: tuple[list[dict[str, Any]], ...] = (
    [],
    ADMINS_ALONE,
    [{"risk_level": "high", "people": ["user:bob"]}, {"risk_level": "medium", "role": "admin"}],
)
people = st.sampled_from(PEOPLE)
commands = st.sampled_from(COMMANDS)
names = st.sampled_from([[], [], ["a.invalid"]])
picks = st.integers(0, 3)
delays = st.sampled_from([0, 0, 0, None, 119, 120])


class EveryCall(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.connector = Trying()
        self.opened = open_engine_house(
            f"sqlite:///{self.folder.name}/ledger.db",
            Path(self.folder.name),
            limits=LIMITS,
            connector=self.connector,
        )
        self.house: House = self.do(self.opened.__aenter__())
        self.api = Api(self.house)
        for caller in PEOPLE:
            self.do(self.api.let_in(caller))
        self.replay = Replay()
        self.events: list[Event] = []
        self.house_place = 0
        self.is_stopped = False

    def teardown(self) -> None:
        self.do(self.api.close())
        self.do(self.opened.__aexit__(None, None, None))
        self.loop.close()
        self.folder.cleanup()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.loop.run_until_complete(work)

    def call(self, caller: Caller, method: str, path: str, /, **body: Any) -> Any:
        """Makes a call; a refusal is an answer like any other."""
        return self.do(self.api.call(caller, method, path, **body))

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

    @rule(text=commands, caller=people, hosts=names, seconds=delays)
    def submit(self, text: str, caller: Caller, hosts: list[str], seconds: int | None) -> None:
        self.call(caller, "POST", "/api/runs", project_id="prj_1", command=text, allow_hosts=hosts)
        self.drive_after(seconds)

    @precondition(has_runs)
    @rule(
        pick=picks,
        caller=people,
        word=st.sampled_from(["approve", "approve", "approve", "deny"]),
        says_what=st.booleans(),
        seconds=delays,
    )
    def decide(self, pick: int, caller: Caller, word: str, says_what: bool, seconds: int | None) -> None:
        if found := self.open_approvals():
            approval = found[pick % len(found)]
            seen = approval.subject_digest if says_what else None
            path = f"/api/approvals/{approval.approval_id}/{word}"
            self.call(caller, "POST", path, reason="because", subject_digest=seen)
            self.drive_after(seconds)

    @precondition(has_runs)
    @rule(pick=picks, caller=people, edit=st.sampled_from(EDITS), looks=st.booleans(), seconds=delays)
    def edit(self, pick: int, caller: Caller, edit: dict[str, Any], looks: bool, seconds: int | None) -> None:
        if found := self.open_approvals():
            path = f"/api/approvals/{found[pick % len(found)].approval_id}"
            more = {}
            if looks:
                seen = self.call(caller, "POST", f"{path}/edit-check", **edit)
                more = {"edited_digest": seen.json().get("subject_digest")}
            self.call(caller, "POST", f"{path}/approve-edited", **edit, **more, reason="better so")
            self.drive_after(seconds)

    @precondition(has_runs)
    @rule(editor=people, edit=st.sampled_from(EDITS), third=st.sampled_from([None, None, None, None, DAN]))
    def change_and_approve(self, editor: Caller, edit: dict[str, Any], third: Caller | None) -> None:
        """The newest question is edited by one, and approved by its requester, as two in league would, or by
        somebody else."""
        if found := self.open_approvals():
            requester = next(each for each in PEOPLE if each.name == found[0].requested_by)
            self.edit(0, editor, edit, looks=False, seconds=None)
            self.decide(0, third or requester, "approve", says_what=False, seconds=0)

    @precondition(has_runs)
    @rule(pick=picks, caller=people)
    def preview(self, pick: int, caller: Caller) -> None:
        if found := self.open_approvals():
            before = len(self.house.connector.dispatched)
            self.call(caller, "POST", f"/api/runs/{found[pick % len(found)].run_id}/preview")
            assert len(self.house.connector.dispatched) == before, "a preview dispatched"

    @rule(pick=picks, asker=people, caller=st.sampled_from([ANN, ANN, *PEOPLE]), looks=st.booleans())
    def remember(self, pick: int, asker: Caller, caller: Caller, looks: bool) -> None:
        self.submit(REMEMBERABLE, asker, [], None)
        wanted = [run for run in self.runs() if run.plan.steps[0].command.source_text == REMEMBERABLE]
        path = "/api/policy/proposals" if looks else "/api/policy/remembered"
        self.call(caller, "POST", path, run_id=wanted[pick % len(wanted)].run_id, days=1)

    @rule(caller=people)
    def forget(self, caller: Caller) -> None:
        for remembered in self.call(ANN, "GET", "/api/policy/remembered?project_id=prj_1").json():
            path = f"/api/policy/remembered/{remembered['rule_id']}?project_id=prj_1"
            self.call(caller, "DELETE", path)

    @precondition(has_runs)
    @rule(pick=picks, caller=people, is_retry=st.booleans(), hosts=names)
    def cancel_or_retry(self, pick: int, caller: Caller, is_retry: bool, hosts: list[str]) -> None:
        if found := self.runs():
            path = f"/api/runs/{found[pick % len(found)].run_id}"
            if is_retry:
                self.call(caller, "POST", f"{path}/retry", acknowledge=True, allow_hosts=hosts)
            else:
                self.call(caller, "POST", f"{path}/cancel", reason="no")

    @precondition(has_runs)
    @rule(pick=picks, caller=people)
    def resume(self, pick: int, caller: Caller) -> None:
        if found := self.runs():
            path = f"/api/runs/{found[pick % len(found)].run_id}/resume"
            self.call(caller, "POST", path, reason="go on")

    @initialize(caller=people, four_eyes=st.booleans(), approvers=st.sampled_from(RULES))
    def begin_with_something_held(
        self, caller: Caller, four_eyes: bool, approvers: list[dict[str, Any]]
    ) -> None:
        self.change_who_approves(four_eyes, 0, approvers, [])
        self.submit("rm -rf build", caller, [], None)

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

    @rule(what=st.sampled_from(["kill", "off", *["let go"] * 6]))
    def stop_or_let_go(self, what: str) -> None:
        if what == "off":
            self.call(ANN, "PUT", "/api/switches", name=LOCAL, state="off", reason="drill")
        elif what == "kill":
            self.call(ANN, "POST", "/api/kill", engaged=True, reason="drill")
        else:
            self.call(ANN, "POST", "/api/kill", engaged=False, reason="drill")
            self.call(ANN, "PUT", "/api/switches", name=LOCAL, state="on", reason="drill", override=True)
        self.is_stopped = what != "let go"

    @rule(
        four_eyes=st.booleans(),
        quorum=st.sampled_from([0, 0, 2]),
        approvers=st.sampled_from(RULES),
        hosts=names,
    )
    def change_who_approves(
        self, four_eyes: bool, quorum: int, approvers: list[dict[str, Any]], hosts: list[str]
    ) -> None:
        answer = self.call(
            ANN,
            "POST",
            "/api/projects",
            path=self.house.project.workspace_root,
            forbid_self_approval=four_eyes,
            approval_quorum=quorum,
            approvers=approvers,
            network_allowlist=hosts,
        )
        assert answer.status_code == 201, answer.text

    @rule(
        caller=st.sampled_from([BOB, DAN]), role=st.sampled_from([Role.APPROVER, Role.OPERATOR, Role.ADMIN])
    )
    def give_another_role(self, caller: Caller, role: Role) -> None:
        self.do(self.api.let_in(Caller(name=caller.name, role=role, via=caller.via, person=caller.person)))

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
        ledger = self.house.context.ledger
        # No rule changes both who may approve and what starts: between the chains there is no order.
        told = self.do(ledger.for_project(HOUSE).events(after=self.house_place, limit=500))
        self.replay.house(told)
        self.house_place = told[-1].seq if told else self.house_place
        after = self.events[-1].seq if self.events else 0
        new = self.do(ledger.for_project("prj_1").events(after=after, limit=500))
        self.events += new
        self.replay.project(new)
        requests = {request.step_id: request for request in self.house.connector.dispatched}
        dispatched = {step_id: request.admission for step_id, request in requests.items()}
        assert len(dispatched) == len(self.house.connector.dispatched), "a step was dispatched twice"
        for step_id, admission in dispatched.items():
            assert admission.is_admitted, step_id
            assert not admission.request.is_preview
            assert admission.judgement.verdict.verdict is not Decision.DENY
            # Names beyond those that the project had at the start are never let in unasked.
            more = beyond(admission.request.command.allow_hosts, requests[step_id].project.network_allowlist)
            assert admission.approval_id is not None or not more
        assert all(request.admission.request.is_preview for request in self.connector.tried)
        spent = Counter(event.payload["approval_id"] for event in self.events if event.tag == "approval:used")
        assert set(spent.values()) <= {1}, "an approval was spent twice"
        started = [event.step_id for event in self.events if event.tag == "step:started"]
        assert sorted(dispatched) == sorted(str(step_id) for step_id in started)

    @invariant()
    def the_log_and_the_rows_agree(self) -> None:
        if len(self.events) % 7 == 0:
            assert self.do(self.house.context.ledger.verify()).ok


TestEveryCall = EveryCall.TestCase
# A third of a second an example: the long suite tries as many as its profile says.
_EXAMPLES = min(settings().max_examples, 12) if settings().derandomize else settings().max_examples
TestEveryCall.settings = settings(max_examples=_EXAMPLES, stateful_step_count=40, deadline=None)


# Four eyes are counted twice, by the gate and by the ledger in the transaction of the start.
UNCOUNTED: tuple[object, str, object] = (Starts, "_left_out", lambda *_: set())
OFF: dict[str, list[tuple[object, str, object]]] = {
    "roles by risk": [(gate_approvals, "_find_role_problem", lambda *_: None)],
    "four eyes": [(gate_approvals, "_is_author", lambda *_: False), UNCOUNTED],
    "authors but the last": [
        (Approval, "authors", property(lambda approval: (approval.edited_by or approval.requested_by,))),
        UNCOUNTED,
    ],
    "agents' own": [(gate_approvals, "AGENTS", "")],
}


# The shortest way that each of them closes.
WAYS: dict[str, list[Callable[[EveryCall], None]]] = {
    "roles by risk": [
        lambda all_: all_.change_who_approves(False, 0, ADMINS_ALONE, []),
        lambda all_: all_.submit("rm -rf build", BOB, [], None),
        lambda all_: all_.decide(0, DAN, "approve", says_what=True, seconds=0),
    ],
    "four eyes": [
        lambda all_: all_.change_who_approves(True, 0, [], []),
        lambda all_: all_.submit("rm -rf build", BOB, [], None),
        lambda all_: all_.decide(0, BOB, "approve", says_what=True, seconds=0),
    ],
    "authors but the last": [
        lambda all_: all_.change_who_approves(True, 0, [], []),
        lambda all_: all_.submit("rm -rf build", BOB, [], None),
        lambda all_: all_.edit(0, DAN, {"timeout_seconds": 600}, looks=True, seconds=None),
        lambda all_: all_.decide(0, BOB, "approve", says_what=True, seconds=0),
    ],
    "agents' own": [
        lambda all_: all_.change_who_approves(False, 0, [], []),
        lambda all_: all_.submit("rm -rf build", AGENT, [], None),
        lambda all_: all_.decide(0, AGENT, "approve", says_what=True, seconds=0),
    ],
}


def go(way: list[Callable[[EveryCall], None]]) -> int:
    """Goes one way through the machine, as it would by chance, and returns how much was started."""
    machine = EveryCall()
    try:
        for step in way:
            step(machine)
            machine.nothing_runs_but_what_was_admitted_and_approved()
        return len(machine.connector.dispatched)
    finally:
        machine.teardown()


@pytest.mark.parametrize("check", OFF)
def test_with_a_check_off_there_is_a_way_and_the_machine_fails_on_it(
    check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert go(WAYS[check]) == 0
    for target, name, value in OFF[check]:
        monkeypatch.setattr(target, name, value)
    with pytest.raises(AssertionError, match=r"approved (its|their) own|started with"):
        go(WAYS[check])
