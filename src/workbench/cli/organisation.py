"""workbench policy accept: the organisation's policy files as they lie in the home now."""

from __future__ import annotations

from workbench.cli.client import connect
from workbench.cli.output import print_json, print_line
from workbench.model.counted import render_count
from workbench.model.errors import Conflict


def accept_organisation_policy(last: int, *, is_dry: bool, as_json: bool) -> None:
    """Prints the proof, the examples and what would change, and accepts exactly that unless `is_dry`.

    Raises Conflict, with what is wrong, for files that cannot be in force.
    """
    client = connect()
    seen = client.post("/api/policy/organisation/preview", {"last": last})
    if seen["problem"]:
        raise Conflict(seen["problem"], remedy=seen["remedy"])
    if not as_json:
        held = sum(finding["is_proved"] for finding in seen["findings"])
        print_line(f"{held} of {render_count(len(seen['findings']), 'invariant')} proved")
        print_line(f"{render_count(seen['examples'], 'example')} of its own, 0 fail")
        count = render_count(seen["replayed"], "verdict")
        # Those that are as they would be without it changed for another reason, and are none of its changes.
        changes = [change for change in seen["changes"] if change["by_policy"] is not False]
        others = len(seen["changes"]) - len(changes)
        print_line(f"{count} replayed, {len(changes)} would be another one by it")
        for change in changes:
            was = change["now"] or change["recorded"]
            print_line(f"  {change['run_id']}  {was} -> {change['changed']}  $ {change['command']}")
        if others:
            print_line(
                f"  {render_count(others, 'verdict')} more would not be as recorded, with it or without: the "
                "machine, the project or the rules in force have changed since"
            )
    if is_dry:
        if as_json:
            print_json(seen)
        else:
            print_line("nothing was accepted")
        return
    accepted = client.post("/api/policy/organisation/accept", {"digest": seen["digest"]})
    if as_json:
        print_json({**seen, **accepted})
        return
    rules = render_count(len(accepted["rules"]), "rule")
    print_line(f"in force in every project: {rules}" if accepted["digest"] else "there is none any more")
    print_line(f"  {accepted['previous_digest'] or 'none'} -> {accepted['digest'] or 'none'}")
