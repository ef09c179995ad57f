"""Reads the shipped policy data once, and refuses it as a whole when anything in it does not hold.

The only file of this room that reads. Every program's and every rule's match and not_match examples are
run; one that fails stops the load with an error naming file, program or rule, and example.
"""

from __future__ import annotations

import errno
import functools
import hashlib
import os
import re
import stat
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.metadata import version
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import tree_sitter_bash
from tree_sitter import Language

from workbench.model.layer import POSTURES, PolicyLayer
from workbench.model.verdict import Effect
from workbench.policy.broken import PolicyBroken, broken_at
from workbench.policy.catalog import Catalog, Program
from workbench.policy.evaluate import RuleSet, open_rules
from workbench.policy.examples import ExampleSurroundings as ExampleSurroundings
from workbench.policy.examples import Trial, read_examples, try_examples
from workbench.policy.judge import Policy
from workbench.policy.layers import EXAMPLES_FILE as LAYER_EXAMPLES
from workbench.policy.layers import RULES_FILE, SETTINGS_FILE, shipped_rules
from workbench.policy.options import KINDS, STYLES, Form, parse_options, parse_positionals
from workbench.policy.parse import parse_script
from workbench.policy.rules import check_types, read_facts

SCHEMA_FILE, EXAMPLES_FILE = "facts.cedarschema", "examples.toml"
DATA_VERSION = "2"
_MOST_BYTES = 256 * 1024
_PROGRAM_KEYS = frozenset(
    {"aliases", "builtin", "harmless_flags", "filters", "globals", "form", "otherwise", "otherwise_labels"}
    | {"answers", "local", "statements"}
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
_EFFECTS = frozenset(effect.value for effect in Effect)


@functools.cache
def load_policy(posture: str = "standard", *, is_tried: bool = True) -> Policy:
    """Returns the shipped policy of a posture; raises PolicyBroken when any example or entry in it fails.

    Unless `is_tried`, its examples are left for a second load: until that has gone well nobody may rest a
    decision on this one. What is shipped does not change under a process, so it is read once.
    """
    room = resources.files("workbench.policy")
    shipped = {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in (*room.joinpath("postures").iterdir(), room.joinpath(SCHEMA_FILE))
    }
    return build_policy(_read_families(), shipped, posture=posture, is_tried=is_tried)


def _read_families() -> dict[str, str]:
    """Returns the catalogue's files by name."""
    catalog = resources.files("workbench.policy").joinpath("catalog")
    return {
        entry.name: entry.read_text(encoding="utf-8")
        for entry in sorted(catalog.iterdir(), key=lambda entry: entry.name)
        if entry.name.endswith(".toml")
    }


def try_shipped(posture: str) -> Trial:
    """Runs every example of a posture: what came of the rules'; raises PolicyBroken where others fail.

    The others are the catalogue's own, and what says that each rule has an example.
    """
    untried = load_policy(posture, is_tried=False)
    _read_catalog(tuple(sorted(_read_families().items())), True)
    return _try_rules(untried)


def trial_digest(posture: str) -> str:
    """Names what a trial of this posture's examples rests on: the code that judges, the data, the parsers.

    Where a trial with the same digest has gone well, another one would say the same.
    """
    digest = hashlib.sha256(f"{posture}\0{sys.version}".encode())
    for distribution in ("tree-sitter", "tree-sitter-bash", "cedarpy"):
        digest.update(b"\0" + version(distribution).encode())
    for room in ("workbench.policy", "workbench.model"):
        for entry in _walk(resources.files(room)):
            digest.update(b"\0" + entry.name.encode() + b"\0" + hashlib.sha256(entry.read_bytes()).digest())
    return "sha256:" + digest.hexdigest()


def _walk(folder: Traversable) -> Iterator[Traversable]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir() and entry.name != "__pycache__":
            yield from _walk(entry)
        elif entry.name.endswith((".py", ".toml", ".cedar", ".cedarschema")):
            yield entry


def read_organisation(home: Path) -> PolicyLayer:
    """Returns the organisation's policy files, which lie in the workbench's home, as they are now."""
    return _read_layer(home, "$WORKBENCH_HOME", (RULES_FILE, LAYER_EXAMPLES))


def read_project(workspace_root: Path) -> PolicyLayer:
    """Returns the policy files that a repository carries, as they are now, accepted or not."""
    return _read_layer(
        workspace_root / ".workbench", ".workbench", (RULES_FILE, LAYER_EXAMPLES, SETTINGS_FILE)
    )


def read_file_layer(file: Path) -> PolicyLayer:
    """Returns one file of rules, with the examples beside it, as the layer that it would be."""
    examples = file.with_name(file.stem + ".examples.toml")
    try:
        return PolicyLayer(
            place=str(file.parent),
            rules_name=file.name,
            examples_name=examples.name,
            rules_text=_read_named(file),
            examples_text=_read_named(examples) if examples.exists() else "",
        )
    except (OSError, ValueError) as problem:
        return PolicyLayer(place=str(file), problem=f"cannot be read: {problem}")


def _read_layer(folder: Path, place: str, names: tuple[str, ...]) -> PolicyLayer:
    """Reads plain files of one folder and follows no symlink, so that nothing from elsewhere gets in."""
    texts: dict[str, str] = {}
    try:
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return PolicyLayer(place=place)
    except OSError as problem:
        words = (
            "it is a symbolic link, and none is followed here" if folder.is_symlink() else problem.strerror
        )
        return PolicyLayer(place=place, problem=f"{place} is no folder that can be read: {words}")
    try:
        for name in names:
            texts[name] = _read_plain(opened, name)
    except (OSError, ValueError) as problem:
        words = getattr(problem, "strerror", None) or str(problem)
        return PolicyLayer(place=place, problem=f"{place}/{name} cannot be read: {words}")
    finally:
        os.close(opened)
    return PolicyLayer(
        place=place,
        rules_text=texts[RULES_FILE],
        examples_text=texts[LAYER_EXAMPLES],
        settings_text=texts.get(SETTINGS_FILE, ""),
    )


def _read_plain(folder: int, name: str) -> str:
    try:
        # A pipe in the file's place would hold up whoever opens it.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    except FileNotFoundError:
        return ""
    except OSError as problem:
        if problem.errno != errno.ELOOP:
            raise
        # Whether it leads anywhere is not looked at.
        raise ValueError(
            "it is a symbolic link, and none is followed here; a plain file is wanted"
        ) from problem
    return _read_opened(descriptor)


def _read_named(file: Path) -> str:
    """Reads a file that somebody names, by a link too; nothing but a plain file is read."""
    return _read_opened(os.open(file, os.O_RDONLY | os.O_NONBLOCK))


def _read_opened(descriptor: int) -> str:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError("it is no plain file")
    with open(descriptor, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it is longer than {_MOST_BYTES} bytes")
    return data.decode("utf-8")


def build_policy(
    families: Mapping[str, str],
    shipped: Mapping[str, str],
    *,
    posture: str = "standard",
    is_tried: bool = True,
) -> Policy:
    """Returns the policy that these texts describe: catalogue files, and rules, schema and examples.

    Raises PolicyBroken for text that is no TOML or no Cedar, unknown keys or facts, names given twice and
    failing examples.
    """
    digest = hashlib.sha256(DATA_VERSION.encode() + posture.encode())
    for name, text in sorted([*families.items(), *shipped.items()]):
        digest.update(b"\0" + name.encode() + b"\0" + hashlib.sha256(text.encode()).digest())
    language = Language(tree_sitter_bash.language())
    policy = Policy(
        catalog=_read_catalog(tuple(sorted(families.items())), is_tried),
        language=language,
        ruleset=_open_shipped(shipped, posture),
        posture=posture,
        policy_digest="sha256:" + digest.hexdigest(),
        shipped=shipped,
    )
    if is_tried and (failures := _try_rules(policy).failures):
        raise PolicyBroken(
            failures[0], remedy="correct the rule or its example; until then nothing can be judged"
        )
    return policy


@functools.lru_cache(maxsize=2)
def _read_catalog(families: tuple[tuple[str, str], ...], is_tried: bool) -> Catalog:
    """Returns the catalogue that these files describe, the same for every posture."""
    language = Language(tree_sitter_bash.language())
    programs = _Programs()
    environment: set[str] = set()
    code_paths: set[str] = set()
    for file, text in families:
        for name, entry in _parse(file, text).items():
            if name == "environment":
                environment |= set(entry["names"])
                code_paths |= set(entry["code_paths"])
                continue
            programs.add(file, name, entry)
            if is_tried:
                _check_examples(language, file, entry, programs[name])
    return Catalog(programs=programs, environment=frozenset(environment), code_paths=frozenset(code_paths))


class _Programs(Mapping[str, Program]):
    """Programs by every name; what an entry says is read when one of its names is first asked for.

    A process asks for a few of them, and reading all takes longer than the rest of its start.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[str, str, Mapping[str, Any]]] = {}
        self._read: dict[str, Program] = {}

    def add(self, file: str, name: str, entry: Mapping[str, Any]) -> None:
        """Adds an entry under its name and its aliases; raises PolicyBroken for a name that is there."""
        for alias in (name, *entry.get("aliases", ())):
            if alias in self._entries:
                raise _broken(file, name, f"{alias} is listed twice")
            self._entries[alias] = (file, name, entry)

    def __getitem__(self, alias: str) -> Program:
        if alias not in self._read:
            file, name, entry = self._entries[alias]
            program = _read_program(file, name, entry)
            self._read.update(dict.fromkeys((name, *entry.get("aliases", ())), program))
        return self._read[alias]

    def __contains__(self, alias: object) -> bool:
        return alias in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


def _open_shipped(shipped: Mapping[str, str], posture: str) -> RuleSet:
    rules = shipped_rules(shipped, posture)
    seen: dict[str, str] = {}
    for rule in rules:
        if rule.rule_id in seen:
            raise broken_at(rule.source, f"{rule.rule_id} is listed already, in {seen[rule.rule_id]}")
        seen[rule.rule_id] = rule.source
    schema_text = shipped[SCHEMA_FILE]
    try:
        ruleset = open_rules(rules, schema_text=schema_text, facts=read_facts(schema_text))
    except ValueError as problem:
        raise broken_at(SCHEMA_FILE, f"is not a Cedar schema: {problem}") from problem
    check_types(rules, ruleset.schema)
    return ruleset


def _try_rules(policy: Policy) -> Trial:
    """Tries every example, and sees to it that each rule has one that it must catch."""
    examples = read_examples(EXAMPLES_FILE, policy.shipped[EXAMPLES_FILE])
    with_match = {example.rule_id for example in examples if example.is_match}
    for rule in policy.ruleset.rules:
        # The rule that opens the way to a question is tried by each example that ends in one.
        if rule.rule_id not in with_match and not rule.is_fallback:
            raise broken_at(rule.source, f"{rule.rule_id} has no match example in {EXAMPLES_FILE}")
    known = {rule.rule_id for posture in POSTURES for rule in shipped_rules(policy.shipped, posture)}
    for rule_id in sorted({example.rule_id for example in examples} - known):
        raise broken_at(EXAMPLES_FILE, f"{rule_id} is no rule")
    return try_examples(policy, examples)


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
        statements=entry.get("statements", False),
        otherwise=entry.get("otherwise"),
        otherwise_labels=frozenset(entry.get("otherwise_labels", ())),
        local=frozenset(entry.get("local", ())),
        family=file.removesuffix(".toml"),
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
            globals=parse_options(entry.get("globals", "")),
            options=parse_options(form.get("options", "")),
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
