"""A project's own policy as a test writes it: rules, and the examples without which none is accepted."""

from __future__ import annotations

import json
import re
from pathlib import Path

RULES, EXAMPLES = "policy.cedar", "policy.examples.toml"
_AT_WORK = {
    "context.writes": ("match", "touch a"),
    "context.network": ("match", "curl https://example.org"),
    "context.publishes": ("match", "git push origin main"),
    'context.role != "admin"': ("may_not", "approver high"),
    'context.risk == "high"': ("may_not", "admin high"),
}


def write_rules(repo: Path, text: str) -> Path:
    """Writes rules into a repository, with an example that shows each at work; returns their file."""
    folder = repo / ".workbench"
    folder.mkdir(exist_ok=True)
    return write_into(folder, text)


def write_into(folder: Path, text: str) -> Path:
    """Writes rules and their examples into a folder: the workbench's home, for an organisation's."""
    told = []
    for rule_id, body in re.findall(r'@id\("([a-z-]+)"\)([^;]*);', text):
        key, words = next(shown for fact, shown in _AT_WORK.items() if fact in body)
        told.append(f"[{rule_id}]\n{key} = {json.dumps([words])}\n")
    (folder / EXAMPLES).write_text("".join(told))
    (folder / RULES).write_text(text)
    return folder / RULES


def remove_rules(file: Path) -> None:
    """Takes away what `write_rules` wrote."""
    file.unlink()
    file.with_name(EXAMPLES).unlink()
