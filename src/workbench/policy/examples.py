"""Tries the examples that stand beside the rules: what each rule catches, and what it leaves alone.

A rule catches a command when it is among the rules that the verdict names, and a command that a rule asks
about is asked about, not denied. An example of a rule that is not in force says nothing here. Examples are
judged on a plain machine without files or symlinks.
"""

from __future__ import annotations

import posixpath
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from workbench.model.verdict import Decision
from workbench.policy.broken import broken_at
from workbench.policy.evaluate import may_approve, open_rules
from workbench.policy.judge import Policy, judge
from workbench.policy.rules import Rule, describe_unknown_word, read_rules

EXAMPLE_ROOT = "/workspace"
_KEYS = frozenset({"match", "not_match", "connector", "remembered", "may", "may_not"})
_APPROVALS = {"may": True, "may_not": False}
_ALL_REMEMBERED = """@id("all-remembered") @risk("low") @reason("example")
permit (principal, action == Action::"recall", resource);"""


class ExampleSurroundings:
    """The plain machine that examples are judged on: every program is in /usr/bin and no symlink exists."""

    def program_path(self, name: str) -> str | None:
        """Returns /usr/bin/NAME for every bare name."""
        return f"/usr/bin/{name}"

    def real_path(self, path: str) -> str:
        """Returns the path with `..` taken away by spelling."""
        return posixpath.normpath(path).replace("//", "/")

    def read_text(self, path: str) -> str | None:
        """Returns None: no file exists."""
        return None

    def list_folder(self, path: str) -> tuple[str, ...] | None:
        """Returns nothing: every folder is empty."""
        return ()

    def scan_folder(self, path: str) -> tuple[tuple[str, str], ...] | None:
        """Returns nothing: every folder is empty."""
        return ()

    def tracked_files(self, top: str) -> tuple[str, ...] | None:
        """Returns nothing: this machine has no repository."""
        return ()

    def committed_files(self, top: str, revision: str) -> tuple[str, ...] | None:
        """Returns nothing: this machine has no repository."""
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One command that a rule must catch (`is_match`), or must leave alone. `source` is the file.

    With `is_approval` it is no command but ROLE RISK [own] [four_eyes], and the question who may approve.

    `is_remembered`: judged as if somebody had chosen to be asked no more about each of its calls.
    """

    rule_id: str
    command: str
    is_match: bool
    connector: str
    source: str
    is_remembered: bool = False
    is_approval: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of examples: how many were tried, and each that failed, in words."""

    tried: int
    failures: tuple[str, ...]


def read_examples(file: str, text: str) -> tuple[Example, ...]:
    """Returns the examples of one TOML file; raises PolicyBroken naming file, rule and what is wrong."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise broken_at(file, f"is not TOML: {problem}") from problem
    return tuple(
        example for rule_id, entry in tables.items() for example in _read_entry(file, rule_id, entry)
    )


def _read_entry(file: str, rule_id: str, entry: Any) -> Iterable[Example]:
    if not isinstance(entry, Mapping) or set(entry) - _KEYS:
        raise broken_at(
            file, f"{rule_id}: takes match, not_match, connector and remembered, not {entry!r:.80}"
        )
    connector = entry.get("connector", "local")
    for key in ("match", "not_match", "may", "may_not"):
        commands = entry.get(key, [])
        if not isinstance(commands, list) or not all(isinstance(command, str) for command in commands):
            raise broken_at(file, f"{rule_id}: {key} is not a list of commands")
        for command in commands:
            if key in _APPROVALS and (problem := _find_problem(command)):
                raise broken_at(file, f"{rule_id}: {key} example {command!r}: {problem}")
            yield Example(
                rule_id=rule_id,
                command=command,
                is_match=key in ("match", "may"),
                connector=connector if key == "match" else "local",
                source=file,
                is_remembered=entry.get("remembered", False) is True and key == "match",
                is_approval=key in _APPROVALS,
            )


def _find_problem(request: str) -> str | None:
    """Returns what keeps a `may` or `may_not` from being a question that somebody could ask."""
    words = request.split()
    if len(words) < 2 or not set(words[2:]) <= {"own", "four_eyes"}:
        return "it is not ROLE RISK [own] [four_eyes]"
    return describe_unknown_word("role", words[0]) or describe_unknown_word("risk", words[1])


def try_examples(policy: Policy, examples: Iterable[Example], *, of: Policy | None = None) -> Trial:
    """Returns what came of those examples whose rule is in force, here or in the policy `of`."""
    in_force = {rule.rule_id: rule for rule in (of or policy).ruleset.rules}
    recall = open_rules(
        read_rules("examples", _ALL_REMEMBERED), schema_text=policy.shipped["facts.cedarschema"], facts=()
    )
    remembering = replace(policy, recall=recall)
    asked = [example for example in examples if example.rule_id in in_force]
    failures = [
        f"{example.source}: {example.rule_id}: {problem}"
        for example in asked
        if (
            problem := _try_approval(policy, example)
            if example.is_approval
            else _try_command(
                remembering if example.is_remembered else policy, in_force[example.rule_id], example
            )
        )
    ]
    return Trial(tried=len(asked), failures=tuple(failures))


def _try_command(policy: Policy, rule: Rule, example: Example) -> str:
    """Returns what is wrong with the verdict on an example, or nothing."""
    verdict = judge(
        policy,
        example.command,
        cwd=EXAMPLE_ROOT,
        workspace_root=EXAMPLE_ROOT,
        surroundings=ExampleSurroundings(),
        connector=example.connector,
    ).verdict
    is_caught = rule.rule_id in {found.rule_id for found in verdict.matched_rules}
    is_denied_instead = rule.verdict is not Decision.DENY and verdict.verdict is Decision.DENY
    if is_caught == example.is_match and not (is_caught and is_denied_instead):
        return ""
    key = "match" if example.is_match else "not_match"
    says = f"{verdict.verdict.value}, {', '.join(verdict.reason_codes)}"
    return f"{key} example {example.command!r} fails: {says}"


def _try_approval(policy: Policy, example: Example) -> str:
    words = example.command.split()
    allowed, why = may_approve(
        policy.ruleset,
        role=words[0],
        risk=words[1],
        is_own_request="own" in words[2:],
        has_four_eyes="four_eyes" in words[2:],
    )
    if allowed == example.is_match:
        return ""
    return f"{'may' if example.is_match else 'may_not'} example {example.command!r} fails: {why}"
