"""workbench doctor: each thing this machine must have, tried, with the exact remedy for what it lacks."""

from __future__ import annotations

from workbench.app.offline import examine_machine
from workbench.cli.output import print_json, print_line


def examine(as_json: bool) -> int:
    """Prints every check; 0 when all hold."""
    checks = examine_machine()
    if as_json:
        print_json(checks)
    else:
        for check in checks:
            print_line(f"{'ok  ' if check['ok'] else 'FAIL'}  {check['name']}: {check['detail']}")
            if check["remedy"]:
                print_line(f"      {check['remedy']}")
    return 0 if all(check["ok"] for check in checks) else 1
