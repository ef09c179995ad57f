"""Keeps for which folders an earlier part of a line may have changed the rules of ignore files."""

from __future__ import annotations

import posixpath

from workbench.policy.calls import Call
from workbench.policy.ignored import FILES
from workbench.policy.programs import Reader

_FILES = frozenset({*FILES, ".dockerignore", ".git"})


def note_unruled(reader: Reader, call: Call) -> None:
    """Keeps what this call may do to ignore files, and to what makes a folder a repository of its own."""
    facts = call.facts
    for path in facts.writes:
        parent, name = posixpath.split(path)
        above, sign, _ = path.partition("/.git/")
        if sign:
            reader.unruled.add(above)
        elif name in _FILES:
            reader.unruled.add(parent)
        elif path == reader.workspace_root or dict(reader.scan(parent) or ()).get(name) in ("folder", "link"):
            # What is put into a folder may be such a file.
            reader.unruled.add(path)
    if "changes_tree" in call.labels or {"git", "init"} <= set(facts.argv):
        reader.unruled.add(reader.workspace_root)
