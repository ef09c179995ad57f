"""Lays an organisation's and a project's rules over the shipped ones; the strictest wins, deny beats all.

All layers go into one rule set, where Cedar's own forbid-wins decides. A project can only tighten: it may
ask for a stricter posture, and a permit in its file is refused. A layer with anything wrong in it is refused
as a whole, with the line; nothing of it is ever left out silently. Texts come in; nothing is read here.
"""

from __future__ import annotations

import hashlib
import shlex
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from workbench.model.counted import render_count
from workbench.model.layer import POSTURES, PolicyLayer, PolicyLayers, RememberedRule
from workbench.policy.broken import PolicyBroken, PolicyChanged, broken_at
from workbench.policy.evaluate import open_rules
from workbench.policy.examples import Example, read_examples, try_examples
from workbench.policy.judge import Policy
from workbench.policy.prove import find_impossible, prove
from workbench.policy.rules import APPROVE, ASK, RECALL, RUN, Rule, check_types, read_rules

RULES_FILE, EXAMPLES_FILE, SETTINGS_FILE = "policy.cedar", "policy.examples.toml", "project.toml"
_MOST_RULES = 200
_MOST_NAMED = 10
_MOST_VARIANTS = 64
_CORE = ("core.cedar", "questions.cedar")


def shipped_rules(shipped: Mapping[str, str], posture: str) -> tuple[Rule, ...]:
    """Returns the shipped rules of a posture, the shared core first."""
    return tuple(rule for file in (*_CORE, f"{posture}.cedar") for rule in read_rules(file, shipped[file]))


def with_organisation(policy: Policy, layer: PolicyLayer, *, must_prove: bool = True) -> Policy:
    """Returns the policy with an organisation's rules over the shipped ones; raises PolicyBroken.

    Without `must_prove`, rules that break an invariant are taken too, for whoever wants to see which.
    """
    if layer.is_empty:
        return policy
    return _variant(
        policy,
        f"{layer.place} {layer.digest} {must_prove}",
        lambda: _with_layer(policy, layer, _read_layer(layer, is_project=False), must_prove=must_prove),
    )


def with_project(policy: Policy, layer: PolicyLayer) -> Policy:
    """Returns the policy with a project's rules over all others; raises PolicyBroken.

    What it would allow, the policy without it allows as well.
    """
    if layer.is_empty:
        return policy
    return _variant(policy, f"{layer.place} {layer.digest}", lambda: _build_project(policy, layer))


def with_remembered(policy: Policy, remembered: Sequence[RememberedRule]) -> Policy:
    """Returns the policy with these remembered rules in force, all of them; raises PolicyBroken."""
    if not remembered:
        return policy
    ordered = sorted(remembered, key=lambda rule: rule.rule_id)
    digest = _digest(policy, "remembered", *(rule.rule_id + rule.cedar for rule in ordered))
    return _variant(policy, digest, lambda: _build_remembered(policy, ordered, digest))


def in_force(policy: Policy, layers: PolicyLayers | None) -> Policy:
    """Returns the policy with all layers over it that are in force; raises PolicyBroken or PolicyChanged.

    A project's files that nobody has accepted yet are not in force, and stop nothing.
    """
    if layers is None:
        return policy
    policy = _with_recorded(policy, layers)
    if layers.accepted_digest:
        _require_accepted(layers.project, layers.accepted_digest, layers.workspace_root)
        policy = with_project(policy, layers.project)
    return with_remembered(policy, layers.remembered)


def find_posture_note(layer: PolicyLayer, current: str) -> str:
    """Returns why a project's own posture is not the one in force; "" where it is, or where it has none.

    `current` is the server's.
    """
    try:
        wanted = tomllib.loads(layer.settings_text).get("posture", current)
    except tomllib.TOMLDecodeError:
        return ""
    if wanted not in POSTURES or POSTURES.index(wanted) <= POSTURES.index(current):
        return ""
    return (
        f"the posture {wanted!r} of {layer.place}/{SETTINGS_FILE} is not in force: the server's, "
        f"{current!r}, is stricter"
    )


def find_untested(policy: Policy, layer: PolicyLayer) -> tuple[int, tuple[Rule, ...]]:
    """Returns how many examples a layer has, and its rules that could go without any of theirs failing.

    `policy` is the one that the layer lies in. Such a rule may say something else than its author means, or
    be taken out, and nobody would notice. Raises PolicyBroken.
    """
    examples = read_examples(layer.examples_file, layer.examples_text)
    by_rule: dict[str, list[Example]] = {}
    for example in examples:
        by_rule.setdefault(example.rule_id, []).append(example)
    rules = read_rules(layer.rules_file, layer.rules_text)
    return len(examples), tuple(rule for rule in rules if not _is_tested(policy, rule, by_rule))


def _is_tested(policy: Policy, rule: Rule, by_rule: Mapping[str, Sequence[Example]]) -> bool:
    own = by_rule.get(rule.rule_id, ())
    # What must be caught is caught by name, so it fails by itself once the rule is gone.
    if any(example.is_match and not example.is_approval for example in own):
        return True
    asked = [example for example in own if example.is_approval]
    if not asked:
        return False
    rest = tuple(other for other in policy.ruleset.rules if other.rule_id != rule.rule_id)
    return bool(try_examples(open_changed(policy, rest), asked, of=policy).failures)


def describe_untested(policy: Policy, layer: PolicyLayer) -> tuple[str, str] | None:
    """Returns what is wrong with rules of the layer that no example would miss, and what to add; or None.

    It keeps a layer from being accepted, and nothing that was accepted before from being in force.
    """
    _, untested = find_untested(policy, layer)
    if not untested:
        return None
    first, *more = untested
    says = f"{first.source}: {first.rule_id} has no example that fails when the rule is taken out"
    if more:
        says += f"; nor have {', '.join(f'{rule.rule_id} ({rule.source})' for rule in more[:_MOST_NAMED])}"
        says += f" and {render_count(len(more) - _MOST_NAMED, 'other')}" if len(more) > _MOST_NAMED else ""
    if first.verdict is None:
        add = 'may_not = ["ROLE RISK"], with what it alone forbids'
        if first.effect == "permit":
            add = 'may = ["ROLE RISK"], with what it alone lets through'
    else:
        add = 'match = ["COMMAND"], with a command that it must catch'
    return says, f"add to {layer.examples_file} under [{first.rule_id}]: {add}; then accept again"


def _with_recorded(policy: Policy, layers: PolicyLayers) -> Policy:
    """Returns the policy with the organisation's rules: those recorded, or the first ones, if sound."""
    layer, recorded = layers.organisation, layers.organisation_digest
    if recorded is None:
        if layer.is_empty:
            return policy
        return _variant(policy, f"first {layer.place} {layer.digest}", lambda: build_first(policy, layer))
    if layer.problem or ("" if layer.is_empty else layer.digest) != recorded:
        raise PolicyChanged(describe_unrecorded(layer, recorded), remedy=_ACCEPT_ORGANISATION)
    return with_organisation(policy, layer)


_ACCEPT_ORGANISATION = "put it back, or let an admin accept what is there now: workbench policy accept"


def describe_unrecorded(layer: PolicyLayer, recorded: str) -> str:
    """Returns in words how an organisation's files differ from what was recorded."""
    if layer.problem:
        return f"the organisation's policy cannot be read: {layer.problem}"
    if layer.is_empty:
        return f"the organisation's policy that was in force is gone from {layer.place}"
    return (
        f"the organisation's policy in {layer.place} was changed after it was recorded: "
        f"recorded {recorded or 'none'}, found {layer.digest}"
    )


def build_first(policy: Policy, layer: PolicyLayer) -> Policy:
    """Returns the policy with an organisation's rules that may be recorded; raises PolicyBroken.

    What is recorded holds, breaks no invariant, and has an example for each rule.
    """
    over = with_organisation(policy, layer)
    if untested := describe_untested(over, layer):
        raise PolicyBroken(untested[0], remedy=untested[1].removesuffix("; then accept again"))
    return over


def _require_accepted(layer: PolicyLayer, accepted_digest: str, workspace_root: str) -> None:
    accept = (
        "put it back, or let an admin accept what is there now: "
        f"workbench project accept-policy {shlex.quote(workspace_root)}"
    )
    if layer.problem:
        raise PolicyChanged(f"the project's policy cannot be read: {layer.problem}", remedy=accept)
    if layer.is_empty:
        raise PolicyChanged(
            f"the project's policy that was accepted is gone from {layer.place}", remedy=accept
        )
    if layer.digest != accepted_digest:
        raise PolicyChanged(
            f"the project's policy in {layer.place} was changed after it was accepted: "
            f"accepted {accepted_digest}, found {layer.digest}",
            remedy=accept,
        )


def _build_project(policy: Policy, layer: PolicyLayer) -> Policy:
    rules = _read_layer(layer, is_project=True)
    posture = _read_posture(layer, policy.posture)
    stricter = replace(policy, posture=posture, variants={})
    if posture != policy.posture:
        organisation = policy.ruleset.rules[len(shipped_rules(policy.shipped, policy.posture)) :]
        stricter = _with_rules(
            stricter, (*shipped_rules(policy.shipped, posture), *organisation), policy.policy_digest
        )
    return _with_layer(stricter, layer, rules)


def _build_remembered(policy: Policy, remembered: Sequence[RememberedRule], digest: str) -> Policy:
    rules = tuple(
        rule for item in remembered for rule in read_rules(f"remembered/{item.rule_id}", item.cedar)
    )
    for rule in rules:
        if rule.actions != {RECALL}:
            raise broken_at(rule.source, f"{rule.rule_id}: a remembered rule is a permit on {RECALL}")
    recall = open_rules(rules, schema_text=policy.shipped["facts.cedarschema"], facts=())
    check_types(rules, recall.schema)
    return replace(policy, recall=recall, policy_digest=digest, variants={})


def _with_layer(
    policy: Policy, layer: PolicyLayer, rules: tuple[Rule, ...], *, must_prove: bool = True
) -> Policy:
    taken = {rule.rule_id: rule.source for rule in policy.ruleset.rules}
    for rule in rules:
        if rule.rule_id in taken:
            raise broken_at(rule.source, f"{rule.rule_id} is listed already, in {taken[rule.rule_id]}")
    if len(policy.ruleset.rules) + len(rules) > _MOST_RULES:
        raise broken_at(layer.place, f"holds {len(rules)} rules; with the others at most {_MOST_RULES}")
    check_types(rules, policy.ruleset.schema)
    for rule in rules:
        if problem := find_impossible(rule):
            raise broken_at(rule.source, f"{rule.rule_id}: {problem}")
    made = _with_rules(policy, (*policy.ruleset.rules, *rules), _digest(policy, layer.place, layer.digest))
    if must_prove:
        _require_invariants(layer, made)
    file = layer.examples_file
    examples = read_examples(file, layer.examples_text)
    own = {rule.rule_id for rule in rules}
    for example in examples:
        if example.rule_id not in own:
            raise broken_at(file, f"{example.rule_id} is no rule of {layer.rules_file}")
    if failures := try_examples(made, examples).failures:
        raise broken_at(file, failures[0].removeprefix(f"{file}: "))
    return made


def _require_invariants(layer: PolicyLayer, policy: Policy) -> None:
    for finding in prove(policy.ruleset.rules):
        if not finding.is_proved:
            raise broken_at(
                layer.rules_file,
                f"breaks the invariant {finding.name} ({finding.text}), for example where "
                + ", ".join(finding.example_words),
            )


def open_changed(policy: Policy, rules: tuple[Rule, ...]) -> Policy:
    """Returns the policy with these rules in the place of its own, as they are, to try what would change."""
    return _with_rules(policy, rules, _digest(policy, *(rule.cedar for rule in rules)))


def _with_rules(policy: Policy, rules: tuple[Rule, ...], digest: str) -> Policy:
    ruleset = open_rules(rules, schema_text=policy.shipped["facts.cedarschema"], facts=policy.ruleset.facts)
    return replace(policy, ruleset=ruleset, policy_digest=digest, variants={})


def _read_layer(layer: PolicyLayer, *, is_project: bool) -> tuple[Rule, ...]:
    if layer.problem:
        raise broken_at(layer.place, layer.problem)
    rules = read_rules(layer.rules_file, layer.rules_text)
    for rule in rules:
        if is_project and rule.effect == "permit":
            raise broken_at(
                rule.source, f"{rule.rule_id}: is a permit; a project's rules can only tighten, by forbid"
            )
        if RECALL in rule.actions or rule.actions == {ASK} or not rule.actions <= {RUN, ASK, APPROVE}:
            raise broken_at(rule.source, f"{rule.rule_id}: speaks about {', '.join(sorted(rule.actions))}")
    return rules


def _read_posture(layer: PolicyLayer, current: str) -> str:
    """Returns the stricter of the posture in force and the one the project asks for; raises PolicyBroken."""
    place = f"{layer.place}/{SETTINGS_FILE}"
    try:
        settings = tomllib.loads(layer.settings_text)
    except tomllib.TOMLDecodeError as problem:
        raise broken_at(place, f"is not TOML: {problem}") from problem
    if unknown := sorted(set(settings) - {"posture"}):
        raise broken_at(place, f"has a setting {unknown[0]!r} that nobody reads; it takes posture")
    wanted = settings.get("posture", current)
    if wanted not in POSTURES:
        raise broken_at(place, f"posture is {wanted!r}; use one of {', '.join(POSTURES)}")
    return str(min(wanted, current, key=POSTURES.index))


def _variant(policy: Policy, key: str, build: Callable[[], Policy]) -> Policy:
    """Builds once what is asked for often; a policy that is broken is broken each time anew."""
    found = policy.variants.get(key)
    if found is None:
        found = build()
        if len(policy.variants) >= _MOST_VARIANTS:
            policy.variants.clear()
        policy.variants[key] = found
    return found


def _digest(policy: Policy, *parts: str) -> str:
    joined = hashlib.sha256(policy.policy_digest.encode())
    for part in (policy.posture, *parts):
        joined.update(b"\0" + hashlib.sha256(part.encode()).digest())
    return "sha256:" + joined.hexdigest()
