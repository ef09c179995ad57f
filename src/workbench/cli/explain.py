"""workbench policy explain: the trace of one verdict, from sub-command to rule and what would change it."""

from __future__ import annotations

from typing import Any

from workbench.app.offline import check_asked, refuse_offline
from workbench.app.verdicts import find_unaccepted, find_unrecorded, place_offline, policy_offline
from workbench.cli.output import RISK_BARS, describe_rules, print_json, print_line, print_note
from workbench.cli.place import find_repository
from workbench.cli.run import join_command
from workbench.model.errors import InvalidInput, WorkbenchError
from workbench.policy.explain import Change, Part, Trace, explain


def explain_one(words: list[str], repo: str | None, cwd: str | None, connector: str, *, as_json: bool) -> int:
    """Prints how the verdict on a command comes about and returns the exit status.

    That is 0 for every verdict that was taken apart, and 11 for the denial of all commands by a policy that
    cannot be used, which has no parts.
    """
    if not words:
        raise InvalidInput("no command was given", remedy="put it after --: workbench policy explain -- ls")
    root = find_repository(repo)
    check_asked(root, cwd, "default", connector)
    command = join_command(words)
    place = place_offline(root, cwd)
    try:
        policy = policy_offline(root)
    except WorkbenchError as problem:
        trace, status = Trace(verdict=refuse_offline(problem).verdict, parts=()), 11
    else:
        status = 0
        trace = explain(
            policy,
            command,
            cwd=place.cwd,
            workspace_root=place.root,
            surroundings=place.surroundings,
            connector=connector,
        )
    for note in filter(None, (find_unaccepted(root), find_unrecorded())):
        print_note(note)
    if as_json:
        print_json(render_trace(trace))
    else:
        _print_trace(trace)
    return status


def render_trace(trace: Trace) -> dict[str, Any]:
    """Returns the trace as JSON values: the verdict's own fields, and `parts`.

    `matched_rules` are those of the verdict; each part names its own again, with the facts they spoke of.
    """
    verdict = trace.verdict
    return {
        "verdict": verdict.verdict.value,
        "risk_level": verdict.risk_level.value,
        "reason_codes": list(verdict.reason_codes),
        "matched_rules": [
            {
                "rule_id": rule.rule_id,
                "text": rule.text,
                "source": rule.source,
                "verdict": None if rule.verdict is None else rule.verdict.value,
            }
            for rule in verdict.matched_rules
        ],
        "policy_digest": verdict.policy_digest,
        "parts": [_render_part(part) for part in trace.parts],
    }


def _render_part(part: Part) -> dict[str, Any]:
    return {
        "program": part.command.program if part.command else None,
        "argv": list(part.command.argv) if part.command else None,
        "cwd": part.command.cwd if part.command else None,
        "source": part.command.source if part.command else None,
        "facts": list(part.facts),
        "notes": list(part.notes),
        "verdict": part.decision.value,
        "error": part.error,
        "rules": [
            {
                "rule_id": cause.rule.rule_id,
                "source": cause.rule.source,
                "text": cause.rule.text,
                "verdict": cause.rule.verdict.value if cause.rule.verdict else None,
                "because": list(cause.facts),
            }
            for cause in part.causes
        ],
        "changes": [
            {"verdict": change.verdict.value, "without": list(change.without), "having": list(change.having)}
            for change in part.changes
        ],
        "may_be_remembered": part.may_be_remembered,
    }


def _print_trace(trace: Trace) -> None:
    verdict = trace.verdict
    print_line(f"{verdict.verdict.value}  risk {RISK_BARS[verdict.risk_level]} {verdict.risk_level.value}")
    if not trace.parts:
        for words in describe_rules(verdict.matched_rules):
            print_line(f"  {words}")
    for number, part in enumerate(trace.parts, 1):
        if part.command is None:
            print_line(f"the text as a whole: {part.decision.value}")
        else:
            shown = " ".join(part.command.argv) or part.command.program
            stands = f", from {part.command.source}" if part.command.source else ""
            print_line(f"{number}. {shown}   (in {part.command.cwd}{stands}): {part.decision.value}")
        print_line(f"   facts: {', '.join(part.facts) or 'none'}")
        if part.notes:
            print_line(f"   not strict because of: {', '.join(part.notes)}")
        if part.error:
            print_line(f"   the policy engine could not decide: {part.error}")
        for cause in part.causes:
            because = f" (because of {', '.join(cause.facts)})" if cause.facts else ""
            print_line(f"   {cause.rule.source} {cause.rule.rule_id}: {cause.rule.text}{because}")
        for change in part.changes:
            print_line(f"   {_describe(change)}")
        if part.may_be_remembered:
            print_line(
                "   or somebody lets this program and form be remembered: workbench policy remember RUN"
            )


def _describe(change: Change) -> str:
    words = []
    if change.without:
        words.append("without " + ", ".join(change.without))
    if change.having:
        words.append("with " + ", ".join(change.having))
    how = "it would run unasked" if change.verdict.value == "allow" else "a person would be asked"
    return f"{how} {' and '.join(words) or 'as it is'}"
