"""Reads which commit HEAD is and which blobs it holds, from the git directory's files alone.

Git itself is never started: a hostile `.git/config` names programs that git would run. Config, hooks, filters
and attributes are never read. Everything read is bounded, and only regular files are opened.
It does not compare anything with the working tree: scan does.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

_SHA = re.compile(r"[0-9a-f]{40}")
_REF = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]{1,400}")
MAX_SMALL_BYTES = 64 << 10
MAX_PACKED_REFS_BYTES = 16 << 20
MAX_OBJECT_BYTES = 32 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFolder:
    """Where HEAD lies, and where refs and objects lie (another folder in a linked worktree)."""

    own: str
    shared: str


def find_git_folder(repo: str) -> GitFolder | None:
    """Returns the git folder of this very repository root, or None; follows worktree and submodule files."""
    path = os.path.join(repo, ".git")
    try:
        kind = os.lstat(path).st_mode
    except OSError:
        return None
    if stat.S_ISREG(kind):
        text = _read_small(path) or ""
        if not text.startswith("gitdir:"):
            return None
        path = os.path.normpath(os.path.join(repo, text.removeprefix("gitdir:").strip()))
    elif not stat.S_ISDIR(kind):
        return None
    shared = _read_small(os.path.join(path, "commondir"))
    return GitFolder(
        own=path,
        shared=os.path.normpath(os.path.join(path, shared.strip())) if shared and shared.strip() else path,
    )


def read_head(git: GitFolder) -> str | None:
    """Returns the commit that HEAD names; None for a branch without a commit or a form not understood."""
    text = _read_small(os.path.join(git.own, "HEAD"))
    for _ in range(5):
        if text is None:
            return None
        text = text.strip()
        if _SHA.fullmatch(text):
            return text
        name = text.removeprefix("ref:").strip()
        if not text.startswith("ref:") or not _REF.fullmatch(name) or ".." in name:
            return None
        text = _read_small(os.path.join(git.own, name)) or _read_small(os.path.join(git.shared, name))
        if text is None:
            return _read_packed(git, name)
    return None


def has_ref(git: GitFolder, name: str) -> bool | None:
    """Says whether git would find something by this name: a branch here or at a remote, a tag, another ref.

    None where it is not known: refs in a table, damaged or too many of them, or an index that names a file
    so. A commit's own id is no name, and is not looked for.
    """
    packed = _read_small(os.path.join(git.shared, "packed-refs"), MAX_PACKED_REFS_BYTES)
    if os.path.exists(os.path.join(git.shared, "packed-refs")) and packed is None:
        return None
    if os.path.exists(os.path.join(git.shared, "reftable")) or not os.path.isdir(
        os.path.join(git.shared, "refs")
    ):
        return None
    remotes = os.path.join(git.shared, "refs", "remotes")
    try:
        with os.scandir(remotes) as entries:
            own = [entry.name for entry in entries][:1_000]
    except FileNotFoundError:
        own = []
    except OSError:
        return None
    places = ("", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/", *(f"refs/remotes/{r}/" for r in own))
    for place in places:
        if any(os.path.exists(os.path.join(folder, place + name)) for folder in {git.own, git.shared}):
            return True
    if packed is not None and re.search(
        rf"^[0-9a-f]+ refs/(?:(?:heads|tags|remotes(?:/[^/\n]+)*)/)?{re.escape(name)}$", packed, re.MULTILINE
    ):
        return True
    # `git checkout NAME` also brings back a file that the index still has.
    return None if _index_may_name(git, name) else False


def _index_may_name(git: GitFolder, name: str) -> bool:
    try:
        handle = os.open(os.path.join(git.own, "index"), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return True
        data = file.read(MAX_OBJECT_BYTES + 1)
    # Version 4 shortens paths, and a split index keeps them in another file.
    is_plain = data[:4] == b"DIRC" and data[4:8] in (b"\0\0\0\2", b"\0\0\0\3")
    with contextlib.suppress(OSError), os.scandir(git.own) as entries:
        is_plain = is_plain and not any(entry.name.startswith("sharedindex.") for entry in entries)
    return not is_plain or len(data) > MAX_OBJECT_BYTES or name.encode() in data


def read_blob_ids(git: GitFolder, commit: str, paths: Iterable[str]) -> dict[str, str]:
    """Returns the blob id that the commit holds at each of these paths; a path it has no file at is left out.

    Any damage in the object store gives fewer answers, never an error: the claim then rests on no commit.
    """
    # dulwich costs tens of milliseconds to import; an unchanged repository never needs it.
    from dulwich.objects import Commit, Tree

    found: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        try:
            read = _reader(git, stack)
            head = read(commit.encode())
            if not isinstance(head, Commit):
                return {}
            trees: dict[str, Tree | None] = {}

            def tree_of(folder: str) -> Tree | None:
                if folder not in trees:
                    if folder == "":
                        loaded: object = read(head.tree)
                    else:
                        parent, _, name = folder.rpartition("/")
                        above = tree_of(parent)
                        entry = _entry(above, name)
                        loaded = read(entry[1]) if entry and stat.S_ISDIR(entry[0]) else None
                    trees[folder] = loaded if isinstance(loaded, Tree) else None
                return trees[folder]

            for path in sorted(paths):
                folder, _, name = path.rpartition("/")
                entry = _entry(tree_of(folder), name)
                if entry and stat.S_ISREG(entry[0]):
                    found[path] = entry[1].decode()
        except Exception:
            # A hostile object store can make the reader fail in any way; each means "no commit proves it".
            return found
    return found


def read_blobs(git: GitFolder, blob_ids: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yields each path's bytes as the blob with its id holds them; what cannot be read is left out."""
    from dulwich.objects import Blob

    with contextlib.ExitStack() as stack:
        try:
            read = _reader(git, stack)
        except Exception:
            return
        for path, blob_id in blob_ids.items():
            content = b""
            # As above: whatever fails in a hostile store proves nothing.
            with contextlib.suppress(Exception):
                blob = read(blob_id.encode())
                content = blob.data if isinstance(blob, Blob) else b""
            if blob_id_of(content) == blob_id:
                yield path, content


def _reader(git: GitFolder, stack: contextlib.ExitStack) -> Callable[[bytes], object]:
    """Returns what reads an object by its id; raises KeyError when the store or the object is not safe."""
    from dulwich.object_store import DiskObjectStore
    from dulwich.objects import ObjectID

    objects = os.path.join(git.shared, "objects")
    if not _is_safe_store(objects):
        raise KeyError(objects)
    store = DiskObjectStore(objects, loose_object_size_limit=MAX_OBJECT_BYTES)
    stack.callback(store.close)

    def read(sha: bytes) -> object:
        loose = os.path.join(objects, sha[:2].decode(), sha[2:].decode())
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISREG(os.lstat(loose).st_mode):
                raise KeyError(sha)
        return store[ObjectID(sha)]

    return read


def _entry(tree: object, name: str) -> tuple[int, bytes] | None:
    try:
        mode, sha = tree[name.encode()]  # type: ignore[index]
    except (KeyError, TypeError):
        return None
    return int(mode), bytes(sha)


def blob_id_of(content: bytes) -> str:
    """Returns the id that git gives these bytes as a blob."""
    digest = hashlib.sha1(b"blob %d\0" % len(content), usedforsecurity=False)
    digest.update(content)
    return digest.hexdigest()


def _read_packed(git: GitFolder, name: str) -> str | None:
    text = _read_small(os.path.join(git.shared, "packed-refs"), MAX_PACKED_REFS_BYTES)
    if text is None:
        return None
    match = re.search(rf"^([0-9a-f]{{40}}) {re.escape(name)}$", text, re.MULTILINE)
    return match[1] if match else None


def _is_safe_store(objects: str) -> bool:
    """Says whether the store's packs are regular files: opening a named pipe would wait for ever."""
    try:
        if os.path.exists(os.path.join(objects, "info", "alternates")):
            alternates = _read_small(os.path.join(objects, "info", "alternates")) or ""
            folders = [
                os.path.join(objects, line.strip()) for line in alternates.splitlines() if line.strip()
            ]
            if len(folders) > 5 or any(
                os.path.exists(os.path.join(folder, "info", "alternates")) for folder in folders
            ):
                return False
        else:
            folders = []
        for folder in (objects, *folders):
            with contextlib.suppress(FileNotFoundError), os.scandir(os.path.join(folder, "pack")) as entries:
                if not all(entry.is_file(follow_symlinks=False) for entry in entries):
                    return False
    except OSError:
        return False
    return True


def _read_small(path: str, limit: int = MAX_SMALL_BYTES) -> str | None:
    """Returns a small regular file's text, or None; never waits on a pipe or a device."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_size > limit:
            return None
        return os.read(handle, limit).decode("utf-8", "replace")
    except OSError:
        return None
    finally:
        os.close(handle)
