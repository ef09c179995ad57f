"""Says whether git may write over a file that it ignores, such as .env, while it brings other files in.

A merge, a pick, a revert, a rebase, a stash and a bisection do that, say nothing, and have no option against
it. What is tracked git keeps itself, so what counts is a path that comes, is not tracked, and lies there.
Where that cannot be seen, it may be so. It runs no git.
"""

from __future__ import annotations

import posixpath

from workbench.policy.options import Form, Reading
from workbench.policy.programs import Reader
from workbench.policy.tracked import find_repository

_PICKS = frozenset({"cherry-pick", "revert"})
_SWITCHES = frozenset({"switch", "checkout"})
_ENDS = frozenset({"--abort", "--quit"})


def may_overwrite_ignored(reader: Reader, form: Form, reading: Reading, cwd: str, *, is_kept: bool) -> bool:
    """Returns whether this call of git may do so in the repository around `cwd`.

    `is_kept` tells that the option is given with which a change of branch and a fast-forward refuse to.
    """
    if "changes_tree" not in reading.labels or form.words[:1] == ("worktree",):
        return False
    revisions = _incoming(reader, form, reading, cwd, is_kept=is_kept)
    if revisions == ():
        return False
    top, kind = find_repository(reader, cwd)
    if not kind:
        # Git finds no repository either.
        return False
    names = reader.surroundings.tracked_files(top) if kind == "folder" else None
    if revisions is None or names is None or not reader.work.take(len(names)):
        return True
    tracked = frozenset(names)
    for revision in revisions:
        coming = reader.surroundings.committed_files(top, revision)
        if coming is None or not reader.work.take(len(coming)):
            return True
        if any(_lies_there(reader, top, name, tracked) for name in coming if name not in tracked):
            return True
    return False


def _incoming(
    reader: Reader, form: Form, reading: Reading, cwd: str, *, is_kept: bool
) -> tuple[str, ...] | None:
    """Returns the words for the commits whose files may be put into the tree; None where not known."""
    word = form.words[0]
    named = [value.text for value in reading.values if value.is_operand]
    given = reading.given
    if given & _ENDS or (word in _SWITCHES and is_kept):
        return ()
    if word in _SWITCHES:
        # A new branch without a place to begin at changes nothing.
        return None if "-" in named else tuple(named)
    if word == "merge":
        return () if "--continue" in given or (is_kept and "--ff-only" in given) else tuple(named) or None
    if word in _PICKS:
        return _picked(reader, named, given, cwd, is_undone=word == "revert")
    if word == "rebase":
        others = [value.text for value in reading.values if not value.is_operand]
        if not named or given & {"--continue", "--skip"}:
            return None
        return (*others, named[0], *(f"{named[0]}..{end}" for end in (*named[1:], "@")))
    if form.words[:2] in (("stash", "pop"), ("stash", "apply")):
        number = named[0] if named else "0"
        return (f"stash@{{{number}}}" if number.isdecimal() else number,)
    if word == "bisect":
        return _bisected(reader, form.words[1], named, cwd)
    # What a fetch brings nobody can see; that the network is reached is asked about. A stash that is made
    # puts back what is tracked.
    return ()


def _picked(
    reader: Reader, named: list[str], given: frozenset[str], cwd: str, *, is_undone: bool
) -> tuple[str, ...] | None:
    top, _ = find_repository(reader, cwd)
    if given & {"--continue", "--skip"}:
        # Where more than one is to be picked, the others follow.
        waits = dict(reader.scan(f"{top}/.git") or ()).get("sequencer")
        return None if waits else ()
    found: list[str] = []
    for text in named:
        since, sign, _ = text.partition("..")
        if is_undone:
            # What a commit took away comes back.
            found += [since or "@", text] if sign else [f"{text}^"]
        else:
            found.append(text)
    return tuple(found)


def _bisected(reader: Reader, word: str, named: list[str], cwd: str) -> tuple[str, ...] | None:
    top, _ = find_repository(reader, cwd)
    if word in ("log", "visualize"):
        return ()
    if word == "reset":
        return (*named, *((reader.surroundings.read_text(f"{top}/.git/BISECT_START") or "").split()))
    known = [name for name, _ in reader.scan(f"{top}/.git/refs/bisect") or ()]
    bad = ["refs/bisect/bad"] if "bad" in known else []
    good = [f"refs/bisect/{name}" for name in known if name.startswith("good-")]
    if word == "start":
        bad, good = named[:1], named[1:]
    elif word == "bad":
        bad = named or ["@"]
    elif word == "good":
        good += named or ["@"]
    return tuple(f"{one}..{other}" for one in good for other in bad)


def _lies_there(reader: Reader, top: str, name: str, tracked: frozenset[str]) -> bool:
    """Whether something untracked lies where this path would be put, or is put there before."""
    if any(path == f"{top}/{name}" for path in reader.written):
        return True
    folder = top
    parts = name.split("/")
    for depth, part in enumerate(parts, start=1):
        entries = reader.scan(folder)
        if entries is None:
            return True
        kind = dict(entries).get(part)
        if kind is None:
            return False
        if depth < len(parts) and kind != "folder":
            # A file stands where a folder would come; git knows one that is tracked.
            return "/".join(parts[:depth]) not in tracked
        folder = posixpath.join(folder, part)
    return True
