"""Tries a held command on a throw-away copy of its workspace, and reports what it did there.

The same sandbox as for a run, with the copy in the workspace's place, without network and without secrets:
neither the vault's, nor what lies in files that are named as secret.
Only a preview's own Admission is taken, which no dispatch takes. What is left is a report; the copy is always
removed.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from workbench.connectors.contract import DispatchRequest, PreviewFound, PreviewTerms
from workbench.model.errors import NotAllowed, NotFound
from workbench.model.statuses import TerminalMode
from workbench.sandbox import assignment, step_folder, transcript
from workbench.sandbox.copied import CopiedSurroundings
from workbench.sandbox.difference import Difference, compare, shown
from workbench.sandbox.host import Host
from workbench.sandbox.pieces import iterate_pieces
from workbench.sandbox.profile import BWRAP
from workbench.sandbox.redaction import Redaction, cover_text
from workbench.sandbox.replica import make_replica, remove_replica, walk
from workbench.sandbox.sightings import Sightings, shell_line
from workbench.sandbox.traces import find_repositories
from workbench.sandbox.watch import Watch
from workbench.sandbox.workspace import survey_workspace
from workbench.sandbox.zygote import Zygote

SECONDS = 60
MOST_OUTPUT_BYTES = 1024 * 1024
LARGEST_FILE_BYTES = 256 * 1024**2
MOST_WRITTEN_BYTES = 2 * 1024**3
MOST_MADE_FILES = 100_000
_MOST_LOST = 4
"""From how many times that much a disk's loss ends a preview, whoever wrote."""

_TAIL_BYTES = 4096
_LONGEST_NAME = 1000
_LOOK_SECONDS = 0.02
_STOP_SECONDS = 0.25
_REPORT = "report.json"
_NAME = re.compile(r"[A-Za-z0-9_]{1,64}")
# The kernel ends who writes more into one file; the shell counts in KiB.
_CAPPED = f"ulimit -f {LARGEST_FILE_BYTES // 1024}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What the local connector lends: where previews lie, who starts shims, what the sandbox is made of."""

    folder: Path
    empty_file: str
    zygote: Zygote
    host: Host
    seccomp: bytes
    toolchains: tuple[str, ...]


async def try_command(
    means: Means, request: DispatchRequest, *, name: str, cwd: str, terms: PreviewTerms
) -> PreviewFound:
    """Runs the command on a copy for at most SECONDS, and returns the report that was written.

    Raises BoundaryViolation for a workspace that cannot be copied, SandboxUnavailable, NotAllowed where
    starts were stopped meanwhile, and what `terms.check` says of the copy.
    """
    place = means.folder / name
    means.folder.mkdir(mode=0o700, exist_ok=True)
    place.mkdir(mode=0o700)
    tree, step, holds = place / "tree", place / "step", place / "placeholders"
    root = request.project.workspace_root
    began = time.monotonic()
    try:
        manifest = await asyncio.to_thread(
            make_replica, root, str(tree), hides=terms.hides, omits_history=terms.omits_history
        )
        await terms.check(
            CopiedSurroundings(root=root, tree=str(tree), manifest=manifest, toolchains=means.toolchains)
        )
        for folder in (step, holds):
            folder.mkdir(mode=0o700)
        facts = await asyncio.to_thread(_assign, means, request, place, tree, step, holds, cwd)
        if reason := await terms.stop():
            # The copy took its time: what was let in when it began need not be let in any more.
            raise NotAllowed(
                f"the command was not tried: {reason}", remedy="see what holds it, then try again"
            )
        await means.zygote.spawn(facts)
        ended, seen = await _follow(step, holds, place, terms.stop)
        difference = await asyncio.to_thread(
            compare, root, str(tree), manifest, masks=request.masks, hides=terms.hides
        )
        started = _started(step, seen)
        report = _describe(request, name, ended, difference, started, _read_tail(step, ended, request.masks))
        report["is_history_omitted"] = terms.omits_history
        report["duration_ms"] = int((time.monotonic() - began) * 1000)
        return await asyncio.to_thread(_write, place, name, report)
    finally:
        for left in (tree, step, holds):
            await asyncio.to_thread(remove_replica, str(left))
        with contextlib.suppress(OSError):
            place.rmdir()


def read_report(folder: Path, name: str) -> bytes:
    """Returns the bytes of a preview's report; raises NotFound."""
    if _NAME.fullmatch(name):
        with contextlib.suppress(OSError):
            return (folder / name / _REPORT).read_bytes()
    raise NotFound(f"there is no preview {name!r}", remedy="make one: workbench preview RUN")


async def sweep(folder: Path) -> None:
    """Ends and removes what previews left whose server was killed; reports stay."""
    for place in sorted(folder.iterdir()) if folder.exists() else ():
        step = place / "step"
        if step.exists():
            watch = Watch(step, placeholder_folder=place / "placeholders")
            watch.kill_shim()
            await watch.wait_end(5)
            await watch.close()
        for left in ("tree", "step", "placeholders"):
            await asyncio.to_thread(remove_replica, str(place / left))


def _assign(
    means: Means, request: DispatchRequest, place: Path, tree: Path, step: Path, holds: Path, cwd: str
) -> dict[str, Any]:
    workspace = survey_workspace(str(tree), find_repositories(str(tree), state_folder=str(holds)))
    profile = assignment.build_profile(
        host=means.host.survey(toolchains=means.toolchains, workspace_root=request.project.workspace_root),
        workspace=workspace,
        cwd=cwd,
        environment=request.environment,
        mode=TerminalMode.PIPE,
        toolchains=means.toolchains,
        empty_file=means.empty_file,
        shown_at=request.project.workspace_root,
    )
    supervision = assignment.Supervision(
        folder=str(step),
        placeholder_folder=str(holds),
        masks=request.masks,
        max_output_bytes=MOST_OUTPUT_BYTES,
        rows=request.rows,
        columns=request.columns,
        timeout_seconds=min(SECONDS, request.timeout_seconds or SECONDS),
        idle_timeout_seconds=None,
        is_traced=True,
    )
    return assignment.build_assignment(
        profile,
        (*shell_line(_mark(place), _CAPPED), *request.admission.argv),
        seccomp=means.seccomp,
        workspace=workspace,
        supervision=supervision,
    )


async def _follow(
    step: Path, holds: Path, place: Path, stop: Callable[[], Awaitable[str | None]]
) -> tuple[Mapping[str, Any], Sightings]:
    """Waits for the end, looks which processes there are, and ends it when it must not go on."""
    watch = Watch(step, placeholder_folder=holds)
    seen = Sightings(mark=_mark(place))
    growth = _Growth(place)
    asked_at = 0.0
    deadline = time.monotonic() + SECONDS + 15
    try:
        while not await watch.wait_end(_LOOK_SECONDS):
            await asyncio.to_thread(_look, step, seen)
            now = time.monotonic()
            if now < asked_at + _STOP_SECONDS:
                continue
            asked_at = now
            reason = await stop() or await asyncio.to_thread(growth.find_excess)
            if now > deadline:
                watch.kill_shim()
            elif reason is not None:
                await watch.send({"op": "cancel", "reason": reason, "grace_seconds": 0.0})
    finally:
        if watch.ended is None:
            watch.kill_shim()
            await watch.wait_end(5)
        await watch.close()
    assert watch.ended is not None
    return watch.ended, seen


class _Growth:
    """What a command has written since this was made. Asking the disk costs nothing, but others write on it
    too: what is written in the copy is counted once the disk has lost as much as a preview may write."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._bytes_free, self._files_free = _free(place)
        # The time by the disk's own clock.
        os.utime(place)
        self._began_ns = place.stat().st_ctime_ns

    def find_excess(self) -> str | None:
        """Returns why the command must not go on writing, or None."""
        bytes_now, files_now = _free(self._place)
        bytes_lost, files_lost = self._bytes_free - bytes_now, self._files_free - files_now
        if bytes_lost <= MOST_WRITTEN_BYTES and files_lost <= MOST_MADE_FILES:
            return None
        written = made = 0
        for _, found in walk(str(self._place / "tree")):
            if found.st_ctime_ns >= self._began_ns:
                written += found.st_blocks * 512
                made += 1
        if written > MOST_WRITTEN_BYTES:
            return f"it wrote more than {MOST_WRITTEN_BYTES >> 30} GiB"
        if made > MOST_MADE_FILES:
            return f"it made more than {MOST_MADE_FILES} files"
        # What was deleted while it is open, or lies too deep, is in no count.
        if bytes_lost > _MOST_LOST * MOST_WRITTEN_BYTES or files_lost > _MOST_LOST * MOST_MADE_FILES:
            return "the disk lost too much room while it ran"
        return None


def _look(step: Path, seen: Sightings) -> None:
    identity = step_folder.read_document(str(step), step_folder.IDENTITY) or {}
    namespace = identity.get("pid_namespace")
    if isinstance(namespace, int):
        seen.look(namespace, ours=BWRAP)


def _mark(place: Path) -> str:
    """Returns the word by which the shell that runs the command is known."""
    return f"workbench-count-{place.name}"


def _free(place: Path) -> tuple[int, int]:
    """Returns how many bytes and how many files the disk still takes; one without a limit of files says 0."""
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize, found.f_favail


def _read_tail(step: Path, ended: Mapping[str, Any], masks: Sequence[bytes]) -> str:
    pieces = iterate_pieces(step, until=step_folder.end_of(ended))
    # Its bytes are covered already; without their escapes they may spell what they did not before.
    text = cover_text("".join(transcript.render_text(pieces)), masks)
    return "\n".join(shown(line) for line in text[-_TAIL_BYTES:].splitlines())


def _describe(
    request: DispatchRequest,
    name: str,
    ended: Mapping[str, Any],
    difference: Difference,
    started: Mapping[str, Any],
    tail: str,
) -> dict[str, Any]:
    names = (_show_line(line, request.masks) for line in started["names"])
    return {
        "preview_id": name,
        "run_id": request.run_id,
        "step_id": request.step_id,
        "subject_digest": request.admission.subject_digest,
        "reason_codes": list(request.admission.judgement.verdict.reason_codes),
        "end_reason": ended["end_reason"],
        "exit_code": ended["exit_code"],
        "detail": ended["detail"],
        "output_bytes": ended["output_bytes"] + ended["dropped_bytes"],
        "output_tail": tail,
        "process_names": list(dict.fromkeys(names)),
        "is_every_process_named": started["is_whole"],
        "processes_started": started["count"],
        "is_count_exact": started["is_exact"],
        **asdict(difference),
    }


def _show_line(line: str, masks: Sequence[bytes]) -> str:
    """Returns a command line for eyes, of at most _LONGEST_NAME characters."""
    if len(line) <= _LONGEST_NAME:
        return _cut(shown(cover_text(line, masks)))
    # Who read it may have cut it amid a secret: what could be the beginning of one is left out.
    settled = Redaction(masks).feed(line.encode("utf-8", "surrogateescape"))
    return shown(settled.decode("utf-8", "surrogateescape"))[:_LONGEST_NAME] + " …"


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST_NAME else line[:_LONGEST_NAME] + " …"


def _started(step: Path, seen: Sightings) -> dict[str, Any]:
    """Returns what was started: as it was traced, or as it was seen where the kernel lets nobody trace."""
    traced = step_folder.read_document(str(step), step_folder.PROCESSES)
    if traced is not None:
        return {**traced, "is_exact": True}
    count, is_exact = seen.count()
    return {"count": count, "names": list(seen.lines.values()), "is_whole": False, "is_exact": is_exact}


def _write(place: Path, name: str, report: dict[str, Any]) -> PreviewFound:
    data = json.dumps(report, sort_keys=True).encode()
    path = place / _REPORT
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return PreviewFound(
        name=name, report=report, digest="sha256:" + hashlib.sha256(data).hexdigest(), size_bytes=len(data)
    )
