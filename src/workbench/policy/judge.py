"""Judges one command: parse, understand, evaluate, and the exact argv that would be executed.

On an `allow` the re-serialised form is what runs, never the raw text. Nothing is remembered between calls.
Other connectors' requests (prompts, tool calls) will get their own way from request to labels and end in
the same `evaluate`.
"""

from __future__ import annotations

from dataclasses import dataclass

from tree_sitter import Language

from workbench.model.command import Surroundings
from workbench.model.verdict import Judgement
from workbench.policy.calls import Facts, find_conflicts
from workbench.policy.catalog import Catalog
from workbench.policy.evaluate import Rule, evaluate
from workbench.policy.facts import gather_facts
from workbench.policy.parse import Script, parse_script
from workbench.policy.programs import Reader

BARE_BASH = ("/usr/bin/bash", "--norc", "--noprofile", "-p", "-c")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Everything a verdict depends on beside the command: programs, rules, grammar, and their digest."""

    catalog: Catalog
    rules: tuple[Rule, ...]
    language: Language
    policy_digest: str


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
    script = parse_script(policy.language, source_text)
    reader = Reader(
        catalog=policy.catalog,
        language=policy.language,
        surroundings=surroundings,
        workspace_root=workspace_root,
    )
    facts = gather_facts(reader, script, cwd)
    labels = set(facts.labels)
    if not facts.strict:
        labels.add("not_strict")
    labels |= find_conflicts(facts)
    if connector != "local":
        labels.add("remote_connector")
    verdict = evaluate(
        policy.rules,
        calls=(call.labels for call in facts.calls),
        script=frozenset(labels),
        policy_digest=policy.policy_digest,
    )
    return Judgement(
        verdict=verdict,
        commands=tuple(call.facts for call in facts.calls),
        argv=_build_argv(script, facts, surroundings, policy.catalog),
        parsed_strictly=facts.strict,
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
