"""The one enforcement point: whatever a caller appends, nothing runs without what admitted it.

Each test tries to start a step in a way that the engine never would, on both databases, and looks at what the
ledger holds afterwards.
"""

from __future__ import annotations

import dataclasses

import pytest

from support.admissions import admission_for
from support.clock import ToldClock
from workbench.ledger.ledger import HOUSE, Ledger
from workbench.ledger.move import (
    CreateApproval,
    CreateRun,
    CreateStep,
    EditRun,
    EditStep,
    Move,
    MoveApproval,
    MoveRun,
    MoveStep,
    PutProject,
    PutToken,
    RevokeToken,
    UseApproval,
)
from workbench.model.admission import Admission
from workbench.model.approval import CommandChange
from workbench.model.clock import render_time
from workbench.model.command import Command
from workbench.model.errors import Conflict, IllegalMove, StartRefused
from workbench.model.moves import ApprovalMove, RunMove, StepMove
from workbench.model.plan import StepKind, single_command
from workbench.model.project import Project
from workbench.model.statuses import ApprovalStatus, BlockedBy, RunStatus, StepStatus
from workbench.model.verdict import Decision, RiskLevel

COMMAND = Command(source_text="rm -rf build", cwd="/ws")
ASKED = Decision.REQUIRES_APPROVAL


async def make_run(ledger: Ledger, run_id: str = "run_1", *, quorum: int = 1) -> None:
    """A queued run, and a pending approval of its step; ann and bob may approve."""
    for name in ("user:ann", "user:bob"):
        token = PutToken(
            token_id=f"tok_{run_id}_{name}",
            token_sha256=f"{run_id} {name}",
            kind="token",
            token_actor=name,
            role="approver",
        )
        await ledger.append(HOUSE, [token], actor="user:ann", via="cli")
    await ledger.append(
        "prj_1",
        [
            CreateRun(
                run_id=run_id, move=RunMove.ADMIT, plan=single_command(COMMAND), requested_by="user:ann"
            ),
            CreateStep(
                step_id=f"step_{run_id}",
                run_id=run_id,
                step_key="command",
                kind=StepKind.COMMAND,
                connector="local",
            ),
            CreateApproval(
                approval_id=f"apr_{run_id}",
                run_id=run_id,
                step_id=f"step_{run_id}",
                subject_digest="sha256:1",
                risk_level=RiskLevel.HIGH,
                quorum=quorum,
                requested_by="user:ann",
                expires_at="2026-01-03T00:00:00.000Z",
            ),
        ],
        actor="user:ann",
        via="cli",
    )


async def approve(ledger: Ledger, clock: ToldClock, run_id: str = "run_1") -> None:
    clock.advance(60)
    start_by = render_time(clock.now())
    clock.advance(-60)
    move = MoveApproval(
        approval_id=f"apr_{run_id}",
        move=ApprovalMove.APPROVE,
        decision="approve",
        reason="fine",
        start_by=start_by,
    )
    await ledger.append("prj_1", [move], actor="user:bob", via="page")


def start(admission: Admission | None, *, use: str | None = "apr_run_1", run_id: str = "run_1") -> list[Move]:
    moves: list[Move] = [] if use is None else [UseApproval(approval_id=use)]
    return [
        *moves,
        MoveRun(run_id=run_id, move=RunMove.START),
        MoveStep(step_id=f"step_{run_id}", move=StepMove.START, admission=admission),
    ]


async def refused(ledger: Ledger, moves: list[Move], error: type[Conflict] = StartRefused) -> str:
    before = await ledger.for_project("prj_1").events()
    with pytest.raises(error) as caught:
        await ledger.append("prj_1", moves, actor="engine", via="engine")
    assert await ledger.for_project("prj_1").events() == before
    for run, steps in (await ledger.for_project("prj_1").runs()).runs:
        assert run.status is RunStatus.QUEUED
        assert [step.status for step in steps] == [StepStatus.QUEUED]
    assert not any(approval.is_used for approval in await ledger.for_project("prj_1").approvals())
    assert (await ledger.verify()).ok
    return caught.value.message


async def test_a_start_spends_the_approval_of_its_subject_in_the_same_append(
    ledger: Ledger, clock: ToldClock
) -> None:
    await make_run(ledger)
    await approve(ledger, clock)
    admission = admission_for(COMMAND, decision=ASKED, approval_id="apr_run_1")
    await ledger.append("prj_1", start(admission), actor="engine", via="engine")
    reads = ledger.for_project("prj_1")
    assert ((await reads.run("run_1")).status, (await reads.approval("apr_run_1")).is_used) == (
        RunStatus.RUNNING,
        True,
    )
    assert (await ledger.verify()).ok


async def test_nothing_starts_without_an_admission_that_admits_exactly_it(
    ledger: Ledger, clock: ToldClock
) -> None:
    await make_run(ledger)
    await approve(ledger, clock)
    asked = admission_for(COMMAND, decision=ASKED, approval_id="apr_run_1")
    bad: list[Admission | None] = [
        None,
        dataclasses.replace(asked, is_admitted=False, blocked_by=BlockedBy.POLICY),
        admission_for(COMMAND, run_id="run_2", decision=ASKED, approval_id="apr_run_1"),
        admission_for(COMMAND, step_id="step_2", decision=ASKED, approval_id="apr_run_1"),
        admission_for(dataclasses.replace(COMMAND, source_text="rm -rf /"), decision=ASKED),
        admission_for(dataclasses.replace(COMMAND, cwd="/ws/sub"), decision=ASKED, approval_id="apr_run_1"),
        admission_for(COMMAND, decision=Decision.DENY, approval_id="apr_run_1"),
        admission_for(COMMAND, decision=ASKED, approval_id=None),
        admission_for(COMMAND, parsed_strictly=False),
        admission_for(COMMAND, decision=ASKED, approval_id="apr_run_1", subject_digest="sha256:2"),
        admission_for(COMMAND, decision=ASKED, approval_id="apr_other"),
    ]
    for admission in bad:
        await refused(ledger, start(admission))
    for admission in bad:
        await refused(ledger, start(admission, use=None))


async def test_an_approval_is_spent_before_its_start_and_never_without_it(
    ledger: Ledger, clock: ToldClock
) -> None:
    await make_run(ledger)
    await approve(ledger, clock)
    asked = admission_for(COMMAND, decision=ASKED, approval_id="apr_run_1")
    await refused(ledger, [UseApproval(approval_id="apr_run_1")])
    await refused(ledger, start(asked, use=None))
    use, *begin = start(asked)
    await refused(ledger, [*begin, use])
    await refused(ledger, [use, begin[0]])
    await refused(ledger, [begin[0]])


async def test_an_approval_of_another_run_starts_nothing(ledger: Ledger, clock: ToldClock) -> None:
    await make_run(ledger)
    await make_run(ledger, "run_2")
    await approve(ledger, clock, "run_2")
    stolen = admission_for(COMMAND, decision=ASKED, approval_id="apr_run_2")
    assert "another step" in await refused(ledger, start(stolen, use="apr_run_2"))


async def test_a_pending_denied_or_lapsed_approval_starts_nothing(ledger: Ledger, clock: ToldClock) -> None:
    asked = admission_for(COMMAND, decision=ASKED, approval_id="apr_run_1")
    await make_run(ledger)
    await refused(ledger, start(asked), IllegalMove)
    await approve(ledger, clock)
    clock.advance(60)
    assert "lapsed" in await refused(ledger, start(asked))
    lapse = MoveApproval(
        approval_id="apr_run_1", move=ApprovalMove.LAPSE, decision="lapse", reason="too late"
    )
    await ledger.append("prj_1", [lapse], actor="engine", via="engine")
    assert (await ledger.for_project("prj_1").approval("apr_run_1")).status is ApprovalStatus.LAPSED
    clock.advance(-60)
    await refused(ledger, start(asked), IllegalMove)


async def test_an_approved_row_without_its_quorum_starts_nothing(ledger: Ledger, clock: ToldClock) -> None:
    await make_run(ledger, quorum=2)
    await approve(ledger, clock)
    asked = admission_for(COMMAND, decision=ASKED, approval_id="apr_run_1")
    assert "quorum of 2" in await refused(ledger, start(asked))


async def test_a_used_approval_never_lapses_and_is_listed_no_more(ledger: Ledger, clock: ToldClock) -> None:
    await make_run(ledger)
    await approve(ledger, clock)
    asked = admission_for(COMMAND, decision=ASKED, approval_id="apr_run_1")
    clock.advance(61)
    late = render_time(clock.now())
    clock.advance(-61)
    assert [a.approval_id for a in await ledger.overdue_starts(late)] == ["apr_run_1"]
    assert await ledger.overdue_starts(render_time(clock.now())) == []
    await ledger.append("prj_1", start(asked), actor="engine", via="engine")
    assert await ledger.overdue_starts(late) == []
    for move in (ApprovalMove.LAPSE, ApprovalMove.WITHDRAW):
        end = MoveApproval(approval_id="apr_run_1", move=move, decision=move.value, reason="x")
        with pytest.raises(IllegalMove):
            await ledger.append("prj_1", [end], actor="engine", via="engine")


async def test_what_started_without_its_approval_or_has_ended_is_no_overdue_start(
    ledger: Ledger, clock: ToldClock
) -> None:
    await make_run(ledger)
    await make_run(ledger, "run_2")
    await approve(ledger, clock)
    await approve(ledger, clock, "run_2")
    clock.advance(61)
    late = render_time(clock.now())
    assert len(await ledger.overdue_starts(late)) == 2
    await ledger.append("prj_1", start(admission_for(COMMAND), use=None), actor="engine", via="engine")
    ends: list[Move] = [
        MoveStep(step_id="step_run_2", move=StepMove.CANCEL),
        MoveRun(run_id="run_2", move=RunMove.CANCEL),
    ]
    await ledger.append("prj_1", ends, actor="user:ann", via="cli")
    assert await ledger.overdue_starts(late) == []


async def test_only_what_waits_for_an_approval_can_be_edited(ledger: Ledger) -> None:
    await make_run(ledger)
    edited = single_command(dataclasses.replace(COMMAND, source_text="ls"))
    edits: list[Move] = [
        EditRun(run_id="run_1", plan=edited, version=1),
        EditStep(step_id="step_run_1", version=1, verdict={}, subject_digest="sha256:2"),
    ]
    for edit in edits:
        await refused(ledger, [edit], IllegalMove)


async def test_who_edited_what_comes_back_as_it_was_put(ledger: Ledger) -> None:
    await make_run(ledger)
    changes = (CommandChange(field="command", before="rm -rf build", after="rm -r build"),)
    ask = CreateApproval(
        approval_id="apr_2",
        run_id="run_1",
        step_id="step_run_1",
        subject_digest="sha256:2",
        risk_level=RiskLevel.HIGH,
        quorum=1,
        requested_by="user:ann",
        expires_at="2026-01-03T00:00:00.000Z",
        edited_by="user:bob",
        changes=changes,
    )
    await ledger.append("prj_1", [ask], actor="user:bob", via="cli")
    found = await ledger.for_project("prj_1").approval("apr_2")
    assert (found.edited_by, found.changes, found.start_by) == ("user:bob", changes, None)
    assert (await ledger.verify()).ok


async def test_a_voter_whose_token_is_revoked_does_not_count_whatever_was_admitted(
    ledger: Ledger, clock: ToldClock
) -> None:
    await make_run(ledger)
    await approve(ledger, clock)
    await ledger.append(HOUSE, [RevokeToken(token_id="tok_run_1_user:bob")], actor="user:ann", via="cli")
    asked = admission_for(COMMAND, decision=ASKED, approval_id="apr_run_1")
    assert "quorum of 1" in await refused(ledger, start(asked))


async def test_where_a_second_person_is_asked_for_no_authors_vote_counts_whatever_was_admitted(
    ledger: Ledger, clock: ToldClock
) -> None:
    strict = Project(project_id="prj_1", name="one", workspace_root="/ws", forbid_self_approval=True)
    await make_run(ledger)
    edit = CreateApproval(
        approval_id="apr_run_0",
        run_id="run_1",
        step_id="step_run_1",
        subject_digest="sha256:0",
        risk_level=RiskLevel.HIGH,
        quorum=1,
        requested_by="user:ann",
        expires_at="2026-01-03T00:00:00.000Z",
        edited_by="user:bob",
    )
    await ledger.append("prj_1", [edit], actor="user:bob", via="page")
    asked = admission_for(COMMAND, decision=ASKED, approval_id="apr_run_1")
    await approve(ledger, clock)
    await ledger.append(HOUSE, [PutProject(project=strict)], actor="user:ann", via="cli")
    # Bob edited what is asked about, if in a question before this one.
    assert "quorum of 1" in await refused(ledger, start(asked))
    await ledger.append(
        HOUSE,
        [PutProject(project=dataclasses.replace(strict, forbid_self_approval=False))],
        actor="user:ann",
        via="cli",
    )
    await ledger.append("prj_1", start(asked), actor="engine", via="engine")


async def test_a_row_with_two_tokens_of_one_person_has_one_vote(ledger: Ledger, clock: ToldClock) -> None:
    await make_run(ledger, quorum=2)
    phone = PutToken(
        token_id="tok_phone",
        token_sha256="phone",
        kind="token",
        token_actor="token:phone",
        role="approver",
        person="bob",
    )
    await ledger.append(HOUSE, [phone], actor="user:ann", via="cli")
    vote = MoveApproval(approval_id="apr_run_1", move=None, decision="approve", reason="fine")
    await ledger.append("prj_1", [vote], actor="token:phone", via="page")
    await approve(ledger, clock)
    asked = admission_for(COMMAND, decision=ASKED, approval_id="apr_run_1")
    assert "quorum of 2" in await refused(ledger, start(asked))


async def test_the_name_of_one_person_is_given_to_no_other(ledger: Ledger) -> None:
    def token(token_id: str, person: str | None) -> PutToken:
        return PutToken(
            token_id=token_id,
            token_sha256=token_id,
            kind="token",
            token_actor="token:phone",
            role="approver",
            person=person,
        )

    await ledger.append(HOUSE, [token("tok_1", "Bea ")], actor="user:ann", via="cli")
    with pytest.raises(Conflict, match="is bea, and cannot be zoe"):
        await ledger.append(HOUSE, [token("tok_2", "zoe")], actor="user:ann", via="cli")
    (event,) = await ledger.append(HOUSE, [token("tok_3", None)], actor="user:ann", via="cli")
    assert event.payload["person"] == "bea"
    assert [each.token_id for each in await ledger.access_tokens()] == ["tok_1", "tok_3"]
