"""The only file that knows OpenFeature: asks each source of flags about a phase's switch, for one decision.

The ledger's switches are a source like any other; one that a company plugs in stands beside it and can only
restrict, as the gate wants leave from both. What is no known word, given now and without an error, is no
answer, which the gate takes for off. The kill switch is no flag and never comes by here.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import threading
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, FeatureProvider, Metadata, ProviderStatus
from openfeature.provider.no_op_provider import NoOpProvider

from workbench.gate.switches import LEDGER
from workbench.ledger.rows import SwitchRecord
from workbench.model.actor import person_named
from workbench.model.admission import SwitchAnswer, SwitchState
from workbench.model.errors import InvalidInput
from workbench.model.project import Project

_ANSWER_SECONDS: Final = 1.0
_MOST_WAITING: Final = 32
"""Threads that wait for a source which does not answer; beyond them nobody waits for it any more."""
_LONGEST: Final = 300
_PEOPLE: Final = "people"
_RECORDS: ContextVar[Sequence[SwitchRecord]] = ContextVar("switch_records", default=())
"""The ledger's switches as they were read for the decision that is being taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlagQuestion:
    """Whose start is to be decided, where and when (RFC 3339); `person` is who is behind the actor."""

    name: str
    project: Project
    connector: str
    actor: str
    person: str
    now: str


class Flags:
    """The sources of flags of one house. `open` it in the event loop that asks; close it when done.

    `source` is `package.module:factory`, which makes an OpenFeature provider; "" is for the ledger alone.
    """

    def __init__(self, source: str = "") -> None:
        self._source = source
        self._ledger = _SwitchProvider()
        # A domain of its own each, as OpenFeature keeps one table of providers for the whole process.
        self._domains = (f"workbench.ledger.{id(self)}", f"workbench.own.{id(self)}")
        self._own_name = ""
        self._waiting = 0
        api.set_provider_and_wait(self._ledger, self._domains[0])

    @property
    def has_own(self) -> bool:
        """Tells whether a source is plugged in beside the ledger."""
        return bool(self._own_name)

    def open(self) -> None:
        """Loads what is plugged in; it gets ready beside. Raises InvalidInput for what is no provider."""
        if self._source:
            provider = _load(self._source)
            self._own_name = _name_of(provider, self._source)
            api.set_provider(provider, self._domains[1])

    def close(self) -> None:
        """Lets the sources go; one that does not end keeps nobody waiting."""
        for domain in self._domains:
            api.set_provider(NoOpProvider(), domain)

    async def ask(self, question: FlagQuestion, records: Sequence[SwitchRecord]) -> tuple[SwitchAnswer, ...]:
        """Returns what each source says now, the ledger first; never raises for what a source does."""
        asked = EvaluationContext(
            targeting_key=question.actor,
            attributes={
                "project_id": question.project.project_id,
                "project": question.project.name,
                "person": question.person,
                "actor": question.actor,
                "connector": question.connector,
                "now": question.now,
            },
        )
        token = _RECORDS.set(records)
        try:
            found = _evaluate(self._domains[0], question.name, asked)
        finally:
            _RECORDS.reset(token)
        answers = [_judge(LEDGER, found, question)]
        if self._own_name:
            answers.append(_judge(self._own_name, await self._ask_own(question.name, asked), question))
        return tuple(answers)

    async def _ask_own(self, name: str, asked: EvaluationContext) -> FlagEvaluationDetails[str] | str:
        """Asks in a thread of its own, which a source that hangs keeps for itself."""
        if self._waiting >= _MOST_WAITING:
            return "it does not answer"
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[FlagEvaluationDetails[str] | str] = loop.create_future()

        def tell(found: FlagEvaluationDetails[str] | str) -> None:
            self._waiting -= 1
            if not answered.done():
                answered.set_result(found)

        def work() -> None:
            try:
                found = _evaluate(self._domains[1], name, asked)
            except BaseException as error:
                found = f"it raised {type(error).__name__}: {error}"
            with contextlib.suppress(RuntimeError):
                # The loop may have ended while the source made up its mind.
                loop.call_soon_threadsafe(tell, found)

        self._waiting += 1
        threading.Thread(target=work, name="flag-source", daemon=True).start()
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                return await answered
        except TimeoutError:
            return f"it gave no answer within {_ANSWER_SECONDS:g} s"


def pick_switch(records: Sequence[SwitchRecord], name: str, project_id: str) -> SwitchRecord | None:
    """Returns the project's own record of a switch, else the one for all projects, else None."""
    by_scope = {record.project_id: record for record in records if record.name == name}
    return by_scope.get(project_id) or by_scope.get("")


def state_at(record: SwitchRecord | None, now: str) -> SwitchState | None:
    """Returns what a switch counts as at `now` (RFC 3339): never set, or outside its span, it is off.

    None is for a record whose word nobody knows.
    """
    if record is None or (record.until is not None and record.until <= now):
        return SwitchState.OFF
    if record.since is not None and now < record.since:
        return SwitchState.OFF
    return record.state


def render_answers(answers: Sequence[SwitchAnswer]) -> list[dict[str, Any]]:
    """Returns the answers as JSON values, as the events of a decision keep them."""
    return [
        {
            "source": answer.source,
            "value": None if answer.state is None else answer.state.value,
            **({"is_member": answer.is_member} if answer.state is SwitchState.CANARY else {}),
            **({"problem": answer.problem} if answer.problem else {}),
        }
        for answer in answers
    ]


class _SwitchProvider(AbstractProvider):
    """The ledger's switches as OpenFeature sees them; it keeps nothing, so that nothing of it is ever old."""

    def get_metadata(self) -> Metadata:
        return Metadata(name=LEDGER)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        asked = {} if evaluation_context is None else evaluation_context.attributes
        record = pick_switch(_RECORDS.get(), flag_key, str(asked.get("project_id", "")))
        state = state_at(record, str(asked.get("now", "")))
        if record is None:
            return FlagResolutionDetails(value=default_value, reason=Reason.DEFAULT)
        if state is None:
            return FlagResolutionDetails(
                value=default_value,
                reason=Reason.ERROR,
                error_code=ErrorCode.PARSE_ERROR,
                error_message=f"the record of {flag_key} holds no known state",
            )
        return FlagResolutionDetails(
            value=state.value,
            reason=Reason.TARGETING_MATCH if record.project_id else Reason.STATIC,
            flag_metadata={_PEOPLE: ",".join(record.people)},
        )

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return _no_word(default_value)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return _no_word(default_value)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return _no_word(default_value)

    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        return _no_word(default_value)


def _no_word(default_value: Any) -> FlagResolutionDetails[Any]:
    return FlagResolutionDetails(
        value=default_value,
        reason=Reason.ERROR,
        error_code=ErrorCode.TYPE_MISMATCH,
        error_message="a switch is a word: off, canary or on",
    )


def _evaluate(domain: str, name: str, asked: EvaluationContext) -> FlagEvaluationDetails[str] | str:
    """Returns what the provider of a domain says, or what keeps it from being asked."""
    client: OpenFeatureClient = api.get_client(domain)
    found = client.get_string_details(name, SwitchState.OFF.value, asked)
    # Asked after: a provider that lost its source meanwhile says so by its status alone, and goes on giving
    # the value that it had.
    status = client.get_provider_status()
    return found if status is ProviderStatus.READY else f"it is {status.value.lower().replace('_', ' ')}"


def _judge(source: str, found: FlagEvaluationDetails[str] | str, question: FlagQuestion) -> SwitchAnswer:
    """Returns the answer for what a source gave; whatever is odd about it is a problem, never a value."""
    if isinstance(found, str):
        return SwitchAnswer(source=source, state=None, problem=found[:_LONGEST])
    problem = ""
    if found.error_code is not None:
        problem = f"{str(found.error_code).removeprefix('ErrorCode.')}: {found.error_message or 'no reason'}"
    elif found.reason in (Reason.STALE, Reason.CACHED):
        problem = f"it gave a value that it had kept ({found.reason}); switch its cache off"
    elif not isinstance(found.value, str) or found.value not in tuple(SwitchState):
        problem = f"it said {found.value!r}, which is none of {', '.join(SwitchState)}"
    if problem:
        return SwitchAnswer(source=source, state=None, problem=problem[:_LONGEST])
    state = SwitchState(found.value)
    if state is not SwitchState.CANARY:
        return SwitchAnswer(source=source, state=state)
    named = found.flag_metadata.get(_PEOPLE, "") if isinstance(found.flag_metadata, Mapping) else ""
    members = {each.strip() for each in str(named).split(",")} - {""}
    is_member = question.actor in members or question.person in {person_named(each) for each in members}
    return SwitchAnswer(source=source, state=state, is_member=is_member)


def _load(source: str) -> FeatureProvider:
    module, _, factory = source.partition(":")
    try:
        made = getattr(importlib.import_module(module), factory)()
    except Exception as error:
        raise InvalidInput(
            f"flags is {source!r}, which cannot be loaded: {type(error).__name__}: {error}",
            remedy="name package.module:factory of an installed package; the factory takes nothing and makes "
            "an OpenFeature provider",
        ) from error
    if not callable(getattr(made, "resolve_string_details", None)):
        raise InvalidInput(
            f"flags is {source!r}, which makes a {type(made).__name__} and no OpenFeature provider",
            remedy="let the factory return a provider, such as one of the openfeature-provider packages",
        )
    provider: FeatureProvider = made
    return provider


def _name_of(provider: FeatureProvider, source: str) -> str:
    """Returns the provider's own name, unless that says nothing or claims to be the ledger's."""
    try:
        name = " ".join(str(provider.get_metadata().name).split())[:80]
    except Exception:
        return source
    return source if name in ("", LEDGER) else name
