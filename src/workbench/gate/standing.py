"""Says of each policy layer where it stands, and which rules are in force; for people, who want to see it.

Pure, and it decides nothing: the gate asks `in_force` itself. What is wrong with a layer is told in the very
words with which starts are refused.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum

from workbench.model.layer import PolicyLayer, PolicyLayers
from workbench.policy import Policy, find_posture_note, in_force
from workbench.policy.broken import PolicyBroken, PolicyChanged
from workbench.policy.explain import Part, Trace, explain
from workbench.policy.prove import Finding, prove
from workbench.policy.rules import Rule

__all__ = [
    "Finding",
    "LayerState",
    "Part",
    "PolicyBroken",
    "Rule",
    "Standing",
    "Trace",
    "describe_standing",
    "explain",
    "prove_policy",
    "read_remembered",
    "with_unaccepted",
]


class LayerState(StrEnum):
    """`changed`: not what was accepted, or gone; nothing starts until it is put back or accepted."""

    NONE = "none"
    IN_FORCE = "in_force"
    NOT_ACCEPTED = "not_accepted"
    CHANGED = "changed"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerStanding:
    """One layer. `problem` and `remedy` are "" unless it stops starts; `rule_ids` are its own in force.

    `note` says what of it is not in force though the layer is, or is "".
    """

    name: str
    place: str
    state: LayerState
    problem: str = ""
    remedy: str = ""
    rule_ids: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All layers, and the rules of those that can be in force; with a `problem` nothing starts at all.

    `posture_from` is where the posture was set, in words.
    """

    layers: tuple[LayerStanding, ...]
    posture: str
    posture_from: str
    policy_digest: str
    rules: tuple[Rule, ...]
    problem: str = ""
    remedy: str = ""


def describe_standing(policy: Policy, layers: PolicyLayers) -> Standing:
    """Returns where the layers over the shipped `policy` stand now; raises nothing for a broken one."""
    chosen, broken = policy, None
    organisation, project = layers.organisation, layers.project
    states = [LayerState.NONE if organisation.is_empty else LayerState.IN_FORCE]
    states.append(_project_state(project, layers.accepted_digest))
    problems: list[PolicyBroken | None] = [None, None]
    none = PolicyLayers()
    for index, more in enumerate(
        (
            replace(none, organisation=organisation, organisation_digest=layers.organisation_digest),
            replace(layers, organisation=none.organisation, organisation_digest=None, remembered=()),
        )
    ):
        try:
            chosen = in_force(chosen, more)
        except PolicyBroken as problem:
            problems[index], broken = problem, broken or problem
            states[index] = LayerState.CHANGED if isinstance(problem, PolicyChanged) else LayerState.BROKEN
    try:
        digest = in_force(policy, layers).policy_digest
    except PolicyBroken as problem:
        digest, broken = "", broken or problem
    rules = chosen.ruleset.rules
    places = (organisation.place, project.place)
    shipped = LayerStanding(
        name="shipped",
        place=f"posture {policy.posture}",
        state=LayerState.IN_FORCE,
        rule_ids=tuple(rule.rule_id for rule in rules if not rule.source.startswith(tuple(places))),
    )
    laid = [
        LayerStanding(
            name=name,
            place=place,
            state=state,
            problem="" if problem is None else problem.message,
            remedy="" if problem is None else problem.remedy,
            rule_ids=tuple(rule.rule_id for rule in rules if rule.source.startswith(place + "/")),
            note=find_posture_note(project, policy.posture)
            if name == "project" and state is LayerState.IN_FORCE
            else "",
        )
        for name, place, state, problem in zip(
            ("organisation", "project"), places, states, problems, strict=True
        )
    ]
    return Standing(
        layers=(shipped, *laid),
        posture=chosen.posture,
        posture_from="the server's setting policy_posture"
        if chosen.posture == policy.posture
        else f"{project.place}/project.toml",
        policy_digest=digest,
        rules=rules,
        problem="" if broken is None else broken.message,
        remedy="" if broken is None else broken.remedy,
    )


def with_unaccepted(policy: Policy, layers: PolicyLayers) -> Policy:
    """Returns the policy as it would be with the project's files as they lie now; raises PolicyBroken."""
    accepted = "" if layers.project.is_empty else layers.project.digest
    return in_force(policy, replace(layers, accepted_digest=accepted))


def prove_policy(policy: Policy) -> tuple[Finding, ...]:
    """Returns each invariant, proved for this policy's rules or refuted by facts."""
    return prove(policy.ruleset.rules)


def read_remembered(cedar: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the flags and the facts that a remembered rule, as policy renders one, covers at most."""
    return _covered(cedar, "flags"), _covered(cedar, "facts")


def _covered(cedar: str, name: str) -> tuple[str, ...]:
    found = re.search(rf"(\[[^\]]*\])\.containsAll\(context\.{name}\)", cedar)
    return tuple(json.loads(found[1])) if found else ()


def _project_state(layer: PolicyLayer, accepted_digest: str) -> LayerState:
    if accepted_digest:
        return LayerState.IN_FORCE
    return LayerState.NONE if layer.is_empty else LayerState.NOT_ACCEPTED
