"""Reads which files the commits hold that a word names, from the files of git's folder; it starts no git.

No configuration is read. Everything is bounded and counted, only regular files are opened, and what is not
understood (refs in a table, borrowed objects, damage) is given up, never guessed.
"""

from __future__ import annotations

import contextlib
import functools
import heapq
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from dulwich.objects import Commit

_MOST_OBJECTS: Final = 6_000
_MOST_SEARCHED: Final = 2_000
_TREE: Final = 2
_MOST_NAMES: Final = 200_000
_LARGEST_REFS: Final = 4 << 20
_LARGEST_OBJECT: Final = 8 << 20
_WORD: Final = re.compile(
    r"(?P<base>(?!-)[^\s~^:@{}\\*?\[]+|@|stash@\{\d{1,4}\})(?P<steps>(?:~\d{0,4}|\^\d?)*)"
)
_STEP: Final = re.compile(r"([~^])(\d*)")
_SHA: Final = re.compile(r"[0-9a-f]{40}")
_HEX: Final = re.compile(r"[0-9a-fA-F]{4,40}")
_DESCRIBED: Final = re.compile(r".+-g([0-9a-f]{4,40})")
_STASHED: Final = re.compile(r"stash@\{(\d+)\}")


def read_committed(git_folder: str, revision: str) -> tuple[str, ...] | None:
    """Returns the sorted paths of the files that the commits named by `revision` hold.

    It is a word as git takes it: a branch, tag or remote branch, `@`, an id or its beginning, `stash@{1}`,
    with `~2` and `^`; or `A..B`, all commits of B that A has not; or `--all`, the history of everything that
    has a name, of which the youngest 2,000 objects are read. A word that names nothing holds nothing. None
    for any other word, and where that is not known.
    """
    try:
        with _open(git_folder) as store:
            if revision == "--all":
                return _read_history(git_folder, frozenset(store.named()), store.end)
            since, sign, until = revision.partition("..")
            if until.startswith("."):
                return None
            if not sign:
                return store.files(store.resolve(revision))
            return store.files(store.between(store.resolve(since or "@"), store.resolve(until or "@")))
    except Exception:
        # A hostile store of objects can make its reader fail in any way; each means "not known".
        return None


@functools.lru_cache(maxsize=8)
def _read_history(git_folder: str, tips: frozenset[bytes], end: str) -> tuple[str, ...]:
    """Returns the names in the history of these commits, as far as it is looked at.

    A commit's id says what it is and comes from, so the answer is the same as long as the tips are, and the
    `end` of a shallow clone.
    """
    with _open(git_folder) as store:
        return store.youngest_files(set(tips), _MOST_SEARCHED)


def _entries(tree: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yields mode, name and id of each entry of a tree, as git stores it."""
    at = 0
    while at < len(tree):
        blank = tree.index(b" ", at)
        end = tree.index(b"\0", blank)
        yield tree[at:blank], tree[blank + 1 : end], tree[end + 1 : end + 21].hex().encode()
        at = end + 21


class _Unknown(Exception):
    """Something that is not understood, or beyond the bounds."""


def _give_up(problem: OSError) -> None:
    raise _Unknown from problem


@contextlib.contextmanager
def _open(git_folder: str) -> Iterator[_Store]:
    # dulwich costs tens of milliseconds to import, and few commands need it.
    from dulwich.object_store import DiskObjectStore

    objects = f"{git_folder}/objects"
    borrowed = ("info/alternates", "info/http-alternates")
    if os.path.exists(f"{git_folder}/reftable") or any(os.path.lexists(f"{objects}/{n}") for n in borrowed):
        raise _Unknown
    with contextlib.suppress(FileNotFoundError), os.scandir(f"{objects}/pack") as entries:
        # Opening a pipe would wait for ever.
        if not all(entry.is_file(follow_symlinks=False) for entry in entries):
            raise _Unknown
    disk = DiskObjectStore(objects, loose_object_size_limit=_LARGEST_OBJECT)
    try:
        yield _Store(folder=git_folder, disk=disk)
    finally:
        disk.close()


@dataclass(slots=True, kw_only=True)
class _Store:
    """One repository's refs and objects, with what may still be read of them."""

    folder: str
    disk: Any
    left: int = _MOST_OBJECTS
    known: dict[bytes, Commit] = field(default_factory=dict)
    cut: frozenset[bytes] | None = None

    @property
    def end(self) -> str:
        """Where a shallow clone ends: the ids of commits whose parents are named and not there."""
        return self._text("shallow") or ""

    def resolve(self, word: str) -> set[bytes]:
        """Returns the commits that git may take this word for, none for a word that names nothing."""
        match = _WORD.fullmatch(word)
        if match is None:
            raise _Unknown
        found = {self._peel(sha) for sha in self._named(match["base"])}
        for sign, digits in _STEP.findall(match["steps"]):
            count = int(digits or 1)
            for _ in range(count if sign == "~" else min(count, 1)):
                nth = 0 if sign == "~" else count - 1
                found = {parents[nth] for sha in found if len(parents := self._parents(sha)) > nth}
        return found

    def named(self) -> set[bytes]:
        """Returns the commits that some branch, tag, remote branch or stash names, and HEAD."""
        packed = self._packed()
        names = ["HEAD", *packed]
        for folder, _, files in os.walk(f"{self.folder}/refs", onerror=_give_up):
            names += [f"{folder[len(self.folder) + 1 :]}/{file}" for file in files]
        found = {sha for name in names for sha in self._ref(name, packed, 5)}
        # A tag may name a file or a tree, which has no history.
        return {commit for sha in found if (commit := self._peel(sha.encode())) in self.known}

    def between(self, since: set[bytes], until: set[bytes]) -> set[bytes]:
        """Returns the commits that are reached from `until` and not from `since`."""
        waiting: list[tuple[int, bytes]] = []
        old = set(since)
        seen: set[bytes] = set()

        def wait(sha: bytes) -> None:
            if sha not in seen:
                seen.add(sha)
                heapq.heappush(waiting, (-self.commit(sha).commit_time, sha))

        for sha in (*since, *until):
            wait(sha)
        found: set[bytes] = set()
        oldest = float("inf")
        # The youngest first, as git goes. It ends where all that waits is old, and older than what was found.
        while waiting and (-waiting[0][0] >= oldest or any(sha not in old for _, sha in waiting)):
            time, sha = heapq.heappop(waiting)
            parents = self._parents(sha)
            if sha in old:
                old.update(parents)
            else:
                found.add(sha)
                oldest = min(-time, oldest)
            for parent in parents:
                wait(parent)
        # Of commits of one second, one may have been taken before it was known to be old.
        stale = [sha for sha in old if sha in seen]
        found -= old
        while stale:
            again = found.intersection(self._parents(stale.pop()))
            found -= again
            stale.extend(again)
        return found

    def files(self, commits: set[bytes]) -> tuple[str, ...]:
        """Returns the paths of all files that these commits hold."""
        names: set[str] = set()
        seen: set[tuple[str, bytes]] = set()
        for sha in sorted(commits):
            self._take_files(sha, names, seen)
        return tuple(sorted(names))

    def youngest_files(self, tips: set[bytes], bound: int) -> tuple[str, ...]:
        """Returns the paths in the history of these commits, the youngest first, as far as `bound` goes."""
        names: set[str] = set()
        seen: set[tuple[str, bytes]] = set()
        waiting = [(-self.commit(sha).commit_time, sha) for sha in tips]
        heapq.heapify(waiting)
        met = set(tips)
        end = self.left - bound
        while waiting and self.left > end:
            _, sha = heapq.heappop(waiting)
            self._take_files(sha, names, seen)
            for parent in self._parents(sha):
                if parent not in met:
                    met.add(parent)
                    heapq.heappush(waiting, (-self.commit(parent).commit_time, parent))
        return tuple(sorted(names))

    def _take_files(self, commit: bytes, names: set[str], seen: set[tuple[str, bytes]]) -> None:
        waiting = [("", bytes(self.commit(commit).tree))]
        while waiting:
            here = waiting.pop()
            if here in seen:
                continue
            seen.add(here)
            folder, sha = here
            for mode, name, below in _entries(self._raw_tree(sha)):
                path = folder + name.decode("utf-8", "replace")
                if mode in (b"40000", b"040000"):
                    waiting.append((f"{path}/", below))
                else:
                    names.add(path)
            if len(names) > _MOST_NAMES:
                raise _Unknown

    def commit(self, sha: bytes) -> Commit:
        from dulwich.objects import Commit

        if sha not in self.known:
            found = self._read(sha)
            if not isinstance(found, Commit):
                raise _Unknown
            self.known[sha] = found
        return self.known[sha]

    def _parents(self, sha: bytes) -> list[bytes]:
        if self.cut is None:
            self.cut = frozenset(self.end.encode().split())
        return [] if sha in self.cut else [bytes(parent) for parent in self.commit(sha).parents]

    def _peel(self, sha: bytes) -> bytes:
        from dulwich.objects import Commit, Tag

        found = self._read(sha)
        while isinstance(found, Tag):
            sha = bytes(found.object[1])
            found = self._read(sha)
        if isinstance(found, Commit):
            self.known[sha] = found
        return sha

    def _raw_tree(self, sha: bytes) -> bytes:
        # Read as it is: dulwich would sort and check each of thousands.
        self._spend(sha)
        kind, data = self.disk.get_raw(sha)
        if kind != _TREE:
            raise _Unknown
        return bytes(data)

    def _read(self, sha: bytes) -> object:
        self._spend(sha)
        return self.disk[sha]

    def _spend(self, sha: bytes) -> None:
        self.left -= 1
        loose = f"{self.folder}/objects/{sha[:2].decode()}/{sha[2:].decode()}"
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(loose).st_mode):
                raise _Unknown
        if self.left < 0:
            raise _Unknown

    def _named(self, base: str) -> set[bytes]:
        if stashed := _STASHED.fullmatch(base):
            return self._stashed(int(stashed[1]))
        name = "HEAD" if base == "@" else base
        if ".." in name or name.startswith("/") or name.endswith("/"):
            raise _Unknown
        packed = self._packed()
        remotes = self._remotes()
        # Where several have the name, git takes the first; here each counts.
        places = ("", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/", *(f"{r}/" for r in remotes))
        found = {sha for place in places for sha in self._ref(f"{place}{name}", packed, 5)}
        found |= set(self._ref(f"refs/remotes/{name}/HEAD", packed, 5))
        if not all(map(_SHA.fullmatch, found)):
            raise _Unknown
        shas = {sha.encode() for sha in found}
        described = _DESCRIBED.fullmatch(name)
        beginning = described[1] if described else name
        if _HEX.fullmatch(beginning):
            shas |= {
                bytes(sha)
                for sha in self.disk.iter_prefix(beginning.lower().encode())
                if self._is_commit(sha)
            }
        return shas

    def _is_commit(self, sha: bytes) -> bool:
        from dulwich.objects import Commit, Tag

        return isinstance(self._read(bytes(sha)), Commit | Tag)

    def _ref(self, name: str, packed: dict[str, str], depth: int) -> tuple[str, ...]:
        text = self._text(name)
        if text is None:
            return (packed[name],) if name in packed else ()
        if text.startswith("ref:"):
            target = text.removeprefix("ref:").strip()
            if depth == 0 or ".." in target or not target.startswith("refs/"):
                raise _Unknown
            return self._ref(target, packed, depth - 1)
        # FETCH_HEAD has a line for each branch.
        shas = tuple(line[:40] for line in text.splitlines() if _SHA.fullmatch(line[:40]))
        if not shas and text.strip() and (name == "HEAD" or name.startswith("refs/")):
            raise _Unknown
        return shas

    def _stashed(self, number: int) -> set[bytes]:
        lines = (self._text("logs/refs/stash") or "").splitlines()
        if number >= len(lines):
            newest = self._ref("refs/stash", self._packed(), 5) if number == 0 else ()
            return {sha.encode() for sha in newest}
        sha = lines[-1 - number].split(" ", 2)[1]
        if not _SHA.fullmatch(sha):
            raise _Unknown
        return {sha.encode()}

    def _remotes(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return [f"refs/remotes/{name}" for name in sorted(os.listdir(f"{self.folder}/refs/remotes"))][:50]
        return []

    def _packed(self) -> dict[str, str]:
        lines = (self._text("packed-refs") or "").splitlines()
        pairs = (line.split(" ", 1) for line in lines if line[:1] not in ("#", "^", ""))
        found = {pair[1].strip(): pair[0] for pair in pairs if len(pair) == 2}
        # A remote of which all branches are packed has no folder of its own.
        return found | {
            name.replace(f"refs/remotes/{name.split('/')[2]}/", "refs/remotes/", 1): sha
            for name, sha in found.items()
            if name.startswith("refs/remotes/") and name.count("/") > 2
        }

    def _text(self, name: str) -> str | None:
        try:
            handle = os.open(f"{self.folder}/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            found = os.fstat(handle)
            if stat.S_ISDIR(found.st_mode):
                return None
            if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST_REFS:
                raise _Unknown
            return os.read(handle, _LARGEST_REFS).decode("utf-8", "replace")
        finally:
            os.close(handle)
