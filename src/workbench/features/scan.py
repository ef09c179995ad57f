"""Looks at a repository: finds its planning documents, reads them, and says what features they tell of.

Only this module (with files, head and cache behind it) touches the disk for the features room. It starts no
program, follows no link, and reads nothing outside the repository but its git folder. One unreadable document
is a diagnostic; the others are still read. What the documents mean is for the layouts and infer to say.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from workbench.features import head as git_head
from workbench.features.cache import (
    Contents,
    Remembered,
    load_contents,
    load_remembered,
    store_contents,
    store_remembered,
)
from workbench.features.commits import Commits, kept_lines_of
from workbench.features.document import Outline
from workbench.features.files import (
    MAX_DOCUMENT_BYTES,
    Stamp,
    kind_beneath,
    open_beneath,
    read_beneath,
    walk,
)
from workbench.features.machinery import (
    BUILD_FILES,
    COMMAND_FOLDERS,
    INSTRUCTIONS,
)
from workbench.model.errors import InvalidInput, NotFound
from workbench.model.feature import Diagnostic, Discovery

MAX_DOCUMENTS = 5_000
MAX_TOTAL_BYTES = 256 << 20
_CLOCK_GRAIN_NS = 20_000_000
_COARSE_GRAIN_NS = 2_000_000_000


def scan(repo: Path, *, cache_dir: Path | None) -> Discovery:
    """Returns all that the repository's documents tell; unchanged documents come from the cache.

    Raises InvalidInput when `repo` is no folder that can be read.
    """
    root_path, root = _open_root(repo)
    try:
        return _scan(root_path, root, cache_dir)
    finally:
        os.close(root)


def read_text(repo: Path, path: str, *, limit_bytes: int = 2 << 20) -> str:
    """Returns the text of one document of the repository, at most `limit_bytes`; never one behind a link.

    Only what evidence can cite is shown: Markdown, build files and agents' files. A repository also holds
    `.env` and `.git/config`, which reading features must not hand out. A longer document is cut at a line's
    end and says so in its last line. Raises NotFound for anything else.
    """
    if not _may_be_cited(path):
        raise NotFound(
            f"{path[:200]!r} is no planning document, build file or agent file",
            remedy="name a document by its path in the repository, as the feature lists it",
        )
    _, root = _open_root(repo)
    try:
        read = read_beneath(root, path)
    finally:
        os.close(root)
    if read is None:
        raise NotFound(
            f"{path[:200]!r} is no regular file of the repository of at most {MAX_DOCUMENT_BYTES} bytes",
            remedy="name a document by its path in the repository, as the feature lists it",
        )
    content = read[0]
    if len(content) > limit_bytes:
        kept = content[: content.rfind(b"\n", 0, limit_bytes) + 1] or content[:limit_bytes]
        note = f"\n[cut here: {len(kept)} of {len(content)} bytes are shown]\n"
        return kept.decode("utf-8-sig", "replace") + note
    return content.decode("utf-8-sig", "replace")


def has_file(repo: Path, path: str) -> bool:
    """Says whether the repository holds a regular file at this path, none of it behind a link."""
    try:
        _, root = _open_root(repo)
    except InvalidInput:
        return False
    try:
        handle = open_beneath(root, path.removeprefix("./"))
        if handle is not None:
            os.close(handle)
        return handle is not None
    finally:
        os.close(root)


def kind_of(repo: Path, path: str) -> str:
    """Returns what stands at this path of the repository, as files.kind_beneath tells it."""
    try:
        _, root = _open_root(repo)
    except InvalidInput:
        return "unknown"
    try:
        return kind_beneath(root, path)
    finally:
        os.close(root)


def has_revision(repo: Path, name: str) -> bool | None:
    """Says whether the repository's git folder knows a branch, tag or other ref of this name.

    None where that is not known: without a git folder, with refs kept in another form, or when the index
    names a file so.
    """
    git = git_head.find_git_folder(os.path.realpath(repo))
    return git_head.has_ref(git, name) if git else None


def read_build_file(repo: Path, path: str) -> str | None:
    """Returns the text of a regular file of the repository of at most 1 MiB, or None; never behind a link."""
    try:
        _, root = _open_root(repo)
    except InvalidInput:
        return None
    try:
        read = read_beneath(root, path.removeprefix("./"), 1 << 20)
        return read[0].decode("utf-8-sig", "replace") if read else None
    finally:
        os.close(root)


def _open_root(repo: Path) -> tuple[str, int]:
    try:
        root_path = os.path.realpath(repo, strict=True)
        return root_path, os.open(root_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise InvalidInput(
            f"the repository {str(repo)!r} cannot be read: {why}",
            remedy="put it back, or name the folder of a repository that exists and that you may read",
        ) from error


def _scan(root_path: str, root: int, cache_dir: Path | None) -> Discovery:
    code = _code_stamp()
    git, prefix = _git_around(root_path)
    head = git_head.read_head(git) if git else None
    stamps, agent_paths, problems = _find(root)
    loaded = load_remembered(cache_dir, root_path)
    known = loaded[0] if loaded and loaded[0].code == code else None
    trusted = _trusted(known, loaded[1] if loaded else 0, stamps)
    if (
        known is not None
        and known.head == head
        and known.stamps == stamps
        and known.problems == problems
        and known.agent_paths == agent_paths
        and _still_equal(root, known, set(stamps) - trusted)
    ):
        if trusted != set(stamps):
            # Written anew, the cache is younger than the files, and the next look can trust the stamps.
            store_remembered(cache_dir, root_path, known)
        return known.discovery
    contents, blob_ids, texts, unread = _read_changed(
        root, root_path, cache_dir, code, known, trusted, stamps
    )
    problems = [*problems, *unread]
    head_blob_ids = _head_blob_ids(git, head, contents, [*stamps, *agent_paths], prefix)
    agent_ids = {
        path: git_head.blob_id_of(r[0]) for path in agent_paths if (r := read_beneath(root, path, 1 << 20))
    }
    commits = _commits(root, git, head, head_blob_ids, blob_ids | agent_ids)
    from workbench.features.assemble import assemble  # The layouts are only needed when something changed.

    outlines = {path: outline for path, (_, outline) in contents.outlines.items()}
    discovery = assemble(
        root_path,
        head,
        outlines,
        texts,
        agent_paths,
        commits,
        [_diagnostic(path, problem) for path, problem in problems],
    )
    store_contents(
        cache_dir,
        root_path,
        Contents(
            code=code,
            head=head,
            head_blob_ids=head_blob_ids,
            head_paths=sorted([*stamps, *agent_paths]),
            outlines=contents.outlines,
        ),
    )
    if not unread:
        store_remembered(
            cache_dir,
            root_path,
            Remembered(
                code=code,
                head=head,
                stamps=stamps,
                blob_ids=blob_ids | agent_ids,
                problems=problems,
                agent_paths=agent_paths,
                discovery=discovery,
            ),
        )
    return discovery


def _find(root: int) -> tuple[dict[str, Stamp], list[str], list[tuple[str, str]]]:
    """Returns the stamps of all documents and build files, the agents' files, and what cannot be read."""
    from workbench.features.formats import all_layouts

    layouts = all_layouts()
    # `folder in (...)` would be wrong for parents: ".github" leads to ".github/prompts".
    leads = (
        {"", "tests", "test"}
        | {prefix for folder in COMMAND_FOLDERS for prefix in _prefixes(folder)}
        | {prefix for path in INSTRUCTIONS for prefix in _prefixes(path.rpartition("/")[0])}
    )

    def may_hold(folder: str) -> bool:
        return (
            folder in leads
            or any(layout.may_hold(folder) for layout in layouts)
            or any(folder.startswith(commands + "/") for commands in COMMAND_FOLDERS)
        )

    def wants(path: str) -> bool:
        return path in BUILD_FILES or _is_agent_file(path) or any(layout.wants(path) for layout in layouts)

    stamps: dict[str, Stamp] = {}
    agent_paths: list[str] = []
    problems: list[tuple[str, str]] = []
    total_bytes = 0
    for found in walk(root, may_hold, wants):
        if found.stamp is None:
            # The slash also leaves out the link or folder that stands where the commands' own folder does.
            if not (_is_agent_file(found.path + "/") or found.path in {*INSTRUCTIONS, *BUILD_FILES}):
                problems.append((found.path, found.problem))
        elif total_bytes + found.stamp.size > MAX_TOTAL_BYTES:
            problems.append(
                (found.path, f"the documents exceed {MAX_TOTAL_BYTES} bytes; this one is not read")
            )
        elif _is_agent_file(found.path):
            agent_paths.append(found.path)
            stamps[found.path] = found.stamp
        elif len(stamps) >= MAX_DOCUMENTS:
            problems.append(
                (found.path, f"more than {MAX_DOCUMENTS} documents; this and the rest are not read")
            )
            break
        else:
            stamps[found.path] = found.stamp
            total_bytes += found.stamp.size
    return stamps, agent_paths, problems


def _is_agent_file(path: str) -> bool:
    return path in INSTRUCTIONS or path.startswith(tuple(folder + "/" for folder in COMMAND_FOLDERS))


def _may_be_cited(path: str) -> bool:
    is_document = path.lower().endswith(".md") and ".git" not in path.split("/")
    return is_document or path in BUILD_FILES or _is_agent_file(path)


def _prefixes(folder: str) -> Iterable[str]:
    parts = folder.split("/")
    return ("/".join(parts[: end + 1]) for end in range(len(parts)))


def _trusted(known: Remembered | None, written_at_ns: int, stamps: Mapping[str, Stamp]) -> set[str]:
    """Returns the paths whose equal stamp proves equal bytes.

    A file changed in the same tick of the clock as the cache was written could keep its stamp, so files not
    clearly older than the cache are read again (git's "racily clean" entries, the same cure).
    """
    if known is None:
        return set()
    return {
        path
        for path, stamp in stamps.items()
        if known.stamps.get(path) == stamp
        and max(stamp.mtime_ns, stamp.ctime_ns)
        + (
            _COARSE_GRAIN_NS
            if stamp.mtime_ns % 1_000_000_000 == 0 and stamp.ctime_ns % 1_000_000_000 == 0
            else _CLOCK_GRAIN_NS
        )
        < written_at_ns
    }


def _still_equal(root: int, known: Remembered, doubtful: set[str]) -> bool:
    for path in doubtful:
        read = read_beneath(root, path)
        if read is None or git_head.blob_id_of(read[0]) != known.blob_ids.get(path):
            return False
    return True


def _read_changed(
    root: int,
    root_path: str,
    cache_dir: Path | None,
    code: str,
    known: Remembered | None,
    trusted: set[str],
    stamps: Mapping[str, Stamp],
) -> tuple[Contents, dict[str, str], dict[str, str], list[tuple[str, str]]]:
    """Reads what changed; returns outlines and HEAD's ids, each file's blob id, build files, what failed."""
    kept = load_contents(cache_dir, root_path)
    if kept is None or kept.code != code:
        kept = Contents(code=code)
    outlines: dict[str, tuple[str, Outline]] = {}
    blob_ids: dict[str, str] = {}
    texts: dict[str, str] = {}
    unread: list[tuple[str, str]] = []
    for path in stamps:
        is_document = path.lower().endswith(".md") and not _is_agent_file(path)
        old = kept.outlines.get(path)
        if is_document and known and path in trusted and old and old[0] == known.blob_ids.get(path):
            outlines[path], blob_ids[path] = old, old[0]
            continue
        read = read_beneath(root, path)
        if read is None:
            unread.append((path, "it changed or vanished while it was read"))
            continue
        blob_id = blob_ids[path] = git_head.blob_id_of(read[0])
        if not is_document:
            texts[path] = read[0][: 1 << 20].decode("utf-8", "replace")
        elif old and old[0] == blob_id:
            outlines[path] = old
        else:
            outlines[path] = (blob_id, _outline_of(path, read[0]))
    return (
        Contents(
            code=code,
            head=kept.head,
            head_blob_ids=kept.head_blob_ids,
            head_paths=kept.head_paths,
            outlines=outlines,
        ),
        blob_ids,
        texts,
        unread,
    )


def _outline_of(path: str, content: bytes) -> Outline:
    from workbench.features.outline import parse_outline

    try:
        return parse_outline(path, content.decode("utf-8"))
    except UnicodeDecodeError as error:
        problem = Diagnostic(
            path=path,
            line=content[: error.start].count(b"\n") + 1,
            problem="the line is not UTF-8; its unreadable bytes are shown as \ufffd",
            remedy="save the document as UTF-8",
        )
        outline = parse_outline(path, content.decode("utf-8", "replace"))
        return replace(outline, problems=(problem, *outline.problems))


def _git_around(root_path: str) -> tuple[git_head.GitFolder | None, str]:
    """Returns the git folder of the folder or of the nearest one above it, and the path between them."""
    folder = root_path
    while True:
        if git := git_head.find_git_folder(folder):
            inner = os.path.relpath(root_path, folder)
            return git, "" if inner == "." else inner + "/"
        above = os.path.dirname(folder)
        if above == folder:
            return None, ""
        folder = above


def _commits(
    root: int,
    git: git_head.GitFolder | None,
    head: str | None,
    head_blob_ids: Mapping[str, str],
    blob_ids: Mapping[str, str],
) -> Commits:
    """Compares the files with HEAD's: which are the same, and of the others, which lines still are."""
    if git is None or head is None:
        return Commits()
    whole = {path for path, blob_id in blob_ids.items() if head_blob_ids.get(path) == blob_id}
    edited = {path: head_blob_ids[path] for path in blob_ids if path in head_blob_ids and path not in whole}
    kept: dict[str, frozenset[int]] = {}
    if edited:
        for path, before in git_head.read_blobs(git, edited):
            now = read_beneath(root, path)
            # Only the bytes whose outline was read count: the file may have changed again since.
            if now is not None and git_head.blob_id_of(now[0]) == blob_ids[path]:
                kept[path] = kept_lines_of(now[0], before)
    return Commits(head=head, whole=whole, kept_lines=kept)


def _head_blob_ids(
    git: git_head.GitFolder | None, head: str | None, kept: Contents, paths: list[str], prefix: str
) -> dict[str, str]:
    if git is None or head is None:
        return {}
    if kept.head == head and set(kept.head_paths) >= set(paths):
        return kept.head_blob_ids
    found = git_head.read_blob_ids(git, head, [prefix + path for path in paths])
    return {path.removeprefix(prefix): blob_id for path, blob_id in found.items()}


def _diagnostic(path: str, problem: str) -> Diagnostic:
    return Diagnostic(
        path=path,
        line=1,
        problem=problem,
        remedy="make it a readable UTF-8 Markdown file inside the repository, or move it out of the plans",
    )


def _code_stamp() -> str:
    """Returns a text that changes with the code that parses, so that a newer version reads afresh."""
    folder = os.path.dirname(__file__)
    parts: list[str] = []
    for place in (folder, os.path.join(folder, "formats"), os.path.join(folder, "..", "model")):
        with os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda item: item.name):
                if entry.name.endswith(".py"):
                    status = entry.stat()
                    parts.append(f"{entry.name}:{status.st_size}:{status.st_mtime_ns}")
    return "|".join(parts)
