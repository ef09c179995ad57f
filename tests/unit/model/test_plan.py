"""A plan that is written and read again is the same plan, with the same digest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.model.command import Command, subject_digest
from workbench.model.plan import Plan, PlanStep, StepKind, parse_plan, render_plan, single_command
from workbench.model.project import EnvProfile, Project
from workbench.model.statuses import TerminalMode
from workbench.model.verdict import CommandFacts, Decision, Judgement, RiskLevel, Verdict

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SECONDS = st.none() | st.integers(1, 10**6)
COMMANDS = st.builds(
    Command,
    source_text=TEXT,
    cwd=TEXT,
    env_profile=TEXT,
    connector=TEXT,
    tool_scope=st.lists(TEXT, max_size=3).map(tuple),
    mode=st.sampled_from(TerminalMode),
    timeout_seconds=SECONDS,
    idle_timeout_seconds=SECONDS,
    rows=st.integers(1, 1000),
    columns=st.integers(1, 1000),
)
STEPS = st.builds(
    PlanStep, step_key=TEXT, kind=st.sampled_from(StepKind), command=COMMANDS, needs=st.lists(TEXT).map(tuple)
)
PLANS = st.builds(
    Plan,
    plan_id=TEXT,
    steps=st.lists(STEPS, max_size=3).map(tuple),
    context_documents=st.lists(TEXT).map(tuple),
)


@given(PLANS)
def test_a_plan_reads_back_as_it_was_written(plan: Plan) -> None:
    again = parse_plan(render_plan(plan))
    assert again == plan
    assert again.plan_digest == plan.plan_digest


@pytest.mark.parametrize("broken", [{}, {"plan_id": "x", "steps": [{}], "context_documents": []}])
def test_what_no_plan_was_written_as_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((KeyError, ValueError)):
        parse_plan(broken)


def test_every_field_of_a_subject_changes_its_digest_but_the_terminals_size() -> None:
    base: dict[str, Any] = {"source_text": "ls", "cwd": "/ws"}
    changes: list[dict[str, Any]] = [
        {},
        {"source_text": "ls "},
        {"cwd": "/ws/a"},
        {"env_profile": "ci"},
        {"connector": "other"},
        {"tool_scope": ("read",)},
        {"mode": TerminalMode.PIPE},
        {"timeout_seconds": 1},
        {"idle_timeout_seconds": 1},
    ]
    project = Project(project_id="prj_1", name="p", workspace_root="/ws")

    verdict = Verdict(
        verdict=Decision.REQUIRES_APPROVAL,
        risk_level=RiskLevel.MEDIUM,
        reason_codes=("a",),
        matched_rules=(),
        policy_digest="d",
    )
    call = CommandFacts(program="ls", argv=("ls",), cwd="/ws")
    judged = Judgement(verdict=verdict, commands=(call,), argv=("/usr/bin/ls",))

    def digest(
        project: Project = project,
        profile: str = "p",
        policy: str = "d",
        judgement: Judgement = judged,
        **fields: Any,
    ) -> str:
        command = Command(**{**base, **fields})
        return subject_digest(
            command, project, sandbox_profile=profile, policy_digest=policy, judgement=judgement
        )

    digests = [digest(**change) for change in changes]
    digests += [digest(profile="q"), digest(policy="e")]
    digests.append(digest(replace(project, toolchains=("/opt/tool",))))
    digests.append(digest(replace(project, network_allowlist=("example.org",))))
    digests += [
        digest(judgement=other)
        for other in (
            replace(judged, verdict=replace(verdict, risk_level=RiskLevel.HIGH)),
            replace(judged, verdict=replace(verdict, verdict=Decision.ALLOW)),
            replace(judged, verdict=replace(verdict, reason_codes=("a", "b"))),
            replace(judged, commands=(call, call)),
            replace(judged, commands=(replace(call, argv=("ls", "x")),)),
            replace(judged, commands=(replace(call, writes=("/ws/\udcff",)),)),
            replace(judged, argv=("/opt/bin/ls",)),
            replace(judged, texts_digest="sha256:t"),
        )
    ]
    for profile in (
        EnvProfile(name="default", variables={"A": "1"}),
        EnvProfile(name="default", secrets=("S",)),
    ):
        digests.append(digest(replace(project, env_profiles=(profile,))))
    assert len(set(digests)) == len(digests)
    assert digest(rows=99, columns=200) == digests[0]


def test_a_lone_command_is_a_plan_of_one_step() -> None:
    plan = single_command(Command(source_text="ls", cwd="/ws"))
    assert [(step.step_key, step.kind, step.needs) for step in plan.steps] == [
        ("command", StepKind.COMMAND, ())
    ]
