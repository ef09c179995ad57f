"""Measures (g): how long a text takes to be found in all transcripts of a project, beside grep.

The plain tool looks through the same texts as files; the index is asked as the server asks it. Texts are
varied: times, numbers, names, paths and identifiers that repeat and that never do.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figure import Figure, median, percentile
from workbench.app.clock import SystemClock
from workbench.ledger.ledger import Ledger
from workbench.model.artifact import Artifact, ArtifactKind

_PROJECT = "prj_bench"
_TRANSCRIPT_BYTES = 5_000_000
_NEEDLE = "needle-7f3a in a haystack"
_WORDS = (
    *(
        "connection",
        "refused",
        "timeout",
        "worker",
        "request",
        "response",
        "cache",
        "miss",
        "build",
        "compile",
    ),
    *(
        "link",
        "test",
        "passed",
        "failed",
        "warning",
        "error",
        "retry",
        "upload",
        "download",
        "migrate",
        "schema",
    ),
    *("table", "index", "query", "commit", "branch", "merge", "deploy", "rollback"),
)
_ASKED = {
    "one line in all of it": _NEEDLE,
    "many lines": "connection refused",
    "a part of an identifier": "",
    "nothing, of common parts": "refused connection timeouts",
    "an address": "10.0.0.7:8080",
}


def measure_search(ground: Path, rounds: int, size_bytes: int) -> list[Figure]:
    """Returns the figures of one project with so many bytes of transcripts."""
    return asyncio.run(_measure(ground, rounds, size_bytes))


async def _measure(ground: Path, rounds: int, size_bytes: int) -> list[Figure]:
    texts = ground / "texts"
    texts.mkdir()
    asked = dict(_ASKED)
    for number in range(max(1, size_bytes // _TRANSCRIPT_BYTES)):
        text = b"".join(_lines(number))
        (texts / f"{number}.txt").write_bytes(text)
        if number == 0:
            asked["a part of an identifier"] = text[-60:-48].decode()
    ledger = Ledger(f"sqlite:///{ground}/search.db", SystemClock())
    await ledger.open()
    search = ledger.transcript_search(ground / "index")
    began = time.perf_counter()
    for path in sorted(texts.iterdir()):
        await search.add(_artifact(path.stem), _read(path))
    building = time.perf_counter() - began
    there = sum(path.stat().st_size for path in texts.iterdir())
    index = sum(path.stat().st_size for path in (ground / "index").iterdir())
    seconds: list[float] = []
    plain: list[float] = []
    for words in asked.values():
        plain.append(_grep(texts, words))
        for _ in range(rounds):
            began = time.perf_counter()
            await search.find(_PROJECT, words, cursor=None, limit=50)
            seconds.append(time.perf_counter() - began)
        print(f"  {words}: {median(seconds[-rounds:]) * 1e3:.1f} ms", file=sys.stderr)
    await ledger.close()
    gigabytes = f"{there / 1e9:.2g} GB"
    return [
        Figure(
            name=f"a text in {gigabytes} of transcripts, 95 % of {len(asked)} kinds",
            value=percentile(seconds, 0.95) * 1e3,
            unit="ms",
            count=len(seconds),
            reference_name="grep -rFi, median",
            reference=median(plain) * 1e3,
            limit=300,
        ),
        Figure(
            name="the index, to the text that is in it",
            value=index / 1e6,
            unit="MB",
            count=1,
            reference_name="the texts",
            reference=there / 1e6,
        ),
        Figure(name="texts into the index", value=there / 1e6 / building, unit="MB/s", count=1),
    ]


def _lines(number: int) -> Iterator[bytes]:
    chance = random.Random(number)
    size = count = 0
    while size < _TRANSCRIPT_BYTES:
        count += 1
        words = " ".join(chance.choices(_WORDS, k=4))
        line = (
            f"2026-01-02T03:{count // 60 % 60:02d}:{count % 60:02d}.{chance.randrange(1000):03d}Z "
            f"[{chance.choice(_WORDS)}-{chance.randrange(64)}] {words} 10.0.0.{chance.randrange(256)}:8080 "
            f"/srv/app/{chance.choice(_WORDS)}/{chance.randrange(10_000)}.py {chance.randbytes(8).hex()}\n"
        ).encode()
        size += len(line)
        yield line
    if number == 7:
        yield f"here is the {_NEEDLE}\n".encode()


def _read(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while data := file.read(1 << 16):
            yield data


def _artifact(name: str) -> Artifact:
    return Artifact(
        artifact_id=f"art_{name}",
        project_id=_PROJECT,
        run_id=f"run_{name}",
        step_id=f"stp_{name}",
        kind=ArtifactKind.TRANSCRIPT,
        media_type="application/octet-stream",
        uri="",
        digest="",
        size_bytes=0,
        truncated=False,
    )


def _grep(texts: Path, words: str) -> float:
    began = time.perf_counter()
    subprocess.run(["grep", "-rFi", "--", words, str(texts)], stdout=subprocess.DEVNULL)
    return time.perf_counter() - began
