"""Says whether a path is what a build leaves behind, and whether emptying a folder would lose more than that.

A leaving has the name of one and holds nothing that git tracks. It looks at names alone and decides nothing.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable

from workbench.policy.paths import is_within
from workbench.policy.programs import Reader
from workbench.policy.tracked import may_hold_tracked

_LEAVINGS = re.compile(
    r"build|dist|out|target|coverage|htmlcov|\.(pytest|mypy|ruff)_cache|__pycache__|\.next|\.nuxt|\.turbo|\.cache|tmp"
    r"|\.coverage|[^/]+\.(o|a|so|d|pyc|tmp|log|egg-info|tsbuildinfo|prof)",
)
# What the tools that empty their own output folder call it besides.
_OUTPUT = re.compile(
    r"_?site|storybook-static|test-results|playwright-report|\.nyc_output|\.tox|\.nox|\.output|\.tmp|\.svelte-kit"
)


# What besides is made anew, or cleared away, by the tools that own it.
_KEPT = re.compile(
    r"node_modules|\.?venv|vendor|obj|bin|_build|deps|site|public|\.gradle|Pods|DerivedData|\.parcel-cache"
)


def moved_labels(reader: Reader, sources: Iterable[str], places: Iterable[str]) -> set[str]:
    """Returns what moving these paths means for the work in them, as facts.

    `hides_work` where it gets to where builds keep what they make, and clear it away; `into_leavings` where
    the name alone lets anything be cleared away that lies there. What is a build's own may be moved there.
    """
    at = list(places)
    if all(is_leaving(reader, source) for source in sources):
        return set()
    if any(_is_named(reader, place, (_LEAVINGS, _OUTPUT)) for place in at):
        return {"hides_work", "into_leavings"}
    return {"hides_work"} if any(_is_named(reader, place, (_KEPT,)) for place in at) else set()


def is_leaving(reader: Reader, path: str) -> bool:
    """Returns whether this absolute path has a build leaving's name and holds nothing that git tracks."""
    return _is_named(reader, path, (_LEAVINGS,)) and not may_hold_tracked(reader, path)


def loses_by_emptying(reader: Reader, path: str) -> bool:
    """Returns whether a tool that empties this folder of the workspace would take away more than leavings.

    A folder that is missing or empty holds nothing to lose, unless the same command puts something into it
    before. What lies there and cannot be looked at counts as lost.
    """
    is_output = _is_named(reader, path, (_LEAVINGS, _OUTPUT))
    if is_output and not may_hold_tracked(reader, path):
        return False
    if any(is_within(written, path) for written in reader.written):
        return True
    entries = reader.scan(path)
    if entries is None:
        return True
    if not entries:
        parent, name = posixpath.split(path)
        siblings = reader.scan(parent)
        return siblings is None or dict(siblings).get(name, "folder") != "folder"
    return not all(is_leaving(reader, f"{path}/{name}") for name, _ in entries)


def _is_named(reader: Reader, path: str, names: tuple[re.Pattern[str], ...]) -> bool:
    # Only the names below the workspace count: a project that lies in /tmp or in ~/build is no leaving.
    inside = reader.workspace_root.rstrip("/") + "/"
    if f"{path}/" == inside or inside.startswith(f"{path}/"):
        return False
    parts = path.removeprefix(inside).split("/")
    return (
        ".git" not in parts
        and not path.endswith("/..")
        and any(name.fullmatch(part) for part in parts for name in names)
    )
