"""workbench features and workbench next: they need no server, no account and no network."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from workbench.app.home import find_unwritable
from workbench.app.offline import advise_offline, discover_offline
from workbench.cli.output import describe_evidence, one_line, print_json, print_note, print_row, print_table
from workbench.cli.place import find_repository
from workbench.cli.plain import feature_fields, to_plain
from workbench.model.errors import BoundaryViolation, NotFound
from workbench.model.feature import Discovery
from workbench.model.recommendation import Advice, Runnable


def show_features(repo: str | None, as_json: bool) -> None:
    """Prints the features; what could not be read goes to stderr, beside them."""
    _, discovery = _look(repo)
    if as_json:
        print_json([feature_fields(feature) for feature in discovery.features])
    else:
        rows = []
        for feature in discovery.features:
            tasks = feature_fields(feature)["tasks"]
            drift = f"  (drift: {feature.drift[0].fact})" if feature.drift else ""
            rows.append(
                [
                    feature.feature_id,
                    feature.format,
                    feature.inferred_status.value,
                    f"{tasks['done']}/{tasks['total']}",
                    feature.title + drift,
                ]
            )
        if rows:
            print_table(rows, ["FEATURE", "LAYOUT", "STATUS", "TASKS", "TITLE"])
    _say_what_was_not_read(discovery)


def show_next(feature_id: str | None, repo: str | None, as_json: bool) -> None:
    """Prints one recommendation with its evidence, or why there is none."""
    root, discovery = _look(repo)
    if feature_id is None and not discovery.features:
        if as_json:
            print_json({"recommendation": None, "reason": discovery.reason, "rest": []})
        else:
            print_row(discovery.reason)
        _say_what_was_not_read(discovery, with_reason=False)
        return
    if feature_id is not None and feature_id not in {f.feature_id for f in discovery.features}:
        known = ", ".join(one_line(f.feature_id) for f in discovery.features[:8]) or "none"
        raise NotFound(
            f"there is no feature {feature_id!r} here",
            remedy=f"list them: workbench features (found: {known})",
        )
    advice = advise_offline(root, discovery, feature_id)
    if as_json:
        first = _fields(advice[0])
        print_json(first if feature_id is not None else {**first, "rest": [_fields(a) for a in advice[1:]]})
        return
    _print_advice(advice[0])
    for other in advice[1:]:
        found = other.recommendation
        words = f"{found.command}{_cannot_run(found.runnable)}" if found else other.reason
        print_row(f"  {other.feature_id}: {words}")
    _say_what_was_not_read(discovery)


def _look(repo: str | None) -> tuple[Path, Discovery]:
    """Returns what the named folder holds; where it has no plans, what the git repository around it holds."""
    root = find_repository(repo)
    discovery = discover_offline(root)
    if (problem := find_unwritable()) is not None:
        print_note(f"{problem.message}. Without it this is only slower. To mend it: {problem.remedy}.")
    if discovery.features or (root / ".git").exists():
        return root, discovery
    around = next((folder for folder in root.parents if (folder / ".git").exists()), None)
    if around is None:
        return root, discovery
    try:
        found = discover_offline(around)
    except BoundaryViolation:
        # A home kept in git is no project.
        return root, discovery
    where = one_line(f"{root} has no plans of its own: this is about the repository around it, {around}.")
    print_note(where)
    return around, found


def _cannot_run(runnable: Runnable) -> str:
    return "" if runnable.ok else f"  [cannot run here: {'; '.join(runnable.reasons)}]"


def _fields(advice: Advice) -> dict[str, Any]:
    return {
        "feature_id": advice.feature_id,
        "recommendation": to_plain(advice.recommendation),
        "reason": advice.reason,
        "evidence": to_plain(advice.evidence),
    }


def _print_advice(advice: Advice) -> None:
    print_row(advice.feature_id)
    found = advice.recommendation
    if found is None:
        print_row(f"  nothing to run: {advice.reason}")
    else:
        print_row(f"  $ {found.command}")
        print_row(f"  why: {advice.reason}")
        print_row(f"  rule: {found.rule_id}")
        if found.runnable.ok:
            link = f"--feature {shlex.quote(advice.feature_id)} --rule {found.rule_id}"
            print_row(f"  run it: workbench run {link} -- {shlex.quote(found.command)}")
        if not found.runnable.ok:
            print_row(f"  cannot run here: {'; '.join(found.runnable.reasons)}")
        elif found.runnable.reasons:
            print_row(f"  note: {'; '.join(found.runnable.reasons)}")
        for other in found.alternatives:
            print_row(f"  or: {other.command}  ({other.why}){_cannot_run(other.runnable)}")
            for item in other.evidence:
                print_row(f"    - {describe_evidence(to_plain(item))}")
    for item in advice.evidence:
        print_row(f"  - {describe_evidence(to_plain(item))}")


def _say_what_was_not_read(discovery: Discovery, *, with_reason: bool = True) -> None:
    if with_reason and not discovery.features:
        print_note(one_line(discovery.reason))
    for diagnostic in discovery.diagnostics:
        where = f"{diagnostic.path}:{diagnostic.line}"
        print_note(one_line(f"{where}: {diagnostic.problem}. {diagnostic.remedy}."))
