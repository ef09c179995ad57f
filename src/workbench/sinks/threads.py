"""Calls what may hang in a thread that nothing waits for, so that a server ends whatever its targets do."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def in_thread(call: Callable[[], T], *, name: str) -> asyncio.Future[T]:
    """Returns the future answer of `call`, or its error; cancelling it leaves the thread to itself."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(answer: T | None, error: BaseException | None) -> None:
        if done.done():
            return
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result(answer)  # type: ignore[arg-type]

    def work() -> None:
        answer: T | None = None
        error: BaseException | None = None
        try:
            answer = call()
        except BaseException as problem:
            error = problem
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, answer, error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return done
