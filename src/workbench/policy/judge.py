"""Judges one command: parse, understand, evaluate, and the exact argv that would be executed.

On an `allow` the re-serialised form is what runs, never the raw text. Nothing is remembered between calls
that could change an answer. Other connectors' requests (prompts, tool calls) will get their own way from
request to labels and end in the same `evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tree_sitter import Language

from workbench.model.command import Surroundings
from workbench.model.errors import WorkbenchError
from workbench.model.verdict import Judgement
from workbench.policy.calls import Call, Facts, find_conflicts
from workbench.policy.catalog import Catalog
from workbench.policy.evaluate import Refusal, RuleSet, evaluate, refuse
from workbench.policy.facts import gather_facts
from workbench.policy.noted import NotedSurroundings
from workbench.policy.parse import Script, parse_script
from workbench.policy.programs import Reader
from workbench.policy.recall import mark_remembered
from workbench.policy.rules import Rule

BARE_BASH = ("/usr/bin/bash", "--norc", "--noprofile", "-p", "-c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything a verdict depends on beside the command, and the digest of all of it.

    `shipped` holds the shipped texts by file name, for the postures that are not in force. `recall` are the
    remembered rules in force. `variants` keeps policies built from this one by their digest.
    """

    catalog: Catalog
    language: Language
    ruleset: RuleSet
    posture: str
    policy_digest: str
    shipped: Mapping[str, str] = field(default_factory=dict, repr=False)
    recall: RuleSet | None = None
    variants: dict[str, Policy] = field(default_factory=dict, compare=False, repr=False)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules about running; those about approving stand beside them in the rule set."""
        return tuple(rule for rule in self.ruleset.rules if rule.verdict is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """What is understood of a command: the labels that policy speaks about, and the argv it would be."""

    calls: tuple[Call, ...]
    script: frozenset[str]
    argv: tuple[str, ...]
    is_strict: bool


def judge(
    policy: Policy,
    source_text: str,
    *,
    cwd: str,
    workspace_root: str,
    surroundings: Surroundings,
    env_profile: str = "default",
    connector: str = "local",
) -> Judgement:
    """Returns the verdict on shell text run in `cwd`, the facts it rests on, and what would be executed.

    `cwd` and `workspace_root` are absolute and resolved. Never raises for any text. A command that was not
    understood strictly never gets an `allow`. The surroundings are asked, never changed.
    """
    noted = NotedSurroundings(surroundings)
    found = understand(
        policy,
        source_text,
        cwd=cwd,
        workspace_root=workspace_root,
        surroundings=noted,
        connector=connector,
    )
    verdict = evaluate(
        policy.ruleset,
        calls=(call.labels for call in found.calls),
        script=found.script,
        policy_digest=policy.policy_digest,
    )
    return Judgement(
        verdict=verdict,
        commands=tuple(call.facts for call in found.calls),
        argv=found.argv,
        parsed_strictly=found.is_strict,
        texts_digest=noted.texts_digest(),
    )


def refuse_all(policy: Policy, problem: WorkbenchError) -> Judgement:
    """Returns the judgement on any command while the policy in force cannot be used: denied."""
    reason = Refusal.CHANGED if problem.code == Refusal.CHANGED.value else Refusal.BROKEN
    return Judgement(verdict=refuse(reason, f"{problem.message}; {problem.remedy}", policy.policy_digest))


def understand(
    policy: Policy,
    source_text: str,
    *,
    cwd: str,
    workspace_root: str,
    surroundings: Surroundings,
    connector: str = "local",
) -> Understanding:
    """Returns what the rules will be asked about shell text run in `cwd`; see `judge`."""
    script = parse_script(policy.language, source_text)
    reader = Reader(
        catalog=policy.catalog,
        language=policy.language,
        surroundings=surroundings,
        workspace_root=workspace_root,
        # Text that is not strict runs as it was written.
        rewrites_to=0 if script.strict else -1,
    )
    facts = gather_facts(reader, script, cwd)
    labels = set(facts.labels)
    if not facts.strict:
        labels.add("not_strict")
    if reader.work.is_spent:
        labels.add("too_long")
    labels |= find_conflicts(facts)
    calls = facts.calls
    if connector != "local":
        labels.add("remote_connector")
        calls = tuple(replace(call, labels=call.labels | {"remote_connector"}) for call in calls)
    return Understanding(
        calls=mark_remembered(policy.recall, policy.catalog, calls),
        script=frozenset(labels),
        argv=_build_argv(script, facts, surroundings, policy.catalog),
        is_strict=facts.strict,
    )


def _build_argv(
    script: Script, facts: Facts, surroundings: Surroundings, catalog: Catalog
) -> tuple[str, ...]:
    if not script.strict or not facts.rendered:
        return (*BARE_BASH, script.text)
    if len(script.commands) == 1 and facts.words:
        command = script.commands[0]
        program = catalog.find(command.words[0])
        is_builtin = program is not None and program.is_builtin
        is_bare = not (command.redirections or command.assignments or command.is_timed)
        if is_bare and not is_builtin and command.words[0] != "[":
            path = _program_path(command.words[0], surroundings)
            if path is not None:
                return (path, *facts.words[1:])
    return (*BARE_BASH, facts.rendered)


def _program_path(word: str, surroundings: Surroundings) -> str | None:
    path = word if word.startswith("/") else None if "/" in word else surroundings.program_path(word)
    return path if path is not None and path.startswith("/") else None
