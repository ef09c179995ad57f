"""Flags: the ledger is always asked, a company's own source can only restrict, and what is odd is off."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from openfeature.event import ProviderEvent
from sqlalchemy import text

from support import flag_sources
from support.engine import open_engine_house
from workbench.engine.context import ENGINE
from workbench.engine.flags import FlagQuestion, Flags
from workbench.engine.submit import submit
from workbench.gate.switches import LOCAL, find_switch_problem
from workbench.ledger.database import open_engine
from workbench.ledger.rows import SwitchRecord
from workbench.model.admission import SwitchAnswer, SwitchState
from workbench.model.command import Command
from workbench.model.errors import InvalidInput
from workbench.model.project import Project
from workbench.model.statuses import BlockedBy

NOW = "2026-01-02T03:04:05.000Z"
ON = SwitchRecord(
    name=LOCAL,
    project_id="",
    state=SwitchState.ON,
    since=None,
    until=None,
    people=(),
    reason="",
    changed_by="ann",
    changed_at=NOW,
)


@pytest.fixture(autouse=True)
def _let_go() -> Iterator[None]:
    flag_sources.NOBODY_TELLS.clear()
    yield
    flag_sources.NOBODY_TELLS.set()


async def ask(
    source: str, *records: SwitchRecord, person: str = "ann", project_id: str = "prj_1"
) -> tuple[SwitchAnswer, ...]:
    flags = Flags(source and f"support.flag_sources:{source}")
    flags.open()
    try:
        return await flags.ask(question(person, project_id), records)
    finally:
        flags.close()


def question(person: str = "ann", project_id: str = "prj_1") -> FlagQuestion:
    return FlagQuestion(
        name=LOCAL,
        project=Project(project_id=project_id, name="one", workspace_root="/srv/ws"),
        connector="local",
        actor=f"token:{person}-phone",
        person=person,
        now=NOW,
    )


def problem_of(answers: tuple[SwitchAnswer, ...]) -> str | None:
    return find_switch_problem(connector="local", switch_name=LOCAL, answers=answers)


async def test_the_ledger_alone_is_asked_where_nothing_is_plugged_in() -> None:
    assert await ask("", ON) == (SwitchAnswer(source="ledger", state=SwitchState.ON),)
    assert await ask("") == (SwitchAnswer(source="ledger", state=SwitchState.OFF),)


@pytest.mark.parametrize(
    ("source", "lets_through"),
    [("on", True), ("memory", True), ("for_ann", True), ("off", False), ("no_member", False)],
)
async def test_a_plugged_in_source_can_restrict(source: str, lets_through: bool) -> None:
    answers = await ask(source, ON)
    assert [answer.source for answer in answers] == [
        "ledger",
        "In-Memory Provider" if source == "memory" else "ours",
    ]
    assert (problem_of(answers) is None) is lets_through


async def test_a_plugged_in_source_grants_nothing_that_the_ledger_does_not() -> None:
    assert problem_of(await ask("on")) == "execution.local is off"


async def test_a_source_is_asked_about_the_project_and_the_person() -> None:
    assert problem_of(await ask("for_ann", ON)) is None
    assert problem_of(await ask("for_ann", ON, person="bea")) is not None
    assert problem_of(await ask("for_ann", ON, project_id="prj_2")) is not None
    assert problem_of(await ask("canary_for_bea", ON, person="bea")) is None
    assert problem_of(await ask("canary_for_bea", ON, person="ann")) is not None


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("odd_word", "'enabled', which is none of off, canary, on"),
        ("wrong_type", "TYPE_MISMATCH"),
        ("empty_memory", "FLAG_NOT_FOUND"),
        ("raising", "no route to the flag system"),
        ("hanging", "no answer within 1 s"),
        ("cached", "a value that it had kept"),
        ("stale", "a value that it had kept"),
        ("never_ready", "not ready"),
        ("broken", "it is error"),
    ],
)
async def test_whatever_is_no_known_word_of_now_counts_as_off_and_is_said(source: str, says: str) -> None:
    answers = await ask(source, ON)
    assert answers[1].state is None
    assert says in answers[1].problem
    problem = problem_of(answers)
    assert problem is not None
    assert problem.startswith("execution.local counts as off; flag source: ")
    assert says in problem


@pytest.mark.parametrize("event", [ProviderEvent.PROVIDER_ERROR, ProviderEvent.PROVIDER_STALE])
async def test_a_source_that_lost_its_file_and_goes_on_with_the_last_value_counts_as_off(
    event: ProviderEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = flag_sources.on()
    monkeypatch.setattr(flag_sources, "on", lambda: made)
    flags = Flags("support.flag_sources:on")
    flags.open()
    try:
        assert problem_of(await flags.ask(question(), (ON,))) is None
        made.lose(event)
        answers = await flags.ask(question(), (ON,))
        assert len(made.asked) == 2
        assert (answers[1].state, problem_of(answers) is None) == (None, False)
        made.lose(ProviderEvent.PROVIDER_READY)
        assert problem_of(await flags.ask(question(), (ON,))) is None
    finally:
        flags.close()


async def test_a_source_that_hangs_keeps_nobody_else_waiting_for_long() -> None:
    flags = Flags("support.flag_sources:hanging")
    flags.open()
    try:
        flags._waiting = 1_000
        answers = await flags.ask(question(), (ON,))
        assert answers[1].problem == "it does not answer"
    finally:
        flags.close()


@pytest.mark.parametrize(
    "source",
    [
        "nowhere.at.all:on",
        "support.flag_sources:gone",
        *(f"support.flag_sources:{name}" for name in ("no_provider", "not_made")),
    ],
)
def test_what_is_no_provider_is_refused_when_the_server_starts(source: str) -> None:
    flags = Flags(source)
    with pytest.raises(InvalidInput, match=source):
        flags.open()
    flags.close()


@pytest.mark.parametrize(
    "damage",
    ["state = 'onn'", "people = '[\"ann\"'", "people = 'null'", "overridden = '[{\"gate_id\": 1}]'"],
)
async def test_a_damaged_switch_in_the_ledger_is_not_what_it_was_but_off(damage: str, tmp_path: Path) -> None:
    database_url = f"sqlite:///{tmp_path}/ledger.db"
    command = Command(source_text="ls", cwd="")
    async with open_engine_house(database_url, tmp_path) as house:
        made = await submit(house.context, project_id="prj_1", command=command, actor=ENGINE)
        assert made.blocked_by is None
        engine = open_engine(database_url)
        with engine.begin() as connection:
            connection.execute(text(f"UPDATE switches SET {damage}"))
        engine.dispose()
        held = await submit(house.context, project_id="prj_1", command=command, actor=ENGINE)
        assert held.blocked_by is BlockedBy.SWITCH
        (event, *_) = await house.context.ledger.for_project("prj_1").events(run_id=held.run_id)
        assert "flag source: ledger: PARSE_ERROR" in event.payload["reason"]
        assert event.payload["flags"][0]["source"] == "ledger"
        assert event.payload["flags"][0]["value"] is None
