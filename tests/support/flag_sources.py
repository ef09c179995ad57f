"""Flag systems as a company could plug them in: real OpenFeature providers, good and bad."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEvent, ProviderEventDetails
from openfeature.flag_evaluation import FlagResolutionDetails, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.provider.in_memory_provider import InMemoryFlag, InMemoryProvider

LOCAL = "execution.local"
FILE = "TESTS_FLAG_FILE"
"""The variable that names the file of `from_file`."""


class Source(AbstractProvider):
    """Says what it was made to say; every question that it got is kept."""

    def __init__(self, say: Callable[[str, EvaluationContext], Any]) -> None:
        self._say = say
        self.asked: list[tuple[str, EvaluationContext]] = []

    def get_metadata(self) -> Metadata:
        return Metadata(name="ours")

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        asked = evaluation_context or EvaluationContext()
        self.asked.append((flag_key, asked))
        said = self._say(flag_key, asked)
        return said if isinstance(said, FlagResolutionDetails) else FlagResolutionDetails(value=said)

    def lose(self, event: ProviderEvent) -> None:
        """Tells that its own source is lost, as file providers do, which go on giving what they had."""
        self._on_emit(self, event, ProviderEventDetails(message="the file cannot be read"))

    resolve_boolean_details = resolve_integer_details = resolve_float_details = resolve_string_details  # type: ignore[assignment]
    resolve_object_details = resolve_string_details  # type: ignore[assignment]


NOBODY_TELLS = threading.Event()
"""Set by a test when it is over: what hangs ends then."""


def on() -> Source:
    return Source(lambda _name, _asked: "on")


def off() -> Source:
    return Source(lambda _name, _asked: "off")


def for_ann() -> Source:
    """On for Ann in project one, off for all others."""
    return Source(
        lambda _name, asked: (
            "on"
            if (asked.attributes["person"], asked.attributes["project_id"]) == ("ann", "prj_1")
            else "off"
        )
    )


def canary_for_bea() -> Source:
    return Source(
        lambda _name, _asked: FlagResolutionDetails(value="canary", flag_metadata={"people": "bea, cy"})
    )


def no_member() -> Source:
    return Source(lambda _name, _asked: "canary")


def odd_word() -> Source:
    return Source(lambda _name, _asked: "enabled")


def wrong_type() -> Source:
    return Source(lambda _name, _asked: True)


def cached() -> Source:
    return Source(lambda _name, _asked: FlagResolutionDetails(value="on", reason=Reason.CACHED))


def stale() -> Source:
    return Source(lambda _name, _asked: FlagResolutionDetails(value="on", reason=Reason.STALE))


def raising() -> Source:
    def fail(_name: str, _asked: EvaluationContext) -> str:
        raise OSError("no route to the flag system")

    return Source(fail)


def hanging() -> Source:
    def hang(_name: str, _asked: EvaluationContext) -> str:
        NOBODY_TELLS.wait()
        return "on"

    return Source(hang)


class _NeverReady(Source):
    def initialize(self, evaluation_context: EvaluationContext) -> None:
        NOBODY_TELLS.wait()


def never_ready() -> Source:
    return _NeverReady(lambda _name, _asked: "on")


class _Broken(Source):
    def initialize(self, evaluation_context: EvaluationContext) -> None:
        raise OSError("no such flag file")


def broken() -> Source:
    return _Broken(lambda _name, _asked: "on")


def empty_memory() -> InMemoryProvider:
    """OpenFeature's own provider, which knows no flag."""
    return InMemoryProvider({})


def memory() -> InMemoryProvider:
    """OpenFeature's own provider."""
    return InMemoryProvider({LOCAL: InMemoryFlag("now", {"now": "on"})})


def from_file() -> Source:
    """Reads its file at each question."""
    return Source(lambda name, _asked: json.loads(Path(os.environ[FILE]).read_text())[name])


def no_provider() -> object:
    return object()


def not_made() -> object:
    raise RuntimeError("no licence")
