"""Says what a command did to the copy of a workspace it was tried on: paths, counts and a unified diff.

What is returned is for eyes, not for `patch`: control and bidi characters are spelled out, long files and the
rest beyond the limits are named and not shown. A hostile command chose every name and byte of it.
"""

from __future__ import annotations

import difflib
import itertools
import os
import stat
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from workbench.sandbox.redaction import cover, cover_text
from workbench.sandbox.replica import (
    MOST_FILES,
    Hides,
    Manifest,
    Stamp,
    hide_nothing,
    is_deepest,
    read_beneath,
    stamp_of,
    walk,
)

_LARGEST_FILE, _MOST_LINES = 128 * 1024, 4000
_LARGEST_DIFF, _LONGEST_LINE, _MOST_NAMES = 256 * 1024, 400, 500
_MOST_EMPTIED = 50
_LONGEST_SECONDS = 5.0
_MOST_SEEN = 2 * MOST_FILES
_GIT = ".git"


@dataclass(slots=True, kw_only=True)
class Difference:
    """Lists hold the first paths of each kind, `counts` all of them; `binary` are changed files that are no
    text, `unshown` those too long for a diff. `git_files` counts what changed inside `.git`. `emptied` are
    the first of the files whose bytes were not in the copy, `emptied_files` counts them. `brings_secrets`
    tells that a file which the copy would have to hold empty has come to hold something: the command made it,
    or took it out of what version control keeps. Nothing of such a file is in `diff`; it is `unshown`."""

    created: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    binary: list[str] = field(default_factory=list)
    unshown: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: {"created": 0, "changed": 0, "deleted": 0})
    git_files: int = 0
    emptied: list[str] = field(default_factory=list)
    emptied_files: int = 0
    diff: str = ""
    is_cut: bool = False
    brings_secrets: bool = False


def compare(
    original: str,
    replica: str,
    manifest: Manifest,
    *,
    masks: Sequence[bytes] = (),
    hides: Hides = hide_nothing,
) -> Difference:
    """Returns what differs in `replica` from what `manifest` says; old text is read from `original`.

    Of a file that was emptied nothing is read there, and of one that `hides` names, by its absolute path in
    the original, no line is shown. `masks` are covered in every name and text.
    """
    difference = Difference()
    pages = _Pages(difference, masks, lambda path: hides(f"{original}/{path}"))
    _tell_emptied(difference, manifest, masks)
    left = dict(manifest)
    seen = 0
    for path, found in walk(replica, at_most=_MOST_SEEN):
        seen += 1
        difference.is_cut |= stat.S_ISDIR(found.st_mode) and is_deepest(path)
        before, now = left.pop(path, None), stamp_of(found)
        if before is None:
            _tell(difference, "created", path, now, masks)
            pages.notice(path, now)
            pages.add(path, None, _read_now(replica, path, now))
        elif _differs(before, now):
            old, new = _read_old(original, path, before), _read_now(replica, path, now)
            if old is not None and old == new and (before.kind, before.mode) == (now.kind, now.mode):
                # Written anew with the same bytes.
                continue
            _tell(difference, "changed", path, now, masks)
            pages.notice(path, now)
            pages.add(path, old, new, _describe_mode(before, now))
    if seen == _MOST_SEEN:
        # What was not looked at any more is not therefore gone.
        difference.is_cut = True
        left = {path: stamp for path, stamp in left.items() if not os.path.lexists(f"{replica}/{path}")}
    for path, before in left.items():
        _tell(difference, "deleted", path, before, masks)
        pages.add(path, _read_old(original, path, before), None)
    difference.diff = pages.text
    return difference


def shown(text: str) -> str:
    """Returns the text with every character that does not print as itself spelled out; tabs stay."""
    plain = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(
        letter if letter.isprintable() or letter == "\t" else letter.encode("unicode_escape").decode("ascii")
        for letter in plain
    )


def _differs(before: Stamp, now: Stamp) -> bool:
    if stat.S_ISDIR(now.kind) and stat.S_ISDIR(before.kind):
        # What happens in a folder stamps it; what happened is told of the paths in it.
        return before.mode != now.mode
    return (before.kind, before.mode, before.size, before.inode, before.changed_ns) != (
        now.kind,
        now.mode,
        now.size,
        now.inode,
        now.changed_ns,
    )


def _describe_mode(before: Stamp, now: Stamp) -> str:
    """Returns a line that says how the mode changed, or "" where it did not."""
    is_same = before.kind != now.kind or before.mode == now.mode
    old = before.mode if before.origin_mode is None else before.origin_mode
    return "" if is_same else f"mode {old:04o} -> {now.mode:04o}"


def _tell_emptied(difference: Difference, manifest: Manifest, masks: Sequence[bytes]) -> None:
    paths = [path for path, stamp in manifest.items() if stamp.is_emptied]
    difference.emptied_files = len(paths)
    difference.emptied = [shown(cover_text(path, masks)) for path in paths[:_MOST_EMPTIED]]


def _tell(difference: Difference, kind: str, path: str, stamp: Stamp, masks: Sequence[bytes]) -> None:
    if _is_gits(path):
        # Objects and the index: what they mean is told by the files of the work tree.
        difference.git_files += not stat.S_ISDIR(stamp.kind)
        return
    difference.counts[kind] += 1
    names: list[str] = getattr(difference, kind)
    if len(names) < _MOST_NAMES:
        names.append(shown(cover_text(path, masks)) + ("/" if stat.S_ISDIR(stamp.kind) else ""))
    else:
        difference.is_cut = True


def _is_gits(path: str) -> bool:
    return path == _GIT or path.startswith(f"{_GIT}/")


def _read_now(replica: str, path: str, now: Stamp) -> bytes | None:
    if stat.S_ISLNK(now.kind):
        return f"-> {os.readlink(f'{replica}/{path}')}\n".encode("utf-8", "surrogateescape")
    if not stat.S_ISREG(now.kind):
        return b""
    return read_beneath(replica, path, _LARGEST_FILE)


def _read_old(original: str, path: str, before: Stamp) -> bytes | None:
    """Returns what the file held when it was copied, or None when that cannot be known any more."""
    if stat.S_ISLNK(before.kind):
        return f"-> {before.link}\n".encode("utf-8", "surrogateescape")
    if before.is_emptied:
        # As it was in the copy: its text is for nobody.
        return b""
    if not stat.S_ISREG(before.kind):
        return b""
    try:
        if os.lstat(f"{original}/{path}").st_ctime_ns != before.origin_ns:
            return None
    except OSError:
        return None
    return read_beneath(original, path, _LARGEST_FILE)


class _Pages:
    """Collects diffs up to the limits of size and time."""

    def __init__(
        self, difference: Difference, masks: Sequence[bytes], is_hidden: Callable[[str], bool]
    ) -> None:
        self._difference, self._masks, self._is_hidden = difference, masks, is_hidden
        self._deadline = time.monotonic() + _LONGEST_SECONDS
        self._parts: list[str] = []
        self._size = 0

    @property
    def text(self) -> str:
        return "".join(self._parts)

    def notice(self, path: str, now: Stamp) -> None:
        """Keeps that a file of which nothing may be shown holds something now."""
        if stat.S_ISREG(now.kind) and now.size and not _is_gits(path) and self._is_hidden(path):
            self._difference.brings_secrets = True

    def add(self, path: str, old: bytes | None, new: bytes | None, mode: str = "") -> None:
        if _is_gits(path):
            return
        name = shown(cover_text(path, self._masks))
        if self._size >= _LARGEST_DIFF or time.monotonic() > self._deadline:
            self._difference.is_cut = True
            return
        if mode:
            self._write([f"--- a/{name}", f"+++ b/{name}", mode])
        if (old is None and new is None) or ((old or new) and self._is_hidden(path)):
            self._keep(self._difference.unshown, name)
            return
        if b"\0" in (old or b"") or b"\0" in (new or b""):
            self._keep(self._difference.binary, name)
            return
        before, after = (_lines(cover(data or b"", self._masks)) for data in (old, new))
        if len(before) + len(after) > _MOST_LINES:
            self._keep(self._difference.unshown, name)
            return
        lines = difflib.unified_diff(before, after, f"a/{name}", f"b/{name}", n=3, lineterm="")
        # With a mode the names are there already.
        self._write(itertools.islice(lines, 2, None) if mode else lines)

    def _write(self, lines: Iterable[str]) -> None:
        for line in lines:
            self._parts.append(f"{line[:_LONGEST_LINE]}\n")
            self._size += len(self._parts[-1])
            if self._size >= _LARGEST_DIFF:
                self._difference.is_cut = True
                return

    def _keep(self, names: list[str], name: str) -> None:
        if len(names) < _MOST_NAMES:
            names.append(name)


def _lines(data: bytes) -> list[str]:
    return [shown(line) for line in data.decode("utf-8", "surrogateescape").split("\n")][
        : -1 if data.endswith(b"\n") or not data else None
    ]
