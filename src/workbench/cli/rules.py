"""workbench policy test, prove and replay: the rules against examples, all facts, and the past."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from workbench.app.verdicts import (
    OwnExamples,
    candidate_offline,
    find_unrecorded,
    judge_with,
    own_examples_offline,
    policy_offline,
    recorded_verdicts,
)
from workbench.cli.output import print_error, print_json, print_line, print_note
from workbench.cli.place import find_repository
from workbench.model.counted import render_count
from workbench.model.layer import POSTURES
from workbench.policy import Policy
from workbench.policy.broken import PolicyBroken, PolicyChanged
from workbench.policy.layers import EXAMPLES_FILE
from workbench.policy.load import try_shipped
from workbench.policy.prove import prove


def try_rules(repo: str | None, as_json: bool) -> int:
    """Tries every example beside the rules, in each posture and in the layers here.

    Returns 1 when one fails, when a layer's rule has none, or when a layer cannot be in force at all.
    """
    tried: list[dict[str, Any]] = []
    for posture in POSTURES:
        trial = try_shipped(posture)
        tried.append({"posture": posture, "tried": trial.tried, "failures": list(trial.failures)})
    root = find_repository(repo)
    _tell_unrecorded()
    digest: str | None = None
    own: list[OwnExamples] = []
    error: PolicyBroken | None = None
    try:
        # Layers try their own examples whenever they are laid; one that fails is an error with its place.
        policy = policy_offline(root, with_unaccepted=True)
        digest, own = policy.policy_digest, own_examples_offline(root, policy)
    except PolicyBroken as problem:
        error = problem
    ok = error is None and not any(one["failures"] for one in tried) and not any(one.without for one in own)
    if as_json:
        layers = [
            {"place": one.place, "tried": one.tried, "without_examples": list(one.without)} for one in own
        ]
        answer = {"ok": ok, "postures": tried, "layers": layers, "policy_digest": digest}
        print_json(answer if error is None else {**answer, "error": _describe(error)})
    for one in [] if as_json else tried:
        print_line(f"{one['posture']}: {render_count(one['tried'], 'example')}, {len(one['failures'])} fail")
        for failure in one["failures"]:
            print_line(f"  {failure}")
    for layer in [] if as_json else own:
        print_line(f"{layer.place}: {render_count(layer.tried, 'example')}, 0 fail")
        for rule_id in layer.without:
            print_line(
                f"  {rule_id} has no example that fails without it: add one to {layer.place}/{EXAMPLES_FILE}"
            )
    if error is not None:
        print_error(error)
    return 0 if ok else 1


def _tell_unrecorded() -> None:
    if note := find_unrecorded():
        print_note(note)


def _describe(error: PolicyBroken) -> dict[str, str]:
    return {"code": error.code, "message": error.message, "remedy": error.remedy}


def prove_rules(repo: str | None, policy: str | None, as_json: bool) -> int:
    """Proves the invariants for the policy in force, or with a changed file in it; 1 when one falls.

    A policy that cannot be in force proves nothing: its error is the answer, and 1.
    """
    root = find_repository(repo)
    _tell_unrecorded()
    try:
        chosen = (
            policy_offline(root)
            if policy is None
            else candidate_offline(root, Path(policy), must_prove=False)
        )
    except PolicyBroken as problem:
        if as_json:
            print_json({"ok": False, "policy_digest": None, "invariants": [], "error": _describe(problem)})
        print_error(problem)
        return 1
    findings = prove(chosen.ruleset.rules)
    ok = all(finding.is_proved for finding in findings)
    if as_json:
        print_json(
            {
                "ok": ok,
                "policy_digest": chosen.policy_digest,
                "invariants": [
                    {
                        "name": finding.name,
                        "text": finding.text,
                        "proved": finding.is_proved,
                        "counter_example": dict(finding.counter_example) or None,
                    }
                    for finding in findings
                ],
            }
        )
    for finding in [] if as_json else findings:
        print_line(f"{'proved ' if finding.is_proved else 'REFUTED'} {finding.name}: {finding.text}")
        if not finding.is_proved:
            print_line(f"        for example where {', '.join(finding.example_words)}")
    return 0 if ok else 1


def replay_verdicts(repo: str | None, policy: str | None, last: int, as_json: bool) -> int:
    """Prints which of the last verdicts in the ledger would be another one now, or under a changed policy.

    Commands are judged anew on this machine as it is; `by_policy` says that the changed policy alone, and
    not the machine or the time, makes the difference. It is null where that cannot be told: without a
    changed file, and where the one that was accepted is no longer there to compare with. Under a policy that
    cannot be in force nothing is judged: its error is the answer, and 1.
    """
    root = find_repository(repo)
    _tell_unrecorded()
    try:
        chosen = policy_offline(root) if policy is None else candidate_offline(root, Path(policy))
        current = None if policy is None else _in_force_or_none(root)
    except PolicyBroken as problem:
        if as_json:
            print_json({"replayed": 0, "policy_digest": None, "changes": [], "error": _describe(problem)})
        print_error(problem)
        return 1
    changed: list[dict[str, Any]] = []
    seen = recorded_verdicts(root, last)
    for record in seen:
        then = judge_with(chosen, root, record).verdict
        now = None if current is None else judge_with(current, root, record).verdict
        if then.verdict.value != record.verdict:
            changed.append(
                {
                    "run_id": record.run_id,
                    "command": record.command.source_text,
                    "recorded": record.verdict,
                    "now": None if now is None else now.verdict.value,
                    "changed": then.verdict.value,
                    "by_policy": None if now is None else now.verdict is not then.verdict,
                    "reason_codes": list(then.reason_codes),
                    "matched_rules": [rule.rule_id for rule in then.matched_rules],
                }
            )
    if as_json:
        print_json({"replayed": len(seen), "policy_digest": chosen.policy_digest, "changes": changed})
        return 0
    print_line(f"{render_count(len(seen), 'verdict')} replayed, {len(changed)} would be another one")
    for one in changed:
        print_line(f"{one['run_id']}  {one['recorded']} -> {one['changed']}  $ {one['command']}")
        print_line(
            f"  {', '.join(one['reason_codes'])}" + ("  (not by policy)" if one["by_policy"] is False else "")
        )
    return 0


def _in_force_or_none(repo: Path) -> Policy | None:
    # An edited file stops starts until it is accepted; what it would change is asked before just that.
    try:
        return policy_offline(repo)
    except PolicyChanged:
        return None
