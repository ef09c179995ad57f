"""Says what to do next for a feature, or for all of them, and proves whether it can be done here.

The rule table decides what; the first candidate that can run here becomes the command, and what cannot run
is only ever shown as such. The same discovery and the same machine give the same advice.
It asks the machine only through the functions it is given and runs nothing itself.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from workbench.features.candidates import Candidate, candidates_for, document_claim, task_claim
from workbench.features.infer import one_claim_a_line, task_said
from workbench.features.proof import Ground, missing_parts
from workbench.features.rules import Rule, RuleTable, load_rules
from workbench.features.situation import Situation, situation_of
from workbench.model.errors import NotFound
from workbench.model.feature import Discovery, Evidence, Feature
from workbench.model.recommendation import Advice, Alternative, Recommendation, Runnable
from workbench.model.verdict import Decision, Judgement

CONNECTOR = "local"
MAX_ALTERNATIVES = 2
MAX_EVIDENCE = 8
# One run that went well would read as certainty; of twenty, one more moves the figure by five points at most.
NO_NETWORK = "needs the network, which the sandbox does not have"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What recommend may ask of the machine; each function must answer without running anything."""

    program_path: Callable[[str], str | None]
    policy_preview: Callable[[str], Judgement]
    has_file: Callable[[str], bool]
    read_file: Callable[[str], str | None]
    kind_of: Callable[[str], str]
    missing_module: Callable[[str, str, str], str]
    has_revision: Callable[[str], bool | None]
    connectors: Collection[str] = (CONNECTOR,)
    has_network: bool = False
    toolchains: Sequence[str] = ()
    home: str = ""


def recommend(
    discovery: Discovery,
    feature_id: str | None,
    *,
    machine: Machine,
    measured: Mapping[str, tuple[int, int]],
) -> list[Advice]:
    """Returns the advice for one feature, or for all with the most urgent that can run first.

    `measured` holds (tried, succeeded) by rule id, and all confidence comes from it.
    Raises NotFound for an unknown feature.
    """
    features = {feature.feature_id: feature for feature in discovery.features}
    if feature_id is not None and feature_id not in features:
        known = ", ".join(sorted(features)[:5]) or "none"
        raise NotFound(
            f"no feature has the id {feature_id[:80]!r}",
            remedy=f"list them with `workbench features`; known here: {known}",
        )
    adviser = _Adviser(discovery, features, load_rules(), machine, measured)
    if feature_id is not None:
        return [adviser.advise(features[feature_id], ())[0]]
    waited_for = [name for feature in discovery.features for name in feature.depends_on]
    ranked: list[tuple[tuple[bool, bool, int, int, str], Advice]] = []
    for feature in discovery.features:
        advice, rank = adviser.advise(feature, ())
        found = advice.recommendation
        order = (
            found is None,
            found is not None and not found.runnable.ok,
            rank,
            -waited_for.count(feature.feature_id),
            feature.feature_id,
        )
        ranked.append((order, advice))
    return [advice for _, advice in sorted(ranked, key=lambda pair: pair[0])]


class _Adviser:
    """Holds one question's answers of the machine, so that each is asked once."""

    def __init__(
        self,
        discovery: Discovery,
        features: Mapping[str, Feature],
        table: RuleTable,
        machine: Machine,
        measured: Mapping[str, tuple[int, int]],
    ) -> None:
        self.discovery, self.features, self.table, self.measured = discovery, features, table, measured
        self.connectors = machine.connectors
        self.program_path = functools.cache(machine.program_path)
        self.policy_preview = functools.cache(machine.policy_preview)
        self.has_network = machine.has_network
        self.has_file = functools.cache(machine.has_file)
        self.ground = Ground(
            root=discovery.repo,
            program_path=self.program_path,
            read_file=functools.cache(machine.read_file),
            kind_of=functools.cache(machine.kind_of),
            missing_module=functools.cache(machine.missing_module),
            has_revision=functools.cache(machine.has_revision),
            calls_of=lambda command: self.policy_preview(command).commands,
            toolchains=machine.toolchains,
            homes=("/root", "/home", machine.home),
        )

    def advise(self, feature: Feature, asked: tuple[str, ...]) -> tuple[Advice, int]:
        """Returns a feature's advice and its rank; `asked` are the features that wait for this answer."""
        situation = situation_of(feature, self.features)
        rule = self.table.answer(situation.facts)
        evidence = _evidence(feature, situation, self.discovery)
        if rule.intent == "delegate":
            return self._delegate(feature, situation, rule, evidence, asked), rule.rank
        if rule.intent == "nothing":
            return Advice(
                feature_id=feature.feature_id, recommendation=None, reason=rule.text, evidence=evidence
            ), rule.rank
        found = self._choose(feature, situation, rule)
        if found is None:
            reason = f"{rule.text} No command for it is known here."
            return Advice(
                feature_id=feature.feature_id, recommendation=None, reason=reason, evidence=evidence
            ), rule.rank
        (chosen, runnable), others = found
        recommendation = Recommendation(
            feature_id=feature.feature_id,
            rule_id=rule.rule_id,
            rule_text=rule.text,
            command=chosen.command,
            connector=CONNECTOR,
            alternatives=tuple(
                Alternative(
                    command=other.command,
                    connector=CONNECTOR,
                    why=other.why,
                    runnable=proof,
                    evidence=other.evidence,
                )
                for other, proof in others
            ),
            evidence=_unique((*_unsaid(chosen, evidence), *evidence)),
            confidence=self._confidence(rule.rule_id),
            measured_runs=self._tried(rule.rule_id),
            runnable=runnable,
            would_change=rule.would_change + _what_would_run(others),
        )
        return Advice(
            feature_id=feature.feature_id,
            recommendation=recommendation,
            reason=f"{rule.text} {chosen.why[0].upper()}{chosen.why[1:]}.",
            evidence=recommendation.evidence,
        ), rule.rank

    def _delegate(
        self,
        feature: Feature,
        situation: Situation,
        rule: Rule,
        evidence: tuple[Evidence, ...],
        asked: tuple[str, ...],
    ) -> Advice:
        """Returns the other feature's next step under this feature's name; a circle has no next step."""
        other = self.features[situation.waits_for]
        # What it waits for, and where that one stands, come before what that one's next step rests on.
        own = () if situation.why_waits is None else (situation.why_waits,)
        told = _evidence(other, situation_of(other, self.features), self.discovery)
        evidence = _unique((*own, *(other.evidence[:1] or told[:1]), *evidence))
        if other.feature_id in (*asked, feature.feature_id):
            circle = " -> ".join((*asked, feature.feature_id, other.feature_id))
            return Advice(
                feature_id=feature.feature_id,
                recommendation=None,
                reason=f"These features wait for each other: {circle}. Remove one of the dependencies.",
                evidence=evidence,
            )
        answer, _ = self.advise(other, (*asked, feature.feature_id))
        reason = f"It waits for {other.feature_id}. {answer.reason}"
        if answer.recommendation is None:
            return Advice(
                feature_id=feature.feature_id,
                recommendation=None,
                reason=reason,
                evidence=_unique((*evidence[:2], *answer.evidence, *evidence)),
            )
        found = answer.recommendation
        return Advice(
            feature_id=feature.feature_id,
            recommendation=Recommendation(
                feature_id=other.feature_id,
                rule_id=rule.rule_id,
                rule_text=rule.text,
                command=found.command,
                connector=found.connector,
                alternatives=found.alternatives,
                evidence=_unique((*evidence[:2], *found.evidence, *evidence)),
                confidence=self._confidence(rule.rule_id),
                measured_runs=self._tried(rule.rule_id),
                runnable=found.runnable,
                would_change=rule.would_change,
            ),
            reason=reason,
            evidence=_unique((*evidence[:2], *found.evidence, *evidence)),
        )

    def _choose(
        self, feature: Feature, situation: Situation, rule: Rule
    ) -> tuple[tuple[Candidate, Runnable], list[tuple[Candidate, Runnable]]] | None:
        """Returns the first candidate that can run, else the first, and at most two others."""
        intent = self.table.intents[rule.intent]
        seen: dict[str, tuple[Candidate, Runnable]] = {}
        chosen: tuple[Candidate, Runnable] | None = None
        for candidate in candidates_for(intent, self.table, self.discovery, feature, situation):
            if candidate.command in seen:
                continue
            proof = self._prove(candidate)
            # An agent that the repository shows no sign of is offered only where it is installed.
            if not proof.ok and candidate.is_guess and chosen is not None:
                continue
            seen[candidate.command] = (candidate, proof)
            if chosen is None and proof.ok:
                chosen = (candidate, proof)
            if chosen is not None and len(seen) > MAX_ALTERNATIVES:
                break
        if not seen:
            return None
        chosen = chosen or next(iter(seen.values()))
        others = [pair for command, pair in seen.items() if command != chosen[0].command]
        others.sort(key=lambda pair: not pair[1].ok)
        return chosen, others[:MAX_ALTERNATIVES]

    def _prove(self, candidate: Candidate) -> Runnable:
        """Says whether a command can run here, with each reason why not."""
        command = candidate.command
        if not command.isprintable():
            return Runnable(ok=False, reasons=("it holds line breaks or invisible characters",))
        if candidate.program:
            is_there = self.program_path(candidate.program)
            reasons = [] if is_there else [f"{candidate.program} is not installed here"]
        else:
            # Policy has taken the wrappers off: what is behind `timeout` and `sh -c` is proved as well.
            reasons = missing_parts(command, self.policy_preview(command).commands, self.ground)
        if candidate.needs_file and not self.has_file(candidate.needs_file):
            reasons.append(f"{candidate.needs_file} is not there")
        if CONNECTOR not in self.connectors:
            reasons.append(f"the connector {CONNECTOR} is not configured")
        if not reasons:
            judgement = self.policy_preview(command)
            if judgement.verdict.verdict is Decision.DENY:
                rule = next(iter(judgement.verdict.matched_rules), None)
                reasons.append("policy would deny it" + (f": {rule.text}" if rule else ""))
            if not self.has_network and any(call.network for call in judgement.commands):
                reasons.append(NO_NETWORK)
        return Runnable(ok=not reasons, reasons=tuple(reasons))

    def _tried(self, rule_id: str) -> int:
        return self.measured.get(rule_id, (0, 0))[0]

    def _confidence(self, rule_id: str) -> float | None:
        """Returns how often runs by this rule succeeded; None where none was measured."""
        tried, succeeded = self.measured.get(rule_id, (0, 0))
        return round(min(1.0, succeeded / tried), 4) if tried else None


def _evidence(feature: Feature, situation: Situation, discovery: Discovery) -> tuple[Evidence, ...]:
    found: list[Evidence] = []
    if task := situation.task:
        word = task.status.value.replace("_", " ")
        fact = f"the next task is {task.task_id}: {task.title[:100]} ({word})"
        if task.quote:
            fact = f"the next task is {task.task_id}, {task.title[:100]}: {task_said(task)}"
        found.append(task_claim(task, feature, discovery, fact))
    found = list(one_claim_a_line((*found, *feature.drift, *feature.evidence)))
    if not found and feature.documents:
        claim = document_claim(feature, feature.documents[0], discovery)
        found.append(replace(claim, fact=f"{claim.fact}, and all there is to go by"))
    return _unique(found)


def _unsaid(chosen: Candidate, said: Iterable[Evidence]) -> Iterable[Evidence]:
    """Returns what a command rests on, but for the lines that it only shows and that are cited anyway."""
    cited = {(claim.path, claim.line) for claim in said}
    is_shown = chosen.program in ("grep", "head")
    return (c for c in chosen.evidence if not (is_shown and (c.path, c.line) in cited))


def _unique(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    return tuple(dict.fromkeys(evidence))[:MAX_EVIDENCE]


def _what_would_run(others: Iterable[tuple[Candidate, Runnable]]) -> tuple[str, ...]:
    return tuple(
        f"`{other.command[:80]}` once it can run: {'; '.join(proof.reasons)}"
        for other, proof in others
        if not proof.ok
    )
