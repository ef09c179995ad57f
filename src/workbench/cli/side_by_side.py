"""Answers many lines side by side: what came at once is divided among processes like this one.

They start no program and write nothing: each answers lines and hands the answers back.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Final

Answer = Callable[[bytes], bytes]

_AT_A_READ: Final = 1 << 20
_WORTH_IT: Final = 256
_PIECE: Final = 64
_PR_SET_PDEATHSIG: Final = 1
_answer: Answer


def read_lines(descriptor: int) -> Iterator[list[bytes]]:
    """Yields the lines that have come, as soon as there are some; the last one may lack its end."""
    rest = b""
    while data := os.read(descriptor, _AT_A_READ):
        *lines, rest = (rest + data).split(b"\n")
        if lines:
            yield lines
    if rest:
        yield [rest]


def answer_each(batches: Iterable[list[bytes]], answer: Answer) -> Iterator[bytes]:
    """Yields the answers in the order of the lines; few lines at a time are answered right here.

    `answer` must not depend on what it answered before. A process that is killed costs nothing but time.
    """
    cores = len(os.sched_getaffinity(0))
    pool: ProcessPoolExecutor | None = None
    try:
        for lines in batches:
            if cores == 1 or len(lines) < _WORTH_IT:
                yield from map(answer, lines)
                continue
            pool = pool or ProcessPoolExecutor(
                cores, multiprocessing.get_context("fork"), _begin, (answer, os.getpid())
            )
            pieces = [lines[start : start + _PIECE] for start in range(0, len(lines), _PIECE)]
            done = 0
            try:
                for answers in pool.map(_answer_piece, pieces):
                    done += 1
                    yield from answers
            except BrokenProcessPool:
                cores = 1
                for piece in pieces[done:]:
                    yield from map(answer, piece)
    finally:
        if pool is not None:
            pool.shutdown(cancel_futures=True)


def _begin(answer: Answer, parent: int) -> None:
    global _answer
    _answer = answer
    # Who asked decides when it is over: by a signal to that process, or by its end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _answer_piece(lines: list[bytes]) -> list[bytes]:
    return [_answer(line) for line in lines]
