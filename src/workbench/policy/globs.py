"""Expands `*`, `?` and `[abc]` over the workspace as bash would, so that what is judged is what will run.

The names are asked for through the surroundings and put in place of the pattern; a pattern that matches
nothing stays as it is written, as in bash. It judges nothing, and gives up (None) rather than guess.
"""

from __future__ import annotations

import posixpath
import re
from fnmatch import translate

from workbench.model.command import Surroundings
from workbench.policy.paths import is_within
from workbench.policy.sensitive import is_pattern_for_secrets

GLOB = "\x01"
"""Marks a word of strict text that bash would expand; no strict word can hold this byte otherwise."""

_PATTERN = re.compile(r"[*?\[]")
_SAFE_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]+")
_MOST_MATCHES = 300
_MOST_LISTINGS = 60
_LONGEST_PATTERN = 512


def expand_glob(word: str, *, cwd: str, root: str, surroundings: Surroundings) -> tuple[str, ...] | None:
    """Returns the words that the pattern stands for in `cwd`, sorted as in the C locale; None if unsure."""
    if is_pattern_for_secrets(word):
        # Whether one lies there now says nothing about what the pattern is after.
        return None
    if len(word) > _LONGEST_PATTERN or not is_within(cwd, root) or ".." in word.split("/"):
        return None
    if word.startswith("/") and not is_within(word.split("*")[0], root):
        return None
    found = [""] if not word.startswith("/") else ["/"]
    listings = 0
    parts = [part for part in word.split("/") if part]
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if not _PATTERN.search(part):
            found = [posixpath.join(base, part) for base in found]
            continue
        pattern = re.compile(translate(part))
        matched: list[str] = []
        for base in found:
            listings += 1
            names = surroundings.list_folder(posixpath.join(cwd, base))
            if names is None or listings > _MOST_LISTINGS:
                return None
            matched.extend(
                posixpath.join(base, name)
                for name in names
                if pattern.fullmatch(name) and (part.startswith(".") or not name.startswith("."))
            )
        found = matched
        if len(found) > _MOST_MATCHES or (
            not is_last and any(not _SAFE_NAME.fullmatch(item) for item in found)
        ):
            return None
    if _PATTERN.search(parts[-1]) is None if parts else True:
        # A plain end after a pattern, `*/x`: which of them exist must be seen.
        checked = []
        for item in found:
            names = surroundings.list_folder(posixpath.join(cwd, posixpath.dirname(item)))
            if names is None:
                return None
            checked.extend([item] if posixpath.basename(item) in names else [])
        found = checked
    if any(not _SAFE_NAME.fullmatch(item) for item in found) or (found and word.endswith("/")):
        return None
    return tuple(sorted(found, key=lambda item: item.encode())) or (word,)
