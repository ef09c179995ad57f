"""Reads the shipped policy data once, and refuses it as a whole when anything in it does not hold.

The only file of this room that reads. Every program's and every rule's match and not_match examples are
run; one that fails stops the load with an error naming file, program or rule, and example.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import tomllib
from collections.abc import Mapping
from importlib import resources
from typing import Any

import tree_sitter_bash
from tree_sitter import Language

from workbench.model.errors import WorkbenchError
from workbench.model.verdict import Decision, Effect, RiskLevel
from workbench.policy.catalog import Catalog, Program
from workbench.policy.evaluate import Rule
from workbench.policy.judge import Policy, judge
from workbench.policy.options import KINDS, STYLES, Form, parse_option, parse_positionals
from workbench.policy.parse import parse_script

EXAMPLE_ROOT = "/workspace"
DATA_VERSION = "1"
_PROGRAM_KEYS = frozenset(
    {"aliases", "builtin", "harmless_flags", "filters", "globals", "form", "otherwise", "otherwise_labels"}
    | {"answers", "local"}
)
_FORM_KEYS = frozenset(
    {
        "words",
        "subcommands",
        "style",
        "options",
        "positionals",
        "drop_first_if",
        "drop_last_if",
        "requires",
        "effects",
        "labels",
    }
    | {"match", "not_match"}
)
_RULE_KEYS = frozenset(
    {"id", "text", "verdict", "risk", "reason", "all", "any", "none", "match", "not_match"}
    | {"example_connector"}
)
_EFFECTS = frozenset(effect.value for effect in Effect)


class PolicyBroken(WorkbenchError):
    """Policy data cannot be used; nothing may be judged, so nothing starts."""

    code = "policy_broken"
    http_status = 503


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


def load_policy() -> Policy:
    """Returns the shipped policy; raises PolicyBroken when any example or entry in it fails."""
    room = resources.files("workbench.policy")
    families = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in sorted(room.joinpath("catalog").iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }
    return build_policy(families, room.joinpath("rules.toml").read_text(encoding="utf-8"))


def build_policy(families: Mapping[str, str], rules_text: str) -> Policy:
    """Returns the policy that these TOML texts (catalogue files by name, and the rules) describe.

    Raises PolicyBroken for text that is no TOML, unknown keys, names given twice and failing examples.
    """
    language = Language(tree_sitter_bash.language())
    digest = hashlib.sha256(DATA_VERSION.encode())
    for name, text in sorted([*families.items(), ("rules.toml", rules_text)]):
        digest.update(b"\0" + name.encode() + b"\0" + hashlib.sha256(text.encode()).digest())
    programs: dict[str, Program] = {}
    environment: set[str] = set()
    for file, text in sorted(families.items()):
        for name, entry in _parse(file, text).items():
            if name == "environment":
                environment |= set(entry["names"])
                continue
            program = _read_program(file, name, entry)
            for alias in (name, *entry.get("aliases", ())):
                if alias in programs:
                    raise _broken(file, name, f"{alias} is listed twice")
                programs[alias] = program
            _check_examples(language, file, entry, program)
    policy = Policy(
        catalog=Catalog(programs=programs, environment=frozenset(environment)),
        rules=_read_rules(rules_text),
        language=language,
        policy_digest="sha256:" + digest.hexdigest(),
    )
    _check_rules(policy)
    return policy


def _broken(file: str, name: str, problem: str) -> PolicyBroken:
    return PolicyBroken(
        f"{file}: {name}: {problem}",
        remedy=f"correct {name} in {file}; until then nothing can be judged, so nothing starts",
    )


def _parse(file: str, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise _broken(file, "the file", f"is not TOML: {problem}") from problem


def _read_program(file: str, name: str, entry: Mapping[str, Any]) -> Program:
    if unknown := set(entry) - _PROGRAM_KEYS:
        raise _broken(file, name, f"unknown keys {sorted(unknown)}")
    if entry.get("otherwise") not in (None, *KINDS):
        raise _broken(file, name, f"otherwise = {entry['otherwise']!r} is no kind")
    forms = [item for form in entry.get("form", ()) for item in _read_forms(file, name, entry, form)]
    if not entry.get("form"):
        raise _broken(file, name, "has no form")
    if answers := entry.get("answers"):
        # Options and subcommands that print something and end: --version, --help, version.
        options = [word for word in answers.split() if word.startswith("-")]
        asked = [word for word in answers.split() if not word.startswith("-")]
        style = "single" if any(re.fullmatch(r"-[a-z]{2,}", word) for word in options) else "gnu"
        if options:
            form = {"style": style, "options": " ".join(options), "requires": options}
            forms.extend(_read_forms(file, name, {}, form))
        if asked:
            forms.extend(_read_forms(file, name, {}, {"subcommands": asked}))
    # Longer subcommands are tried first, so that `remote add` is not read as `remote` with an argument.
    forms.sort(key=lambda form: -len(form.words))
    return Program(
        name=name,
        forms=tuple(forms),
        is_builtin=entry.get("builtin", False),
        harmless_flags=entry.get("harmless_flags", False),
        filters=entry.get("filters", False),
        otherwise=entry.get("otherwise"),
        otherwise_labels=frozenset(entry.get("otherwise_labels", ())),
        local=frozenset(entry.get("local", ())),
    )


def _read_forms(file: str, name: str, entry: Mapping[str, Any], form: Mapping[str, Any]) -> tuple[Form, ...]:
    """Returns one form, or one for each of its subcommands."""
    if "subcommands" not in form:
        return (_read_form(file, name, entry, form),)
    if "words" in form or not form["subcommands"]:
        raise _broken(file, name, "a form has words or subcommands, not both")
    shared = {key: value for key, value in form.items() if key != "subcommands"}
    return tuple(
        _read_form(file, name, entry, {**shared, "words": words.split()}) for words in form["subcommands"]
    )


def _read_form(file: str, name: str, entry: Mapping[str, Any], form: Mapping[str, Any]) -> Form:
    if unknown := set(form) - _FORM_KEYS:
        raise _broken(file, name, f"unknown keys {sorted(unknown)}")
    if form.get("style", "gnu") not in STYLES:
        raise _broken(file, name, f"style {form['style']!r} is not one of {sorted(STYLES)}")
    if unknown := set(form.get("effects", ())) - _EFFECTS:
        raise _broken(file, name, f"unknown effects {sorted(unknown)}")
    try:
        return Form(
            program=name,
            words=tuple(form.get("words", ())),
            style=form.get("style", "gnu"),
            globals={option.name: option for option in map(parse_option, entry.get("globals", "").split())},
            options={option.name: option for option in map(parse_option, form.get("options", "").split())},
            positionals=parse_positionals(form.get("positionals", "")),
            drop_first_if=frozenset(form.get("drop_first_if", ())),
            drop_last_if=frozenset(form.get("drop_last_if", ())),
            requires=frozenset(form.get("requires", ())),
            labels=frozenset((*form.get("effects", ()), *form.get("labels", ()))),
        )
    except ValueError as problem:
        raise _broken(file, name, str(problem)) from problem


def _check_examples(language: Language, file: str, entry: Mapping[str, Any], program: Program) -> None:
    for form in entry["form"]:
        if not form.get("match"):
            raise _broken(file, program.name, f"form {form.get('words', [])} has no match example")
        wanted = _read_forms(file, program.name, entry, form)
        for key in ("match", "not_match"):
            for example in form.get(key, ()):
                script = parse_script(language, example)
                if not script.strict or len(script.commands) != 1:
                    raise _broken(file, program.name, f"example {example!r} is not one strict command")
                words = script.commands[0].words
                if words[0] not in (program.name, *entry.get("aliases", ())):
                    raise _broken(file, program.name, f"example {example!r} calls another program")
                known = program.read(words[1:])
                if (known is not None and known[0] in wanted) != (key == "match"):
                    raise _broken(file, program.name, f"{key} example {example!r} fails")


def _read_rules(text: str) -> tuple[Rule, ...]:
    rules: dict[str, Rule] = {}
    for entry in _parse("rules.toml", text).get("rule", ()):
        name = str(entry.get("id", "a rule without id"))
        if unknown := set(entry) - _RULE_KEYS:
            raise _broken("rules.toml", name, f"unknown keys {sorted(unknown)}")
        if name in rules:
            raise _broken("rules.toml", name, "is listed twice")
        found = re.search(rf'^id = "{re.escape(name)}"$', text, re.MULTILINE)
        try:
            rules[name] = Rule(
                rule_id=name,
                text=entry["text"],
                source=f"rules.toml:{text.count(chr(10), 0, found.start()) + 1 if found else 0}",
                verdict=Decision(entry["verdict"]),
                risk=RiskLevel(entry["risk"]),
                reason=entry["reason"],
                all_of=frozenset(entry.get("all", ())),
                any_of=frozenset(entry.get("any", ())),
                none_of=frozenset(entry.get("none", ())),
                example_connector=entry.get("example_connector", "local"),
                match=tuple(entry["match"]),
                not_match=tuple(entry["not_match"]),
            )
        except (KeyError, ValueError) as problem:
            raise _broken("rules.toml", name, f"{type(problem).__name__}: {problem}") from problem
        if (
            not (rules[name].all_of or rules[name].any_of)
            or not rules[name].match
            or not rules[name].not_match
        ):
            raise _broken("rules.toml", name, "needs a condition, a match and a not_match example")
    if not rules:
        raise _broken("rules.toml", "the file", "holds no rule")
    return tuple(rules.values())


def _check_rules(policy: Policy) -> None:
    surroundings = ExampleSurroundings()
    for rule in policy.rules:
        for key, examples in (("match", rule.match), ("not_match", rule.not_match)):
            for example in examples:
                judgement = judge(
                    policy,
                    example,
                    cwd=EXAMPLE_ROOT,
                    workspace_root=EXAMPLE_ROOT,
                    surroundings=surroundings,
                    connector=rule.example_connector if key == "match" else "local",
                )
                matched = {item.rule_id for item in judgement.verdict.matched_rules}
                if (rule.rule_id in matched) != (key == "match"):
                    raise _broken("rules.toml", rule.rule_id, f"{key} example {example!r} fails")
