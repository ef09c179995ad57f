"""Lines that come at once are answered side by side, in their order, whoever is killed meanwhile."""

from __future__ import annotations

import multiprocessing
import os
import select
import signal
from collections.abc import Iterator

import pytest

from workbench.cli.side_by_side import answer_each, read_lines

LINES = [b"%d" % number for number in range(2000)]


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1})


def tell_who(line: bytes) -> bytes:
    return b"%d %s" % (os.getpid(), line)


def test_many_lines_are_answered_elsewhere_and_in_their_order() -> None:
    said = [each.split() for each in answer_each([LINES], tell_who)]
    assert [line for _, line in said] == LINES
    assert b"%d" % os.getpid() not in {who for who, _ in said}


def test_few_lines_are_answered_right_here_before_more_are_read() -> None:
    asked: list[int] = []

    def ask() -> Iterator[list[bytes]]:
        for number in range(3):
            asked.append(number)
            yield [b"%d" % number]

    said = answer_each(ask(), tell_who)
    assert next(said) == b"%d 0" % os.getpid()
    assert asked == [0]
    assert [each.split()[1] for each in said] == [b"1", b"2"]


def test_with_one_core_nobody_else_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    said = [each.split() for each in answer_each([LINES], tell_who)]
    assert said == [[b"%d" % os.getpid(), line] for line in LINES]


@pytest.mark.parametrize("fatal", [b"0", b"700", b"1999"])
def test_a_killed_process_costs_no_answer(fatal: bytes) -> None:
    here = os.getpid()

    def answer(line: bytes) -> bytes:
        if line == fatal and os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return line

    assert list(answer_each([LINES, LINES], answer)) == [*LINES, *LINES]


def test_an_error_of_an_answer_reaches_who_asked() -> None:
    def answer(line: bytes) -> bytes:
        raise ValueError(line.decode())

    with pytest.raises(ValueError, match=r"^0$"):
        list(answer_each([LINES], answer))


def test_with_its_parent_killed_none_is_left() -> None:
    reading, writing = os.pipe()

    def answer(line: bytes) -> bytes:
        os.write(writing, b"%d " % os.getpid())
        signal.pause()
        return line

    def ask() -> None:
        os.close(reading)
        list(answer_each([LINES], answer))

    parent = multiprocessing.get_context("fork").Process(target=ask)
    parent.start()
    os.close(writing)
    said = b""
    while len(said.split()) < 2 or not said.endswith(b" "):
        said += os.read(reading, 100)
    os.close(reading)
    workers = [os.pidfd_open(int(pid)) for pid in said.split()]
    parent.kill()
    parent.join()
    for worker in workers:
        assert select.select([worker], [], [], 60)[0] == [worker]
        os.close(worker)


def test_lines_are_handed_on_as_they_come_the_last_without_its_end_too() -> None:
    reading, writing = os.pipe()
    batches = read_lines(reading)
    os.write(writing, b"one\ntw")
    assert next(batches) == [b"one"]
    os.write(writing, b"o\n\nthree")
    assert next(batches) == [b"two", b""]
    os.close(writing)
    assert list(batches) == [[b"three"]]
    os.close(reading)
