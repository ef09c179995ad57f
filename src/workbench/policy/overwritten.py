"""Says whether git may write over a file that it ignores, such as .env, while it brings other files in.

A merge, a pick, a revert, a rebase, a stash and a bisection do that, say nothing, and have no option against
it. What is tracked git keeps itself, so what counts is a path that comes, is not tracked, and lies there.
Where that cannot be seen, it may be so. It runs no git.
"""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable

from workbench.policy.options import Form, Reading
from workbench.policy.programs import Reader
from workbench.policy.tracked import find_repository
from workbench.policy.walk import SimpleCommand, plain

_PICKS = frozenset({"cherry-pick", "revert"})
_SWITCHES = frozenset({"switch", "checkout"})
_ENDS = frozenset({"--abort", "--quit"})
# With one of these `--ff-only` may not hold: git obeys what is said last.
_NO_FORWARD = frozenset({"--no-ff", "--ff", "--squash", "--no-commit"})
_MOVES = frozenset({"writes", "deletes", "irreversible", "network", "executes"})
_MOVERS = frozenset(
    [
        *("add", "am", "bisect", "branch", "checkout", "cherry-pick", "commit", "fetch", "merge", "mv"),
        *("pull", "rebase", "reset", "restore", "revert", "rm", "stash", "switch", "symbolic-ref", "tag"),
        *("update-index", "update-ref", "worktree"),
    ]
)
_WORDS = frozenset({"text", "name", "branch"})


def may_overwrite_ignored(reader: Reader, form: Form, reading: Reading, cwd: str, *, is_kept: bool) -> bool:
    """Returns whether this call of git may do so in the repository around `cwd`.

    `is_kept` tells that the option is given with which a change of branch and a fast-forward refuse to.
    """
    if "changes_tree" not in reading.labels or form.words[:1] == ("worktree",):
        return False
    revisions = _incoming(reader, form, reading, cwd, is_kept=is_kept)
    is_stashing = form.words[:2] in (("stash",), ("stash", "push"), ("stash", "save"))
    if revisions == () and not is_stashing:
        return False
    top, kind = find_repository(reader, cwd)
    if not kind:
        # Git finds no repository either.
        return False
    if reader.has_moved_refs:
        # What a word stands for by then, and what is tracked, an earlier part may have said.
        return True
    names = reader.surroundings.tracked_files(top) if kind == "folder" else None
    if revisions is None or names is None or not reader.work.take(len(names)):
        return True
    tracked = frozenset(names)
    if is_stashing:
        return _stands_in_place(reader, top, tracked)
    if form.words[:1] == ("bisect",):
        # Git goes to commits between, and to merge bases, that no word names.
        return bool(reader.written) or _has_untracked(reader, top, tracked)
    for revision in revisions:
        coming = reader.surroundings.committed_files(top, revision)
        if coming is None or not reader.work.take(len(coming)):
            return True
        if any(_lies_there(reader, top, name, tracked) for name in coming if name not in tracked):
            return True
        if form.words[0] not in _SWITCHES and _may_follow_folder(reader, top, coming, tracked):
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
        is_forward = is_kept and "--ff-only" in given and not given & _NO_FORWARD
        return () if "--continue" in given or is_forward else tuple(named) or None
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
        return () if form.words[1] in ("log", "visualize") else ("HEAD",)
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


def _has_untracked(reader: Reader, top: str, tracked: frozenset[str]) -> bool:
    """Whether anything lies in the work tree that git does not track, or that cannot be seen."""
    folders = _folders_of(tracked)
    todo = [top]
    while todo:
        here = todo.pop()
        entries = reader.scan(here)
        if entries is None:
            return True
        for name, kind in entries:
            path = posixpath.join(here, name)
            inside = path.removeprefix(f"{top}/")
            if inside == ".git":
                continue
            if kind == "folder" and inside in folders:
                todo.append(path)
            elif kind == "folder" or inside not in tracked:
                return True
    return False


def _folders_of(names: Iterable[str]) -> set[str]:
    """Returns all folders that these paths lie in, "" for the top."""
    folders = {""}
    for name in names:
        folder = posixpath.dirname(name)
        while folder and folder not in folders:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    return folders


def _may_follow_folder(reader: Reader, top: str, coming: Collection[str], tracked: frozenset[str]) -> bool:
    """Whether something untracked lies where git may put what comes into a folder that one side renamed.

    It puts it into the folder of the new name then, to a path that is in no commit.
    """
    ours, theirs = _folders_of(tracked), _folders_of(coming)
    is_renamed = not theirs <= ours or not ours <= theirs
    if not is_renamed:
        return False
    names = {posixpath.basename(name) for name in (*coming, *tracked)}
    if any(posixpath.basename(path) in names for path in reader.written if f"{path}/".startswith(f"{top}/")):
        return True
    for folder in ours | theirs:
        entries = reader.scan(posixpath.join(top, folder) if folder else top)
        if entries is None and folder in ours:
            return True
        for name, kind in entries or ():
            if kind != "folder" and name in names and posixpath.join(folder, name) not in tracked:
                return True
    return False


def _stands_in_place(reader: Reader, top: str, tracked: frozenset[str]) -> bool:
    """Whether a folder stands in place of a tracked file, or a file in place of a tracked folder.

    What git puts back there takes it away, with all that is in it.
    """
    folders = _folders_of(tracked)
    for path in reader.written:
        inside = path.removeprefix(f"{top}/")
        if inside in folders or not _folders_of((inside,)).isdisjoint(tracked):
            return True
    for folder in folders:
        for name, kind in reader.scan(posixpath.join(top, folder) if folder else top) or ():
            path = posixpath.join(folder, name)
            if kind != "folder" and path in folders:
                return True
            if kind == "folder" and path in tracked:
                # A repository of its own that is tracked as one is where it belongs.
                inner = reader.scan(posixpath.join(top, path))
                if inner is None or all(entry != ".git" for entry, _ in inner):
                    return True
    return False


def note_moves(reader: Reader, reading: Reading | None, labels: Collection[str]) -> None:
    """Keeps that a call of git may make or move a ref, HEAD or what is tracked, and the words it was given.

    Without a reading the call is not understood.
    """
    if reading is None or not _MOVES.isdisjoint(labels):
        reader.has_moved_refs = True
    if reading is not None and reader.has_moved_refs and "stages" not in labels:
        reader.moved_to += [value.text for value in reading.values if value.kind in _WORDS]


def may_come_round(commands: Iterable[SimpleCommand]) -> bool:
    """Returns whether git may move a ref in a loop or a function, and be called again after that."""
    found = [(command.is_loose, frozenset(map(plain, command.words))) for command in commands]
    calls = [
        (is_loose, words) for is_loose, words in found if any(posixpath.basename(w) == "git" for w in words)
    ]
    return any(is_loose for is_loose, _ in calls) and any(not _MOVERS.isdisjoint(words) for _, words in calls)


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
