"""One program call with everything that is true of it, as labels; and what calls do to each other.

It reads no text and resolves no path.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace

from workbench.model.verdict import CommandFacts, Effect
from workbench.policy.links import may_lead_away
from workbench.policy.walk import plain

# What a later test or build takes up by itself.
_RUN_LATER = re.compile(
    r"\.(py|pyi|pth|[cm]?[jt]sx?|sh|bash|rb|rs|go|mk|cmake|toml|cfg|ini|gradle|kts|php|exs?|pl|lua)$"
    r"|/(GNU|BSD)?makefile$|/(package|deno|composer|tsconfig[^/]*)\.json$|/(Rake|Gem|just|Task|Docker|Vagrant)file[^/]*$",
    re.IGNORECASE,
)
# Git, an archive or a patch decides which files are others now.
MOVES_GROUND = frozenset({"changes_tree", "unpacks", "unpacks_over"})
_GOES_DEEP = frozenset({"walks", "follows_links", "for_each_path", "stdin_paths"})
_EFFECT_ORDER = tuple(Effect)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One program call and everything that is true of it, as labels.

    `rests_on` are the files, there or not, whose text its judgement would be another with. `uses` are the
    paths of the workspace that it was judged by, `brings` those where links may arrive through it. One that
    `is_loose` may run after what stands behind it: it is in a loop or a function.
    """

    facts: CommandFacts
    labels: frozenset[str]
    rests_on: frozenset[str] = frozenset()
    uses: frozenset[str] = frozenset()
    brings: frozenset[str] = frozenset()
    is_loose: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that a verdict may rest on. `rendered` is the re-serialised form, inner scripts included."""

    calls: tuple[Call, ...]
    labels: frozenset[str]
    strict: bool
    rendered: str
    words: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class Findings:
    reads: set[str] = field(default_factory=set)
    writes: set[str] = field(default_factory=set)
    labels: set[str] = field(default_factory=set)
    rests_on: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)
    brings: set[str] = field(default_factory=set)
    linked: set[str] = field(default_factory=set)


_UNSURE = frozenset({"form_unknown", "program_unknown", "dynamic_word", "program_dynamic"})
NOT_UNDERSTOOD = tuple(sorted({*_UNSURE, Effect.UNKNOWN.value, "program_missing"}))
"""What a call never carries that was just read as a known program in a listed form."""


def call_of(program: str, words: tuple[str, ...], cwd: str, paths: Findings) -> Call:
    labels = set(paths.labels)
    if "writes_workspace" in labels or any(label.startswith("writes_") for label in labels):
        labels.add(Effect.WRITES)
    if paths.reads:
        labels.add(Effect.READS)
    if not labels & {"understood", "no_program"}:
        labels.add(Effect.UNKNOWN)
    if labels & _UNSURE:
        labels.add(Effect.UNKNOWN)
        labels.discard("understood")
    facts = CommandFacts(
        program=program,
        argv=tuple(plain(word) for word in words),
        cwd=cwd,
        reads=tuple(sorted(paths.reads)),
        writes=tuple(sorted(paths.writes)),
        network=Effect.NETWORK in labels,
        effects=tuple(effect for effect in _EFFECT_ORDER if effect in labels),
    )
    return Call(
        facts=facts,
        labels=frozenset(str(label) for label in labels),
        rests_on=frozenset(paths.rests_on),
        uses=frozenset(paths.uses),
        brings=frozenset(paths.brings),
    )


def with_labels(call: Call, labels: Collection[str]) -> Call:
    """Returns the call with these labels, and with the effects that are among them."""
    effects = tuple(effect for effect in _EFFECT_ORDER if effect in labels)
    facts = replace(call.facts, effects=effects, network=Effect.NETWORK in labels)
    return replace(call, labels=frozenset(labels), facts=facts)


def stands_in(call: Call, source: str) -> Call:
    return call if call.facts.source else replace(call, facts=replace(call.facts, source=source))


def at_once(calls: list[Call]) -> list[Call]:
    """Returns the parts of a pipe, which run at the same time: none of them is surely before another."""
    if any(call.brings or not MOVES_GROUND.isdisjoint(call.labels) for call in calls):
        return [replace(call, is_loose=True) for call in calls]
    return calls


def merge_calls(first: list[Call], second: list[Call]) -> list[Call]:
    if not first:
        return second
    if len(first) != len(second):
        return first + second
    return [
        replace(
            one,
            labels=one.labels | other.labels,
            rests_on=one.rests_on | other.rests_on,
            uses=one.uses | other.uses,
            brings=one.brings | other.brings,
            facts=replace(
                one.facts,
                reads=tuple(sorted({*one.facts.reads, *other.facts.reads})),
                writes=tuple(sorted({*one.facts.writes, *other.facts.writes})),
            ),
        )
        for one, other in zip(first, second, strict=True)
    ]


def many_changes(call: Call) -> frozenset[str]:
    return frozenset({"changes_many"}) if call.facts.writes else frozenset()


def find_conflicts(facts: Facts) -> frozenset[str]:
    """Returns labels for commands that change what a later one was judged by: links made, scripts written.

    The project's code given by name may write any file, and so the scripts that a later part names: on the
    command line, in a make recipe and in an npm script alike. Tests, builds and checkers run the project's
    code too; after them its scripts are taken as they are. See docs/decisions/0023.
    """
    labels: set[str] = set()
    calls = facts.calls
    if len(calls) > 1 and any("makes_link" in call.labels for call in calls):
        labels.add("links_then_uses")
    written = {path for call in calls for path in call.facts.writes}
    if any("runs_file" in call.labels and written & set(call.facts.reads) for call in calls):
        labels.add("writes_then_runs")
    has_code = has_moved = has_run = False
    folders: set[str] = set()
    brought: set[str] = set()
    hidden: set[str] = set()
    # What is in a loop or a function may run after what stands behind it.
    brought_anywhere = {path for call in calls for path in call.brings}
    moved_anywhere = any(not MOVES_GROUND.isdisjoint(call.labels) for call in calls)
    for call in calls:
        if _uses_links(
            call,
            brought_anywhere if call.is_loose else brought,
            has_moved or (call.is_loose and moved_anywhere),
        ):
            labels.add("links_then_uses")
        brought |= call.brings
        if hidden and (Effect.EXECUTES in call.labels or _meets(call, hidden)):
            labels.add("moves_then_clears")
        if "hides_work" in call.labels:
            hidden.update(call.facts.writes)
        if has_code and Effect.EXECUTES in call.labels:
            # Test runners and builds take up more files than a command names.
            labels.add("writes_then_runs")
        if call.rests_on and (
            has_moved
            or has_run
            or written & call.rests_on
            or any(_lies_in(path, folders) for path in call.rests_on)
        ):
            labels.add("writes_then_runs")
        has_code = has_code or (
            "writes_text" in call.labels and any(_RUN_LATER.search(path) for path in call.facts.writes)
        )
        has_moved = has_moved or not MOVES_GROUND.isdisjoint(call.labels)
        has_run = has_run or "runs_code" in call.labels
        if Effect.EXECUTES not in call.labels and posixpath.basename(call.facts.program) != "mkdir":
            # What formatters and builds write into a folder is no script; a copy may be.
            folders.update(call.facts.writes)
    return frozenset(labels)


def _uses_links(call: Call, brought: set[str], has_moved: bool) -> bool:
    """What runs the project's code may open what it likes; only what it is told to write counts then."""
    return may_lead_away(
        call.uses,
        written=call.uses & set(call.facts.writes) if Effect.EXECUTES in call.labels else call.uses,
        brought=brought,
        goes_deep=not _GOES_DEEP.isdisjoint(call.labels),
        has_moved=has_moved,
    )


def _meets(call: Call, places: set[str]) -> bool:
    """Whether the call writes or deletes at, below or around one of these paths."""
    return any(
        path == place or path.startswith(f"{place}/") or place.startswith(f"{path}/")
        for path in call.facts.writes
        for place in places
    )


def _lies_in(path: str, folders: set[str]) -> bool:
    while path not in ("", "/"):
        path = posixpath.dirname(path)
        if path in folders:
            return True
    return False
